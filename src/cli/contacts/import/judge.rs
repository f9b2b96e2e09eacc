//! Judges the records of a file before they are sent: by the rules of our own API, and against those
//! that came before.

use std::collections::HashMap;
use std::io;

use sha2::{Digest, Sha256};

use super::super::super::exit::Failure;
use super::super::check::check;
use super::super::format::{Note, Record, Wrong};
use super::report::Outcome;
use crate::dialect::native;

/// Records of one file: what is remembered of each to find those that stand there twice takes
/// about 50 bytes.
const RECORDS_MAX: usize = 10_000_000;

/// A contact to create.
pub struct Create {
    /// The line on which the record begins.
    pub line: u64,
    /// The key under which it is created once.
    pub key: String,
    /// The Card as JSON, ready to be sent.
    pub body: Vec<u8>,
    /// What of the record is not in the Card as it stands in the file.
    pub notes: Vec<Note>,
}

/// The verdict on a record: a contact to create, or the outcome that it has without being sent.
pub enum Judged {
    Good(Create),
    Bad(Outcome),
}

/// Judges records, and knows which it has seen.
#[derive(Default)]
pub struct Judge {
    /// The first line of each record, by half of its content's hash.
    seen: HashMap<[u8; 16], u64>,
}

impl Judge {
    /// Judges a record that was read.
    ///
    /// # Errors
    /// The rest of the file cannot be read, or it has more than [`RECORDS_MAX`] records.
    pub fn judge(&mut self, record: io::Result<Record>) -> Result<Judged, Failure> {
        let Record {
            line,
            card,
            mut notes,
        } = record.map_err(|error| {
            Failure::failed(format!("the rest of the file can't be read: {error}"))
        })?;
        let refused = |wrong: Wrong| Ok(Judged::Bad(Outcome::Refused { line, wrong }));
        let mut card = match card {
            Ok(card) => card,
            Err(wrong) => return refused(wrong),
        };
        notes.extend(native::warnings(&card).map(Note::NearMiss));
        // One content has one form, however its members were ordered.
        card.sort_all_objects();
        let body = match check(&card) {
            Ok(body) => body,
            Err(wrong) => return refused(wrong),
        };
        let digest: [u8; 32] = Sha256::digest(&body).into();
        let [head, ..] = digest.as_chunks::<16>().0 else {
            return Err(Failure::failed("a hash of another length"));
        };
        if let Some(first) = self.seen.get(head) {
            let first = *first;
            return Ok(Judged::Bad(Outcome::Twice { line, first }));
        }
        if self.seen.len() == RECORDS_MAX {
            let max = RECORDS_MAX;
            return Err(Failure::failed(format!(
                "the file has more than {max} records; split it, and import the pieces"
            )));
        }
        self.seen.insert(*head, line);
        let key = format!("import-{}", hex::encode(digest));
        Ok(Judged::Good(Create {
            line,
            key,
            body,
            notes,
        }))
    }
}
