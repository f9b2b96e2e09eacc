//! A decoded request: what to do, and the function that turns the result into the vendor's reply.
//!
//! Each variant of [`Call`] pairs a question with an encoder of exactly the
//! type that answers it, so no encoder can be handed another question's answer.

use std::fmt;

use serde_json::{Map, Value};

use super::{AsOf, ChangePage, Changes, Refusal, Reply, Search, TokenProblem};
use crate::domain::{
    Attempt, BatchMode, Contact, Content, DialectId, Event, EventPart, Fact, Filter, List, Outcome,
    Owner, OwnerEvents, Page, Past, Target,
};

/// Turns a result of the service into the vendor's reply.
pub type Encode<T> = Box<dyn FnOnce(T) -> Reply + Send>;

/// What a request asks for, with the encoder of its reply.
pub enum Call {
    /// A command: create, change, delete or erase contacts.
    Write {
        /// The changes that are asked for.
        write: Write,
        /// Encodes how each attempt ended, in the order of the attempts.
        reply: Encode<Vec<Outcome>>,
    },
    /// A read of one contact by its id.
    Get {
        /// The owner who must have the contact.
        owner: Owner,
        /// The id of the contact, in the form its vendor uses.
        target: Target,
        /// The point of the past to read it at; `None` reads it as it is.
        as_of: Option<AsOf>,
        /// Encodes the contact that was found, or why there is none.
        reply: Encode<Lookup<Box<Contact>>>,
    },
    /// List some of an owner's live contacts.
    List {
        /// The part of the list that is asked for.
        list: List,
        /// Encodes the page that was read.
        reply: Encode<Page>,
    },
    /// Search the live contacts of every dialect that the caller may see.
    Search {
        /// The filters, the order and the page.
        search: Search,
        /// Encodes the page that was read.
        reply: Encode<Page>,
    },
    /// Read which contacts changed since a position, of every dialect that the caller may see.
    Changes {
        /// The position to start after, and the filters.
        changes: Changes,
        /// Encodes the changes that were found.
        reply: Encode<ChangePage>,
    },
    /// Read the versions of one contact.
    History {
        /// The owner who must have the contact.
        owner: Owner,
        /// The id of the contact, in the form its vendor uses.
        target: Target,
        /// The versions of the contact that are wanted.
        past: Past,
        /// Encodes the versions, oldest first.
        reply: Encode<Lookup<Versions>>,
    },
    /// Read some of a dialect's events.
    Events {
        /// The filters, the order and the page.
        events: Events,
        /// Encodes the page of events.
        reply: Encode<EventPage>,
    },
    /// Read some of the events that wrote an owner's contacts. A caller who may not see the owner
    /// reads of none.
    OwnerEvents {
        /// The part of the list that is asked for.
        events: OwnerEvents,
        /// Encodes the events that were read.
        reply: Encode<EventPart>,
    },
    /// Trade a long-lived token for a short-lived one.
    Authenticate {
        /// The long-lived token to be exchanged.
        token: String,
        /// Encodes the short-lived token, or what is wrong with the long-lived one.
        reply: Encode<Result<String, TokenProblem>>,
    },
    /// Nothing needs to be asked: the reply is already known.
    Known(Reply),
}

/// A contact's data, or why there is none to show.
pub type Lookup<T> = Result<T, Missing>;

/// The reasons for which a contact has no data to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is no such contact, or it was deleted.
    NotFound,
    /// The contact was created after the point of the past that was asked for.
    NotYet {
        /// The event that created it.
        created: Fact,
    },
    /// The contact's personal data was destroyed.
    Erased,
    /// Nobody erased the contact, but its key is damaged or not there, so that nobody can read it.
    KeyLost,
}

impl From<Missing> for Refusal {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::NotFound => Self::NotFound,
            Missing::NotYet { created } => Self::NotYet { created },
            Missing::Erased => Self::Gone,
            Missing::KeyLost => Self::KeyLost,
        }
    }
}

/// One version of a contact: the event that made it, and the contact after it. A delete or an
/// erasure leaves no contact, and an erasure takes the contacts of the earlier versions too.
pub type Version = (Event, Option<Contact>);

/// Some of a contact's versions.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    /// The versions, oldest first.
    pub list: Vec<Version>,
    /// Whether there are more of those that were asked for, left out for their bytes.
    pub cut: bool,
}

impl From<Vec<Version>> for Versions {
    fn from(list: Vec<Version>) -> Self {
        Self { list, cut: false }
    }
}

/// A change of contacts.
#[derive(Debug)]
pub struct Write {
    /// The owner of the contacts.
    pub owner: Owner,
    /// Whether the attempts succeed or fail together.
    pub batch: BatchMode,
    /// The changes, in the order in which they are attempted.
    pub attempts: Vec<Attempt>,
}

impl Write {
    /// A change of one contact.
    #[must_use]
    pub fn one(owner: &Owner, attempt: Attempt) -> Self {
        Self::each(owner, vec![attempt])
    }

