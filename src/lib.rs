//! `contactd`, an event-sourced contact service.
//!
//! The modules are floors: each names only those below it, and
//! `tests/architecture.rs` holds them to that. Data walks one way: a dialect
//! decodes bytes into a command, the writer decides and appends its events,
//! and the answer leaves when what it was judged on is on the disk.
//!
//! | floor | holds |
//! | --- | --- |
//! | [`domain`] | contacts, commands, events; `decide` and `evolve`; no I/O |
//! | [`storage`] | bytes on a disk, and a simulated disk that loses them |
//! | [`keys`] | the key of each contact; sealing and erasing |
//! | [`log`] | records, frames, the journal; append, read, recover |
//! | [`audit`] | the hash tree over the log, checkpoints and proofs |
//! | [`projection`] | folds of the log into views |
//! | [`service`] | the one door: submit, query, follow; the writer |
//! | [`wire`] | the published form of an event |
//! | [`dialect`] | one folder a vendor: routes, decode, encode, errors |
//! | [`auth`] | a token in, a principal out |
//! | [`gateway`] | a request of any transport, from its token to the vendor's answer |
//! | [`contract`] | the machine-readable contracts, made from all of the above |
//! | [`http`], [`nats`] | sockets and subjects |
//! | [`cli`] | composes everything; one file a subcommand |

#![forbid(unsafe_code)]

pub mod audit;
pub mod auth;
pub mod cli;
pub mod contract;
pub mod dialect;
pub mod domain;
pub mod gateway;
pub mod http;
pub mod keys;
pub mod log;
pub mod nats;
pub mod projection;
pub mod service;
pub mod storage;
pub mod wire;
