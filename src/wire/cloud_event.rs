//! Writes an event as a CloudEvents 1.0 object (github.com/cloudevents/spec, version 1.0.2).

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Detail, OwnerIds, escape, event_type, phase_name};
use crate::domain::{
    Actor, Card, Content, Event, FieldName, Phase, Position, Rules, Timestamp, VendorKey,
};

/// The media type of one event in structured mode.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";
/// The schema of `data`, served at `/schemas/event-1.json`.
pub const DATA_SCHEMA: &str = "urn:contactd:event:1";

/// An event as the outside sees it.
#[derive(Debug, Serialize)]
pub struct CloudEvent {
    specversion: &'static str,
    id: Uuid,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Uuid>,
    #[serde(serialize_with = "in_rfc3339")]
    time: Timestamp,
    datacontenttype: &'static str,
    dataschema: &'static str,
    #[serde(serialize_with = "with_zeros")]
    sequence: Position,
    correlationid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    dialect: &'static str,
    tenant: String,
    owner: OwnerIds,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_id: Option<String>,
    actor: ActorData,
    operation: &'static str,
    phase: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    fields: Vec<FieldName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Card>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erasure: Option<ErasureData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<ListData>,
    /// The contact's non-sensitive fields, as its dialect lists them.
    #[serde(flatten)]
    non_sensitive: Map<String, Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActorData {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    management_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

#[derive(Debug, Serialize)]
struct ErrorData {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    violations: Vec<ViolationData>,
}

#[derive(Debug, Serialize)]
struct ViolationData {
    field: FieldName,
    code: FieldName,
}

#[derive(Debug, Serialize)]
struct ErasureData {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
}

/// The part of a list that a read asked for (START) or was given (SUCCESS).
#[derive(Debug, Serialize)]
struct ListData {
    contacts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Uuid>,
}

fn in_rfc3339<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

/// Numbers of the same length sort as texts do.
fn with_zeros<S: Serializer>(position: &Position, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{:020}", position.get()))
}

impl CloudEvent {
    /// The CloudEvents `type`, `CONTACT_CREATE_SUCCESS` for instance.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

/// An event as the outside sees it. `content` is what it wrote, where that can be opened.
///
/// ```
/// use contactd::dialect::REGISTRY;
/// use contactd::domain::{
///     Actor, ContactId, Correlation, Event, EventId, Header, Operation, Owner, Phase, Position,
///     Timestamp, VendorKey,
/// };
/// use contactd::wire::{Detail, cloud_event};
/// use uuid::Uuid;
///
/// let rules = REGISTRY.named("native").expect("our own dialect");
/// let event = Event {
///     header: Header {
///         position: Position::new(2),
///         id: EventId(Uuid::now_v7()),
///         time: Timestamp::from_millis(1_767_225_600_000),
///         operation: Operation::Create,
///         owner: Owner::new(rules.dialect, &["acme"]).expect("an owner"),
///         contact: Some(ContactId(Uuid::from_u128(7))),
///         key: Some(VendorKey::Own),
///         version: Some(1),
///         actor: Actor::default(),
///         correlation: Correlation::parse("order-4711").expect("a token"),
///         causation: None,
///         traceparent: None,
///         fields: vec!["name".into()],
///         listed: None,
///     },
///     phase: Phase::Success { erasure: None },
/// };
/// let published = cloud_event(&event, rules, None, Detail::Metadata);
/// let json = serde_json::to_value(&published).expect("JSON");
/// assert_eq!(json["type"], "CONTACT_CREATE_SUCCESS");
/// assert_eq!(json["source"], "/native/acme");
/// assert_eq!(json["sequence"], "00000000000000000002");
/// assert!(json.get("data").is_none());
/// ```
#[must_use]
pub fn cloud_event(
    event: &Event,
    rules: &Rules,
    content: Option<&Content>,
    detail: Detail,
) -> CloudEvent {
    let header = &event.header;
    let tenant = escape(header.owner.tenant());
    CloudEvent {
        specversion: "1.0",
        id: header.id.0,
        source: format!("/{}/{tenant}", rules.name),
        kind: event_type(rules, event),
        subject: header.contact.map(|id| id.0),
        time: header.time,
        datacontenttype: "application/json",
        dataschema: DATA_SCHEMA,
        sequence: header.position,
        correlationid: header.correlation.as_str().to_owned(),
        causationid: header.causation.map(|id| id.0),
        traceparent: header.traceparent.as_ref().map(|t| t.as_str().to_owned()),
        data: (detail > Detail::Metadata).then(|| data(event, rules, content, detail)),
    }
}

fn data(event: &Event, rules: &Rules, content: Option<&Content>, detail: Detail) -> Data {
    let header = &event.header;
    let full = detail == Detail::Full;
    let (error, erasure) = match &event.phase {
        Phase::Start { .. } => (None, None),
        Phase::Success { erasure } => (
            None,
            erasure.as_ref().map(|erasure| ErasureData {
                reason: erasure.reason.name(),
                reference: erasure.reference.as_deref().map(str::to_owned),
            }),
        ),
        Phase::Fail(failure) => {
            let violations = failure.violations.iter();
            let violations = violations.map(|(field, code)| ViolationData {
                field: field.clone(),
                code: code.clone(),
            });
            let error = ErrorData {
                code: failure.code.name(),
                message: full.then(|| failure.code.message()),
                violations: violations.collect(),
            };
            (Some(error), None)
        }
    };
    Data {
        dialect: rules.name,
        tenant: header.owner.tenant().to_owned(),
        owner: OwnerIds::new(rules.owner_names, header.owner.clone()),
        contact_id: header.contact.map(|id| id.0),
        vendor_id: vendor_id(event, rules, content.filter(|_| full)),
        actor: actor(&header.actor),
        operation: header.operation.name(),
        phase: phase_name(&event.phase),
        version: header.version,
        fields: header.fields.clone(),
        contact: content.filter(|_| full).map(|content| content.card.clone()),
        error,
        erasure,
        list: header.listed.map(|listed| ListData {
            contacts: listed.contacts,
            after: listed.cursor.map(|id| id.0),
        }),
        non_sensitive: content
            .map_or_else(Map::new, |content| (rules.non_sensitive)(&content.card)),
    }
}

/// The vendor id; one that a client chose is personal, so it is shown only with the content.
fn vendor_id(event: &Event, rules: &Rules, content: Option<&Content>) -> Option<String> {
    let header = &event.header;
    let key = header.key.as_ref()?;
    match key {
        VendorKey::Chosen(_) => content?.chosen_id.as_deref().map(str::to_owned),
        VendorKey::Own | VendorKey::Sequence(_) => rules.ids.render(header.contact?, key),
    }
}

fn actor(actor: &Actor) -> ActorData {
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    let Actor {
        client_id,
        user_id,
        subject,
    } = actor;
    ActorData {
        client_id: text(client_id),
        management_user_id: text(user_id),
        subject: text(subject),
    }
}
