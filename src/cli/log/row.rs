//! An event as a row of a table: flat columns, and lists where a contact has several of something.
//!
//! A Card's maps have keys that each client chooses, so that a reader of tables would make a column
//! for each of them. A row has lists instead, and one name.

use serde_json::Value;

use crate::domain::{Card, Operation, Timestamp};
use crate::wire::unescape;

/// The value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A position of the log.
    Number(u64),
    /// A time; `None` where it is not one.
    Time(Option<Timestamp>),
    /// A text; `None` where the event does not show it.
    Text(Option<String>),
    /// Several texts, perhaps none.
    List(Vec<String>),
}

/// The number of columns.
pub const WIDTH: usize = 14;

/// The columns of a table, in order.
pub const COLUMNS: [&str; WIDTH] = [
    "position",
    "time",
    "dialect",
    "tenant",
    "operation",
    "phase",
    "actor",
    "contact_id",
    "correlation",
    "error_code",
    "fields",
    "displayName",
    "emails",
    "phones",
];

/// The values of an event, given as its JSON, in the order of [`COLUMNS`].
pub fn cells(event: &Value) -> [Cell; WIDTH] {
    let text = |pointer: &str| {
        let value = event.pointer(pointer).and_then(Value::as_str);
        value.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let shown = |pointer: &str| Cell::Text(text(pointer));
    // Every level of detail has the source.
    let source = text("/source").unwrap_or_default();
    let owner = source.trim_start_matches('/').split_once('/');
    let (dialect, tenant) = owner.unwrap_or_default();
    let tenant = unescape(tenant).unwrap_or_else(|| tenant.to_owned());
    let mut actor = ["clientId", "managementUserId", "subject"]
        .into_iter()
        .filter_map(|id| text(&format!("/data/actor/{id}")));
    let fields = event.pointer("/data/fields").and_then(Value::as_array);
    let fields = fields.into_iter().flatten().filter_map(Value::as_str);
    let card = event.pointer("/data/contact").cloned();
    let card = card.and_then(|card| Card::from_value(card).ok());
    let kind = text("/type").unwrap_or_default();
    let (operation, phase) = operation_and_phase(&kind).unzip();
    let position = text("/sequence").and_then(|text| text.parse().ok());
    [
        Cell::Number(position.unwrap_or(0)),
        Cell::Time(text("/time").and_then(|time| Timestamp::parse(&time))),
        Cell::Text(Some(dialect.to_owned())),
        Cell::Text(Some(tenant)),
        Cell::Text(text("/data/operation").or(operation)),
        Cell::Text(text("/data/phase").or(phase)),
        Cell::Text(actor.next()),
        shown("/subject"),
        shown("/correlationid"),
        shown("/data/error/code"),
        list(fields),
        Cell::Text(card.as_ref().and_then(Card::display_name)),
        list(card.iter().flat_map(Card::emails)),
        list(card.iter().flat_map(Card::phones)),
    ]
}

/// What an event's type says at every level of detail: its operation, and its phase behind it.
fn operation_and_phase(kind: &str) -> Option<(String, String)> {
    let (rest, phase) = kind.rsplit_once('_')?;
    let ends = |name: &&str| {
        let before = rest.strip_suffix(name);
        before.is_some_and(|before| before.ends_with('_'))
    };
    let operation = Operation::ALL.map(Operation::name).into_iter().find(ends)?;
    Some((operation.to_owned(), phase.to_owned()))
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> Cell {
    Cell::List(texts.map(str::to_owned).collect())
}
