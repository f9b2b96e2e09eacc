//! `contactd`, an event-sourced contact service.
//!
//! It keeps contacts for vendors' APIs (MATTR, Oracle, emnify, Thena, Kare and our own) as a log of
//! events that is never changed, only added to. Everything else can be made again from the log.
//!
//! # Two trunks that meet in the gateway
//!
//! ```text
//!      http  nats                     sockets and subjects; `cli` composes all of it
//!         \  /
//!        gateway                      token, rate, limits, question, answer
//!        /     \
//!  contract   service                 submit, query, follow; the one writer
//!      |       /    \
//!   dialect  audit  projection        hash tree and proofs   ·   folds of the log into views
//!      |       \    /
//!    wire        log                  records, frames, the journal
//!      |        /   \
//!      |     keys  storage            the key of each contact   ·   bytes on a disk
//!       \    /
//!       domain                        contacts, commands, events; `decide` and `evolve`
//! ```
//!
//! The left trunk says what vendors ask and what they are answered: it is pure, and knows neither
//! disk nor clock. The right trunk keeps what happened. Only the gateway, which also asks [`auth`]
//! who the caller is, knows both.
//!
//! Data walks one way. A dialect decodes bytes into a command; the service's writer decides on it,
//! appends its events and folds them into the view; the answer leaves when everything that it was
//! decided on is on the disk.
//!
//! # Floors
//!
//! A module names only those above it in this table, and `tests/architecture.rs` holds them to it.
//!
//! | floor | holds |
//! | --- | --- |
//! | [`domain`] | contacts, commands, events; `decide` and `evolve`; no I/O |
//! | [`storage`] | bytes on a disk, and a simulated disk that loses them |
//! | [`keys`] | the key of each contact; sealing and erasing |
//! | [`log`] | records, frames, the journal; append, read, recover |
//! | [`audit`] | the hash tree over the log, checkpoints and proofs |
//! | [`projection`] | folds of the log into views |
//! | [`service`] | the one place to submit, query and follow; the writer |
//! | [`wire`] | the published form of an event |
//! | [`dialect`] | one folder a vendor: routes, decode, encode, errors |
//! | [`auth`] | a token in, a principal out |
//! | [`gateway`] | a request of any transport, from its token to the vendor's answer |
//! | [`contract`] | the machine-readable contracts, made from all of the above |
//! | [`cluster`] | several nodes with one log: what counts, who leads; no I/O |
//! | [`http`], [`nats`] | sockets and subjects |
//! | [`cli`] | composes everything; one file a subcommand |
//!
//! # Glossary
//!
//! | term | means here |
//! | --- | --- |
//! | actor | the caller of a command as its events record it: client, user and subject, ids only ([`domain::Actor`]) |
//! | attempt | one change asked for by a command; a bulk command has several ([`domain::Attempt`]) |
//! | bundle | 256 consecutive log entries in one file of the audit log (C2SP tlog-tiles) |
//! | Card | a contact's content as a JSContact Card (RFC 9553), whatever the vendor's own form ([`domain::Card`]) |
//! | checkpoint | the size and root hash of the audit log, signed; each extends the one before ([`audit::Checkpoint`]) |
//! | command | a request to change contacts, parsed and valid in form ([`domain::Command`]) |
//! | command handler | the writer's part that loads, decides and makes the events of a group of commands |
//! | correlation id | the text that ties together all that comes of one request ([`domain::Correlation`]) |
//! | dead letter | a durable command on the bus that cannot be taken, set aside with the reason |
//! | decide, evolve | the two pure functions of the core: state and attempt to outcome, state and event to state |
//! | dialect | the API of one vendor, ours among them ([`dialect`]) |
//! | erasure | the end of a contact with its key destroyed, so that its personal data can be read by nobody |
//! | event | a fact of the log: a START, then a SUCCESS or a FAIL of the same attempt ([`domain::Event`]) |
//! | frame | the events of one group in the journal, under one checksum |
//! | group | the commands that are decided, written and synced to the disk together |
//! | head | the last position that is on the disk and in the inline view |
//! | idempotency record | the keyed hashes of an idempotency key and its request, kept in the START ([`domain::IdempotencyRecord`]) |
//! | integrate | to add durable entries to the hash tree and sign a checkpoint over them ([`audit::Integrator`]) |
//! | journal | the second copy of the log, in files outside of the store ([`log::Journal`]) |
//! | lookup key | an e-mail address or external id by which an upsert finds its contact ([`domain::LookupKey`]) |
//! | non-sensitive | the fields of a contact that its dialect allows in events without personal data |
//! | owner | a dialect, a tenant and further ids: whose contacts they are ([`domain::Owner`]) |
//! | position | the number of an event in the log: 1, 2, 3 and so on without a gap ([`domain::Position`]) |
//! | principal | the caller of a request as its token says ([`auth::Principal`]) |
//! | projection, view | a fold of the log kept at hand; *inline* ones are exact at the head, *catch-up* ones follow it |
//! | record | the bytes of one event in the log, for ever ([`log::record`]) |
//! | right edge | the hashes of the tree's complete subtrees from which the next root is made (a compact range) |
//! | scope | what a request may see: one owner, everything visible to the caller, or nobody's data |
//! | seal | to encrypt a contact's content with the contact's own key ([`keys::KeyRing`]) |
//! | settled | on as many disks as an answer promises: alone on this one, which makes it the head ([`service::Order`]) |
//! | slot | the place of a contact's key in the key file, by number ([`keys::Slot`]) |
//! | tag | a keyed hash that stands for a text in an index or a record ([`domain::Tag`]) |
//! | tenant | the first id of an owner: the customer whose contacts are kept apart from all others |
//! | tile | 256 hashes of one level of the hash tree in one file (C2SP tlog-tiles) |
//! | vendor id | the id under which a vendor's API shows a contact; ours is a UUIDv7 ([`domain::ContactId`]) |
//! | witness | another party that has seen a checkpoint and signs it too |

#![forbid(unsafe_code)]

pub mod audit;
pub mod auth;
pub mod cli;
pub mod cluster;
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
