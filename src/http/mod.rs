//! The service over HTTP: sockets, limits, and the routes of every dialect.
//!
//! | file | what is there |
//! | --- | --- |
//! | `app` | what the handlers share |
//! | `connections` | accepting, TLS, the orderly stop |
//! | `places` | who may hold a connection, and who gives way |
//! | `watched`, `sending` | clients that write or read too slowly, and what their answers may take |
//! | `head` | what holds for the head of every request |
//! | `router` | every route of every dialect, and the system routes |
//! | `fallback` | the response where no route leads |
//! | `vendor`, `body`, `draining` | a vendor request on its way to the gateway, and what is left of its body |
//! | `answer` | what every response carries |
//! | `system` | admission to the system routes |
//! | `events`, `streams` | the event log as pages, lines or a live stream, and the limit of those |
//! | `audit` | tiles, checkpoints and proofs |
//! | `cluster`, `disks`, `cluster_acts` | the nodes that keep the log together, and what they are to do |
//! | `bus` | the consumers of the events, and the dead letters |
//! | `stats` | the statistics, and the rebuilding of views |
//! | `console` | the page for people, and the API reference |
//! | `problems` | what the codes of problems mean |
//! | `probes`, `metrics`, `vitals`, `process`, `exposition` | liveness, readiness, counters and gauges |
//! | `contracts` | OpenAPI, AsyncAPI and JSON Schemas |
//! | `request_log` | a line for each request, at debug |
//!
//! Rules about contacts are in the floors below, the message bus in `nats`.

mod answer;
mod app;
mod audit;
mod body;
mod bus;
mod bus_metrics;
mod cluster;
mod cluster_acts;
mod connections;
mod console;
mod contracts;
mod disks;
mod draining;
mod events;
mod exposition;
mod fallback;
mod head;
mod metrics;
mod places;
mod probes;
mod problems;
mod process;
mod request_log;
mod router;
mod sending;
mod stats;
mod streams;
mod system;
mod vendor;
mod vitals;
mod watched;

pub use app::{App, Cluster, Limits};
pub use connections::{Bound, ServeError, Tls, TlsError, bind, serve, tls_config};
pub use metrics::Metrics;
pub use places::PlaceLimits;
pub use streams::Streams;
