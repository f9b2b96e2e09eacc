//! Calls of many clients on the same few contacts, and the judgement of what they were told.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

pub mod chance;
pub mod history;
pub mod judge;
pub mod load;
pub mod wire;
