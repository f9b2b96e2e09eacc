//! What can be asked of contacts, and what its fields are called: the words that commands and
//! events share.

use std::borrow::Cow;

/// The name of a field as the dialect's schema spells it, `emailAddress` for instance.
pub type FieldName = Cow<'static, str>;

/// The operations on contacts that events record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Creates a new contact.
    Create,
    /// Changes an existing contact.
    Update,
    /// Deletes a contact; its earlier versions stay.
    Delete,
    /// Deletes a contact and destroys its personal data.
    Erase,
    /// Reads one contact by its id.
    Retrieve,
    /// Reads a list of contacts.
    RetrieveList,
}

impl Operation {
    /// Every operation, in the order of their numbers in records, from 1.
    pub const ALL: [Self; 6] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Erase,
        Self::Retrieve,
        Self::RetrieveList,
    ];

    /// Whether an event of the operation records that somebody has read, and changes nothing.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Retrieve | Self::RetrieveList)
    }

    /// The operation's name in event types, in upper case.
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
