//! Events as they are sent, one behind the other.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::form::Form;
use crate::domain::Position;
use crate::wire::CloudEvent;

/// Bytes that an event may have beyond what is sent at once without more room being taken.
const MORE_BYTES: usize = 4 << 10;

/// A piece of what is sent, or the reason for which it breaks off.
pub type Piece = Result<Bytes, std::io::Error>;
/// The way on which pieces go to a reader.
pub type PieceSender = mpsc::Sender<Piece>;

/// Some events in the form in which they are sent.
#[derive(Debug)]
pub struct Lines {
    bytes: Vec<u8>,
    /// Bytes that are sent at once, before the last event of them.
    bytes_max: usize,
    /// The number of events.
    pub events: usize,
    /// The last position that was looked at.
    pub last: Position,
}

impl Lines {
    /// None yet, with what comes after a position to be looked at, and about so many bytes to be sent
    /// at once.
    pub fn after(position: Position, bytes_max: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes_max + MORE_BYTES),
            bytes_max,
            events: 0,
            last: position,
        }
    }

    /// Adds one more event at the end.
    pub fn push(&mut self, form: Form, position: Position, event: &CloudEvent) {
        let bytes = &mut self.bytes;
        if form == Form::ServerSent {
            let head = format!("id: {position}\nevent: {}\ndata: ", event.kind());
            bytes.extend_from_slice(head.as_bytes());
        }
        // Writing into memory does not fail.
        drop(serde_json::to_writer(&mut *bytes, event));
        let end = if form == Form::ServerSent {
            "\n\n"
        } else {
            "\n"
        };
        bytes.extend_from_slice(end.as_bytes());
        self.events += 1;
    }

    /// Whether they are as many bytes as are sent at once.
    pub const fn are_many(&self) -> bool {
        self.bytes.len() >= self.bytes_max
    }

    /// Their length, in bytes.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All of them as bytes.
    pub fn into_bytes(self) -> Bytes {
        self.bytes.into()
    }
}
