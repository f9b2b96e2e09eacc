//! A record after its clear header has been read.

use crate::domain::Event;
use crate::keys::Slot;

/// An event as the log holds it: its content, if it has one, still sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The event.
    pub event: Event,
    /// The contact's key, on a SUCCESS of a write.
    pub slot: Option<Slot>,
    /// The sealed content and what it is bound to.
    pub sealed: Option<Sealed>,
}

/// A sealed content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What it is bound to: the record's bytes before it.
    pub bound_to: Vec<u8>,
    /// What the contact's key made of it.
    pub bytes: Vec<u8>,
}
