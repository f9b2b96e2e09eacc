//! Our own routes, which no dialect has: events, audit log, statistics, probes, contracts.
//!
//! `http` serves exactly these, so that a route cannot be added and left out of the documents.

use std::sync::LazyLock;

use http::Method;

use super::endpoint::Endpoint;
use super::{audit_routes, bus_routes, event, log_routes, state};
use crate::auth::role;
use crate::dialect::describe::{
    Description, ERROR, Form, OperationSpec, Parameter, TEXT, any_text, count,
};
use crate::dialect::native;
use crate::dialect::route::AUDITORS;

/// The name under which the documents have what is no dialect's.
pub const NAME: &str = "service";

/// The routes that belong to no dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemRoute {
    /// Lists or follows the event log.
    Events,
    /// Returns the events of one command.
    Command,
    /// Returns the counts of events.
    Stats,
    /// Returns how far consumers of the bus are, and the dead letters.
    Bus,
    /// Returns the nodes that keep the log together.
    Cluster,
    /// Has another of them lead.
    HandOver,
    /// Has the cluster go on from this node's log.
    Reseed,
    /// Has a disk that is destroyed forgotten.
    Forget,
    /// Sends a dead letter again.
    Resend,
    /// Builds a view anew from the log.
    Rebuild,
    /// Returns the audit log's latest checkpoint.
    Checkpoint,
    /// Keeps the cosignatures of a checkpoint that a witness made.
    Cosign,
    /// Returns the key by which its checkpoints are verified.
    Key,
    /// Returns a tile of its hashes, or a bundle of its entries.
    Tile,
    /// Returns the proof that an event is in it.
    Proof,
    /// Tells that the process answers.
    Live,
    /// Tells whether requests are taken.
    Ready,
    /// Returns the counters in Prometheus' format.
    Metrics,
    /// Serves the page for people.
    Console,
    /// Serves a file that the page is made of.
    ConsoleFile,
    /// Serves the API reference.
    Docs,
    /// Serves what the codes of problems mean.
    Problems,
    /// Serves what one code of a problem means.
    Problem,
    /// Returns the description of the HTTP API.
    OpenApi,
    /// Returns the description of the message bus.
    AsyncApi,
    /// Returns a file of `schemas/`.
    Schema,
}

const NOBODY: &[&str] = &[];

impl SystemRoute {
    /// The routes that are answered even when no place is left for other requests.
    pub const PROBES: [Self; 3] = [Self::Live, Self::Ready, Self::Metrics];

    /// Every route, in the order of the document.
    pub const ALL: [Self; 26] = [
        Self::Events,
        Self::Command,
        Self::Stats,
        Self::Bus,
        Self::Cluster,
        Self::HandOver,
        Self::Reseed,
        Self::Forget,
        Self::Resend,
        Self::Rebuild,
        Self::Checkpoint,
        Self::Cosign,
        Self::Key,
        Self::Tile,
        Self::Proof,
        Self::Live,
        Self::Ready,
        Self::Metrics,
        Self::Console,
        Self::ConsoleFile,
        Self::Docs,
        Self::Problems,
        Self::Problem,
        Self::OpenApi,
        Self::AsyncApi,
        Self::Schema,
    ];

