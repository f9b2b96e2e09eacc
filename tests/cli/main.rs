//! The program as people and scripts use it on a command line.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

#[path = "../bus/broker.rs"]
#[allow(dead_code, reason = "the bus uses the rest")]
mod broker;
#[path = "../common/mod.rs"]
mod common;

mod analysts;
mod auditors;
mod bus_state;
mod import_export;
mod network;
mod newcomer;
mod operators;
mod output;
mod program;
mod prometheus;
mod readers;
mod readme;
mod reload;
mod repeated;
mod stops;
mod traces;
