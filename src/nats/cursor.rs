//! How far this directory has published, and the key of its MACs.
//!
//! The cursor is what this directory itself knows of the event stream: up to which message it has
//! looked at the stream, and which event was the last of the log's before that message. Whatever
//! stands after it is judged by its MAC. Without the cursor a stream that was purged could not be
//! gone on with, and a message that only looks like ours could pass for ours.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::mac::MacKey;
use crate::storage::{Files, StorageError};

/// The name of the cursor's file.
const FILE: &str = "nats.cursor";
/// A cursor is a few numbers, a name and a key.
const FILE_BYTES_MAX: usize = 4_096;

/// The point up to which a stream has been filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The name of the stream.
    pub stream: String,
    /// The time at which the stream was made, in nanoseconds since 1970: another stream of that
    /// name is another.
    pub created_nanos: String,
    /// The last event of the log that the stream has, or had.
    pub position: u64,
    /// The sequence of the last message of the stream that has been looked at.
    pub sequence: u64,
    /// The key of the MACs on this directory's events. Versions before MACs wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<MacKey>,
}

/// The file in which the cursor is kept.
#[derive(Clone)]
pub struct CursorFile {
    /// The directory of the file.
    pub files: Arc<dyn Files>,
    /// The key of the MACs, where all nodes of a cluster have the same; else the cursor's own.
    pub shared_key: Option<MacKey>,
}

impl CursorFile {
    /// The cursor; none where there is none that can be read. Where that is so the log says it, and the
    /// place is looked for in the stream.
    ///
    /// # Errors
    /// The disk failed.
    pub fn read(&self) -> Result<Option<Cursor>, StorageError> {
        let bytes = match self.files.read_at(FILE, 0, FILE_BYTES_MAX) {
            Err(error) if error.is_absent() => return Ok(None),
            bytes => bytes?,
        };
        let cursor = serde_json::from_slice(&bytes);
        let cursor = cursor.inspect_err(|error| {
            tracing::warn!(%error, "the file {FILE} can't be read: the place is looked for in the stream");
        });
        Ok(cursor.ok().map(|cursor: Cursor| Cursor {
            key: self.shared_key.clone().or(cursor.key),
            ..cursor
        }))
    }

    /// The key that all nodes have, or that of a cursor; `None` where one has to be made.
    pub fn key(&self, cursor: Option<&Cursor>) -> Option<MacKey> {
        let shared = self.shared_key.clone();
        shared.or_else(|| cursor?.key.clone())
    }

    /// Keeps the cursor, on the disk when this returns.
    ///
    /// # Errors
    /// The disk failed; the old one stands.
    pub fn write(&self, cursor: &Cursor) -> Result<(), StorageError> {
        let bytes = serde_json::to_vec(cursor).unwrap_or_default();
        self.files.write_atomic(FILE, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Disk, SimDisk};

    fn file(files: &Arc<dyn Files>) -> CursorFile {
        CursorFile {
            files: files.clone(),
            shared_key: None,
        }
    }

    #[test]
    fn the_key_of_all_nodes_wins_over_the_cursors_own() {
        let files = SimDisk::new(1).files("bus").expect("files");
        let shared_key = Some(MacKey::draw().expect("random numbers"));
        let cursor = Cursor {
            stream: "E".into(),
            created_nanos: "5".into(),
            position: 7,
            sequence: 9,
            key: MacKey::draw().ok(),
        };
        file(&files).write(&cursor).expect("written");
        let node = CursorFile {
            shared_key: shared_key.clone(),
            ..file(&files)
        };
        assert_eq!(node.key(None), shared_key);
        let read = node.read().expect("readable").expect("a cursor");
        assert_eq!(read.key, shared_key);
        assert_eq!(file(&files).key(Some(&cursor)), cursor.key);
        assert_eq!(file(&files).key(None), None);
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_damage_is_none() {
        let files = SimDisk::new(1).files("bus").expect("files");
        let file = file(&files);
        assert_eq!(file.read().expect("readable"), None);
        let cursor = Cursor {
            stream: "CONTACT_EVENTS".into(),
            created_nanos: "1768473000000000000".into(),
            position: 7,
            sequence: 9,
            key: MacKey::draw().ok(),
        };
        file.write(&cursor).expect("written");
        assert_eq!(file.read().expect("readable"), Some(cursor));
        files.write_atomic(FILE, b"{").expect("written");
        assert_eq!(file.read().expect("readable"), None);
    }

    #[test]
    fn a_cursor_of_a_version_without_macs_is_read() {
        let files = SimDisk::new(1).files("bus").expect("files");
        let old = br#"{"stream":"E","created_nanos":"5","position":7,"sequence":9}"#;
        files.write_atomic(FILE, old).expect("written");
        let cursor = file(&files).read().expect("readable");
        assert_eq!(
            cursor.map(|cursor| (cursor.position, cursor.key)),
            Some((7, None))
        );
    }
}
