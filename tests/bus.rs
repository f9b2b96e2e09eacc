//! The service on a real nats-server: what is published, what is taken, and what no kill loses.
//!
//! Each test has a broker and a data directory of its own.

// A test ends by a panic, and so do the helpers that stand outside of its function.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "bus/adversary.rs"]
mod adversary;
#[path = "bus/broker.rs"]
#[allow(dead_code, reason = "the fault runs use the rest")]
mod broker;
#[path = "bus/commands.rs"]
mod commands;
#[path = "bus/desk.rs"]
mod desk;
#[path = "bus/events.rs"]
mod events;
#[path = "bus/login.rs"]
mod login;
#[path = "bus/node.rs"]
mod node;
#[path = "bus/permissions.rs"]
mod permissions;
#[path = "bus/resend.rs"]
mod resend;
#[path = "bus/rpc.rs"]
mod rpc;
#[path = "bus/unreadable.rs"]
mod unreadable;
