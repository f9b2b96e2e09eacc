//! A route: a method and paths, who may use them, and the functions that serve and describe it.

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

/// The HTTP methods that vendors use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET, which reads and changes nothing.
    Get,
    /// Creates, or asks with a body.
    Post,
    /// PUT, which replaces a contact.
    Put,
    /// Changes the members that are sent.
    Patch,
    /// DELETE, which deletes a contact.
    Delete,
}

impl Method {
    /// The method's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

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

impl ApiOperation {
    /// The operation's name in message subjects, metrics and the OpenAPI document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Upsert => "upsert",
            Self::Bulk => "bulk",
            Self::Ingest => "ingest",
            Self::Get => "get",
            Self::List => "list",
            Self::Search => "search",
            Self::Filter => "filter",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Erase => "erase",
            Self::History => "history",
            Self::Diff => "diff",
            Self::Changes => "changes",
            Self::Events => "events",
            Self::EventTypes => "event-types",
            Self::Authenticate => "authenticate",
        }
    }

    /// Whether the operation changes contacts.
    #[must_use]
    pub const fn writes(self) -> bool {
        match self {
            Self::Create
            | Self::Upsert
            | Self::Bulk
            | Self::Ingest
            | Self::Update
            | Self::Delete
            | Self::Erase => true,
            Self::Get
            | Self::List
            | Self::Search
            | Self::Filter
            | Self::History
            | Self::Diff
            | Self::Changes
            | Self::Events
            | Self::EventTypes
            | Self::Authenticate => false,
        }
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
        match self {
            Self::Get | Self::History | Self::Diff => Some(Operation::Retrieve),
            Self::List | Self::Search | Self::Filter | Self::Changes => {
                Some(Operation::RetrieveList)
            }
            Self::Create
            | Self::Upsert
            | Self::Bulk
            | Self::Ingest
            | Self::Update
            | Self::Delete
            | Self::Erase
            | Self::Events
            | Self::EventTypes
            | Self::Authenticate => None,
        }
    }

    /// Whether the operation is served on the message bus as well as over HTTP.
    #[must_use]
    pub const fn on_bus(self) -> bool {
        match self {
            Self::Create | Self::Bulk | Self::Get | Self::List | Self::Update | Self::Delete => {
                true
            }
            Self::Upsert
            | Self::Ingest
            | Self::Search
            | Self::Filter
            | Self::Erase
            | Self::History
            | Self::Diff
            | Self::Changes
            | Self::Events
            | Self::EventTypes
            | Self::Authenticate => false,
        }
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

/// The function that describes a route to machines.
type Spec = fn() -> OperationSpec;

/// One of a dialect's routes.
#[derive(Clone, Copy, Debug)]
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
    /// Describes the route to machines.
    pub spec: Spec,
    /// Whether the route is served on the message bus alone. Its path then only says how its
    /// parameters are called: the vendor has no such request over HTTP.
    pub bus_only: bool,
}

impl Route {
    const fn new(
        method: Method,
        operation: ApiOperation,
        paths: Names,
        roles: Names,
        decode: Decode,
        spec: Spec,
    ) -> Self {
        Self {
            operation,
            method,
            paths,
            target: None,
            roles,
            decode,
            spec,
            bus_only: false,
        }
    }

    /// A route with the method GET.
    #[must_use]
    pub const fn get(
        operation: ApiOperation,
        paths: Names,
        roles: Names,
        decode: Decode,
        spec: Spec,
    ) -> Self {
        Self::new(Method::Get, operation, paths, roles, decode, spec)
    }

    /// A route with the method POST.
    #[must_use]
    pub const fn post(
        operation: ApiOperation,
        paths: Names,
        roles: Names,
        decode: Decode,
        spec: Spec,
    ) -> Self {
        Self::new(Method::Post, operation, paths, roles, decode, spec)
    }

    /// A route with the method PUT.
    #[must_use]
    pub const fn put(
        operation: ApiOperation,
        paths: Names,
        roles: Names,
        decode: Decode,
        spec: Spec,
    ) -> Self {
        Self::new(Method::Put, operation, paths, roles, decode, spec)
    }

    /// A route with the method PATCH.
    #[must_use]
    pub const fn patch(
        operation: ApiOperation,
        paths: Names,
        roles: Names,
        decode: Decode,
        spec: Spec,
    ) -> Self {
        Self::new(Method::Patch, operation, paths, roles, decode, spec)
    }

    /// A route with the method DELETE.
    #[must_use]
    pub const fn delete(
        operation: ApiOperation,
        paths: Names,
        roles: Names,
        decode: Decode,
        spec: Spec,
    ) -> Self {
        Self::new(Method::Delete, operation, paths, roles, decode, spec)
    }

    /// This route, about the one contact that this path parameter names.
    #[must_use]
    pub const fn about(self, target: &'static str) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    /// This route, on the message bus alone.
    #[must_use]
    pub const fn on_bus_alone(self) -> Self {
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

    /// Whether the route changes contacts.
    #[must_use]
    pub const fn writes(&self) -> bool {
        self.operation.writes()
    }

    /// Whether the route is served on the message bus too.
    #[must_use]
    pub const fn on_bus(&self) -> bool {
        self.operation.on_bus()
    }
}
