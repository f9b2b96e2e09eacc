//! Every route of every dialect, and our system.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on, post};
use http::header;

use super::fallback::{fallback, refuse, unknown_path, wrong_method};
use super::vendor::{Entrance, handle};
use super::{App, answer, audit, console, contracts, events, probes, problems, request_log, stats};
use crate::auth::origin_allowed;
use crate::contract::SystemRoute;
use crate::dialect::{self, Method, Query, Refusal};
use crate::gateway::fresh_correlation;

/// The router over everything.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for dialect in dialect::ALL.iter().copied() {
        for route in dialect.routes() {
            let entrance = Entrance { dialect, route };
            for path in route.http_paths() {
                router = router.route(path, endpoint(entrance));
            }
        }
    }
    for system in SystemRoute::ALL {
        let checked = from_fn_with_state((app.clone(), system), known_parameters);
        router = router.route(system.path(), handler_of(system).route_layer(checked));
    }
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), only_from_here))
        .layer(map_response_with_state(app.clone(), of_this_log))
        .layer(from_fn(request_log::log))
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

/// Says of which log the position is that a response carries.
async fn of_this_log(State(app): State<Arc<App>>, mut response: Response) -> Response {
    if response.headers().contains_key(answer::POSITION) {
        answer::log(&mut response, &app.gateway.log_id);
    }
    response
}

/// Refuses a query parameter that one of our system routes does not take.
async fn known_parameters(
    State((app, system)): State<(Arc<App>, SystemRoute)>,
    request: Request,
    next: Next,
) -> Response {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let checked = system
        .query_names()
        .map_or(Ok(()), |known| query.only(known));
    match checked {
        Ok(()) => next.run(request).await,
        Err(refusal) => fallback(&app, request.uri().path(), request.headers(), &refusal).await,
    }
}

/// The handler of one of our system routes.
fn handler_of(system: SystemRoute) -> MethodRouter<Arc<App>> {
    match system {
        SystemRoute::Events => get(events::events),
        SystemRoute::Command => get(events::command),
        SystemRoute::Stats => get(stats::stats),
        SystemRoute::Rebuild => post(stats::rebuild),
        SystemRoute::Checkpoint => get(audit::checkpoint),
        SystemRoute::Cosign => post(audit::cosignatures),
        SystemRoute::Key => get(audit::key),
        SystemRoute::Tile => get(audit::tile),
        SystemRoute::Proof => get(audit::proof),
        SystemRoute::Live => get(probes::live),
        SystemRoute::Ready => get(probes::ready),
        SystemRoute::Metrics => get(probes::metrics),
        SystemRoute::Console => get(console::page),
        SystemRoute::ConsoleFile => get(console::file),
        SystemRoute::Docs => get(console::docs),
        SystemRoute::Problems => get(problems::all),
        SystemRoute::Problem => get(problems::one),
        SystemRoute::OpenApi => get(contracts::openapi),
        SystemRoute::AsyncApi => get(contracts::asyncapi),
        SystemRoute::Schema => get(contracts::schema),
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
