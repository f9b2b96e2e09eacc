//! A route: a method and paths, who may use them, and the functions that serve and describe it.

use http::Method;

use super::describe::OperationSpec;
use super::{Call, Reply, Request};
use crate::domain::{Operation, Owner};

/// The roles that may read contacts on a route without roles of its own kind.
pub const READERS: &[&str] = &["admin", "contacts:read"];
/// The roles that may change contacts on such a route.
pub const WRITERS: &[&str] = &["admin", "contacts:write"];
/// The roles that may destroy a contact's personal data, whichever dialect it is of.
pub const ERASERS: &[&str] = &["admin"];
/// The roles that may read events.
pub const AUDITORS: &[&str] = &["admin", "auditor"];

/// Reads, and changes nothing.
pub const GET: Method = Method::GET;
/// Creates, or asks with a body.
pub const POST: Method = Method::POST;
/// Replaces a contact, or changes what is sent of it.
pub const PUT: Method = Method::PUT;
/// Changes what is sent of a contact.
pub const PATCH: Method = Method::PATCH;
/// Deletes the contact that the path names.
pub const DELETE: Method = Method::DELETE;

/// What a route does. A dialect has at most one route of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiOperation {
    /// Create one contact, or several that succeed or fail together.
    Create,
    /// Create one contact, or replace the one that has the same key.
    Upsert,
    /// Several changes, each of which succeeds or fails by itself.
    Bulk,
    /// Create or update people as another system tells them.
    Ingest,
    /// Reads one contact by its id.
    Get,
    /// Lists the contacts of an owner.
    List,
    /// Find contacts by one of their fields.
    Search,
    /// Find contacts by a list of ids.
    Filter,
    /// Changes some fields of a contact.
    Update,
    /// Deletes one contact by its id.
    Delete,
    /// Destroy one contact's personal data.
    Erase,
    /// Read the versions of one contact.
    History,
    /// Compare two versions of one contact.
    Diff,
    /// Read which contacts changed since a position.
    Changes,
    /// Lists the events of contacts.
    Events,
    /// List the types that events have.
    EventTypes,
    /// Trade a long-lived token for a short-lived one.
    Authenticate,
}

/// What an operation does with contacts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It writes contacts that the request does not name by their id.
    Adds,
    /// It changes the one contact that the path names.
    Changes,
    /// It reads the one contact that the path names.
    ReadsOne,
    /// It reads whichever contacts it finds.
    ReadsMany,
    /// It reads and writes no contacts.
    Nothing,
}

/// Whether an operation is served on the message bus as well as over HTTP.
const ON_BUS: bool = true;
const HTTP_ALONE: bool = false;

impl ApiOperation {
    /// The operation's name, what it does, and whether it is [`ON_BUS`].
    const fn facts(self) -> (&'static str, Effect, bool) {
        use Effect::{Adds, Changes, Nothing, ReadsMany, ReadsOne};
        match self {
            Self::Create => ("create", Adds, ON_BUS),
            Self::Upsert => ("upsert", Adds, HTTP_ALONE),
            Self::Bulk => ("bulk", Adds, ON_BUS),
            Self::Ingest => ("ingest", Adds, HTTP_ALONE),
            Self::Get => ("get", ReadsOne, ON_BUS),
            Self::List => ("list", ReadsMany, ON_BUS),
            Self::Search => ("search", ReadsMany, HTTP_ALONE),
            Self::Filter => ("filter", ReadsMany, HTTP_ALONE),
            Self::Update => ("update", Changes, ON_BUS),
            Self::Delete => ("delete", Changes, ON_BUS),
            Self::Erase => ("erase", Changes, HTTP_ALONE),
            Self::History => ("history", ReadsOne, HTTP_ALONE),
            Self::Diff => ("diff", ReadsOne, HTTP_ALONE),
            Self::Changes => ("changes", ReadsMany, HTTP_ALONE),
            Self::Events => ("events", Nothing, HTTP_ALONE),
            Self::EventTypes => ("event-types", Nothing, HTTP_ALONE),
            Self::Authenticate => ("authenticate", Nothing, HTTP_ALONE),
        }
    }

