//! A checkpoint (C2SP tlog-checkpoint): what a log says its tree is.

use std::fmt;

use super::{
    note::{KeyName, Note, Signer, VerifierKey},
    tree::Hash,
};
use crate::domain::Position;

/// The size and the root of a log's tree.
///
/// ```
/// use contactd::audit::{Checkpoint, Hash};
///
/// let text = format!("log.example\n0\n{}\n", Hash::empty());
/// let checkpoint = Checkpoint::parse(&text).expect("a checkpoint of an empty log");
/// assert_eq!(checkpoint.origin.as_str(), "log.example");
/// assert_eq!((checkpoint.size, checkpoint.root), (0, Hash::empty()));
/// assert_eq!(checkpoint.to_string(), text);
/// assert!(Checkpoint::parse("log.example\n00\n").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log, which is that of its key.
    pub origin: KeyName,
    /// The number of entries, which is the last one's position.
    pub size: u64,
    /// The hash of the tree over all of them.
    pub root: Hash,
}

/// The reasons for which a note is not a trusted checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is no checkpoint.
    #[error("it is not a signed checkpoint")]
    Malformed,
    /// The log's key has not signed it.
    #[error("it is not signed by the key {key}")]
    Unsigned {
        /// The key that should have.
        key: String,
    },
    /// Another key has signed it in the log's name.
    #[error(
        "it is signed with another key than {key}; give the one that signed it, in a data \
         directory its audit.key"
    )]
    OtherKey {
        /// The key that was given.
        key: String,
    },
    /// It is another log's.
    #[error("it is of the log {found}, not {wanted}")]
    OtherLog {
        /// The log that the checkpoint names.
        found: KeyName,
        /// The log that was expected.
        wanted: KeyName,
    },
}

impl Checkpoint {
    /// Reads the text of a checkpoint without extension lines; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let read = Self {
            origin: KeyName::parse(lines.next()?)?,
            size: parse_decimal(lines.next()?)?,
            root: Hash::parse(lines.next()?)?,
        };
        let empty = read.size > 0 || read.root == Hash::empty();
        (empty && read.to_string() == text).then_some(read)
    }

    /// Reads a checkpoint that the log has signed. The log's name is the key's.
    ///
    /// # Errors
    /// It is no checkpoint, another log's, or not signed by this key.
    pub fn open(note: &str, key: &VerifierKey) -> Result<(Self, Note), CheckpointError> {
        let note = Note::parse(note).ok_or(CheckpointError::Malformed)?;
        let read = Self::parse(note.text()).ok_or(CheckpointError::Malformed)?;
        if read.origin != *key.name() {
            return Err(CheckpointError::OtherLog {
                found: read.origin,
                wanted: key.name().clone(),
            });
        }
        if !note.is_signed_by(key) {
            let other = note.is_signed_by_another(key);
            let key = key.to_string();
            return Err(if other {
                CheckpointError::OtherKey { key }
            } else {
                CheckpointError::Unsigned { key }
            });
        }
        Ok((read, note))
    }

    /// Signs the checkpoint as a note.
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> Note {
        signer.sign(self.to_string())
    }

    /// The last position it covers.
    #[must_use]
    pub fn head(&self) -> Position {
        Position::new(self.size)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

/// A number in its one decimal spelling: without sign or leading zero.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_specifications_example_is_read_and_written() {
        let read = Checkpoint::parse(TEXT).unwrap();
        assert_eq!(read.size, 20_852_163);
        assert_eq!(read.to_string(), TEXT);
        let number = |text: &str| TEXT.replace("20852163", text);
        for bad in [
            TEXT.trim_end(),
            &format!("{TEXT}extension\n"),
            &number("020852163"),
            &number("+1"),
            &number("0"),
            &number(""),
            "",
        ] {
            assert!(Checkpoint::parse(bad).is_none(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_spelled_that_way(text in "(a|\n|0|7|A|=| ){0,60}") {
            if let Some(read) = Checkpoint::parse(&text) {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
