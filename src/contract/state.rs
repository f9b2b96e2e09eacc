//! What the service says of itself: its schemas, and the routes of its readiness and its nodes.

use serde_json::{Value, json};

use crate::dialect::describe::{
    OperationSpec, any_text, count, flag, list, list_up_to, object, one_of, refer, time,
};
use crate::gateway::{Bus, CONSUMERS_MAX, DEAD_LETTERS_MAX};

/// Every schema of our own answers, but for the event's.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("EventPage", event_page()),
        ("Readiness", readiness()),
        ("View", view()),
        ("Stats", stats()),
        ("Bus", bus()),
        ("Cluster", cluster()),
        (
            "Reseed",
            object([("acceptLoss", true, json!({"const": true}))]),
        ),
        ("Forget", object([("node", true, any_text())])),
        ("Forgotten", object([("forgotten", true, list(any_text()))])),
        (
            "Led",
            object([("leader", true, any_text()), ("term", true, count())]),
        ),
        ("Consumer", consumer()),
        ("DeadLetter", dead_letter()),
        ("Resent", resent()),
        ("Count", events_of_a_kind()),
        ("Rebuilding", object([("view", true, any_text())])),
        ("Document", json!({"type": "object"})),
    ]
}

/// The route of readiness.
pub fn look_at_readiness() -> OperationSpec {
    const READY: &str = "It takes requests; a broker that is away is no reason not to.";
    const NOT: &str = "The log cannot be written, views lag, or the node is not in its cluster.";
    OperationSpec::new("Whether the service takes requests")
        .json(200, READY, "Readiness")
        .json(503, NOT, "Readiness")
}

/// The route of the nodes that keep the log together.
pub fn look_at_nodes() -> OperationSpec {
    OperationSpec::new("Look at the nodes that keep the log together")
        .json(200, "The nodes, as this one sees them.", "Cluster")
        .errors(&[(404, "The service is alone.")])
}

/// The route that has another node lead.
pub fn hand_over() -> OperationSpec {
    OperationSpec::new("Have another node of the cluster lead")
        .json(200, "Another node leads now.", "Led")
        .errors(&[
            (404, "The service is alone."),
            (503, "No node leads, or no other one took over."),
        ])
}

/// The route that has the cluster go on from one node's log.
pub fn reseed() -> OperationSpec {
    OperationSpec::new("Have the cluster go on from this node's log, whatever others have")
        .body("Reseed")
        .json(200, "This node leads.", "Led")
        .errors(&[
            (
                400,
                "The body does not accept the loss of what other nodes alone have.",
            ),
            (404, "The service is alone."),
            (503, "The broker did not make the stream anew."),
        ])
}

/// The route that has a disk forgotten.
pub fn forget() -> OperationSpec {
    OperationSpec::new("Say that the disks which a node had are destroyed")
        .body("Forget")
        .json(200, "They are not asked for any more.", "Forgotten")
        .errors(&[
            (400, "The body names no node."),
            (404, "The service is alone."),
        ])
}

fn event_page() -> Value {
    object([
        ("events", true, list(refer("CloudEvent"))),
        ("next", true, count()),
    ])
}

fn readiness() -> Value {
    object([
        ("ready", true, flag()),
        ("position", true, count()),
        ("log", true, one_of(&["writable", "read-only"])),
        ("closed", false, any_text()),
        ("logReason", false, any_text()),
        ("bus", true, one_of(&Bus::STATES)),
        ("busReason", false, any_text()),
        ("published", true, count()),
        ("foreignEvents", true, count()),
        ("audit", true, one_of(&["sealing", "halted"])),
        ("sealed", true, count()),
        ("auditReason", false, any_text()),
        ("damage", false, any_text()),
        ("cluster", false, one_of(&ROLES)),
        ("views", true, list(refer("View"))),
    ])
}

/// The roles of a node, as readiness and the nodes' list have them.
const ROLES: [&str; 5] = ["leader", "follower", "joining", "cut_off", "halted"];

fn cluster() -> Value {
    let or_none = |schema: Value| json!({"anyOf": [schema, {"type": "null"}]});
    let node = object([
        ("node", true, any_text()),
        ("role", true, one_of(&ROLES)),
        ("position", true, or_none(count())),
        ("root_equal", true, or_none(flag())),
        ("erased_through", true, or_none(count())),
        ("cosigned", false, count()),
        ("key", false, any_text()),
        ("version", false, any_text()),
        ("seen_seconds_ago", true, or_none(count())),
    ]);
    let former = object([
        ("node", true, any_text()),
        ("key", true, any_text()),
        ("cosigned", true, count()),
    ]);
    object([
        ("node", true, any_text()),
        ("role", true, one_of(&ROLES)),
        ("leader", false, any_text()),
        ("term", true, count()),
        ("head", true, count()),
        ("settled", true, count()),
        ("log", true, any_text()),
        ("halted", false, any_text()),
        ("nodes", true, list(node)),
        ("former", true, list(former)),
        ("set_aside", true, list(any_text())),
    ])
}

fn bus() -> Value {
    let listed = |max, name| {
        object([
            ("items", true, list_up_to(max, refer(name))),
            ("more", true, flag()),
            ("unread", false, any_text()),
        ])
    };
    object([
        ("bus", true, one_of(&Bus::STATES)),
        ("busReason", false, any_text()),
        ("consumers", true, listed(CONSUMERS_MAX, "Consumer")),
        ("deadLetters", true, listed(DEAD_LETTERS_MAX, "DeadLetter")),
    ])
}

fn consumer() -> Value {
    object([
        ("name", true, any_text()),
        ("delivered", true, count()),
        ("acknowledged", true, count()),
        ("pending", true, count()),
        ("unacknowledged", true, count()),
        ("redelivered", true, count()),
    ])
}

fn dead_letter() -> Value {
    object([
        ("sequence", true, count()),
        ("time", true, time()),
        ("subject", true, any_text()),
        ("reason", true, any_text()),
        ("messageId", false, any_text()),
        ("content", true, flag()),
    ])
}

fn resent() -> Value {
    object([
        ("sequence", true, count()),
        ("duplicate", true, flag()),
        ("messageId", true, any_text()),
    ])
}

fn view() -> Value {
    let stop = || object([("position", true, count()), ("reason", true, any_text())]);
    object([
        ("name", true, any_text()),
        ("version", true, count()),
        ("position", true, count()),
        ("rebuilding", false, count()),
        ("stopped", false, stop()),
        ("rebuildStopped", false, stop()),
    ])
}

fn events_of_a_kind() -> Value {
    object([
        ("dialect", true, any_text()),
        ("operation", true, any_text()),
        ("phase", true, one_of(&super::event::PHASES)),
        ("count", true, count()),
    ])
}

fn stats() -> Value {
    let tenant = object([
        ("dialect", true, any_text()),
        ("tenant", true, any_text()),
        ("count", true, count()),
    ]);
    let hour = object([
        ("hour", true, time()),
        ("total", true, count()),
        ("perSecond", true, json!({"type": "number", "minimum": 0})),
        ("counts", true, list(refer("Count"))),
    ]);
    object([
        ("position", true, count()),
        ("time", true, time()),
        ("total", true, count()),
        ("counts", true, list(refer("Count"))),
        ("tenants", true, list(tenant)),
        ("tenantsTotal", true, count()),
        ("hours", true, list(hour)),
    ])
}
