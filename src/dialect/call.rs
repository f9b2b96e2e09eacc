//! A decoded request: what to do, and the function that turns the result into the vendor's reply.
//!
//! Each variant of [`Call`] is a question with an encoder of exactly the type that answers it, so no
//! encoder can be handed another question's answer.

use std::fmt;

use serde_json::{Map, Value};

use super::{AsOf, ChangePage, Changes, Refusal, Reply, Search, SearchPage, TokenProblem};
use crate::domain::{
    Attempt, BatchMode, Contact, Content, DialectId, Event, EventPart, Filter, List, Outcome,
    Owner, OwnerEvents, Page, Past, Target,
};

/// What a request asks for.
#[derive(Debug)]
pub enum Call {
    /// A command: create, change, delete or erase contacts. The outcomes are in the order of the
    /// attempts.
    Write(Ask<Write, Vec<Outcome>>),
    /// A read of one contact by its id.
    Get(Ask<Get, Lookup<Box<Contact>>>),
    /// List some of an owner's live contacts.
    List(Ask<List, Page>),
    /// Search the live contacts of every dialect that the caller may see.
    Search(Box<Ask<Search, SearchPage>>),
    /// Read which contacts changed since a position, of every dialect that the caller may see.
    Changes(Ask<Changes, ChangePage>),
    /// Read the versions of one contact, oldest first.
    History(Ask<History, Lookup<Versions>>),
    /// Read some of a dialect's events.
    Events(Ask<Events, EventPage>),
    /// Read some of the events that wrote an owner's contacts. A caller who may not see the owner
    /// reads of none.
    OwnerEvents(Ask<OwnerEvents, EventPart>),
    /// Trade a long-lived token for a short-lived one.
    Authenticate(Ask<String, Result<String, TokenProblem>>),
    /// Nothing needs to be asked: the reply is already known.
    Known(Reply),
}

/// A question to the service, with what becomes of the answer.
pub struct Ask<Q, A> {
    /// What the service is asked.
    pub question: Q,
    /// Turns the answer into the vendor's reply.
    pub reply: Encode<A>,
}

/// Turns an answer of the service into the vendor's reply.
pub type Encode<A> = Box<dyn FnOnce(A) -> Reply + Send>;

impl<Q, A> Ask<Q, A> {
    /// A question and the encoder of its answer.
    pub fn new(question: Q, reply: impl FnOnce(A) -> Reply + Send + 'static) -> Self {
        let reply = Box::new(reply);
        Self { question, reply }
    }
}

impl<Q, A> fmt::Debug for Ask<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ask")
    }
}

/// A question for one contact.
#[derive(Debug)]
#[must_use]
pub struct Get {
    /// The owner who must have the contact.
    pub owner: Owner,
    /// The id of the contact, in the form its vendor uses.
    pub target: Target,
    /// The point of the past to read it at; `None` reads it as it is.
    pub as_of: Option<AsOf>,
}

impl Get {
    /// A question for the contact as it is.
    pub fn latest(owner: &Owner, target: Target) -> Self {
        Self {
            owner: owner.clone(),
            target,
            as_of: None,
        }
    }
}

/// A question for the versions of one contact.
#[derive(Debug)]
pub struct History {
    /// The owner who must have the contact.
    pub owner: Owner,
    /// The id of the contact, in the form its vendor uses.
    pub target: Target,
    /// The versions of the contact that are wanted.
    pub past: Past,
}

/// A contact's data, or the refusal that says why there is none to show: it is not there, not yet,
/// erased, or its key is lost.
pub type Lookup<T> = Result<T, Refusal>;

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

/// A change of contacts.
#[derive(Debug)]
#[must_use]
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
    pub fn one(owner: &Owner, attempt: Attempt) -> Self {
        Self {
            batch: BatchMode::Alone,
            ..Self::each(owner, vec![attempt])
        }
    }

    /// Several changes, each of which succeeds or fails by itself.
    pub fn each(owner: &Owner, attempts: Vec<Attempt>) -> Self {
        Self {
            owner: owner.clone(),
            batch: BatchMode::ItemByItem,
            attempts,
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
