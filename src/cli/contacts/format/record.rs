//! A record of a file, read into a Card, or the reasons why it cannot be.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::note::Note;
use crate::domain::limits;

/// One record as it stands in a file, in bytes: a Card of the largest size, escaped or folded.
pub const RAW_BYTES_MAX: usize = 2 * limits::RECORD_BYTES_MAX;

/// A contact of a file.
#[derive(Debug)]
pub struct Record {
    /// The number of the line where the record begins, from 1.
    pub line: u64,
    /// The Card, of which only the form is known to be good.
    pub card: Result<Value, Wrong>,
    /// What of the record is not in the Card as it stands in the file.
    pub notes: Vec<Note>,
}

impl Record {
    /// A record all of which is in its Card.
    pub const fn new(line: u64, card: Result<Value, Wrong>) -> Self {
        Self {
            line,
            card,
            notes: Vec::new(),
        }
    }
}

impl Record {
    /// The record, with a note where it has characters that its encoding did not have.
    pub fn with_unreadable_noted(mut self) -> Self {
        let is_unreadable = self
            .card
            .as_ref()
            .is_ok_and(|card| card.to_string().contains('\u{fffd}'));
        if is_unreadable {
            self.notes.push(Note::Unreadable);
        }
        self
    }
}

/// The reasons for which a record is refused, in the form of our API's problem details.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The code of the reason, for programs, such as `too_large`.
    pub code: String,
    /// The reasons in one sentence, for people.
    pub detail: String,
    /// The fields that are at fault, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<WrongField>,
}

/// A field of a record that is at fault, and the reason.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct WrongField {
    /// Its path in the Card, or its column.
    pub field: String,
    /// The code of the fault, for programs, such as `required`.
    pub code: String,
    /// The reason as a sentence, for people.
    pub message: String,
}

impl Wrong {
    /// A reason that no single field is.
    pub fn new(code: &str, detail: impl Display) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.to_string(),
            violations: Vec::new(),
        }
    }

    /// A record that is longer than it may be.
    pub fn longer_than(max: usize) -> Self {
        Self::new(
            "too_large",
            format!("The record has more than {max} bytes."),
        )
    }
}
