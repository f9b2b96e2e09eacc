//! The events that a reader wants to see.

use crate::dialect::{Query, REGISTRY, Refusal};
use crate::domain::{ContactId, Correlation, Event, Operation};
use crate::wire::{event_type, event_types, phase_name};

/// What an event must be to be wanted; what is `None` may be anything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The type that the event has.
    pub kind: Option<String>,
    /// The tenant of the contact's owner.
    pub tenant: Option<String>,
    /// The name of the contact's dialect.
    pub dialect: Option<String>,
    /// The id of the command that the event came of.
    pub correlation: Option<Correlation>,
    /// The contact that the event is about.
    pub subject: Option<ContactId>,
    /// What was asked for.
    pub operation: Option<Operation>,
    /// The name of the event's phase.
    pub phase: Option<&'static str>,
}

/// A parameter's value as it was understood.
///
/// # Errors
/// It was not.
pub fn read<T>(
    query: &Query,
    name: &'static str,
    must: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    let value = read(text).ok_or(Refusal::BadParameter { name, must })?;
    Ok(Some(value))
}

impl Filter {
    /// Reads the filters of a query.
    ///
    /// # Errors
    /// One of them can fit no event.
    pub fn of(query: &Query) -> Result<Self, Refusal> {
        let is_type = |kind: &&str| {
            let mut types = REGISTRY.iter().flat_map(event_types);
            types.any(|known| known == *kind)
        };
        let phases = ["START", "SUCCESS", "FAIL"];
        Ok(Self {
            kind: read(
                query,
                "type",
                "a type that events have, CONTACT_CREATE_SUCCESS for instance",
                |kind| Some(kind).filter(is_type).map(str::to_owned),
            )?,
            tenant: query.get("tenant").map(str::to_owned),
            dialect: read(
                query,
                "dialect",
                "the name of a dialect, in lower case",
                |name| REGISTRY.named(name).map(|rules| rules.name.to_owned()),
            )?,
            correlation: read(
                query,
                "correlationid",
                "1 to 128 visible ASCII characters",
                Correlation::parse,
            )?,
            subject: read(query, "subject", "a contact's id, a UUID", ContactId::parse)?,
            operation: read(
                query,
                "operation",
                "create, update, delete, erase, retrieve or retrieve_list",
                |name| {
                    let mut all = Operation::ALL.into_iter();
                    all.find(|operation| operation.name().eq_ignore_ascii_case(name))
                },
            )?,
            phase: read(query, "phase", "start, success or fail", |name| {
                let mut all = phases.into_iter();
                all.find(|phase| phase.eq_ignore_ascii_case(name))
            })?,
        })
    }

    /// Whether an event is wanted.
    pub fn wants(&self, event: &Event) -> bool {
        let header = &event.header;
        let Some(rules) = REGISTRY.get(header.owner.dialect()) else {
            return false;
        };
        let is =
            |filter: &Option<String>, value: &str| filter.as_deref().is_none_or(|f| f == value);
        is(&self.dialect, rules.name)
            && (self.tenant.as_deref())
                .is_none_or(|tenant| rules.names_tenant(tenant, header.owner.tenant()))
            && self.subject.is_none_or(|id| header.contact == Some(id))
            && self
                .operation
                .is_none_or(|wanted| header.operation == wanted)
            && self
                .phase
                .is_none_or(|wanted| phase_name(&event.phase) == wanted)
            && (self.correlation.as_ref()).is_none_or(|id| header.correlation == *id)
            && (self.kind.is_none() || is(&self.kind, &event_type(rules, event)))
    }
}
