//! Our own routes, which no dialect has: events, audit log, statistics, probes, contracts.
//!
//! `http` serves exactly these, so that a route cannot be added and left out of the documents.

use super::{event, state};
use crate::dialect::describe::{
    Described, Description, ERROR, Form, Parameter, TEXT, any_text, count, flag, one_of, whole,
};
use crate::dialect::{Dialect, Method, REGISTRY, Route, native};

/// The name under which the documents have what is no dialect's.
pub const NAME: &str = "service";

/// One of our own routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemRoute {
    /// The event log.
    Events,
    /// What is counted of it.
    Stats,
    /// A view is built anew.
    Rebuild,
    /// The audit log's latest checkpoint.
    Checkpoint,
    /// Witnesses' cosignatures of one are kept.
    Cosign,
    /// The key that its checkpoints are verified by.
    Key,
    /// A tile of its hashes, or a bundle of its entries.
    Tile,
    /// The proof that an event is in it.
    Proof,
    /// The process answers.
    Live,
    /// It takes requests.
    Ready,
    /// Its counters.
    Metrics,
    /// The page for people.
    Console,
    /// A file that it is made of.
    ConsoleFile,
    /// What it answers over HTTP.
    OpenApi,
    /// What it says on the message bus.
    AsyncApi,
    /// A file of `schemas/`.
    Schema,
}

const NOBODY: &[&str] = &[];
const AUDITORS: &[&str] = &["admin", "auditor"];

impl SystemRoute {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Events,
        Self::Stats,
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
        Self::OpenApi,
        Self::AsyncApi,
        Self::Schema,
    ];

    /// Its path, `{name}` for a parameter.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.route().paths.first().copied().unwrap_or("/")
    }

    /// The route as the documents treat all routes.
    #[must_use]
    pub fn route(self) -> Route {
        // Hashes are for everybody; who may read a bundle is told with its answers.
        let (paths, roles): (&'static [&'static str], _) = match self {
            Self::Events => (&["/events"], AUDITORS),
            Self::Stats => (&["/stats"], AUDITORS),
            Self::Rebuild => (&["/views/{name}/rebuild"], &["admin"] as &[&str]),
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
            Self::OpenApi => (&["/openapi.json"], NOBODY),
            Self::AsyncApi => (&["/asyncapi.json"], NOBODY),
            Self::Schema => (&["/schemas/{file}"], NOBODY),
        };
        let method = match self {
            Self::Rebuild | Self::Cosign => Method::Post,
            _ => Method::Get,
        };
        Route {
            operation: self.described().operation,
            method,
            paths,
            target: None,
            roles,
            reads: None,
            writes: false,
            on_bus: false,
        }
    }

    fn described(self) -> Described {
        match self {
            Self::Events => events(),
            Self::Stats => stats(),
            Self::Rebuild => {
                Described::new("rebuild", "Build a view anew while the old one is read")
                    .gives(202, "It is being built.", "Rebuilding")
                    .fails(&[(404, "There is no such view.")])
            }
            Self::Checkpoint | Self::Cosign | Self::Key | Self::Tile | Self::Proof => audit(self),
            Self::Live => Described::new("healthz", "Whether the process answers")
                .tells(200, "It does.", TEXT),
            Self::Ready => ready(),
            Self::Metrics => Described::new("metrics", "Counters, in the form of OpenMetrics")
                .tells(200, "The counters.", "application/openmetrics-text"),
            Self::Console => console("console", "Open the page for people"),
            Self::ConsoleFile => console("console.file", "Read a file that the page is made of")
                .fails(&[(404, "There is no such file.")]),
            Self::OpenApi => document("openapi", "What is answered over HTTP", "OpenAPI 3.1."),
            Self::AsyncApi => document(
                "asyncapi",
                "What is said on the message bus",
                "AsyncAPI 3.0.",
            ),
            Self::Schema => document("schema", "One of the JSON Schemas", "JSON Schema 2020-12.")
                .fails(&[(404, "There is no such file.")]),
        }
    }
}

fn document(name: &'static str, summary: &'static str, about: &'static str) -> Described {
    Described::new(name, summary).gives(200, about, "Document")
}

fn console(name: &'static str, summary: &'static str) -> Described {
    let guarded: &[&str] = &["cache-control", "content-security-policy"];
    let read = Described::new(name, summary);
    let read = match name {
        "console" => read.tells(200, "The page.", "text/html"),
        _ => read
            .tells(200, "The file.", "text/javascript")
            .or_as(Form::Text("text/css"))
            .or_as(Form::Text("image/svg+xml")),
    };
    read.headed(guarded)
        .ends(304, "It is the one that is held.")
        .headed(guarded)
}

