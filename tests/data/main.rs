//! What a data directory holds: the log, the keys, the proofs and the views over them, after damage,
//! erasure, a change of keys, and releases of this program that came before.
//!
//! The modules share one test binary because each binary is linked by itself, which takes longer
//! than these tests do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/unsettled.rs"]
mod unsettled;
// The suite's descriptions of the dialects: the erasure is read back through every one of them.
#[path = "../suite/api.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod api;
#[path = "../suite/apis.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod apis;

mod audit;
mod backups;
mod corruption;
mod disk_usage;
mod erase;
mod forwarding;
mod golden;
mod keys;
mod scrub;
mod views;
mod witnesses_and_rekey;
