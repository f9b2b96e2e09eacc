//! Events as another program reads them: lines of JSON, or a table with flat columns.
//!
//! A Card's maps have keys that each client chooses, so that a reader of tables would make a column
//! for each of them. The table has lists instead, with a bar between their values, and one name.

use std::io::{self, BufWriter, Write};

use clap::ValueEnum;
use serde_json::Value;

use crate::domain::Card;
use crate::wire::unescape;

/// The forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line of JSON for each event, all of it
    Ndjson,
    /// A table (RFC 4180) with a head and flat columns
    Csv,
}

/// The columns of a table.
const COLUMNS: [&str; 14] = [
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
/// What stands between the values of a list in one column.
const BETWEEN: &str = "|";

/// A writer of events in one of the forms.
pub enum Rows<W: Write> {
    /// Lines of JSON, an event each.
    Ndjson(BufWriter<W>),
    /// A table, whose head has been written.
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> Rows<W> {
    /// Begins an export in this form.
    pub fn begin(format: Format, out: W) -> io::Result<Self> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(BufWriter::new(out)),
            Format::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(COLUMNS)?;
                Self::Csv(Box::new(table))
            }
        })
    }

    /// Writes one event, given as its JSON.
    pub fn write(&mut self, event: &Value) -> io::Result<()> {
        match self {
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut *out, event)?;
                out.write_all(b"\n")
            }
            Self::Csv(table) => Ok(table.write_record(columns(event))?),
        }
    }

    /// Hands on what has been written so far.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Ndjson(out) => out.flush(),
            Self::Csv(table) => table.flush(),
        }
    }
}

/// The values of an event in the order of [`COLUMNS`]; what it does not show is empty.
fn columns(event: &Value) -> [String; COLUMNS.len()] {
    let text = |pointer: &str| {
        let value = event.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let list = |pointer: &str| {
        let items = event.pointer(pointer).and_then(Value::as_array);
        let items = items.into_iter().flatten().filter_map(Value::as_str);
        items.collect::<Vec<_>>().join(BETWEEN)
    };
    // Every level of detail has the source.
    let source = text("/source");
    let owner = source.trim_start_matches('/').split_once('/');
    let (dialect, tenant) = owner.unwrap_or_default();
    let tenant = unescape(tenant).unwrap_or_else(|| tenant.to_owned());
    let actor =
        ["clientId", "managementUserId", "subject"].map(|id| text(&format!("/data/actor/{id}")));
    let actor = actor.into_iter().find(|id| !id.is_empty());
    let position = text("/sequence");
    let card = event.pointer("/data/contact").cloned();
    let card = card.and_then(|card| Card::from_value(card).ok());
    let joined = |texts: Option<Vec<&str>>| texts.unwrap_or_default().join(BETWEEN);
    [
        position.trim_start_matches('0').to_owned(),
        text("/time"),
        dialect.to_owned(),
        tenant,
        text("/data/operation"),
        text("/data/phase"),
        actor.unwrap_or_default(),
        text("/subject"),
        text("/correlationid"),
        text("/data/error/code"),
        list("/data/fields"),
        card.as_ref()
            .and_then(Card::display_name)
            .unwrap_or_default(),
        joined(card.as_ref().map(|card| card.emails().collect())),
        joined(card.as_ref().map(|card| card.phones().collect())),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(event: &Value) -> String {
        let mut out = Vec::new();
        let mut rows = Rows::begin(Format::Csv, &mut out).unwrap();
        rows.write(event).unwrap();
        rows.flush().unwrap();
        drop(rows);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_has_lists_and_one_name() {
        let card = json!({"organizations": {"o": {"name": "Ex, Inc."}},
            "emails": {"x": {"address": "a@x.org"}, "work": {"address": "b@x.org"}},
            "phones": {"p": {"number": "+49 1"}}});
        let event = json!({"sequence": "00000000000000000020", "source": "/kare/a%2Fb",
            "time": "2026-01-02T03:04:05.000Z", "subject": "s", "correlationid": "c",
            "data": {"operation": "CREATE", "phase": "SUCCESS", "actor": {"subject": "me"},
                "fields": ["name", "phones"], "contact": card}});
        assert_eq!(
            written(&event),
            "position,time,dialect,tenant,operation,phase,actor,contact_id,correlation,error_code,\
             fields,displayName,emails,phones\n\
             20,2026-01-02T03:04:05.000Z,kare,a/b,CREATE,SUCCESS,me,s,c,,name|phones,\
             \"Ex, Inc.\",a@x.org|b@x.org,+49 1\n"
        );
    }

    #[test]
    fn what_is_not_shown_is_empty() {
        let event = json!({"sequence": "7", "source": "/native/acme", "time": "t"});
        let text = written(&event);
        assert!(text.ends_with("\n7,t,native,acme,,,,,,,,,,\n"), "{text}");
    }
}
