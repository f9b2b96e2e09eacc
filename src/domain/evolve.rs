//! What a contact is after an event: the fold of its history.

use super::{ContactId, Event, Operation, Owner, Phase, Position, Timestamp, VendorKey};

/// A point of the log: a position and the time recorded there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The position of the event.
    pub position: Position,
    /// The time of the event.
    pub time: Timestamp,
}

/// The stages in the life of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The contact exists and can be changed.
    Live,
    /// The contact was deleted; its earlier versions are readable.
    Deleted,
    /// The contact's personal data was destroyed and can be read by nobody.
    Erased,
}

/// Everything known of a contact but its content, which only the log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactState {
    /// Our own id of the contact.
    pub id: ContactId,
    /// The owner of the contact.
    pub owner: Owner,
    /// The part of its vendor id that our own id does not give.
    pub key: VendorKey,
    /// The version: the number of its writes, its deletion included.
    pub version: u64,
    /// The stage of its life.
    pub status: Status,
    /// The event that created it.
    pub created: Fact,
    /// The event that changed or ended it last.
    pub modified: Fact,
}

/// The contact after an event. Events that change nothing of it (START, FAIL, reads) leave it.
///
/// ```
/// use contactd::domain::{
///     Actor, ContactId, Correlation, DialectId, Event, EventId, Header, Operation, Owner, Phase,
///     Position, Status, Timestamp, VendorKey, evolve,
/// };
/// use uuid::Uuid;
///
/// let event = |operation, position, version| Event {
///     header: Header {
///         position: Position::new(position),
///         id: EventId(Uuid::now_v7()),
///         time: Timestamp::from_millis(1_767_225_600_000),
///         operation,
///         owner: Owner::new(DialectId(1), &["acme"]).expect("an owner"),
///         contact: Some(ContactId(Uuid::from_u128(7))),
///         key: Some(VendorKey::Own),
///         version: Some(version),
///         actor: Actor::default(),
///         correlation: Correlation::from_uuid(Uuid::now_v7()),
///         causation: None,
///         traceparent: None,
///         fields: Vec::new(),
///         listed: None,
///     },
///     phase: Phase::Success { erasure: None },
/// };
/// let created = evolve(None, &event(Operation::Create, 2, 1));
/// let ended = evolve(created, &event(Operation::Delete, 4, 2)).expect("its state is kept");
/// assert_eq!((ended.version, ended.status), (2, Status::Deleted));
/// assert_eq!(ended.created.position, Position::new(2));
/// ```
#[must_use]
pub fn evolve(contact: Option<ContactState>, event: &Event) -> Option<ContactState> {
    let Event { header, phase } = event;
    let (Phase::Success { .. }, Some(id)) = (phase, header.contact) else {
        return contact;
    };
    let now = Fact {
        position: header.position,
        time: header.time,
    };
    match (header.operation, contact) {
        (Operation::Create, None) => Some(ContactState {
            id,
            owner: header.owner.clone(),
            key: header.key.clone().unwrap_or(VendorKey::Own),
            version: header.version.unwrap_or(1),
            status: Status::Live,
            created: now,
            modified: now,
        }),
        (Operation::Update, Some(contact)) => {
            Some(changed(contact, header.version, Status::Live, now))
        }
        (Operation::Delete, Some(contact)) => {
            Some(changed(contact, header.version, Status::Deleted, now))
        }
        (Operation::Erase, Some(contact)) => {
            Some(changed(contact, header.version, Status::Erased, now))
        }
        (_, contact) => contact,
    }
}

fn changed(contact: ContactState, version: Option<u64>, status: Status, now: Fact) -> ContactState {
    ContactState {
        version: version.unwrap_or(contact.version.saturating_add(1)),
        status,
        modified: now,
        ..contact
    }
}
