//! The published form of an event.

use crate::domain::{Event, Operation, Phase, Rules};

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

/// The type of events of an operation and a phase.
#[must_use]
pub fn type_name(rules: &Rules, operation: Operation, phase: &str) -> String {
    format!("{}_{}_{phase}", rules.event_prefix, operation.name())
}
