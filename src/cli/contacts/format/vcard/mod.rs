//! vCard 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350), turned into Cards and back as RFC 9555 has it.
//!
//! On the way in: `split` finds the vCards of a file, `content` and `decode` make properties of
//! their lines, `vendors`, `types`, `media` and `values` bring those into the form of vCard 4.0,
//! and `convert` makes a Card of them. That conversion is the crate `calcard`'s; what it gets
//! wrong is named where it is worked around. Every property of the file is in the Card, or the
//! report names it.
//!
//! On the way out: `outgoing` makes properties of a Card, `legacy` those of vCard 3.0 of them, and
//! `write` the text.

mod content;
mod convert;
mod decode;
mod entry;
mod jsprop;
mod legacy;
mod media;
mod outgoing;
mod property;
mod raw;
mod split;
mod types;
mod values;
mod vendors;
mod write;

use std::io::{self, Read};

use serde_json::Value;

use self::content::Contents;
use self::decode::Version;
use self::property::Property;
use self::raw::RawCard;
use self::split::{Piece, Splitter};
use self::values::Worth;
pub use self::write::Writer;
#[cfg(test)]
pub use self::write::comparable;
use super::dates;
use super::encoding::Decoded;
use super::note::Note;
use super::record::{RAW_BYTES_MAX, Record, Wrong};
use crate::domain::limits;

/// Properties of one vCard.
const PROPERTIES_MAX: usize = 2_000;

/// Reads one contact from each vCard.
pub struct Reader {
    pieces: Splitter<Box<dyn Read>>,
    /// Whether the file was decoded as a whole, so that no CHARSET in it is true any more.
    is_decoded: bool,
}

impl Reader {
    /// The vCards of a file.
    pub fn new(from: Decoded) -> Self {
        Self {
            pieces: Splitter::new(from.bytes),
            is_decoded: from.is_decoded,
        }
    }
}

impl Iterator for Reader {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.pieces.next()?;
        Some(piece.map(|piece| record(piece, self.is_decoded)))
    }
}

fn record(piece: Piece, is_decoded: bool) -> Record {
    match piece {
        Piece::Card(raw) => {
            let mut notes = Vec::new();
            let card = card(&raw, is_decoded, &mut notes);
            Record {
                line: raw.line,
                card,
                notes,
            }
        }
        Piece::Stray { line, count } => {
            let lines = if count == 1 {
                "line stands"
            } else {
                "lines stand"
            };
            let text = format!("{count} {lines} in no vCard.");
            Record::new(line, Err(Wrong::new("malformed_vcard", text)))
        }
        Piece::Broken { line, too_long } => {
            let wrong = if too_long {
                Wrong::longer_than(split::VCARD_BYTES_MAX)
            } else {
                Wrong::new("malformed_vcard", "The vCard has no END:VCARD.")
            };
            Record::new(line, Err(wrong))
        }
    }
}

/// The Card of a vCard, and notes of what of it is not there as it stands in the file.
fn card(raw: &RawCard, is_decoded: bool, notes: &mut Vec<Note>) -> Result<Value, Wrong> {
    let contents = content::read(raw, is_decoded).map_err(|version| {
        let text = format!("VERSION is {version}; 2.1, 3.0 and 4.0 are read.");
        Wrong::new("vcard_version", text)
    })?;
    let Contents {
        version,
        properties,
        notes: read,
    } = contents;
    notes.extend(read);
    // No contact has as much beside its files, and more would be slow to judge.
    let text_bytes: usize = properties
        .iter()
        .filter(|p| !media::is_file(&p.name))
        .map(|p| p.value.len())
        .sum();
    if properties.len() > PROPERTIES_MAX || text_bytes > RAW_BYTES_MAX {
        return Err(Wrong::longer_than(limits::RECORD_BYTES_MAX));
    }
    let (good, odd) = normalize(properties, version, notes);
    let card = convert::card(good, odd, notes)?;
    let says_something = card.as_object().is_some_and(|card| {
        card.keys()
            .any(|name| !["@type", "version"].contains(&name.as_str()))
    });
    if !says_something {
        return Err(Wrong::new("blank", "The vCard holds nothing."));
    }
    Ok(card)
}

/// Brings properties into the form of vCard 4.0; apart from them those that fit no Card.
fn normalize(
    properties: Vec<Property>,
    version: Version,
    notes: &mut Vec<Note>,
) -> (Vec<Property>, Vec<Property>) {
    let (mut good, mut odd) = (Vec::new(), Vec::new());
    let mut cut = Vec::new();
    let (whole, long): (Vec<Property>, Vec<Property>) =
        properties.into_iter().partition(|p| !p.is_cut);
    cut.extend(long.into_iter().map(|p| Note::Dropped(p.name)));
    for mut property in vendors::normalize(whole) {
        let worth = values::normalize(&mut property, version != Version::V4, notes);
        if entry::is_converted(&property.name) && worth == Worth::Good {
            types::normalize(&mut property, notes);
        }
        match worth {
            Worth::Good => good.push(property),
            Worth::Odd => odd.push(property),
            Worth::Nothing => {}
        }
    }
    notes.extend(cut);
    (merge_relations(good), odd)
}

/// A person who is related in two ways is one: `calcard` forgets the first.
fn merge_relations(properties: Vec<Property>) -> Vec<Property> {
    let mut merged: Vec<Property> = Vec::new();
    for property in properties {
        let same = |p: &&mut Property| p.name == "RELATED" && p.value == property.value;
        match merged.iter_mut().find(same) {
            Some(first) if property.name == "RELATED" => {
                let types = property.values("TYPE").map(str::to_owned);
                for value in types.collect::<Vec<_>>() {
                    if !first.has_type(&value) {
                        first.add_param("TYPE", value);
                    }
                }
            }
            _ => merged.push(property),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trips;