    /// Several changes, each of which succeeds or fails by itself.
    #[must_use]
    pub fn each(owner: &Owner, attempts: Vec<Attempt>) -> Self {
        Self {
            owner: owner.clone(),
            batch: BatchMode::ItemByItem,
            attempts,
        }
    }

    /// Several changes that succeed or fail together.
    #[must_use]
    pub fn all_or_nothing(owner: &Owner, attempts: Vec<Attempt>) -> Self {
        Self {
            batch: BatchMode::AllOrNothing,
            ..Self::each(owner, attempts)
        }
    }
}

/// A question to the event log for a dialect's events, newest first.
#[derive(Debug)]
pub struct Events {
    /// The dialect whose events are read, those of every tenant that the caller may see.
    pub dialect: DialectId,
    /// The condition an event meets.
    pub filter: Filter<Event>,
    /// The point of the log that the page begins at and goes back from; `None` is the head.
    pub until: Option<AsOf>,
    /// The most events the page holds.
    pub limit: usize,
}

/// One page of events, each with the part of its content that may be shown.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// The events in the order asked for, each with what of its content the caller may see.
    pub events: Vec<(Event, Redaction)>,
    /// Whether more events come after this page.
    pub more: bool,
    /// Whether the caller may see whole contents, also of events that hold none.
    pub full: bool,
}

/// What of an event's content a caller may see.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Redaction {
    /// Nothing: the event wrote no contact, or the contact was erased since.
    #[default]
    Withheld,
    /// The fields that [`crate::domain::Rules::non_sensitive`] allows.
    NonSensitive(Map<String, Value>),
    /// The whole content of the contact.
    Full(Content),
}

impl Call {
    /// A change and the encoder of its outcomes.
    pub fn write(write: Write, reply: impl FnOnce(Vec<Outcome>) -> Reply + Send + 'static) -> Self {
        Self::Write {
            write,
            reply: Box::new(reply),
        }
    }

    /// A read of one contact as it is, and the encoder of its reply.
    pub fn get(
        owner: &Owner,
        target: Target,
        reply: impl FnOnce(Lookup<Box<Contact>>) -> Reply + Send + 'static,
    ) -> Self {
        Self::get_at(owner, target, None, reply)
    }

    /// A read of one contact at a point of the past, and the encoder of its reply.
    pub fn get_at(
        owner: &Owner,
        target: Target,
        as_of: Option<AsOf>,
        reply: impl FnOnce(Lookup<Box<Contact>>) -> Reply + Send + 'static,
    ) -> Self {
        Self::Get {
            owner: owner.clone(),
            target,
            as_of,
            reply: Box::new(reply),
        }
    }

    /// A page of a list and its encoder.
    pub fn list(list: List, reply: impl FnOnce(Page) -> Reply + Send + 'static) -> Self {
        Self::List {
            list,
            reply: Box::new(reply),
        }
    }

    /// A page of a search and its encoder.
    pub fn search(search: Search, reply: impl FnOnce(Page) -> Reply + Send + 'static) -> Self {
        Self::Search {
            search,
            reply: Box::new(reply),
        }
    }

    /// A page of changes and its encoder.
    pub fn changes(
        changes: Changes,
        reply: impl FnOnce(ChangePage) -> Reply + Send + 'static,
    ) -> Self {
        Self::Changes {
            changes,
            reply: Box::new(reply),
        }
    }

    /// A contact's versions and their encoder.
    pub fn history(
        owner: &Owner,
        target: Target,
        past: Past,
        reply: impl FnOnce(Lookup<Versions>) -> Reply + Send + 'static,
    ) -> Self {
        Self::History {
            owner: owner.clone(),
            target,
            past,
            reply: Box::new(reply),
        }
    }

    /// A page of events and its encoder.
    pub fn events(events: Events, reply: impl FnOnce(EventPage) -> Reply + Send + 'static) -> Self {
        Self::Events {
            events,
            reply: Box::new(reply),
        }
    }

    /// Some events of an owner's contacts and their encoder.
    pub fn owner_events(
        events: OwnerEvents,
        reply: impl FnOnce(EventPart) -> Reply + Send + 'static,
    ) -> Self {
        Self::OwnerEvents {
            events,
            reply: Box::new(reply),
        }
    }

    /// The trade of a token and the encoder of its reply.
    pub fn authenticate(
        token: String,
        reply: impl FnOnce(Result<String, TokenProblem>) -> Reply + Send + 'static,
    ) -> Self {
        Self::Authenticate {
            token,
            reply: Box::new(reply),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write { .. } => "Write",
            Self::Get { .. } => "Get",
            Self::List { .. } => "List",
            Self::Search { .. } => "Search",
            Self::Changes { .. } => "Changes",
            Self::History { .. } => "History",
            Self::Events { .. } => "Events",
            Self::OwnerEvents { .. } => "OwnerEvents",
            Self::Authenticate { .. } => "Authenticate",
            Self::Known(_) => "Known",
        })
    }
}
