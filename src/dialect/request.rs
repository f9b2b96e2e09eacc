//! A request as a dialect sees it, whichever transport brought it.

use std::sync::Arc;

use http::HeaderMap;

use super::{Cursors, Query, precondition};
use crate::domain::{Actor, ContactId, Owner, Precondition};

/// The caller of a request.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// What the event log records of the caller.
    pub actor: Actor,
    /// The caller's own tenant, for a request that names none.
    pub own_tenant: Option<String>,
    /// The id of the log that answers the caller, which a cursor can carry.
    pub log: Arc<str>,
    /// What seals the cursors that hold something of a person.
    pub cursors: Cursors,
    /// Whether the caller may act for every tenant, so that its own one is only the dialect's default.
    pub every_tenant: bool,
    /// Whether the service is in open mode, where nobody needs a token.
    pub open: bool,
    /// The dialect's documentation placeholders, which count as left out in open mode.
    pub placeholders: &'static [&'static str],
}

/// A request to one route of a dialect, of any transport.
#[derive(Debug)]
pub struct Request<'a> {
    /// The path parameter that names a contact, where the route is about one.
    pub target: Option<&'static str>,
    /// The path's parameters by name, percent-decoded.
    pub params: &'a [(String, String)],
    /// The parameters of the query.
    pub query: &'a Query,
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// The body, no larger than the service takes.
    pub body: &'a [u8],
    /// The caller who sent it.
    pub caller: &'a Caller,
}

/// The owner of the contacts that a request is about, as far as the request tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The request names the owner.
    Owner(Owner),
    /// The request names a contact; its owner is the one.
    Contact {
        /// The id of the contact.
        id: ContactId,
        /// The tenant that the contact must be of, where the request names one too.
        tenant: Option<String>,
    },
}

impl<'a> Request<'a> {
    /// A path parameter, unless it is missing or a documentation placeholder.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.params.iter().find(|(key, _)| key == name)?;
        self.supplied(value)
    }

    /// The path parameter that names a contact.
    #[must_use]
    pub fn target(&self) -> Option<&'a str> {
        self.param(self.target?)
    }

    /// Whether a header was sent whose value is not text.
    #[must_use]
    pub fn is_no_text(&self, name: &str) -> bool {
        self.headers
            .get(name)
            .is_some_and(|value| value.to_str().is_err())
    }

    /// A header's text, unless it is missing, not text, or a documentation placeholder.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let value = self.headers.get(name)?.to_str().ok()?.trim();
        self.supplied(value)
    }

    /// The versions that a write is for, from its `If-Match` and `If-None-Match`.
    #[must_use]
    pub fn precondition(&self) -> Precondition {
        precondition::of_headers(self.headers)
    }

    /// A value, unless it is a documentation placeholder that stands for the caller's own.
    fn supplied(&self, value: &'a str) -> Option<&'a str> {
        let left_out = self.caller.open && self.caller.placeholders.contains(&value);
        (!left_out).then_some(value)
    }
}
