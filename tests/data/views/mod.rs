//! The views that follow the log: what they find and count, and how they are rebuilt and stopped.
//!
//! `index` folds events straight into the search view and compares it with a plain look at every
//! contact; `service` asks a whole service over a real directory; `older` opens one whose saved view
//! an earlier release wrote.

mod index;
mod older;
mod service;
mod stopped;
pub mod test_service;

use contactd::domain::{
    Actor, Contact, ContactId, DialectId, Event, EventId, Header, Operation, Owner, Phase,
    Position, Timestamp, VendorKey,
};
use uuid::Uuid;

/// The id of the contact with this number.
fn id(number: u64) -> ContactId {
    ContactId(Uuid::from_u128(u128::from(number) + 1))
}

/// A tenant's owner in a dialect whose owners have one id.
fn owner(dialect: u8, tenant: &str) -> Owner {
    Owner::new(DialectId(dialect), &[tenant]).expect("an owner")
}

/// A SUCCESS at a position, a second after the one before.
fn success(operation: Operation, owner: &Owner, contact: ContactId, position: u64) -> Event {
    let event_id = Uuid::from_u128(u128::from(position));
    Event {
        header: Header {
            contact: Some(contact),
            key: Some(VendorKey::Own),
            version: Some(1),
            ..Header::new(
                Position::new(position),
                EventId(event_id),
                Timestamp::from_millis(position * 1_000),
                operation,
                owner.clone(),
            )
        },
        phase: Phase::Success { erasure: None },
    }
}

/// The contact that a create made.
fn contact(event: &Event, card: contactd::domain::Card) -> Contact {
    let header = &event.header;
    Contact {
        id: header.contact.expect("a contact"),
        vendor_id: String::new(),
        owner: header.owner.clone(),
        version: 1,
        created_at: header.time,
        created_by: Actor::default(),
        modified_at: header.time,
        modified_by: Actor::default(),
        position: header.position,
        card,
    }
}
