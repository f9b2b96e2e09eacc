//! The number of a contact's key.

use std::fmt;

/// The place of a contact's key in the file of keys. A contact takes the next slot when it is
/// created, its CREATE record names the slot, and no slot is ever used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u64);

impl Slot {
    /// The slot with this number; the first is 0.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The slot's number, from 0.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The slot after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// So many keys, in words.
#[must_use]
pub fn keys_of(count: u64) -> String {
    match count {
        1 => "1 contact's key".to_owned(),
        count => format!("{count} contacts' keys"),
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
