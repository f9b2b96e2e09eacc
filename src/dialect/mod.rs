//! The vendors' APIs, one folder each, all of one shape.
//!
//! A dialect decodes a request into a [`Call`]: what to do on the service, and
//! the function that turns the result into the vendor's reply. It reads no
//! clock, opens nothing, waits for nothing, and knows no other dialect; what
//! several of them need stands in this folder's own files.
//!
//! A new vendor is one folder, one row in `vendors`, one file of
//! vectors (`tests/vectors`) and one description in the suite
//! (`tests/suite/apis.rs`). The folder to copy is `mattr`:
//!
//! - `mod.rs`: what is known of the vendor and what was inferred;
//! - `rules.rs`: its type, its number in records, the names of its events, and limits such as the
//!   most contacts of an owner;
//! - `dialect.rs`: the API as a [`Dialect`], and how a request finds its owner;
//! - `routes.rs`: its routes, each with what decodes it and what machines may know of it;
//! - `contact.rs`: its contact as a table ([`schema`]), and what an answer adds to it;
//! - `requests.rs`: what it asks for, where that is not as [`Decoder`] has it; `filter.rs` and
//!   `events.rs` where it has filters and events;
//! - `replies.rs`: its answers, where they are not as [`Encoder`] has them, and its words for what
//!   is wrong;
//! - `openapi.rs`: the schemas and parameters that are not in the table.
//!
//! `native`, our own API over every dialect's contacts, has no such table, for its contact is a
//! Card as it came.

mod all;
mod api;
pub mod call;
mod cursors;
mod decoder;
pub mod describe;
pub mod email;
pub mod emnify;
mod encoder;
pub mod fields;
#[cfg(test)]
mod in_memory;
pub mod json;
pub mod kare;
pub mod mattr;
pub mod native;
pub mod oracle;
pub mod parts;
pub mod pointer;
pub mod precondition;
pub mod query;
pub mod refusal;
mod registry;
pub mod reply;
pub mod request;
pub mod route;
pub mod schema;
pub mod thena;
pub mod uri;
mod vendors;

pub use all::{ALL, by_id, by_name};
pub use api::{Dialect, Extras};
pub use call::{
    Ask, Call, Encode, EventPage, Events, Get, History, Lookup, Redaction, Version, Versions, Write,
};
pub use cursors::{Cursors, Seal};
pub use decoder::Decoder;
pub use describe::{Description, OperationSpec};
pub use encoder::{Conflict, Encoder};
pub use query::Query;
pub use refusal::{Refusal, RefusalKind, TokenProblem};
pub use registry::REGISTRY;
pub use reply::Reply;
pub use request::{Caller, Request, Scope};
pub use route::{ApiOperation, Decode, Route};

pub use crate::domain::{
    AsOf, ChangePage, Changes, Filter, Keyset, List, Order, Page, Search, SearchPage, Sort,
    SortKey, Window,
};
