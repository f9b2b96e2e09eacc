//! Our own routes about the event log and what is counted of it, as the documents describe them.

use crate::dialect::REGISTRY;
use crate::dialect::describe::{
    Form, OperationSpec, Parameter, any_text, count, flag, one_of, whole,
};

fn tenant_and_dialect() -> [Parameter; 2] {
    let names: Vec<&str> = REGISTRY.iter().map(|rules| rules.name).collect();
    [
        Parameter::query("tenant", "Events of this tenant alone.", any_text()),
        Parameter::query("dialect", "Events of this dialect alone.", one_of(&names)),
    ]
}

/// Describes the reading of the log.
pub fn events() -> OperationSpec {
    const FOLLOW: &str =
        "Whether a stream goes on after the head of the moment. A page never does.";
    let last = Parameter::header(
        "Last-Event-ID",
        "The position after which to begin; it wins over `after`.",
        count(),
    );
    const UNTIL: &str = "Events up to this time (RFC 3339) alone; not where events are followed.";
    const ORDER: &str = "Whether the oldest or the newest come first; the newest only in a page, which then ends with `next` 0.";
    const FORMAT: &str = "The form of the answer, for clients that cannot set `Accept`.";
    OperationSpec::new("Read or follow the event log")
        .parameters(page_of_events())
        .parameters([
            Parameter::query("type", "Events of this type alone.", any_text()),
            Parameter::query("correlationid", "Events of this command alone.", any_text()),
            Parameter::query(
                "subject",
                "Events of the contact with this id alone.",
                any_text(),
            ),
            Parameter::query(
                "operation",
                "Events of this operation alone.",
                one_of(&[
                    "create",
                    "update",
                    "delete",
                    "erase",
                    "retrieve",
                    "retrieve_list",
                ]),
            ),
            Parameter::query(
                "phase",
                "Events of this phase alone.",
                one_of(&["start", "success", "fail"]),
            ),
            Parameter::query(
                "since",
                "Events from this time (RFC 3339) on alone.",
                any_text(),
            ),
            Parameter::query("until", UNTIL, any_text()),
            Parameter::query("order", ORDER, one_of(&["asc", "desc"])),
            Parameter::query("format", FORMAT, one_of(&["json", "ndjson"])),
            Parameter::query("follow", FOLLOW, flag()),
            last,
        ])
        .parameters(tenant_and_dialect())
        .json(
            200,
            "A page, lines, or a stream, as `Accept` asks.",
            "EventPage",
        )
        .or_as(Form::Text("application/x-ndjson"))
        .or_as(Form::Text("text/event-stream"))
        .errors(&[(400, "A parameter is not valid.")])
}

/// The parameters of a page of events.
fn page_of_events() -> [Parameter; 3] {
    const DETAIL: &str = "How much of each event is shown, if the caller may see so much; else what the caller may see.";
    [
        Parameter::query("after", "The position after which to begin.", count()),
        Parameter::query("limit", "The most events.", whole(1, 1_000)),
        Parameter::query(
            "detail",
            DETAIL,
            one_of(&["metadata", "non-sensitive", "full"]),
        ),
    ]
}

/// Describes the look at one command.
pub fn command() -> OperationSpec {
    OperationSpec::new("Read what came of a command")
        .parameters(page_of_events())
        .json(200, "The events of the command.", "EventPage")
        .errors(&[
            (400, "A parameter is not valid."),
            (404, "There is no such command, or none yet."),
        ])
}

/// Describes the look at the statistics.
pub fn stats() -> OperationSpec {
    let hours = Parameter::query(
        "hours",
        "Hours to show, up to the last event's.",
        whole(1, 168),
    );
    OperationSpec::new("Count events by kind, tenant and hour")
        .parameters(tenant_and_dialect())
        .parameters([hours])
        .json(
            200,
            "What is counted of the tenants that the caller may see.",
            "Stats",
        )
        .errors(&[(400, "A parameter is not valid.")])
}
