//! How far this directory has published, for when the broker can no longer tell.
//!
//! While the event stream holds a message, that message says it better. A
//! stream whose messages have all aged out or were purged remembers only how
//! many there were; the cursor says which event was the last of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::storage::{Files, StorageError};

/// The cursor's file.
const FILE: &str = "nats.cursor";
/// A cursor is a few numbers and a name.
const FILE_BYTES_MAX: usize = 4_096;

/// How far a stream had been filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The stream's name.
    pub stream: String,
    /// When the stream was made, in nanoseconds since 1970: another stream of that name is another.
    pub created_nanos: String,
    /// The last event that the broker has acknowledged.
    pub position: u64,
    /// That message's sequence in the stream.
    pub sequence: u64,
}

/// Where the cursor is kept.
#[derive(Clone)]
pub struct CursorFile(pub Arc<dyn Files>);

impl CursorFile {
    /// The cursor; none where there is none that can be read.
    ///
    /// # Errors
    /// The disk failed.
    pub fn read(&self) -> Result<Option<Cursor>, StorageError> {
        match self.0.read_at(FILE, 0, FILE_BYTES_MAX) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps the cursor, on the disk when this returns.
    ///
    /// # Errors
    /// The disk failed; the old one stands.
    pub fn write(&self, cursor: &Cursor) -> Result<(), StorageError> {
        let bytes = serde_json::to_vec(cursor).unwrap_or_default();
        self.0.write_atomic(FILE, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Disk, SimDisk};

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_damage_is_none() {
        let files = SimDisk::new(1).files("bus").expect("files");
        let file = CursorFile(files.clone());
        assert_eq!(file.read().expect("readable"), None);
        let cursor = Cursor {
            stream: "CONTACT_EVENTS".into(),
            created_nanos: "1768473000000000000".into(),
            position: 7,
            sequence: 9,
        };
        file.write(&cursor).expect("written");
        assert_eq!(file.read().expect("readable"), Some(cursor));
        files.write_atomic(FILE, b"{").expect("written");
        assert_eq!(file.read().expect("readable"), None);
    }
}
