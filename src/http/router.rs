//! Every route of every dialect, and our own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on, post};
use http::header;

use super::vendor::{Entrance, handle};
use super::{App, answer, audit, console, contracts, events, probes, stats};
use crate::auth::origin_allowed;
use crate::contract::Own;
use crate::dialect::{self, Dialect, Method, Refusal, native};
use crate::gateway::fresh_correlation;

/// The router over everything.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for dialect in dialect::ALL.iter().copied() {
        for route in dialect.routes() {
            let entrance = Entrance { dialect, route };
            for path in route.paths {
                router = router.route(path, endpoint(entrance));
            }
        }
    }
    for own in Own::ALL {
        router = router.route(own.path(), handler_of(own));
    }
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), only_from_here))
        .with_state(app)
}

/// In open mode no web page may reach the service, whatever it asks for.
async fn only_from_here(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (host, origin) = (text(header::HOST), text(header::ORIGIN));
    if app.gateway.is_open() && !origin_allowed(host, origin, app.address) {
        return refuse(&app, request.uri().path(), &Refusal::ForeignOrigin);
    }
    next.run(request).await
}

/// The handler of one of our own routes.
fn handler_of(own: Own) -> MethodRouter<Arc<App>> {
    match own {
        Own::Events => get(events::events),
        Own::Stats => get(stats::stats),
        Own::Rebuild => post(stats::rebuild),
        Own::Checkpoint => get(audit::checkpoint),
        Own::Cosign => post(audit::cosignatures),
        Own::Key => get(audit::key),
        Own::Tile => get(audit::tile),
        Own::Proof => get(audit::proof),
        Own::Live => get(probes::live),
        Own::Ready => get(probes::ready),
        Own::Metrics => get(probes::metrics),
        Own::Console => get(console::page),
        Own::ConsoleFile => get(console::file),
        Own::OpenApi => get(contracts::openapi),
        Own::AsyncApi => get(contracts::asyncapi),
        Own::Schema => get(contracts::schema),
    }
}

const fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    }
}

/// The handler of one route.
fn endpoint(entrance: Entrance) -> MethodRouter<Arc<App>> {
    let handler = move |State(app): State<Arc<App>>,
                        ConnectInfo(peer): ConnectInfo<SocketAddr>,
                        params: Result<RawPathParams, RawPathParamsRejection>,
                        request: Request| async move {
        // A parameter that is no UTF-8 is an id of nothing.
        let Ok(params) = params else {
            let reply = entrance.dialect.refuse(&Refusal::UnknownPath);
            return answer::response(reply, &fresh_correlation());
        };
        let params = params
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        handle(app, entrance, params, peer, request).await
    };
    on(filter(entrance.route.method), handler)
}

async fn unknown_path(State(app): State<Arc<App>>, request: Request) -> Response {
    refuse(&app, request.uri().path(), &Refusal::UnknownPath)
}

async fn wrong_method(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path();
    let allow = allowed(path);
    refuse(&app, path, &Refusal::MethodNotAllowed { allow })
}

fn refuse(app: &App, path: &str, refusal: &Refusal) -> Response {
    let dialect = dialect_at(path);
    let response = answer::response(dialect.refuse(refusal), &fresh_correlation());
    app.metrics.refused(dialect.rules().name, response.status());
    response
}

/// The dialect whose paths begin as this one does; ours for all others.
fn dialect_at(path: &str) -> &'static dyn Dialect {
    let shared = |dialect: &&'static dyn Dialect| {
        let paths = dialect.routes().iter().flat_map(|route| route.paths);
        paths.map(|other| common(path, other)).max().unwrap_or(0)
    };
    let best = dialect::ALL.iter().copied().max_by_key(shared);
    best.filter(|dialect| shared(dialect) > 0)
        .unwrap_or(&native::Native)
}

/// How many leading segments of a path fit a route's.
fn common(path: &str, route: &str) -> usize {
    let fits = |(a, b): &(&str, &str)| a == b || (b.starts_with('{') && !a.is_empty());
    let (path, route) = (path.trim_start_matches('/'), route.trim_start_matches('/'));
    path.split('/')
        .zip(route.split('/'))
        .take_while(fits)
        .count()
}

/// The methods of the routes that a path fits.
fn allowed(path: &str) -> String {
    let segments = path.trim_start_matches('/').split('/').count();
    let mut methods: Vec<&str> = dialect::ALL
        .iter()
        .flat_map(|dialect| dialect.routes())
        .filter(|route| {
            route.paths.iter().any(|other| {
                other.trim_start_matches('/').split('/').count() == segments
                    && common(path, other) == segments
            })
        })
        .map(|route| route.method.name())
        .collect();
    if methods.is_empty() {
        methods.push("GET");
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}
