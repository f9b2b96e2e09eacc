//! One conformance suite over every dialect, against the real binary.
//!
//! [`apis`] describes each dialect once: where its contacts are, what a contact
//! looks like, how its errors read. Every test here walks all descriptions, so
//! a new dialect is one description more, and what holds for one holds for all.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

#[path = "../common/mod.rs"]
mod common;

mod api;
mod apis;
mod conditions;
mod events;
mod flood;
mod full_disk;
mod headers;
mod lifecycle;
mod overload;
mod parameters;
mod positions;
mod pressure;
mod races;
mod refusals;
mod search;
mod spelling;
mod streams;
mod tenants;
mod test_server;
mod tokens;
mod trails;
