//! `contactd contacts history`: what became of a contact, version by version, for people to read.

use std::io::Write;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::super::client::block_on;
use super::super::exit::Failure;
use super::super::options::{DataOptions, ServerOptions};
use super::super::output::is_enough;
use super::source::{Source, contact_id, path_of};
use crate::dialect::ApiOperation;
use crate::domain::ContactId;

/// Options for showing a contact's history.
#[derive(Args)]
pub struct HistoryOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// Its id, as events have it in `subject`
    #[arg(value_parser = contact_id)]
    id: ContactId,
}

/// A part of the history, as our own API has it.
#[derive(Deserialize)]
struct Page {
    data: Vec<Change>,
    /// The cursor of the next page, if there is one.
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Change {
    position: u64,
    time: String,
    operation: String,
    version: Option<u64>,
    actor: Actor,
    fields: Vec<String>,
    /// Nothing of an end, and where the values were erased.
    changes: Option<Vec<Difference>>,
    erasure: Option<Erasure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Actor {
    client_id: Option<String>,
    management_user_id: Option<String>,
    subject: Option<String>,
}

#[derive(Deserialize)]
struct Difference {
    field: String,
    old: Option<Value>,
    new: Option<Value>,
}

#[derive(Deserialize)]
struct Erasure {
    reason: String,
    reference: Option<String>,
}

/// Writes the history to standard output, the oldest change first.
pub fn run(options: &HistoryOptions) -> Result<(), Failure> {
    let source = Source::to_read(&options.server, &options.data)?;
    source.using(|source| block_on(history(source, options.id)))
}

async fn history(source: &Source, id: ContactId) -> Result<(), Failure> {
    let params = [("id".to_owned(), id.to_string())];
    let path = format!("{}/history", path_of(id));
    let mut after = Some(0);
    while let Some(position) = after {
        let query = format!("after={position}");
        let page = source
            .ask(ApiOperation::History, &path, &params, &query)
            .await?;
        let page: Page = serde_json::from_value(page).map_err(Failure::failed)?;
        for change in &page.data {
            match writeln!(std::io::stdout(), "{}", change.text()) {
                Err(error) if is_enough(&error) => return Ok(()),
                written => written.map_err(Failure::failed)?,
            }
        }
        after = page.next;
    }
    Ok(())
}

impl Change {
    /// A line of what was done by whom, and one of each value that it changed.
    fn text(&self) -> String {
        let mut parts = vec![
            self.position.to_string(),
            self.time.clone(),
            self.operation.clone(),
        ];
        parts.extend(self.version.map(|version| format!("version {version}")));
        parts.push(format!("by {}", self.actor.text()));
        if let Some(Erasure { reason, reference }) = &self.erasure {
            parts.push(format!("for {reason}"));
            parts.extend(reference.clone());
        }
        let mut lines = vec![parts.join("  ")];
        match &self.changes {
            Some(changes) => lines.extend(changes.iter().map(Difference::text)),
            // Of what was erased the names are left.
            None if !self.fields.is_empty() => lines.push(self.fields.join(", ")),
            None => {}
        }
        lines.join("\n    ")
    }
}

impl Actor {
    fn text(&self) -> String {
        let named = [
            ("client", &self.client_id),
            ("user", &self.management_user_id),
            ("subject", &self.subject),
        ];
        let named: Vec<String> = named
            .into_iter()
            .filter_map(|(what, id)| Some(format!("{what} {}", id.as_ref()?)))
            .collect();
        if named.is_empty() {
            "somebody unnamed".to_owned()
        } else {
            named.join(", ")
        }
    }
}

impl Difference {
    fn text(&self) -> String {
        let field = &self.field;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => format!("{field}: {old} -> {new}"),
            (Some(old), None) => format!("{field}: {old} is gone"),
            (None, Some(new)) => format!("{field}: {new}"),
            (None, None) => field.clone(),
        }
    }
}
