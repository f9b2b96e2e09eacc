//! `contactd contacts create`, `update` and `delete`: one contact of our own API, from a script.
//!
//! A Card is read from a file or from standard input, and the service's answer is written to
//! standard output. An update is a JSON merge patch (RFC 7396): what it does not name stays as it
//! is, so that a script that knows one field cannot lose the others.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::super::client::{block_on, refused};
use super::super::data::Purpose;
use super::super::exit::Failure;
use super::super::input;
use super::super::options::{DataOptions, ServerOptions};
use super::super::output::err;
use super::source::{Call, Source, contact_id, path_of};
use crate::dialect::ApiOperation;
use crate::domain::{ContactId, limits};

/// The largest file that is read, in bytes: no Card is larger.
const BODY_BYTES_MAX: u64 = 4 * limits::RECORD_BYTES_MAX as u64;

/// The options of `contacts create`.
#[derive(Args)]
pub struct CreateOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// The file with the Card (RFC 9553) as JSON, or - for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// The tenant that the contact belongs to [default: the token's own tenant]
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    repeat: RepeatOptions,
}

/// What makes a write safe to run again.
#[derive(Args)]
struct RepeatOptions {
    /// A name for this write, 1 to 128 visible characters: run again with it, nothing is done twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// A change of a contact.
#[derive(Args)]
pub struct UpdateOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// The contact's id, as events have it in `subject`
    #[arg(value_parser = contact_id)]
    id: ContactId,
    /// The file with the properties to change as JSON, or - for standard input: null removes one
    /// (JSON merge patch, RFC 7396)
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Change the contact only if it still has this version
    #[arg(long, visible_alias = "if-match", value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    repeat: RepeatOptions,
}

/// The end of a contact.
#[derive(Args)]
pub struct DeleteOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// The contact's id, as events have it in `subject`
    #[arg(value_parser = contact_id)]
    id: ContactId,
    /// Delete the contact only if it still has this version
    #[arg(long, visible_alias = "if-match", value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    repeat: RepeatOptions,
}

/// Creates a contact, and writes it.
///
/// # Errors
/// The Card is refused, or the service can't be asked.
pub fn create(options: &CreateOptions) -> Result<(), Failure> {
    let body = input::read(&options.file, BODY_BYTES_MAX)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(tenant) = &options.tenant {
        query.append_pair("tenant", tenant);
    }
    let query = query.finish();
    let source = Source::of(&options.server, &options.data, Purpose::Begin)?;
    let call = Call {
        operation: ApiOperation::Create,
        method: Method::POST,
        path: "/contacts",
        params: &[],
        query: &query,
        headers: headers(None, &options.repeat)?,
        body: &body,
    };
    source.using(|source| send(source, call))
}

/// Changes a contact, and writes it.
///
/// # Errors
/// The change is refused, or the service can't be asked.
pub fn update(options: &UpdateOptions) -> Result<(), Failure> {
    let body = input::read(&options.file, BODY_BYTES_MAX)?;
    let source = Source::of(&options.server, &options.data, Purpose::Use)?;
    let call = Call {
        operation: ApiOperation::Update,
        method: Method::PATCH,
        path: &path_of(options.id),
        params: &[("id".to_owned(), options.id.to_string())],
        query: "",
        headers: headers(options.if_version, &options.repeat)?,
        body: &body,
    };
    source.using(|source| send(source, call))
}

/// Deletes a contact.
///
/// # Errors
/// There is no such contact, or the service can't be asked.
pub fn delete(options: &DeleteOptions) -> Result<(), Failure> {
    let source = Source::of(&options.server, &options.data, Purpose::Use)?;
    let call = Call {
        operation: ApiOperation::Delete,
        method: Method::DELETE,
        path: &path_of(options.id),
        params: &[("id".to_owned(), options.id.to_string())],
        query: "",
        headers: headers(options.if_version, &options.repeat)?,
        body: &[],
    };
    source.using(|source| send(source, call))
}

fn send(source: &Source, call: Call<'_>) -> Result<(), Failure> {
    let answer = block_on(source.call(call))?;
    if answer.status == StatusCode::PRECONDITION_REQUIRED {
        return Err(Failure::failed(format!(
            "{}: the service wants every change to name the version that it is about; give \
             --if-version VERSION, which `contactd contacts show` shows",
            answer.status
        )));
    }
    if !answer.status.is_success() {
        return Err(refused(answer.status, &answer.body));
    }
    for warning in &answer.warnings {
        err!("contactd: warning: {warning}");
    }
    let text = String::from_utf8_lossy(&answer.body);
    if text.trim().is_empty() {
        return Ok(());
    }
    writeln!(io::stdout(), "{}", text.trim_end()).map_err(Failure::failed)
}

fn headers(version: Option<u64>, repeat: &RepeatOptions) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let tag = version.map(|version| format!("\"{version}\""));
    for (name, value) in [
        ("if-match", tag.as_ref()),
        ("idempotency-key", repeat.idempotency_key.as_ref()),
    ] {
        if let Some(value) = value {
            let value = HeaderValue::from_str(value).map_err(|_| {
                Failure::usage(format!(
                    "{name} {value:?} has characters that cannot be sent"
                ))
            })?;
            headers.insert(name, value);
        }
    }
    Ok(headers)
}
