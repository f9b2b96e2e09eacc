//! The published form of an event: a CloudEvents 1.0 object in structured mode.
//!
//! It is the same from HTTP, from the message bus and in an export but for how
//! much of `data` is shown: see [`Detail`]. What is stored is not this form,
//! and nothing is ever read back from it.

mod cloud_event;
mod owner_ids;
mod subject;
mod withhold;

pub use cloud_event::{CloudEvent, DATA_SCHEMA, MEDIA_TYPE, cloud_event};
pub use owner_ids::OwnerIds;
pub use subject::{escape, unescape};
pub use withhold::withhold;

use serde::{Deserialize, Serialize};

use crate::domain::{Event, Operation, Phase, Rules};

/// The levels of detail at which an event is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// The envelope alone: the event has no `data`.
    Metadata,
    /// `data` without the contact, but for its fields that harm nobody.
    #[default]
    NonSensitive,
    /// The whole event, with the contact.
    Full,
}

/// The name of an event's phase: `START`, `SUCCESS` or `FAIL`.
#[must_use]
pub const fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Start { .. } => "START",
        Phase::Success { .. } => "SUCCESS",
        Phase::Fail(_) => "FAIL",
    }
}

/// The type of an event: its dialect's prefix, its operation, its phase.
#[must_use]
pub fn event_type(rules: &Rules, event: &Event) -> String {
    type_name(rules, event.header.operation, phase_name(&event.phase))
}

/// Every type that the events of a dialect can have.
pub fn event_types(rules: &Rules) -> impl Iterator<Item = String> {
    let phases = ["START", "SUCCESS", "FAIL"];
    let all = Operation::ALL.into_iter();
    all.flat_map(move |operation| phases.map(|phase| type_name(rules, operation, phase)))
}

/// The type of events of an operation and a phase.
///
/// ```
/// use contactd::dialect::REGISTRY;
/// use contactd::domain::Operation;
/// use contactd::wire::type_name;
///
/// let rules = REGISTRY.named("native").expect("our own dialect");
/// assert_eq!(type_name(rules, Operation::Create, "SUCCESS"), "CONTACT_CREATE_SUCCESS");
/// ```
#[must_use]
pub fn type_name(rules: &Rules, operation: Operation, phase: &str) -> String {
    format!("{}_{}_{phase}", rules.event_prefix, operation.name())
}
