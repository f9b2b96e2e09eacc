//! A contact as readers see it, and who acted on it.

use super::{Card, ContactId, Owner, Position, Timestamp};

/// Who sent a command. It is recorded in clear for ever, so it holds ids, never names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Actor {
    /// The OAuth client of the token.
    pub client_id: Option<Box<str>>,
    /// The person who used the vendor's portal, where the token says so.
    pub user_id: Option<Box<str>>,
    /// The token's subject.
    pub subject: Option<Box<str>>,
}

/// The personal part of a contact: what is sealed with its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The Card.
    pub card: Card,
    /// The vendor id, where the client chose it.
    pub chosen_id: Option<Box<str>>,
}

/// A contact at one version, its personal data opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// Our id.
    pub id: ContactId,
    /// The id its vendor shows.
    pub vendor_id: String,
    /// Whose it is.
    pub owner: Owner,
    /// How often it was written, from 1.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When it was last written.
    pub modified_at: Timestamp,
    /// By whom.
    pub modified_by: Actor,
    /// The position of the event that wrote this version.
    pub position: Position,
    /// Its content.
    pub card: Card,
}
