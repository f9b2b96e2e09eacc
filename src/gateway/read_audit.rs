//! The records of reads: which are made, in whose trail they stand, and what they say.
//!
//! A read of one owner's contacts stands in that owner's trail. One that looks at many tenants
//! stands in that of the tenant it names, where the caller may see it and it has contacts already,
//! else in the caller's own: nobody can write into another's trail, or make up a tenant.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::admission::may;
use super::incoming::traceparent;
use super::{Gateway, Incoming};
use crate::auth::Principal;
use crate::dialect::{self, Ask, Call, ChangePage, Get, History, Lookup, Window, native};
use crate::domain::{Contact, Context, Correlation, Event, ListRange, Operation, Owner, Target};
use crate::service::ReadAudit;

/// A read that will be recorded.
pub(super) struct AuditedRead {
    /// The owners in whose trails it stands, whatever it gives.
    owners: Vec<Owner>,
    operation: Operation,
    target: Option<Target>,
    asked: Option<ListRange>,
}

/// What a recorded read gave its caller.
pub(super) struct Given {
    /// Whether there was a contact, or a list of them.
    found: bool,
    /// The part of a list that was given.
    listed: Option<ListRange>,
    /// The owners of what was given, each with the number of contacts, of those dialects whose own
    /// trails record reads.
    recording: Vec<(Owner, usize)>,
    /// Whether nothing was given but records of reads: to record a look at those would make one
    /// more for the next look.
    only_reads: bool,
}

impl Gateway {
    /// The record to make of a request that is a read, where such reads are recorded.
    pub(super) fn audited(
        &self,
        principal: &Principal,
        incoming: &Incoming<'_>,
        call: &Call,
    ) -> Option<AuditedRead> {
        let every = self.settings.audit_reads;
        let of_one = |owner: &Owner| vec![owner.clone()];
        let recorded = |owner: &Owner| every || records_reads(owner);
        let of_many = |tenant: &Option<String>, limit| {
            let owners = self.trails(principal, tenant.as_deref());
            (owners, None, Some(up_to(limit)))
        };
        let (owners, target, asked) = match call {
            Call::Get(Ask {
                question: Get { owner, target, .. },
                ..
            })
            | Call::History(Ask {
                question: History { owner, target, .. },
                ..
            }) if recorded(owner) => (of_one(owner), Some(target.clone()), None),
            Call::List(Ask { question: list, .. }) if recorded(&list.owner) => {
                (of_one(&list.owner), None, Some(asked(&list.window)))
            }
            Call::Search(ask) if every => of_many(&ask.question.tenant, ask.question.limit),
            Call::Changes(ask) if every => of_many(&ask.question.tenant, ask.question.limit),
            Call::Events(Ask {
                question: events, ..
            }) if every => {
                let owners = self.trails(principal, None);
                (owners, None, Some(up_to(events.limit)))
            }
            Call::OwnerEvents(Ask {
                question: events, ..
            }) if every => {
                let owners = match may(principal, &events.owner) {
                    true => of_one(&events.owner),
                    false => self.trails(principal, None),
                };
                (owners, None, Some(asked(&events.window)))
            }
            _ => return None,
        };
        let operation = incoming.route.operation.recorded_read();
        Some(AuditedRead {
            owners,
            operation: operation.unwrap_or(Operation::RetrieveList),
            target,
            asked,
        })
    }

    /// The owners in whose trails a read of many tenants stands, of which the caller may name one.
    fn trails(&self, principal: &Principal, named: Option<&str>) -> Vec<Owner> {
        let dialect = &native::DIALECT;
        let name = dialect.rules.name;
        let has_contacts = |tenant| self.service.has_tenant(native::RULES.dialect, tenant);
        let named = match named {
            Some(tenant) if principal.may(name, tenant) && has_contacts(tenant) => Some(tenant),
            _ => None,
        };
        let tenants = match named {
            Some(tenant) => vec![tenant],
            None => principal.tenants.own(name, dialect.extras.default_tenant),
        };
        let owners = tenants.iter();
        owners
            .filter_map(|tenant| dialect.owner_of_ids(&[*tenant]).ok())
            .collect()
    }

    /// Records, where reads are recorded, that a caller reads events of every dialect: a page or a
    /// stream of them, or a bundle. `named` is the tenant that the request names.
    pub fn record_events_read(
        &self,
        principal: &Principal,
        named: Option<&str>,
        correlation: &Correlation,
        headers: &HeaderMap,
    ) {
        if !self.settings.audit_reads {
            return;
        }
        let audited = AuditedRead {
            owners: self.trails(principal, named),
            operation: Operation::RetrieveList,
            target: None,
            asked: None,
        };
        let caller = self.caller(principal, &native::DIALECT);
        let context = Context {
            actor: caller.actor,
            correlation: correlation.clone(),
            traceparent: traceparent(headers),
            idempotency: None,
        };
        self.record_read(audited, Given::some(None), &context);
    }