    /// The path, with `{name}` for a parameter.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.paths_and_roles().0.first().copied().unwrap_or("/")
    }

    /// The route's HTTP method.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Rebuild
            | Self::Resend
            | Self::Cosign
            | Self::HandOver
            | Self::Reseed
            | Self::Forget => Method::POST,
            _ => Method::GET,
        }
    }

    /// Whether it answers for the log, which a node does not whose log contradicts its cluster's.
    #[must_use]
    pub const fn is_about_the_log(self) -> bool {
        match self {
            Self::Events
            | Self::Command
            | Self::Stats
            | Self::Rebuild
            | Self::Checkpoint
            | Self::Cosign
            | Self::Tile
            | Self::Proof => true,
            Self::Bus
            | Self::Cluster
            | Self::HandOver
            | Self::Reseed
            | Self::Forget
            | Self::Resend
            | Self::Key
            | Self::Live
            | Self::Ready
            | Self::Metrics
            | Self::Console
            | Self::ConsoleFile
            | Self::Docs
            | Self::Problems
            | Self::Problem
            | Self::OpenApi
            | Self::AsyncApi
            | Self::Schema => false,
        }
    }

    fn paths_and_roles(self) -> (&'static [&'static str], &'static [&'static str]) {
        // Hashes are for everybody; who may read a bundle is told with its answers.
        match self {
            Self::Events => (&["/events"], AUDITORS),
            Self::Command => (&["/commands/{correlation}"], &role::ALL),
            Self::Stats => (&["/stats"], AUDITORS),
            Self::Bus => (&["/bus"], AUDITORS),
            Self::Cluster => (&["/cluster"], AUDITORS),
            Self::HandOver => (&["/cluster/yield"], &["admin"]),
            Self::Reseed => (&["/cluster/reseed"], &["admin"]),
            Self::Forget => (&["/cluster/forget"], &["admin"]),
            Self::Resend => (&["/bus/dead/{sequence}/resend"], &["admin"]),
            Self::Rebuild => (&["/views/{name}/rebuild"], &["admin"]),
            Self::Checkpoint => (&["/audit/checkpoint"], NOBODY),
            Self::Cosign => (&["/audit/cosignatures"], AUDITORS),
            Self::Key => (&["/audit/key"], NOBODY),
            Self::Tile => (&["/audit/tile/{*path}"], NOBODY),
            Self::Proof => (&["/audit/proof/{position}"], AUDITORS),
            Self::Live => (&["/healthz"], NOBODY),
            Self::Ready => (&["/readyz"], NOBODY),
            Self::Metrics => (&["/metrics"], NOBODY),
            Self::Console => (&["/console"], NOBODY),
            Self::ConsoleFile => (&["/console/{name}"], NOBODY),
            Self::Docs => (&["/docs"], NOBODY),
            Self::Problems => (&["/problems"], NOBODY),
            Self::Problem => (&["/problems/{code}"], NOBODY),
            Self::OpenApi => (&["/openapi.json"], NOBODY),
            Self::AsyncApi => (&["/asyncapi.json"], NOBODY),
            Self::Schema => (&["/schemas/{file}"], NOBODY),
        }
    }

    /// The query parameters that the route takes, by name, where any other is refused; `None`
    /// where others are ignored: probes come with what a balancer adds, pages with what a link has.
    #[must_use]
    pub fn query_names(self) -> Option<&'static [&'static str]> {
        static NAMES: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
            let specs = SystemRoute::ALL.iter().map(|route| route.spec());
            specs.map(|spec| spec.query_names()).collect()
        });
        let lenient =
            Self::PROBES.contains(&self) || matches!(self, Self::Console | Self::ConsoleFile);
        let place = Self::ALL.iter().position(|route| *route == self)?;
        NAMES.get(place).filter(|_| !lenient).map(Vec::as_slice)
    }

    /// The route as the documents describe all routes.
    pub(super) fn endpoint(self) -> Endpoint {
        let (paths, roles) = self.paths_and_roles();
        Endpoint {
            name: self.name(),
            method: self.method(),
            paths,
            roles,
            writes: false,
            about_one: false,
            lists: self == Self::Command,
            hides_content: false,
            refuses_unknown: self.query_names().is_some(),
            spec: self.spec(),
        }
    }

    /// Its name in the documents.
    const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Command => "command",
            Self::Stats => "stats",
            Self::Bus => "bus",
            Self::Cluster => "cluster",
            Self::HandOver => "cluster.yield",
            Self::Reseed => "cluster.reseed",
            Self::Forget => "cluster.forget",
            Self::Resend => "bus.resend",
            Self::Rebuild => "rebuild",
            Self::Checkpoint => "audit.checkpoint",
            Self::Cosign => "audit.cosign",
            Self::Key => "audit.key",
            Self::Tile => "audit.tile",
            Self::Proof => "audit.proof",
            Self::Live => "healthz",
            Self::Ready => "readyz",
            Self::Metrics => "metrics",
            Self::Console => "console",
            Self::ConsoleFile => "console.file",
            Self::Docs => "docs",
            Self::Problems => "problems",
            Self::Problem => "problem",
            Self::OpenApi => "openapi",
            Self::AsyncApi => "asyncapi",
            Self::Schema => "schema",
        }
    }

    fn spec(self) -> OperationSpec {
        match self {
            Self::Events => log_routes::events(),
            Self::Command => log_routes::command(),
            Self::Stats => log_routes::stats(),
            Self::Bus => bus_routes::look(),
            Self::Cluster => state::look_at_nodes(),
            Self::HandOver => state::hand_over(),
            Self::Reseed => state::reseed(),
            Self::Forget => state::forget(),
            Self::Resend => bus_routes::resend(),
            Self::Rebuild => OperationSpec::new("Build a view anew while the old one is read")
                .json(202, "It is being built.", "Rebuilding")
                .errors(&[(404, "There is no such view.")]),
            Self::Checkpoint => audit_routes::checkpoint(),
            Self::Cosign => audit_routes::cosign(),
            Self::Key => audit_routes::key(),
            Self::Tile => audit_routes::tile(),
            Self::Proof => audit_routes::proof(),
            Self::Live => {
                OperationSpec::new("Whether the process answers").text(200, "It does.", TEXT)
            }
            Self::Ready => state::look_at_readiness(),
            Self::Metrics => {
                let types = ["application/openmetrics-text", TEXT];
                OperationSpec::new(
                    "Counters and gauges, in the text form of Prometheus or of OpenMetrics",
                )
                .texts(200, "The counters and gauges.", &types)
            }
            Self::Console | Self::ConsoleFile | Self::Docs => page(self),
            Self::Problems => OperationSpec::new("Read what the codes of problems mean").text(
                200,
                "A page with every code.",
                "text/html",
            ),
            Self::Problem => OperationSpec::new("Read what a code of a problem means")
                .text(
                    200,
                    "The page that a problem's `type` leads to.",
                    "text/html",
                )
                .errors(&[(404, "There is no such code.")]),
            Self::OpenApi => document("What is answered over HTTP", "OpenAPI 3.1."),
            Self::AsyncApi => document("What is said on the message bus", "AsyncAPI 3.0."),
            Self::Schema => document("One of the JSON Schemas", "JSON Schema 2020-12.")
                .errors(&[(404, "There is no such file.")]),
        }
    }
}

