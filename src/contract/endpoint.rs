//! A route as the documents describe it, whether a dialect's or one of our own.

use http::Method;

use crate::dialect::describe::OperationSpec;
use crate::dialect::{ApiOperation, Dialect, Route};
use crate::domain::Operation;

/// What the documents say of one route.
#[derive(Debug)]
pub struct Endpoint {
    /// The last part of the OpenAPI `operationId`.
    pub name: &'static str,
    /// The HTTP method of the route.
    pub method: Method,
    /// The paths, `{name}` for a parameter.
    pub paths: &'static [&'static str],
    /// The roles of which the caller needs one; an empty list needs no token.
    pub roles: &'static [&'static str],
    /// Whether the route changes contacts.
    pub writes: bool,
    /// Whether the route is about the one contact that a path parameter names.
    pub about_one: bool,
    /// Whether the route looks at many contacts, so that a query can be too broad.
    pub lists: bool,
    /// Whether a query parameter that is not described is refused.
    pub refuses_unknown: bool,
    /// Whether a role of the route is answered without the contact, which it may not read.
    pub hides_content: bool,
    /// What the route takes and answers.
    pub spec: OperationSpec,
}

impl Endpoint {
    /// What the documents say of a dialect's route.
    pub fn of(dialect: &Dialect, route: &Route) -> Self {
        let operation = route.operation;
        let readers = dialect.roles_for(ApiOperation::Get);
        Self {
            name: operation.name(),
            method: route.method.clone(),
            paths: route.paths,
            roles: route.roles,
            writes: operation.writes(),
            about_one: route.target.is_some(),
            lists: operation.recorded_read() == Some(Operation::RetrieveList),
            refuses_unknown: dialect.extras.refuses_unknown,
            hides_content: operation.shows_what_was()
                && route.roles.iter().any(|role| !readers.contains(role)),
            spec: route.spec.clone(),
        }
    }

    /// Whether the route takes a position of the log, to begin after it or to look at it.
    pub fn begins_after(&self) -> bool {
        let names = self.spec.query_names();
        ["after", "as_of", "cursor", "from", "to"]
            .iter()
            .any(|name| names.contains(name))
    }

    /// Whether the route heeds `If-Match` and `If-None-Match`.
    pub fn is_conditional(&self) -> bool {
        if self.writes {
            self.about_one || self.method == Method::PUT
        } else {
            self.has_tag()
        }
    }

    /// Whether an answer of the route carries an entity tag.
    pub fn has_tag(&self) -> bool {
        let mut answers = self.spec.responses.iter();
        answers.any(|answer| answer.headers.contains(&"etag"))
    }
}
