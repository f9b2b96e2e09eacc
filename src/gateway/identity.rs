//! What a request is the same by, whichever transport brings it.

use crate::dialect::{Dialect, Query, Route};

/// The route, its parameters and its query in one spelling: what an idempotency key stands for,
/// beside the body. The parameters come in the order of the route's path.
#[must_use]
pub fn identity(
    dialect: &dyn Dialect,
    route: &Route,
    params: &[(String, String)],
    query: &Query,
) -> String {
    let mut identity = format!("{} {}", dialect.rules().name, route.operation);
    let pairs = params.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    for (name, value) in pairs.chain(query.pairs()) {
        identity.push('\n');
        identity.push_str(name);
        identity.push('=');
        identity.push_str(value);
    }
    identity
}
