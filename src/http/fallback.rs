//! What is answered where no route leads: in the form of the vendor whose path it nearly is.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, Uri, header};

use super::{App, answer};
use crate::contract::SystemRoute;
use crate::dialect::{self, Dialect, Refusal, Reply, native};
use crate::gateway::{Transport, fresh_correlation, unix_seconds};

/// Answers a path that there is not. A browser that somebody pointed at the service itself is sent
/// to the console.
pub async fn unknown_path(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let is_read = matches!(method, Method::GET | Method::HEAD);
    let is_page = match uri.path() {
        "/console/" => true,
        "/" => takes_html(&headers),
        _ => false,
    };
    if is_read && is_page {
        let to_console = Reply::empty(StatusCode::FOUND).with("location", "/console");
        let mut response = answer::response(to_console, &fresh_correlation());
        answer::vary_by_accept(&mut response);
        return response;
    }
    let mut response = fallback(&app, uri.path(), &headers, &Refusal::UnknownPath).await;
    if uri.path() == "/" {
        answer::vary_by_accept(&mut response);
    }
    response
}

/// Whether `Accept` names HTML, as every browser's does for a page.
fn takes_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

/// Answers a method that a path does not take.
pub async fn wrong_method(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let allow = allowed(path);
    fallback(&app, path, &headers, &Refusal::MethodNotAllowed { allow }).await
}

/// Refuses what leads to no route; whoever is known is told how far the log has come.
pub async fn fallback(app: &App, path: &str, headers: &HeaderMap, refusal: &Refusal) -> Response {
    let mut response = refuse(app, path, refusal);
    if app.gateway.is_known(headers, unix_seconds()).await {
        answer::at(&mut response, app.gateway.service.head());
    }
    response
}

/// A refusal in the form of the vendor whose paths begin as this one does.
pub fn refuse(app: &App, path: &str, refusal: &Refusal) -> Response {
    let started = Instant::now();
    let dialect = dialect_at(path);
    let response = answer::response(dialect.refuse(refusal), &fresh_correlation());
    let (name, status) = (dialect.rules.name, response.status().as_u16());
    let metrics = &app.gateway.metrics;
    metrics.unrouted(Transport::Http, name, status, started.elapsed());
    response
}

/// The dialect whose paths begin as this one does; ours for all others.
fn dialect_at(path: &str) -> &'static Dialect {
    let shared = |dialect: &&'static Dialect| {
        let paths = dialect.routes.iter().flat_map(|route| route.paths);
        paths.map(|other| common(path, other)).max().unwrap_or(0)
    };
    let best = dialect::ALL.iter().copied().max_by_key(shared);
    best.filter(|dialect| shared(dialect) > 0)
        .unwrap_or(&native::DIALECT)
}

/// The number of leading segments that a path shares with a route's.
fn common(path: &str, route: &str) -> usize {
    let fits = |(a, b): &(&str, &str)| a == b || (b.starts_with('{') && !a.is_empty());
    segments(path).zip(segments(route)).take_while(fits).count()
}

/// The segments of a path, or of a route's.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_start_matches('/').split('/')
}

/// The methods that a path takes: those of the routes that it fits best, for a literal segment goes
/// before a parameter.
fn allowed(path: &str) -> String {
    let own = SystemRoute::ALL.map(|route| (route.path(), route.method()));
    let routes = dialect::ALL
        .iter()
        .flat_map(|dialect| dialect.routes.iter());
    let dialects = routes.flat_map(|route| {
        let paths = route.http_paths().iter();
        paths.map(|path| (*path, route.method.clone()))
    });
    let mut best = Vec::new();
    let mut methods = Vec::new();
    for (pattern, method) in dialects
        .chain(own)
        .filter(|(pattern, _)| fits(path, pattern))
    {
        let literal: Vec<bool> = segments(pattern)
            .map(|part| !part.starts_with('{'))
            .collect();
        if literal > best {
            methods.clear();
        }
        if literal >= best {
            best = literal;
            // What can be read can be asked after, without the body (RFC 9110, section 9.3.2).
            methods.extend((method == Method::GET).then(|| "HEAD".to_owned()));
            methods.push(method.to_string());
        }
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

/// Whether a whole path fits a route's.
fn fits(path: &str, route: &str) -> bool {
    let whole = segments(path).count();
    let length = segments(route).count();
    let rest = route.contains("{*") && whole > length;
    (whole == length || rest) && common(path, route) == length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_takes_the_methods_of_the_routes_it_leads_to() {
        for (path, methods) in [
            ("/contacts", "GET, HEAD, POST, PUT"),
            ("/contacts/batch", "POST"),
            ("/contacts/changes", "GET, HEAD"),
            ("/contacts/0198", "DELETE, GET, HEAD, PATCH"),
            ("/v1/accounts/contacts/bulk", "POST"),
            ("/v1/accounts/contacts/01", "DELETE, PUT"),
            ("/main/companies/v2/rs/1/contacts/2", "DELETE, PATCH"),
            ("/audit/cosignatures", "POST"),
            ("/audit/tile/0/000", "GET, HEAD"),
            ("/views/search/rebuild", "POST"),
        ] {
            assert_eq!(allowed(path), methods, "{path}");
        }
    }

    #[test]
    fn a_path_is_that_of_the_vendor_it_begins_as() {
        for (path, name) in [
            ("/v1/ecosystems/1", "mattr"),
            ("/ec-site-svc/rest/v3.0", "oracle"),
            ("/api/v1/organisation/1/sim", "emnify"),
            ("/v1/accounts", "thena"),
            ("/main/companies", "kare"),
            ("/nothing", "native"),
        ] {
            assert_eq!(dialect_at(path).rules.name, name, "{path}");
        }
    }
}
