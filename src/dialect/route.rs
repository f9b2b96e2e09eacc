//! A route: where a request comes in, what it does, who may send it.

use crate::domain::Operation;

/// The HTTP methods that vendors use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Read.
    Get,
    /// Create, or ask with a body.
    Post,
    /// Replace.
    Put,
    /// Change.
    Patch,
    /// End.
    Delete,
}

impl Method {
    /// Its name on the wire.
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

/// One of a dialect's routes.
#[derive(Debug)]
pub struct Route {
    /// Its name: the operation in message subjects, and what `decode` matches on. Unique in its dialect.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The paths, `{name}` for a parameter; the first is the documented one.
    pub paths: &'static [&'static str],
    /// The parameter that names a contact.
    pub target: Option<&'static str>,
    /// The roles of which the caller needs one; none means that no token is needed.
    pub roles: &'static [&'static str],
    /// What the audit trail calls a read.
    pub reads: Option<Operation>,
    /// Whether it changes contacts.
    pub writes: bool,
    /// Whether it is served on the message bus too.
    pub on_bus: bool,
}
