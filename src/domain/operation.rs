//! What can be asked of contacts, and what its fields are called: the words that commands and
//! events share.

use std::borrow::Cow;

/// The name of a field as the dialect's schema spells it, `emailAddress` for instance.
pub type FieldName = Cow<'static, str>;

/// What kind of thing was done or tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A new contact.
    Create,
    /// A change.
    Update,
    /// An end.
    Delete,
    /// An end, with the personal data destroyed.
    Erase,
    /// A read of one contact.
    Retrieve,
    /// A read of several.
    RetrieveList,
}

impl Operation {
    /// All of them, in the order of their numbers in records, from 1.
    pub const ALL: [Self; 6] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Erase,
        Self::Retrieve,
        Self::RetrieveList,
    ];

    /// Its name in event types: upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Erase => "ERASE",
            Self::Retrieve => "RETRIEVE",
            Self::RetrieveList => "RETRIEVE_LIST",
        }
    }
}
