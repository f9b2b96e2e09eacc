//! What the index knows of one contact, and the keys that follow from it.
//!
//! Whatever holds a contact's doc holds exactly the keys that follow from it, and no other key of
//! that contact: so its doc is all that is needed to take it out of there again, and a newer doc of
//! it anywhere else says that all of these keys are out of date.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::block::Block;
use super::entry;
use super::orders::{Key, Ordinal, ScopeId};
use crate::domain::find::Profile;
use crate::domain::{ContactId, Fact, Position, SortKey, Timestamp, Tokens};

/// Bytes of a doc in one key: a block holds several.
const PART_BYTES: usize = 1_024;
/// The state of a live contact, as it is written.
const LIVE: u8 = 0;

/// A contact as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// The id of the contact.
    pub id: ContactId,
    /// The tenant that it belongs to.
    pub scope: ScopeId,
    /// The time of its creation.
    pub created: Timestamp,
    /// The event that changed it last.
    pub changed: Fact,
    /// Its words, where it is live.
    pub state: State,
}

/// What a contact's doc says beside its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The id of the contact.
    pub id: ContactId,
    /// The tenant that it belongs to.
    pub scope: ScopeId,
    /// The time of its creation.
    pub created: Timestamp,
    /// The event that changed it last.
    pub changed: Fact,
    /// Whether it has words, and so can be found.
    pub is_found: bool,
}

/// Whether a contact can be found, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is live, and has these words.
    Live(Words),
    /// It was deleted or erased, or nobody can read it.
    Ended,
    /// Its words were taken out before the event that ends it was folded.
    Hollow {
        /// Whether it still counts as live until then.
        live: bool,
    },
}

/// The words of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The folded name that it is ordered by.
    pub name: String,
    /// Its tokens, in order.
    pub tokens: Tokens,
}

impl From<Profile> for Words {
    fn from(Profile { name, tokens }: Profile) -> Self {
        Self { name, tokens }
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct DocV1<'a> {
    #[n(0)]
    id: ByteArray<16>,
    #[n(1)]
    scope: ScopeId,
    #[n(2)]
    created: u64,
    #[n(3)]
    position: u64,
    #[n(4)]
    time: u64,
    #[n(5)]
    state: u8,
    #[b(6)]
    name: &'a str,
    #[b(7)]
    tokens: Vec<&'a str>,
}

impl Doc {
    /// Whether it counts as live.
    pub const fn is_live(&self) -> bool {
        matches!(self.state, State::Live(_) | State::Hollow { live: true })
    }

    /// Its words, where it can be found.
    pub const fn words(&self) -> Option<&Words> {
        match &self.state {
            State::Live(words) => Some(words),
            State::Ended | State::Hollow { .. } => None,
        }
    }

    /// This doc without its words, until the event that ends it is folded.
    pub fn hollow(&self) -> Self {
        let live = self.is_live();
        Self {
            state: State::Hollow { live },
            ..self.clone()
        }
    }

    /// Its place in an order, where it can be found.
    pub fn key(&self, by: SortKey, ordinal: Ordinal) -> Option<Key> {
        let words = self.words()?;
        Some(match by {
            SortKey::Created => Key::Created(ordinal),
            SortKey::Updated => Key::Updated(self.changed.position.get()),
            SortKey::Name => Key::Named(words.name.as_str().into(), ordinal),
        })
    }

    /// Adds the parts of the doc itself.
    pub fn push_parts(&self, ordinal: Ordinal, keys: &mut Block) {
        let bytes = self.encode();
        for (part, bytes) in (0..=u16::MAX).zip(bytes.chunks(PART_BYTES)) {
            entry::push_doc_part(keys, ordinal, part, bytes);
        }
    }

    /// Adds every key that follows from it.
    pub fn push_keys(&self, ordinal: Ordinal, keys: &mut Block) {
        self.push_parts(ordinal, keys);
        entry::push_id(keys, self.id, ordinal);
        self.push_words(ordinal, keys);
    }

    /// Adds the keys that its words and its end are found by: all but the doc itself and its id.
    pub fn push_words(&self, ordinal: Ordinal, keys: &mut Block) {
        let (scope, position) = (self.scope, self.changed.position.get());
        match &self.state {
            State::Live(words) => {
                entry::push_created(keys, scope, ordinal);
                entry::push_updated(keys, scope, position, ordinal);
                entry::push_named(keys, scope, &words.name, ordinal);
                for token in words.tokens.iter() {
                    entry::push_token(keys, token, ordinal);
                }
            }
            State::Ended => entry::push_ended(keys, scope, position, ordinal),
            State::Hollow { .. } => {}
        }
    }

    fn encode(&self) -> Vec<u8> {
        let Self {
            id,
            scope,
            created,
            changed,
            state,
        } = self;
        let state = match state {
            State::Live(_) => LIVE,
            State::Ended => 1,
            State::Hollow { live: true } => 2,
            State::Hollow { live: false } => 3,
        };
        let words = self.words();
        let doc = DocV1 {
            id: id.0.into_bytes().into(),
            scope: *scope,
            created: created.millis(),
            position: changed.position.get(),
            time: changed.time.millis(),
            state,
            name: words.map_or("", |words| &words.name),
            tokens: words.map_or_else(Vec::new, |words| words.tokens.iter().collect()),
        };
        let mut bytes = Vec::with_capacity(PART_BYTES);
        // Writing into memory does not fail; half a doc would be seen as damage.
        minicbor::encode(&doc, &mut bytes).unwrap_or_default();
        bytes
    }

    /// What the doc whose first part this is says beside its words; `None` where it is none. Its
    /// words are not looked at.
    pub fn decode_head(part: &[u8]) -> Option<Head> {
        let mut doc = minicbor::Decoder::new(part);
        doc.array().ok()?;
        let id: ByteArray<16> = doc.decode().ok()?;
        let scope = doc.u32().ok()?;
        let created = doc.u64().ok()?;
        let position = doc.u64().ok()?;
        let time = doc.u64().ok()?;
        let state = doc.u8().ok()?;
        Some(Head {
            id: ContactId(uuid::Uuid::from_bytes(id.into())),
            scope,
            created: Timestamp::from_millis(created),
            changed: Fact {
                position: Position::new(position),
                time: Timestamp::from_millis(time),
            },
            is_found: state == LIVE,
        })
    }

    /// The doc whose parts these bytes are; `None` where they are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let DocV1 {
            id,
            scope,
            created,
            position,
            time,
            state,
            name,
            tokens,
        } = minicbor::decode(bytes).ok()?;
        Some(Self {
            id: ContactId(uuid::Uuid::from_bytes(id.into())),
            scope,
            created: Timestamp::from_millis(created),
            changed: Fact {
                position: Position::new(position),
                time: Timestamp::from_millis(time),
            },
            state: match state {
                LIVE => State::Live(Words {
                    name: name.to_owned(),
                    tokens: tokens.into_iter().collect(),
                }),
                1 => State::Ended,
                2 => State::Hollow { live: true },
                3 => State::Hollow { live: false },
                _ => return None,
            },
        })
    }
}
