//! What a vendor's API is: the trait that each folder implements once.

use super::route::ERASERS;
use super::{ApiOperation, Description, Refusal, Reply, Request, Route, Scope};
use crate::domain::{Owner, Rules};

/// The API of one vendor: its routes, rules and answers.
pub trait Dialect: Sync {
    /// What the floors below must know of the dialect.
    fn rules(&self) -> &'static Rules;

    /// The routes, each with the functions that decode and describe it.
    fn routes(&self) -> &'static [Route];

    /// The owner of the contacts that a request is about, from its path, headers and caller. Asked
    /// only for routes that need an owner.
    ///
    /// # Errors
    /// The vendor's reply to ids that are not ids, or to a request that names no owner.
    fn scope(&self, request: &Request<'_>) -> Result<Scope, Reply>;

    /// The owner that these ids name, in whichever spelling they are.
    ///
    /// # Errors
    /// The vendor's reply to ids that are not ids, or are too few or too many.
    fn owner(&self, ids: &[&str]) -> Result<Owner, Reply>;

    /// The one id there is, for a vendor whose owners have no more.
    ///
    /// # Errors
    /// The vendor's reply to a path that is none.
    fn only<'a>(&self, ids: &[&'a str]) -> Result<&'a str, Reply> {
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
    fn owner_of_ids(&self, ids: &[&str]) -> Result<Owner, Reply> {
        let owner = self.owner(ids)?;
        if owner.ids().eq(ids.iter().copied()) {
            Ok(owner)
        } else {
            Err(self.refuse(&Refusal::UnknownPath))
        }
    }

    /// The vendor's words for a refusal that is not about a command's content.
    fn refuse(&self, refusal: &Refusal) -> Reply;

    /// The schemas, path parameters and errors, as the documents for machines show them.
    fn describe(&self) -> Description;

    /// The header that must hold a session token beside the bearer token, if the vendor has one.
    fn session_header(&self) -> Option<&'static str> {
        None
    }

    /// The header in which the vendor's clients may send the access token, beside `Authorization`.
    fn key_header(&self) -> Option<&'static str> {
        None
    }

    /// The tenant of a caller who may act for every tenant and names none.
    fn default_tenant(&self) -> &'static str {
        "default"
    }

    /// Whether the vendor's clients look for `X-RateLimit-*` headers.
    fn rate_headers(&self) -> bool {
        false
    }

    /// Whether the vendor's own audit trail records reads.
    fn records_reads(&self) -> bool {
        false
    }

    /// The roles that the dialect's own routes ask for what an operation does to one contact. Where
    /// the vendor has no such route, those of its next of kin.
    fn roles_for(&self, operation: ApiOperation) -> &'static [&'static str] {
        use ApiOperation::{Create, Delete, Erase, Get, List, Update};
        let kin: &[ApiOperation] = match operation {
            Erase => return ERASERS,
            Delete => &[Delete, Update, Create],
            writes if writes.writes() => &[Update, Create],
            _ => &[Get, List],
        };
        let route = |kin: &ApiOperation| {
            let mut routes = self.routes().iter();
            routes.find(|route| route.operation == *kin)
        };
        kin.iter().find_map(route).map_or(&[], |route| route.roles)
    }

    /// The query parameters that an operation takes, by name, where any other is refused; `None`
    /// where others are ignored, as the vendor does.
    fn query_names(&self, _operation: ApiOperation) -> Option<&'static [&'static str]> {
        None
    }

    /// The placeholders that the vendor's page prints for a reader to replace, exactly as its curl
    /// sends them. In open mode a path segment or a header that is one counts as left out.
    fn placeholders(&self) -> &'static [&'static str] {
        &[]
    }
}