    /// Records a read; its events enter the queue before the answer leaves.
    pub(super) fn record_read(&self, audited: AuditedRead, given: Given, context: &Context) {
        if given.only_reads {
            return;
        }
        let AuditedRead {
            owners,
            operation,
            target,
            asked,
        } = audited;
        let of_their_own = given.recording.into_iter();
        let of_their_own = of_their_own.filter(|(owner, _)| !owners.contains(owner));
        let of_their_own = of_their_own.map(|(owner, count)| (owner, Some(up_to(count))));
        let all = owners.iter().map(|owner| (owner.clone(), given.listed));
        for (owner, listed) in all.chain(of_their_own) {
            // One that is gone is named too: who asks for a person that was erased is of interest.
            let entry = target
                .as_ref()
                .and_then(|target| self.service.entry(&owner, target));
            let trail = ReadAudit {
                owner,
                context: Context {
                    idempotency: None,
                    ..context.clone()
                },
                operation,
                contact: entry.map(|entry| (entry.state.id, entry.state.key)),
                asked,
                given: listed,
                found: given.found,
            };
            match &self.forward {
                Some(forward) if self.service.follows() => self.forward_read(forward, &trail),
                Some(_) | None => {
                    if let Err(error) = self.service.record_read(trail) {
                        tracing::warn!(%error, "a read was not recorded");
                    }
                }
            }
        }
    }
}

/// Whether an owner's dialect records reads in a trail of its own, whichever route they come by.
fn records_reads(owner: &Owner) -> bool {
    dialect::by_id(owner.dialect()).is_some_and(|dialect| dialect.extras.records_reads)
}

/// What was asked for of a list, as the log records it.
pub(super) fn asked(window: &Window) -> ListRange {
    let (contacts, cursor) = match *window {
        Window::After { contact, limit } => (limit, contact),
        Window::Offset { limit, .. } => (limit, None),
        Window::ClampedPage { per_page, .. } => (per_page, None),
    };
    ListRange {
        cursor,
        ..up_to(contacts)
    }
}

/// So many contacts, from the first.
pub(super) fn up_to(contacts: usize) -> ListRange {
    ListRange {
        contacts: u32::try_from(contacts).unwrap_or(u32::MAX),
        cursor: None,
    }
}

impl Given {
    pub(super) fn one<T>(found: &Lookup<T>) -> Self {
        Self {
            found: found.is_ok(),
            ..Self::some(None)
        }
    }

    const fn some(listed: Option<ListRange>) -> Self {
        Self {
            found: true,
            listed,
            recording: Vec::new(),
            only_reads: false,
        }
    }

    /// A page of contacts, and whether more come after it.
    pub(super) fn page(contacts: &[Contact], more: bool) -> Self {
        let last = contacts.last().filter(|_| more);
        let listed = ListRange {
            cursor: last.map(|contact| contact.id),
            ..up_to(contacts.len())
        };
        Self {
            recording: recording(contacts.iter().map(|contact| &contact.owner)),
            ..Self::some(Some(listed))
        }
    }

    pub(super) fn changes(page: &ChangePage) -> Self {
        let owners = page.changes.iter().map(|(event, _)| &event.header.owner);
        Self {
            recording: recording(owners),
            ..Self::some(Some(up_to(page.changes.len())))
        }
    }

    pub(super) fn events<'a>(events: impl Iterator<Item = &'a Event>) -> Self {
        let (mut all, mut reads) = (0_usize, 0_usize);
        for event in events {
            all = all.saturating_add(1);
            if event.header.operation.is_read() {
                reads = reads.saturating_add(1);
            }
        }
        Self {
            only_reads: all == reads,
            ..Self::some(None)
        }
    }
}

/// The owners whose dialects record reads themselves, each with how often it stands here.
fn recording<'a>(owners: impl Iterator<Item = &'a Owner>) -> Vec<(Owner, usize)> {
    let mut counts: BTreeMap<&Owner, usize> = BTreeMap::new();
    for owner in owners.filter(|owner| records_reads(owner)) {
        *counts.entry(owner).or_default() += 1;
    }
    let counts = counts.into_iter();
    counts
        .map(|(owner, count)| (owner.clone(), count))
        .collect()
}
