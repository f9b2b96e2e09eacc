//! Every route of every dialect, and our system.
//!
//! Vendors' routes are looked up here, since most requests are theirs and nothing else is needed for
//! them. Our system routes are axum's, which hands their parts to their handlers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::uri::Authority;
use http::{HeaderValue, header};
use percent_encoding::percent_decode_str;
use tower::ServiceExt;

use super::fallback::{fallback, refuse, unknown_path, wrong_method};
use super::vendor::{Entrance, handle};
use super::{
    App, answer, audit, bus, cluster, cluster_acts, console, contracts, events, head, probes,
    problems, request_log, stats,
};
use crate::auth::origin_allowed;
use crate::contract::SystemRoute;
use crate::dialect::{self, Query, Refusal};
use crate::gateway::fresh_correlation;

/// Leads each request to what answers it.
pub struct Routes {
    app: Arc<App>,
    vendors: VendorPaths,
    system: Router,
}

/// The paths of every dialect.
pub type VendorPaths = matchit::Router<VendorPath>;

/// A path of a dialect, and what answers each of its methods.
pub struct VendorPath {
    path: &'static str,
    methods: Vec<Entrance>,
}

impl VendorPath {
    /// What answers a method. HEAD is answered as GET is, and the server leaves the body out.
    fn entrance(&self, method: &http::Method) -> Option<Entrance> {
        let name = match method {
            &http::Method::HEAD => "GET",
            other => other.as_str(),
        };
        let mut methods = self.methods.iter();
        methods.find(|at| at.route.method == name).copied()
    }
}

impl Routes {
    /// The routes of every dialect, and our system routes.
    pub fn new(app: Arc<App>, vendors: VendorPaths) -> Self {
        let system = system_routes(app.clone());
        Self {
            app,
            vendors,
            system,
        }
    }

    /// Answers a request, and says of which log the answer's position is.
    pub async fn answer(&self, mut request: Request, peer: SocketAddr) -> Response {
        head::make_path_normal(request.uri_mut());
        let path = request.uri().path();
        let mut response = if let Some(refusal) = head::wrong(&request) {
            refuse(&self.app, path, &refusal)
        } else if self.is_foreign(&request) {
            refuse(&self.app, path, &Refusal::ForeignOrigin)
        } else if let Ok(found) = self.vendors.at(path) {
            let params = found.params.iter().map(decoded).collect();
            self.answer_vendor(found.value, params, peer, request).await
        } else {
            self.answer_system(request, peer).await
        };
        if response.headers().contains_key(answer::POSITION) {
            answer::log(&mut response, &self.app.gateway.log_id);
        }
        response
    }

    /// Whether a web page sent the request that may not: in open mode none may reach the service,
    /// whatever it asks for. An origin that can't be read, or a second one, is not ours.
    fn is_foreign(&self, request: &Request) -> bool {
        fn text(value: &HeaderValue) -> &str {
            value.to_str().unwrap_or_default()
        }
        let headers = request.headers();
        // A target with a host of its own goes before the header (RFC 9112, section 3.2.2).
        let target = request.uri().authority().map(Authority::as_str);
        let host = target.or_else(|| headers.get(header::HOST).map(text));
        let mut origins = headers.get_all(header::ORIGIN).iter().map(text);
        let (origin, another) = (origins.next(), origins.next());
        let ours = another.is_none() && origin_allowed(host, origin, self.app.address);
        self.app.gateway.is_open() && !ours
    }

    async fn answer_vendor(
        &self,
        at: &VendorPath,
        params: Option<Vec<(String, String)>>,
        peer: SocketAddr,
        request: Request,
    ) -> Response {
        let begun = Instant::now();
        let method = request.method().clone();
        let response = match (at.entrance(&method), params) {
            (Some(entrance), Some(params)) => {
                handle(&self.app, entrance, params, peer, request).await
            }
            // A parameter that is no UTF-8 is an id of nothing.
            (Some(Entrance { dialect, .. }), None) => {
                let reply = dialect.refuse(&Refusal::UnknownPath);
                answer::response(reply, &fresh_correlation())
            }
            (None, _) => {
                let (head, _) = request.into_parts();
                wrong_method(State(self.app.clone()), head.uri, head.headers).await
            }
        };
        request_log::line(&method, at.path, &response, begun);
        response
    }

