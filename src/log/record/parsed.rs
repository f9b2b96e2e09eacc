//! A record after its clear header has been read.

use crate::domain::Event;
use crate::keys::Slot;

/// An event as the log holds it: its content, if it has one, still sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The event in clear: all but the contact's content.
    pub event: Event,
    /// The contact's key, on a SUCCESS of a write.
    pub slot: Option<Slot>,
    /// The sealed content and what it is bound to.
    pub sealed: Option<Sealed>,
}

/// A content sealed with its contact's key, as the record holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The bytes it is bound to as associated data: the record up to the sealed part.
    pub bound_to: Vec<u8>,
    /// The sealed bytes: ciphertext and authentication tag.
    pub bytes: Vec<u8>,
}
