//! What an import says of a record that became a contact, but not as it stands in the file.

use std::fmt;

/// Something that a record held, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A property that fits no Card, as `NAME:value`: it is kept in the Card as it stands.
    Kept(String),
    /// The name of what was dropped, because with it the record is too large for a contact.
    Dropped(String),
    /// A value that was changed, because it is plain what is meant.
    Changed {
        /// The name of the property or column.
        name: String,
        /// The value as it stands in the file.
        from: String,
        /// The value as it stands in the Card.
        to: String,
    },
    /// The name of the property whose value has line breaks in it as they are.
    Joined(String),
    /// The columns whose cells have blanks around what is read of them.
    Trimmed(Vec<String>),
    /// Bytes that are not UTF-8; the name is that of the encoding they were read in.
    Guessed(String),
    /// Bytes that the file's encoding does not have.
    Unreadable,
    /// A member that is kept but has another name in a Card, as the service says it of a create.
    NearMiss(String),
    /// A charset that a property names and that its bytes are not of.
    BadCharset(String),
}

impl Note {
    /// A value that was changed.
    pub fn changed(name: &str, from: &str, to: &str) -> Self {
        Self::Changed {
            name: name.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    /// Bytes that are not UTF-8, and were taken for what most of such files are written in.
    pub fn guessed_encoding() -> Self {
        Self::Guessed("windows-1252".to_owned())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(property) => {
                write!(f, "kept as it is, as it fits no Card: {property}")
            }
            Self::Dropped(name) => write!(f, "dropped, as it is too large: {name}"),
            Self::Changed { name, from, to } => write!(f, "changed {name}: {from:?} to {to:?}"),
            Self::Joined(name) => {
                write!(f, "a line that is no property was read as a part of {name}")
            }
            Self::Trimmed(columns) => {
                write!(f, "left out blanks around: {}", columns.join(", "))
            }
            Self::Guessed(encoding) => write!(
                f,
                "read as {encoding}, as it is not UTF-8; --encoding names another"
            ),
            Self::Unreadable => write!(
                f,
                "some bytes are not of the file's encoding, and stand as U+FFFD"
            ),
            Self::NearMiss(text) => f.write_str(text),
            Self::BadCharset(name) => write!(f, "the CHARSET {name} was not understood"),
        }
    }
}
