//! What a dialect asks of the service, and what it answers from.

use std::fmt;

use serde_json::{Map, Value};

use super::{AsOf, ChangePage, Changes, Reply, Search, TokenProblem};
use crate::domain::{
    Attempt, BatchMode, Contact, Content, DialectId, Event, Filter, List, Outcome, Owner, Page,
    Position, Target,
};

/// A request, understood: what to ask, and how to answer.
pub struct Call {
    /// What to ask of the service.
    pub ask: Ask,
    /// The vendor's answer, made from the service's.
    pub answer: Encode,
}

/// Makes a vendor's answer of the service's.
pub type Encode = Box<dyn FnOnce(Answer) -> Reply + Send>;

/// What can be asked of the service.
#[derive(Debug)]
pub enum Ask {
    /// A change.
    Write(Write),
    /// One contact.
    Get {
        /// Whose.
        owner: Owner,
        /// Which.
        target: Target,
    },
    /// One contact as it was.
    GetAt {
        /// Whose.
        owner: Owner,
        /// Which.
        target: Target,
        /// When. Before its creation or after its end it is not there.
        as_of: AsOf,
    },
    /// Some of an owner's contacts, live ones only.
    List(List),
    /// Some of every dialect's contacts that the caller may see, live ones only.
    Search(Search),
    /// What changed since a position, of every dialect's contacts that the caller may see.
    Changes(Changes),
    /// One contact's versions.
    History {
        /// Whose.
        owner: Owner,
        /// Which.
        target: Target,
    },
    /// Some of the events of a tenant.
    Events(Events),
    /// A short-lived token for a longer-lived one.
    Authenticate {
        /// The longer-lived token.
        token: String,
    },
    /// Nothing: the answer is known.
    Nothing,
}

/// A change of contacts.
#[derive(Debug)]
pub struct Write {
    /// Whose.
    pub owner: Owner,
    /// Whether the attempts stand or fall together.
    pub batch: BatchMode,
    /// What is asked, in order.
    pub attempts: Vec<Attempt>,
}

/// A question to the event log.
#[derive(Debug)]
pub struct Events {
    /// The dialect whose events.
    pub dialect: DialectId,
    /// The tenant whose events; `None` is every tenant the caller may see.
    pub tenant: Option<String>,
    /// Which of them.
    pub filter: Filter<Event>,
    /// Newest first, or oldest first.
    pub newest_first: bool,
    /// The last event of the page before.
    pub after: Option<Position>,
    /// How many, at most.
    pub limit: usize,
    /// How many matching events to pass over first.
    pub offset: usize,
}

/// Some events with what of their contents may be shown.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// The events, each with what of its content the caller may see.
    pub events: Vec<(Event, Redaction)>,
    /// Whether more come after these.
    pub more: bool,
    /// Whether the caller may see all of an event, of those too that hold no content.
    pub full: bool,
}

/// What of an event's content a caller may see.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Redaction {
    /// Nothing: it is no SUCCESS that wrote a contact, or the contact was erased.
    #[default]
    Withheld,
    /// The fields that harm nobody, by [`crate::domain::Rules::non_sensitive`].
    NonSensitive(Map<String, Value>),
    /// All of it.
    Full(Content),
}

/// What the service answers.
#[derive(Debug)]
pub enum Answer {
    /// How each attempt ended, in order.
    Written(Vec<Outcome>),
    /// One contact.
    Contact(Box<Contact>),
    /// Some contacts.
    Page(Page),
    /// Contacts that changed.
    Changes(ChangePage),
    /// Some events.
    Events(EventPage),
    /// A contact's versions, oldest first, with the event that made each; `None` of an end.
    History(Vec<(Event, Option<Contact>)>),
    /// A short-lived token.
    Token(String),
    /// The longer-lived token is not good.
    TokenRefused(TokenProblem),
    /// The contact is not there.
    NotFound,
    /// The contact's personal data was destroyed.
    Gone,
    /// Nothing was asked.
    Nothing,
}

impl Call {
    /// A call that asks this and answers so.
    pub fn new(ask: Ask, answer: impl FnOnce(Answer) -> Reply + Send + 'static) -> Self {
        Self {
            ask,
            answer: Box::new(answer),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("ask", &self.ask)
            .finish_non_exhaustive()
    }
}
