//! A request as a dialect sees it, wherever it came in.

use http::HeaderMap;

use super::{Query, Route, placeholder};
use crate::domain::{Actor, ContactId, Owner};

/// Who sends a request.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// What is recorded of them.
    pub actor: Actor,
    /// The tenant that is theirs where the request names none.
    pub own_tenant: Option<String>,
    /// Whether this is the local developer, for whom documentation placeholders stand for their own.
    pub open: bool,
}

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    /// The route it came in by.
    pub route: &'static Route,
    /// The path's parameters, percent-decoded.
    pub params: &'a [(String, String)],
    /// The query's parameters.
    pub query: &'a Query,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, at most as large as the service takes.
    pub body: &'a [u8],
    /// Who sends it.
    pub caller: &'a Caller,
}

/// Whose contacts a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This owner's.
    Owner(Owner),
    /// The owner's of this contact, whoever that is.
    Contact(ContactId),
    /// Everybody's that the caller may see.
    Visible,
    /// Nobody's: the request needs no tenant.
    Nobody,
}

impl<'a> Request<'a> {
    /// A path parameter, where it was supplied.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.params.iter().find(|(key, _)| key == name)?;
        self.supplied(value)
    }

    /// The parameter that names a contact.
    #[must_use]
    pub fn target(&self) -> Option<&'a str> {
        self.param(self.route.target?)
    }

    /// Whether a header was sent that is no text.
    #[must_use]
    pub fn is_no_text(&self, name: &str) -> bool {
        self.headers
            .get(name)
            .is_some_and(|value| value.to_str().is_err())
    }

    /// A header's text, where it was supplied and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let value = self.headers.get(name)?.to_str().ok()?.trim();
        self.supplied(value)
    }

    /// A value, unless it is a documentation placeholder that stands for the caller's own.
    fn supplied(&self, value: &'a str) -> Option<&'a str> {
        (!(self.caller.open && placeholder::is_placeholder(value))).then_some(value)
    }
}
