//! What a contact is and what may happen to it: values, `decide`, `evolve`.
//!
//! Everything here is synchronous, deterministic and total. Time, ids and
//! what is already known come in as values; bytes, clocks, disks and vendors'
//! words stay outside. A dialect hands its rules over as a [`Rules`] value.

mod card;
mod closed;
mod command;
mod contact;
mod decide;
mod erase;
mod event;
mod evolve;
pub mod find;
pub mod fold;
mod id;
pub mod limits;
mod list;
mod operation;
mod owner;
mod past;
mod rules;
mod search;
mod texts;
mod tokens;
mod vendor_id;
mod violation;

pub use card::{Card, CardError, VERSION as CARD_VERSION};
pub use closed::Closed;
pub use command::{
    Action, Attempt, BatchMode, Command, Context, IdempotencyKey, IdempotentRequest, Match, Patch,
    Patched, Precondition, Target, Versions,
};
pub use contact::{Actor, Contact, Content};
pub use decide::{Change, Current, Decision, Facts, PriorCreate, State, decide};
pub use erase::{EraseReason, Erasure};
pub use event::{
    Event, Failure, FailureCode, Header, IdempotencyRecord, ListRange, Outcome, Phase,
};
pub use evolve::{ContactState, Fact, Status, evolve};
pub use find::{Keyset, Sort, SortKey, sort_name};
pub use id::{ContactId, Correlation, EventId, Fingerprint, Position, Tag, Timestamp, TraceParent};
pub use list::{Compare, EventPart, Filter, List, Order, OwnerEvents, Page, Window};
pub use operation::{FieldName, Operation};
pub use owner::{Owner, OwnerError};
pub use past::{AsOf, Past};
pub use rules::{DialectId, IdRule, LookupKey, LookupKind, Registry, Rules, VendorKey};
pub use search::{ChangePage, Changes, Search, SearchPage};
pub use texts::Texts;
pub use tokens::Tokens;
pub use violation::{Expected, Problem, Violation};