fn ready() -> Described {
    const READY: &str = "It takes requests; a broker that is away is no reason not to.";
    Described::new("readyz", "Whether the service takes requests")
        .gives(200, READY, "Readiness")
        .gives(503, "The log cannot be written, or views lag.", "Readiness")
}

fn tenant_and_dialect() -> [Parameter; 2] {
    let names: Vec<&str> = REGISTRY.iter().map(|rules| rules.name).collect();
    [
        Parameter::query("tenant", "Events of this tenant alone.", any_text()),
        Parameter::query("dialect", "Events of this dialect alone.", one_of(&names)),
    ]
}

fn events() -> Described {
    const FOLLOW: &str =
        "Whether a stream goes on after the head of the moment. A page never does.";
    let last = Parameter::header(
        "Last-Event-ID",
        "The position after which to begin; it wins over `after`.",
        count(),
    );
    Described::new("events", "Read or follow the event log, the oldest first")
        .with([
            Parameter::query("after", "The position after which to begin.", count()),
            Parameter::query("limit", "The most events.", whole(1, 1_000)),
            Parameter::query("type", "Events of this type alone.", any_text()),
            Parameter::query("follow", FOLLOW, flag()),
            last,
        ])
        .with(tenant_and_dialect())
        .gives(
            200,
            "A page, lines, or a stream, as `Accept` asks.",
            "EventPage",
        )
        .or_as(Form::Text("application/x-ndjson"))
        .or_as(Form::Text("text/event-stream"))
        .fails(&[(400, "A parameter is not valid.")])
}

fn stats() -> Described {
    let hours = Parameter::query(
        "hours",
        "Hours to show, up to the last event's.",
        whole(1, 168),
    );
    Described::new("stats", "Count events by kind, tenant and hour")
        .with(tenant_and_dialect())
        .with([hours])
        .gives(
            200,
            "What is counted of the tenants that the caller may see.",
            "Stats",
        )
        .fails(&[(400, "A parameter is not valid.")])
}

/// The audit log (c2sp.org/tlog-tiles).
fn audit(own: SystemRoute) -> Described {
    const BROKEN: (u16, &str) = (500, "The audit log can't be read.");
    let read = |name, summary, about| {
        let described = Described::new(name, summary);
        described.tells(200, about, TEXT).fails(&[BROKEN])
    };
    match own {
        SystemRoute::Cosign => Described::new("audit.cosign", "Keep what witnesses have cosigned")
            .takes_as(&[TEXT], "SignedNote")
            .tells(200, "How many lines were kept.", TEXT)
            .fails(&[
                (
                    400,
                    "It is no checkpoint of this log that a known witness cosigned.",
                ),
                BROKEN,
            ]),
        SystemRoute::Key => read("audit.key", "Read the audit log's verifier key", "The key."),
        SystemRoute::Tile => {
            Described::new("audit.tile", "Read a tile of hashes or a bundle of entries")
                .tells(200, "The tile or the bundle.", "application/octet-stream")
                .fails(&[
                    (401, "A bundle needs a token."),
                    (403, "A bundle is for an auditor of every tenant."),
                    (404, "There is no such tile."),
                    BROKEN,
                ])
        }
        SystemRoute::Proof => read(
            "audit.proof",
            "Prove that an event is in the audit log",
            "The proof (c2sp.org/tlog-proof).",
        )
        .fails(&[(404, "There is no such event.")]),
        _ => read(
            "audit.checkpoint",
            "Read the audit log's latest checkpoint",
            "The checkpoint (c2sp.org/tlog-checkpoint).",
        ),
    }
}

/// What machines may know of our own routes.
pub fn description() -> Description {
    let native = native::Native.describe();
    let mut schemas = state::schemas();
    schemas.push(("CloudEvent", event::cloud_event()));
    schemas.push(("SignedNote", any_text()));
    let problem = native.schemas.into_iter();
    schemas.extend(problem.filter(|(name, _)| *name == ERROR));
    Description {
        title: "The service itself: its events, its state, its contracts",
        schemas,
        path: vec![
            Parameter::path("file", "The file's name.", any_text()),
            Parameter::path("name", "The view's or the file's name.", any_text()),
            Parameter::path(
                "path",
                "The tile, as c2sp.org/tlog-tiles names it.",
                any_text(),
            ),
            Parameter::path("position", "The event's position.", count()),
        ],
        operations: SystemRoute::ALL.map(SystemRoute::described).into(),
        error_media_type: native.error_media_type,
        non_sensitive: Vec::new(),
    }
}