    const fn effect(self) -> Effect {
        self.facts().1
    }

    /// The operation's name in message subjects, metrics and the OpenAPI document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// Whether the operation changes contacts.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self.effect(), Effect::Adds | Effect::Changes)
    }

    /// Whether a success of the operation may show a contact with more of it than the request sent.
    #[must_use]
    pub const fn shows_what_was(self) -> bool {
        matches!(self, Self::Update | Self::Upsert | Self::Ingest)
    }

    /// The operation under which the event log records a read of contacts, where reads are
    /// recorded; `None` for what reads no contacts.
    #[must_use]
    pub const fn recorded_read(self) -> Option<Operation> {
        match self.effect() {
            Effect::ReadsOne => Some(Operation::Retrieve),
            Effect::ReadsMany => Some(Operation::RetrieveList),
            Effect::Adds | Effect::Changes | Effect::Nothing => None,
        }
    }

    /// Whether the operation is served on the message bus as well as over HTTP.
    #[must_use]
    pub const fn on_bus(self) -> bool {
        self.facts().2
    }
}

/// Decodes a request about the contacts of one owner, whom the caller may act for.
pub type DecodeOwned = fn(&Request<'_>, &Owner) -> Result<Call, Reply>;

/// Decodes a request that no owner is needed for. Over the message bus the subject names an owner
/// all the same, and the reply must not lead out of it.
pub type DecodeVisible = fn(&Request<'_>, Option<&Owner>) -> Result<Call, Reply>;

/// The function that decodes a route's requests. An `Err` is the vendor's reply to what is not
/// even a command: bad JSON, bad ids, a wrong media type.
#[derive(Clone, Copy, Debug)]
pub enum Decode {
    /// The request is about one owner's contacts; [`super::Dialect::scope`] finds the owner.
    Owned(DecodeOwned),
    /// The request is about all that the caller may see, or about no contacts at all.
    Visible(DecodeVisible),
}

/// Names that never change: paths, or roles.
type Names = &'static [&'static str];

/// One of a dialect's routes.
#[derive(Clone, Debug)]
#[must_use]
pub struct Route {
    /// What the route does.
    pub operation: ApiOperation,
    /// The HTTP method of the route.
    pub method: Method,
    /// The paths, `{name}` for a parameter; the first is the documented one.
    pub paths: Names,
    /// The path parameter that names a contact, where the route is about one.
    pub target: Option<&'static str>,
    /// The roles of which the caller needs one; an empty list needs no token.
    pub roles: Names,
    /// Decodes the route's requests.
    pub decode: Decode,
    /// What machines may know of the route.
    pub spec: OperationSpec,
    /// The names of the query parameters that the route takes.
    pub query_names: Vec<&'static str>,
    /// Whether the route is served on the message bus alone. Its path then only says how its
    /// parameters are called: the vendor has no such request over HTTP.
    pub bus_only: bool,
}

impl OperationSpec {
    /// The route that this describes. One about a contact has its id as the path's last parameter.
    pub fn route(
        self,
        method: Method,
        paths: Names,
        operation: ApiOperation,
        roles: Names,
        decode: Decode,
    ) -> Route {
        let about_one = matches!(operation.effect(), Effect::Changes | Effect::ReadsOne);
        let path = paths.first().filter(|_| about_one);
        Route {
            operation,
            method,
            paths,
            target: path.and_then(|path| last_parameter(path)),
            roles,
            decode,
            query_names: self.query_names(),
            spec: self,
            bus_only: false,
        }
    }
}

fn last_parameter(path: &str) -> Option<&str> {
    let (_, name) = path.rsplit_once('{')?;
    Some(name.split_once('}')?.0)
}

impl Route {
    /// This route, on the message bus alone.
    pub fn on_bus_alone(self) -> Self {
        Self {
            bus_only: true,
            ..self
        }
    }

    /// The paths under which the route is served over HTTP.
    #[must_use]
    pub const fn http_paths(&self) -> &'static [&'static str] {
        if self.bus_only { &[] } else { self.paths }
    }
}
