//! What a contact is after an event: the fold of its history.

use super::{ContactId, Event, Operation, Owner, Phase, Position, Timestamp, VendorKey};

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The event's position.
    pub position: Position,
    /// Its time.
    pub time: Timestamp,
}

/// Whether a contact is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is.
    Live,
    /// It was deleted; its past is readable.
    Deleted,
    /// Its personal data was destroyed.
    Erased,
}

/// All that is known of a contact but its content, which the log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactState {
    /// Its id.
    pub id: ContactId,
    /// Whose it is.
    pub owner: Owner,
    /// What its vendor id is made of.
    pub key: VendorKey,
    /// How often it was written, its end included.
    pub version: u64,
    /// Whether it is there.
    pub status: Status,
    /// When it was created.
    pub created: Fact,
    /// When it last changed, or ended.
    pub modified: Fact,
}

/// The contact after an event. Events that change nothing of it (START, FAIL, reads) leave it.
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
