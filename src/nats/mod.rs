//! The service on a message bus: NATS with JetStream, from nats-server 2.9 on.
//!
//! | file | what |
//! | --- | --- |
//! | `servers`, `login` | where the broker is, and who this service is there |
//! | `connect` | one connection, and what the broker must be able to do |
//! | `subjects` | how events, requests and commands are addressed |
//! | `streams`, `claim` | the streams, made where they are missing, and whose they are |
//! | `twin` | another process over a copy of this log |
//! | `publisher`, `published`, `resume`, `event_stream` | every event of the log, in order, each once |
//! | `cursor`, `mac` | what this directory published, and how it knows that again |
//! | `rpc`, `discovery` | requests that wait for their answer, in the services framework |
//! | `inbox` | which reply subjects are answered |
//! | `commands`, `aside`, `dead_letter` | durable commands, those that wait, and those that can't be taken |
//! | `arrival`, `unreadable` | commands that the client library can't read, and their end |
//! | `desk`, `resend` | what operators ask the broker about, and dead letters sent again |
//! | `cluster` | several nodes with one log: the order, and what nodes say to each other |
//! | `session` | one connection after another |
//! | `request` | a message as a request to the gateway |
//! | `publish_error` | why a part stopped |
//!
//! The log is the truth and the bus carries a copy, so nothing here is waited
//! for by a writer, and a broker that is away costs nothing but delay. One
//! connection is one session: whatever breaks ends all of its parts, and the
//! next session looks at everything anew. No rule about contacts is here; nor
//! is anything of HTTP.

mod arrival;
mod aside;
mod claim;
pub mod cluster;
mod commands;
mod connect;
mod cursor;
mod dead_letter;
mod desk;
mod discovery;
mod event_stream;
mod inbox;
mod login;
mod mac;
mod publish_error;
mod published;
mod publisher;
mod request;
mod resend;
mod resume;
mod rpc;
mod servers;
mod session;
mod streams;
mod subjects;
mod twin;
mod unreadable;

pub use connect::Target;
pub use login::{BadLogin, Login};
pub use servers::{BadServers, Servers};
pub use session::{Options, run};
pub use subjects::{Address, BadAddress, BadPrefix, Kept, PREFIX_DEFAULT, Prefix};
