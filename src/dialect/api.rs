//! What a vendor's API is: the value that each folder declares once.

use std::fmt;
use std::sync::LazyLock;

use super::describe::JSON;
use super::route::ERASERS;
use super::{ApiOperation, Description, Refusal, Reply, Request, Route, Scope};
use crate::domain::{Owner, Rules};

/// The API of one vendor: its routes, rules and answers.
pub struct Dialect {
    /// What the floors below must know of the dialect.
    pub rules: &'static Rules,
    /// The routes, each with the functions that decode and describe it.
    pub routes: &'static LazyLock<Vec<Route>>,
    /// Finds the owner of the contacts that a request is about, from its path, headers and caller,
    /// or gives the vendor's reply to ids that are not ids, or to a request that names no owner.
    /// Asked only for routes that need an owner.
    pub scope: fn(&Request<'_>) -> Result<Scope, Reply>,
    /// The owner that these ids name, in whichever spelling they are, or the vendor's reply to ids
    /// that are not ids, or are too few or too many.
    pub owner: fn(&[&str]) -> Result<Owner, Reply>,
    /// The vendor's words for a refusal that is not about a command's content.
    pub refusal: fn(&Refusal) -> Reply,
    /// The schemas, path parameters and errors, as the documents for machines show them.
    pub describe: fn() -> Description,
    /// Headers, tenants and habits that only some vendors' APIs have.
    pub extras: Extras,
}

/// The headers, tenants and habits that only some vendors' APIs have; a vendor names those it has.
#[derive(Clone, Copy, Debug)]
pub struct Extras {
    /// The header that must hold a session token beside the bearer token.
    pub session_header: Option<&'static str>,
    /// The header in which clients may send the access token, beside `Authorization`.
    pub key_header: Option<&'static str>,
    /// The tenant of a caller who may act for every tenant and names none.
    pub default_tenant: &'static str,
    /// The media type of an error's body.
    pub error_media_type: &'static str,
    /// Whether the vendor's clients look for `X-RateLimit-*` headers.
    pub rate_headers: bool,
    /// Whether the vendor's own audit trail records reads.
    pub records_reads: bool,
    /// Whether a query parameter that an operation does not take is refused, and not ignored.
    pub refuses_unknown: bool,
    /// The placeholders that the vendor's page prints for a reader to replace, exactly as its curl
    /// sends them. In open mode a path segment or a header that is one counts as left out.
    pub placeholders: &'static [&'static str],
}

impl Extras {
    /// Nothing of it: errors are plain JSON, and the tenant is `default`.
    pub const NONE: Self = Self {
        session_header: None,
        key_header: None,
        default_tenant: "default",
        error_media_type: JSON,
        rate_headers: false,
        records_reads: false,
        refuses_unknown: false,
        placeholders: &[],
    };
}

impl Dialect {
    /// The vendor's words for a refusal that is not about a command's content.
    pub fn refuse(&self, refusal: &Refusal) -> Reply {
        (self.refusal)(refusal)
    }

    /// The one id there is, for a vendor whose owners have no more.
    ///
    /// # Errors
    /// The vendor's reply to a path that is none.
    pub fn only<'a>(&self, ids: &[&'a str]) -> Result<&'a str, Reply> {
        match ids {
            &[id] => Ok(id),
            _ => Err(self.refuse(&Refusal::UnknownPath)),
        }
    }

    /// The owner that a message subject names by its ids, each in its canonical spelling: the bus
    /// compares subjects as text, so another spelling would evade a permission on them.
    ///
    /// # Errors
    /// The vendor's reply to ids that are not ids, or are in another spelling.
    pub fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        let owner = (self.owner)(ids)?;
        if owner.ids().eq(ids.iter().copied()) {
            Ok(owner)
        } else {
            Err(self.refuse(&Refusal::UnknownPath))
        }
    }

    /// The roles that the dialect's own routes ask for what an operation does to one contact. Where
    /// the vendor has no such route, those of its next of kin.
    #[must_use]
    pub fn roles_for(&self, operation: ApiOperation) -> &'static [&'static str] {
        use ApiOperation::{Create, Delete, Erase, Get, List, Update};
        let kin: &[ApiOperation] = match operation {
            Erase => return ERASERS,
            Delete => &[Delete, Update, Create],
            writes if writes.writes() => &[Update, Create],
            _ => &[Get, List],
        };
        let route = |kin: &ApiOperation| {
            let mut routes = self.routes.iter();
            routes.find(|route| route.operation == *kin)
        };
        kin.iter().find_map(route).map_or(&[], |route| route.roles)
    }
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rules.name)
    }
}