    async fn answer_system(&self, mut request: Request, peer: SocketAddr) -> Response {
        request.extensions_mut().insert(ConnectInfo(peer));
        match self.system.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// The paths of every dialect, each with the routes of its methods.
///
/// # Errors
/// Two paths can't be told from each other.
pub fn vendor_paths() -> Result<VendorPaths, matchit::InsertError> {
    let mut paths: BTreeMap<&str, Vec<Entrance>> = BTreeMap::new();
    for dialect in dialect::ALL.iter().copied() {
        for route in dialect.routes.iter() {
            for path in route.http_paths().iter().copied() {
                let methods = paths.entry(path).or_default();
                methods.push(Entrance { dialect, route });
            }
        }
    }
    let mut router = VendorPaths::new();
    for (path, methods) in paths {
        router.insert(path, VendorPath { path, methods })?;
    }
    Ok(router)
}

/// A path's parameter with its percent-encoding taken off; `None` where that is no UTF-8.
fn decoded((name, value): (&str, &str)) -> Option<(String, String)> {
    let value = percent_decode_str(value).decode_utf8().ok()?;
    Some((name.to_owned(), value.into_owned()))
}

/// Our system routes, and the answers where no route leads.
fn system_routes(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for system in SystemRoute::ALL {
        let checked = from_fn_with_state((app.clone(), system), admissible);
        router = router.route(system.path(), handler_of(system).route_layer(checked));
    }
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(request_log::log))
        .with_state(app)
}

/// Refuses a query parameter that one of our system routes does not take, and whatever is about the
/// log on a node that has halted.
async fn admissible(
    State((app, system)): State<(Arc<App>, SystemRoute)>,
    request: Request,
    next: Next,
) -> Response {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let known = system.query_names();
    let checked = known.map_or(Ok(()), |known| query.only(known));
    let serves = match system.is_about_the_log() {
        true => app.gateway.serves(),
        false => Ok(()),
    };
    match checked.and(serves) {
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
        SystemRoute::Bus => get(bus::bus),
        SystemRoute::Cluster => get(cluster::cluster),
        SystemRoute::HandOver => post(cluster_acts::hand_over),
        SystemRoute::Reseed => post(cluster_acts::reseed),
        SystemRoute::Forget => post(cluster_acts::forget),
        SystemRoute::Resend => post(bus::resend),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_of_a_vendor_hides_one_of_our_own() {
        let vendors = vendor_paths().expect("paths that can be told from each other");
        for system in SystemRoute::ALL {
            let path = system.path().replace(['{', '}', '*'], "");
            assert!(vendors.at(&path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_vendor_path_is_answered_by_method_and_head_as_get() {
        let vendors = vendor_paths().expect("paths that can be told from each other");
        let found = vendors.at("/contacts/a%20b").expect("a path of ours");
        let named = |method: &http::Method| {
            let entrance = found.value.entrance(method)?;
            Some(entrance.route.operation.name())
        };
        assert_eq!(named(&http::Method::GET), Some("get"));
        assert_eq!(named(&http::Method::HEAD), Some("get"));
        assert_eq!(named(&http::Method::PATCH), Some("update"));
        assert_eq!(named(&http::Method::POST), None);
        let params: Option<Vec<_>> = found.params.iter().map(decoded).collect();
        assert_eq!(params, Some(vec![("id".to_owned(), "a b".to_owned())]));
    }

    #[test]
    fn a_parameter_that_is_no_text_is_none() {
        assert_eq!(decoded(("id", "%FF")), None);
        assert_eq!(decoded(("id", "%C3%A9")), Some(("id".into(), "é".into())));
    }
}
