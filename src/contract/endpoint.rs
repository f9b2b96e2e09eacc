//! A route as the documents describe it, whether a dialect's or one of our own.

use crate::dialect::describe::OperationSpec;
use crate::dialect::{Method, Route};
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
    /// What the route takes and answers.
    pub spec: OperationSpec,
}

impl From<&Route> for Endpoint {
    fn from(route: &Route) -> Self {
        let operation = route.operation;
        Self {
            name: operation.name(),
            method: route.method,
            paths: route.paths,
            roles: route.roles,
            writes: operation.writes(),
            about_one: route.target.is_some(),
            lists: operation.recorded_read() == Some(Operation::RetrieveList),
            spec: (route.spec)(),
        }
    }
}
