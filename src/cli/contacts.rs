//! `contactd contacts`: what is known of contacts, from a running service or its directory; and
//! erasing one, which only a running service does.

use std::io::Write;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Server, block_on};
use super::exit::Failure;
use super::local::Local;
use super::options::{DataOptions, ServerOptions};
use crate::domain::EraseReason;

/// What to do with contacts.
#[derive(Subcommand)]
pub enum ContactsCommand {
    /// List contacts, a line of JSON each
    List(ListOptions),
    /// Show one contact
    Show(ShowOptions),
    /// Destroy a contact's personal data for good; only on a running service
    Erase(EraseOptions),
}

/// Which contacts.
#[derive(Args)]
pub struct ListOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only this dialect's
    #[arg(long)]
    dialect: Option<String>,
}

/// Which contact.
#[derive(Args)]
pub struct ShowOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// Its id, as events have it in `subject`
    id: String,
}

/// Whose data, and why.
#[derive(Args)]
pub struct EraseOptions {
    #[command(flatten)]
    server: ServerOptions,
    /// Its id, as events have it in `subject`
    id: String,
    /// Why; it stays in the log
    #[arg(long, value_parser = reasons())]
    reason: String,
    /// The number of the request or case, 1 to 64 of A-Z a-z 0-9 . _ -; it stays in the log in clear
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
}

/// Where contacts are read from.
enum Source {
    Server(Server),
    Directory(Box<Local>),
}

/// Runs the subcommand.
pub fn run(command: ContactsCommand) -> Result<(), Failure> {
    match command {
        ContactsCommand::List(options) => {
            let source = Source::of(&options.server, &options.data)?;
            source.using(|source| block_on(list(source, &options)))
        }
        ContactsCommand::Show(options) => {
            let source = Source::of(&options.server, &options.data)?;
            source.using(|source| block_on(show(source, &options.id)))
        }
        ContactsCommand::Erase(options) => block_on(erase(&options)),
    }
}

fn reasons() -> PossibleValuesParser {
    EraseReason::ALL.map(EraseReason::name).into()
}

async fn erase(options: &EraseOptions) -> Result<(), Failure> {
    let server = Server::of(&options.server)?
        .ok_or_else(|| Failure::usage("say where the service runs: --url http://127.0.0.1:8080"))?;
    let mut body = json!({"reason": options.reason});
    if let (Some(reference), Some(members)) = (&options.reference, body.as_object_mut()) {
        members.insert("reference".to_owned(), reference.as_str().into());
    }
    let path = format!("{}/erase", path_of(&options.id));
    let erased = server.post(&path, &body).await?.text().await;
    let erased = erased.map_err(|error| Failure::failed(error.without_url()))?;
    writeln!(std::io::stdout(), "{}", erased.trim_end()).map_err(Failure::failed)
}

/// Where our own API has a contact.
fn path_of(id: &str) -> String {
    let segment = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
    format!("/contacts/{segment}")
}

async fn list(source: &Source, options: &ListOptions) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", "500");
        for (name, value) in [
            ("tenant", &options.tenant),
            ("dialect", &options.dialect),
            ("cursor", &cursor),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let page = source
            .ask("list", "/contacts", &[], &query.finish())
            .await?;
        for contact in page
            .get("data")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            writeln!(out, "{contact}").map_err(Failure::failed)?;
        }
        cursor = page
            .get("nextCursor")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if cursor.is_none() {
            return Ok(());
        }
    }
}

async fn show(source: &Source, id: &str) -> Result<(), Failure> {
    let params = [("id".to_owned(), id.to_owned())];
    let contact = source.ask("get", &path_of(id), &params, "").await?;
    let text = serde_json::to_string_pretty(&contact).map_err(Failure::failed)?;
    writeln!(std::io::stdout(), "{text}").map_err(Failure::failed)
}

impl Source {
    fn of(server: &ServerOptions, data: &DataOptions) -> Result<Self, Failure> {
        Ok(match Server::of(server)? {
            Some(server) => Self::Server(server),
            None => Self::Directory(Box::new(Local::open(data)?)),
        })
    }

    /// Does something with the source, and closes it in order whatever came of it.
    fn using<T>(self, work: impl FnOnce(&Self) -> Result<T, Failure>) -> Result<T, Failure> {
        let done = work(&self);
        if let Self::Directory(local) = self {
            local.close();
        }
        done
    }

    async fn ask(
        &self,
        operation: &str,
        path: &str,
        params: &[(String, String)],
        query: &str,
    ) -> Result<Value, Failure> {
        let body = match self {
            Self::Server(server) => {
                let path = if query.is_empty() {
                    path.to_owned()
                } else {
                    format!("{path}?{query}")
                };
                let response = server.get(&path, "application/json").await?;
                response
                    .bytes()
                    .await
                    .map_err(|error| Failure::failed(error.without_url()))?
                    .to_vec()
            }
            Self::Directory(local) => {
                let reply = local.ask(operation, params, query).await?;
                if !reply.status.is_success() {
                    let body = String::from_utf8_lossy(&reply.body);
                    return Err(Failure::failed(format!("{}: {body}", reply.status)));
                }
                reply.body
            }
        };
        serde_json::from_slice(&body).map_err(Failure::failed)
    }
}
