//! A contact as readers see it, and who acted on it.

use std::sync::Arc;

use super::{Card, ContactId, Owner, Position, Timestamp};

/// The caller who sent a command. It is recorded in clear for ever, so it holds ids, never names.
/// All events of a command share them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Actor {
    /// The OAuth client, from the token's claim `client_id` or `azp`.
    pub client_id: Option<Arc<str>>,
    /// The person who used the vendor's portal, where the token says so.
    pub user_id: Option<Arc<str>>,
    /// The subject, from the token's claim `sub`.
    pub subject: Option<Arc<str>>,
}

/// The personal part of a contact: what is sealed with its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The contact's data as a JSContact Card.
    pub card: Card,
    /// The vendor id, where the client chose it.
    pub chosen_id: Option<Box<str>>,
}

impl Content {
    /// A copy with a Card of its own: what is taken out of that is neither kept with this one nor let
    /// go of by whoever keeps it.
    #[must_use]
    pub fn folded_up(&self) -> Self {
        let Self { card, chosen_id } = self;
        Self {
            card: card.folded_up(),
            chosen_id: chosen_id.clone(),
        }
    }
}

/// A contact at one version, its personal data opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// Our own id of the contact.
    pub id: ContactId,
    /// The id under which the vendor's API shows the contact.
    pub vendor_id: String,
    /// The owner of the contact: dialect, tenant and further ids.
    pub owner: Owner,
    /// The version: 1 when it is created, one more with each write.
    pub version: u64,
    /// The time of its creation, in UTC.
    pub created_at: Timestamp,
    /// The caller who created it.
    pub created_by: Actor,
    /// The time of its last write, in UTC.
    pub modified_at: Timestamp,
    /// The caller who wrote it last.
    pub modified_by: Actor,
    /// The position of the event that wrote this version.
    pub position: Position,
    /// The contact's data as a JSContact Card.
    pub card: Card,
}