/// Describes a page for people, or a file of one.
fn page(own: SystemRoute) -> OperationSpec {
    let whole = |summary| {
        let spec = OperationSpec::new(summary);
        cached(spec.text(200, "The page.", "text/html"))
    };
    match own {
        SystemRoute::Docs => whole("Open the API reference"),
        SystemRoute::ConsoleFile => {
            let spec = OperationSpec::new("Read a file that a page is made of");
            cached(
                spec.text(200, "The file.", "text/javascript")
                    .or_as(Form::Text("text/css"))
                    .or_as(Form::Text("image/svg+xml")),
            )
            .errors(&[(404, "There is no such file.")])
        }
        _ => whole("Open the page for people"),
    }
}

fn document(summary: &'static str, about: &'static str) -> OperationSpec {
    OperationSpec::new(summary).json(200, about, "Document")
}

/// What is not sent again to a client that holds it.
fn cached(spec: OperationSpec) -> OperationSpec {
    const GUARDED: &[&str] = &["cache-control", "content-security-policy"];
    spec.headers(GUARDED)
        .empty(304, "It is the one that is held.")
        .headers(GUARDED)
}

/// Describes our own routes for machines.
pub fn description() -> Description {
    let native = (native::DIALECT.describe)();
    let mut schemas = state::schemas();
    schemas.push(("CloudEvent", event::cloud_event()));
    schemas.push(("SignedNote", any_text()));
    let problem = native.schemas.into_iter();
    schemas.extend(problem.filter(|(name, _)| *name == ERROR));
    Description {
        title: "The service itself: its events, its state, its contracts",
        schemas,
        path: vec![
            Parameter::path("code", "The code of a problem.", any_text()),
            Parameter::path(
                "correlation",
                "The command's correlation id: `Contact-Correlation` of its answer, or the `Nats-Msg-Id` it was sent with.",
                any_text(),
            ),
            Parameter::path("file", "The file's name.", any_text()),
            Parameter::path("name", "The view's or the file's name.", any_text()),
            Parameter::path(
                "path",
                "The tile, as c2sp.org/tlog-tiles names it.",
                any_text(),
            ),
            Parameter::path("sequence", "The letter's sequence.", count()),
            Parameter::path("position", "The event's position.", count()),
        ],
        non_sensitive: Vec::new(),
    }
}
