//! Lists of one owner's contacts: which of them are asked for, in what order, and one page of them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::{Contact, ContactId, Event, Owner};

/// A request for part of the list of one owner's live contacts.
#[derive(Clone, Debug)]
pub struct List {
    /// The owner whose contacts are listed.
    pub owner: Owner,
    /// The condition a listed contact meets; `None` lists all of them.
    pub filter: Option<Filter<Contact>>,
    /// The order of the list.
    pub order: Order,
    /// The part of the ordered list that is asked for.
    pub window: Window,
}

/// A condition on a value, as a function that can be shared between threads.
#[derive(Clone)]
pub struct Filter<T>(pub Arc<dyn Fn(&T) -> bool + Send + Sync>);

impl<T> Filter<T> {
    /// A filter that lets through the values for which `wanted` returns true.
    pub fn new(wanted: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(wanted))
    }

    /// Whether a value is let through.
    #[must_use]
    pub fn wants(&self, value: &T) -> bool {
        (self.0)(value)
    }

    /// A filter that lets through what each of these does.
    #[must_use]
    pub fn all(filters: Vec<Self>) -> Self
    where
        T: 'static,
    {
        Self::new(move |value| filters.iter().all(|filter| filter.wants(value)))
    }
}

impl<T> fmt::Debug for Filter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

/// The order of a list.
#[derive(Clone)]
pub enum Order {
    /// By time of creation, oldest first.
    Created,
    /// By time of creation, newest first.
    CreatedDescending,
    /// An order by what the contacts hold; equal contacts stay oldest first.
    By(Arc<Compare>),
}

/// Compares two contacts by what they hold.
pub type Compare = dyn Fn(&Contact, &Contact) -> Ordering + Send + Sync;

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "Created",
            Self::CreatedDescending => "CreatedDescending",
            Self::By(_) => "By",
        })
    }
}

/// The part of a list that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The `limit` contacts after `contact`. A page stays right while others write.
    After {
        /// The last contact of the page before; `None` asks for the first page.
        contact: Option<ContactId>,
        /// The most contacts the page holds.
        limit: usize,
    },
    /// The `limit` contacts after the first `offset`.
    Offset {
        /// The number of contacts to skip.
        offset: usize,
        /// The most contacts the page holds.
        limit: usize,
    },
    /// The page of this number. A number past the last page stands for the last page.
    ClampedPage {
        /// The page's number, from 1.
        page: usize,
        /// The number of contacts on a page.
        per_page: usize,
    },
}

impl Window {
    /// The `limit` contacts after the first `offset`.
    #[must_use]
    pub const fn offset(offset: usize, limit: usize) -> Self {
        Self::Offset { offset, limit }
    }

    /// The most contacts that the page holds.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::After { limit, .. } | Self::Offset { limit, .. } => limit,
            Self::ClampedPage { per_page, .. } => per_page,
        }
    }
}

impl List {
    /// Part of the list of all of an owner's contacts, oldest first.
    #[must_use]
    pub fn created(owner: &Owner, window: Window) -> Self {
        Self {
            owner: owner.clone(),
            filter: None,
            order: Order::Created,
            window,
        }
    }

    /// Whether the page is that of a list as it is, so that nothing but the page has to be opened.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.filter.is_none() && !matches!(self.order, Order::By(_))
    }
}

/// A request for part of the events that wrote one owner's contacts.
#[derive(Clone, Debug)]
pub struct OwnerEvents {
    /// The owner of the contacts.
    pub owner: Owner,
    /// The condition an event meets; `None` lists all of them.
    pub filter: Option<Filter<Event>>,
    /// Whether the newest event comes first.
    pub newest_first: bool,
    /// The part of the ordered list that is asked for.
    pub window: Window,
}

/// A part of a list of events.
#[derive(Clone, Debug, Default)]
pub struct EventPart {
    /// The events of the part, in the list's order.
    pub events: Vec<Event>,
    /// The number of events in the whole list.
    pub total: usize,
    /// The number of events that come before this part.
    pub offset: usize,
}

/// One page of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The contacts of the page, in the list's order.
    pub contacts: Vec<Contact>,
    /// The number of contacts in the whole list.
    pub total: usize,
    /// The number of contacts that come before this page.
    pub offset: usize,
    /// Whether more contacts come after this page.
    pub more: bool,
}
