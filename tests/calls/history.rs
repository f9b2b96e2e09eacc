//! What was called, when, and what was answered: the material that is judged at the end.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::wire::message_id;

/// The way that a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Http,
    /// Request and reply over NATS.
    Rpc,
    /// A durable command over NATS.
    Durable,
}

/// What is asked of a slot. A slot is a contact, or everything that has one e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Create,
    /// Creates a contact with the slot's address, or changes the one that has it.
    Upsert,
    Update {
        id: String,
        expects: Option<u64>,
    },
    Delete {
        id: String,
        expects: Option<u64>,
    },
    /// Reads the contact with this id.
    Get {
        id: String,
    },
    /// Reads whoever has the slot's address.
    Find,
}

/// A contact as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub id: String,
    /// The vendor's lists do not show it.
    pub version: Option<u64>,
    /// The number of the call that wrote it.
    pub value: u64,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A contact was written.
    Written {
        seen: Seen,
        is_new: bool,
    },
    Deleted,
    /// What a read found.
    Found(Option<Seen>),
    /// Another contact has the address.
    Taken,
    /// The contact is at another version.
    OtherVersion,
    /// There is no such contact.
    Gone,
    /// Nothing has happened, says the service.
    Refused,
    /// There was no answer, or one that it is not known.
    Unknown,
    /// The broker has stored a durable command.
    Stored,
}

/// One call. One that was sent again under its idempotency key is still one.
#[derive(Clone, Debug)]
pub struct Call {
    /// Unique in an episode; the value that the call writes.
    pub number: u64,
    pub slot: u64,
    pub way: Way,
    pub asked: Asked,
    pub begun: Duration,
    pub ended: Duration,
    pub answer: Answer,
    /// The position that the answer names.
    pub position: Option<u64>,
}

impl Asked {
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Get { .. } | Self::Find)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Upsert => "upsert",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
            Self::Get { .. } | Self::Find => "read",
        }
    }
}

impl Answer {
    /// Whether it says what came of the call.
    pub fn is_judged(&self) -> bool {
        !matches!(self, Self::Refused | Self::Unknown)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Written { .. } | Self::Deleted | Self::Found(_) => "done",
            Self::Taken | Self::OtherVersion | Self::Gone => "judged no",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Stored => "stored",
        }
    }
}

/// The number of calls of each kind, by the way in which they ended.
#[derive(Default)]
pub struct Tally(BTreeMap<(Way, &'static str), BTreeMap<&'static str, u64>>);

impl Tally {
    pub fn add(&mut self, call: &Call) {
        let kind = (call.way, call.asked.name());
        let outcomes = self.0.entry(kind).or_default();
        *outcomes.entry(call.answer.name()).or_default() += 1;
    }

    /// The table, a line for each kind of call.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((way, asked), outcomes)| {
            let outcomes = outcomes.iter();
            let counts: Vec<_> = outcomes.map(|(name, n)| format!("{name} {n}")).collect();
            format!("  {way:?} {asked}: {}", counts.join(", "))
        })
    }
}

/// The calls of an episode.
#[derive(Default)]
pub struct History {
    calls: Mutex<Vec<Call>>,
    judged: AtomicUsize,
}

impl History {
    pub fn add(&self, call: Call) {
        if call.answer.is_judged() {
            self.judged.fetch_add(1, Ordering::Relaxed);
        }
        self.calls.lock().push(call);
    }

    /// The number of calls that were answered by more than "not now".
    pub fn judged(&self) -> usize {
        self.judged.load(Ordering::Relaxed)
    }

    /// The ids of the durable commands that the broker has stored.
    pub fn stored(&self) -> HashSet<String> {
        let calls = self.calls.lock();
        let stored = calls.iter().filter(|call| call.answer == Answer::Stored);
        stored.map(|call| message_id(call.number)).collect()
    }

    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock())
    }
}
