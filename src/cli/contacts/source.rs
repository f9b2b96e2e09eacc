//! Where contacts are: in a running service, or in a directory that no service holds.
//!
//! Both are asked the same, through our own API, so that what a subcommand
//! does does not depend on which of them it is.

use std::io;

use clap::Args;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::super::client::{Server, cut_off, refused};
use super::super::data::Purpose;
use super::super::exit::Failure;
use super::super::local::Local;
use super::super::options::{DataOptions, ServerOptions};
use super::super::output::is_enough;
use crate::dialect::ApiOperation;
use crate::dialect::native::WARNING;
use crate::domain::{ContactId, Position};
use crate::gateway::REPLAYED;

/// Contacts that are read at once.
const PAGE: &str = "500";

/// A filter of the contacts that the token may see.
#[derive(Args)]
pub struct Filter {
    /// Only the contacts of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only the contacts of this dialect
    #[arg(long)]
    dialect: Option<String>,
}

/// The source of contacts: a running service or a data directory.
pub enum Source {
    /// A running service, asked over HTTP.
    Server(Server),
    /// A data directory, opened in this process.
    Directory(Box<Local>),
}

/// What a write was answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status of the answer.
    pub status: StatusCode,
    /// The seconds to wait before asking again, where the answer says so.
    pub retry_after: Option<u64>,
    /// The position of the write's outcome, or of what was read.
    pub position: Option<u64>,
    /// Whether the write was made before under its idempotency key.
    pub is_repeated: bool,
    /// What was taken but probably means something else.
    pub warnings: Vec<String>,
    /// The body of the answer, as JSON.
    pub body: Vec<u8>,
}

impl Source {
    /// The service that the options name, or else their directory, which a purpose may begin.
    pub fn of(
        server: &ServerOptions,
        data: &DataOptions,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        Ok(match Server::of(server)? {
            Some(server) => Self::Server(server),
            None => {
                let local = Local::open(data, purpose).map_err(Failure::or_ask_the_service)?;
                Self::Directory(Box::new(local))
            }
        })
    }

    /// The service that the options name, or else their directory, to read from it.
    pub fn to_read(server: &ServerOptions, data: &DataOptions) -> Result<Self, Failure> {
        Ok(match Server::of(server)? {
            Some(server) => Self::Server(server),
            None => {
                let local = Local::to_read(data).map_err(Failure::or_ask_the_service)?;
                Self::Directory(Box::new(local))
            }
        })
    }

    /// Does something with the source, and closes it in order whatever came of it.
    pub fn using<T>(self, work: impl FnOnce(&Self) -> Result<T, Failure>) -> Result<T, Failure> {
        let done = work(&self);
        if let Self::Directory(local) = self {
            local.close();
        }
        done
    }

    /// Reads something; an answer that is no success ends the program.
    pub async fn ask(
        &self,
        operation: ApiOperation,
        path: &str,
        params: &[(String, String)],
        query: &str,
    ) -> Result<Value, Failure> {
        Ok(self.ask_warned(operation, path, params, query).await?.0)
    }

    /// Likewise, with what the answer warns of.
    async fn ask_warned(
        &self,
        operation: ApiOperation,
        path: &str,
        params: &[(String, String)],
        query: &str,
    ) -> Result<(Value, Vec<String>), Failure> {
        let (body, warnings) = match self {
            Self::Server(server) => {
                let response = server
                    .get(&with_query(path, query), "application/json")
                    .await?;
                let warnings = warnings(response.headers());
                (response.bytes().await.map_err(cut_off)?.to_vec(), warnings)
            }
            Self::Directory(local) => {
                let reply = local.ask(operation, params, query).await?;
                if !reply.status.is_success() {
                    return Err(refused(reply.status, &reply.body));
                }
                let warnings = told(reply.headers);
                (reply.body, warnings)
            }
        };
        let body = serde_json::from_slice(&body).map_err(Failure::failed)?;
        Ok((body, warnings))
    }

    /// Hands each contact on, oldest first, until there is none or nobody wants more. That contacts were
    /// left out is a failure, once all others were handed on.
    pub async fn each(
        &self,
        filter: &Filter,
        take: &mut dyn FnMut(&Value) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut cursor: Option<String> = None;
        let mut warned = None;
        loop {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", PAGE);
            for (name, value) in [
                ("tenant", &filter.tenant),
                ("dialect", &filter.dialect),
                ("cursor", &cursor),
            ] {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
            let (page, warnings) = self
                .ask_warned(ApiOperation::List, "/contacts", &[], &query.finish())
                .await?;
            warned = warned.or_else(|| warnings.into_iter().next());
            let contacts = page.get("data").and_then(Value::as_array);
            for contact in contacts.into_iter().flatten() {
                match take(contact) {
                    Err(error) if is_enough(&error) => return Ok(()),
                    taken => taken.map_err(Failure::failed)?,
                }
            }
            let next = page.get("nextCursor").and_then(Value::as_str);
            cursor = next.map(str::to_owned);
            if cursor.is_none() {
                return warned.map_or(Ok(()), |warning| Err(Failure::failed(warning)));
            }
        }
    }

    /// Posts JSON, with an idempotency key where there is one. A refusal is an answer, too.
    ///
    /// # Errors
    /// The service is not reachable.
    pub async fn post(
        &self,
        operation: ApiOperation,
        path: &str,
        query: &str,
        key: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let key = HeaderValue::from_str(key).map_err(Failure::usage)?;
            headers.insert("idempotency-key", key);
        }
        self.call(Call {
            operation,
            method: Method::POST,
            path,
            params: &[],
            query,
            headers,
            body,
        })
        .await
    }

    /// Sends a write with JSON in it. A refusal is an answer, too.
    ///
    /// # Errors
    /// The service is not reachable.
    pub async fn call(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let Call {
            operation,
            method,
            path,
            params,
            query,
            mut headers,
            body,
        } = call;
        let media_type = match operation {
            ApiOperation::Update => "application/merge-patch+json",
            _ => "application/json",
        };
        if !body.is_empty() {
            headers.insert("content-type", HeaderValue::from_static(media_type));
        }
        match self {
            Self::Server(server) => {
                let path = with_query(path, query);
                let body = body.to_vec();
                let response = server.try_send(method, &path, headers, body).await?;
                let number = |name: &str| {
                    let value = response.headers().get(name)?;
                    value.to_str().ok()?.parse().ok()
                };
                Ok(Answer {
                    status: response.status(),
                    retry_after: number("retry-after"),
                    position: number("contact-position"),
                    is_repeated: response.headers().contains_key(REPLAYED),
                    warnings: warnings(response.headers()),
                    body: response.bytes().await.map_err(cut_off)?.to_vec(),
                })
            }
            Self::Directory(local) => {
                let answered = local.send(operation, params, query, &headers, body).await?;
                let is_replayed = |(name, _): &(&str, String)| *name == REPLAYED;
                Ok(Answer {
                    is_repeated: answered.reply.headers.iter().any(is_replayed),
                    status: answered.reply.status,
                    retry_after: None,
                    position: answered.position.map(Position::get),
                    warnings: told(answered.reply.headers),
                    body: answered.reply.body,
                })
            }
        }
    }
}

/// The texts of the header `Contact-Warning` of an answer over HTTP; one that is no ASCII is left out.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(WARNING).iter();
    all.filter_map(|value| Some(value.to_str().ok()?.to_owned()))
        .collect()
}

/// The texts of `Contact-Warning` of an answer that was made in this process.
fn told(headers: Vec<(&'static str, String)>) -> Vec<String> {
    let all = headers.into_iter();
    all.filter_map(|(name, value)| (name == WARNING).then_some(value))
        .collect()
}

/// A write, as both a service and a directory are asked for it.
pub struct Call<'a> {
    /// The operation of our own API.
    pub operation: ApiOperation,
    /// The HTTP method of the request.
    pub method: Method,
    /// The path with its parameters filled in.
    pub path: &'a str,
    /// What the path was filled in with.
    pub params: &'a [(String, String)],
    /// The query, without the question mark.
    pub query: &'a str,
    /// The headers that are sent beside `content-type`.
    pub headers: HeaderMap,
    /// The body: JSON, or empty.
    pub body: &'a [u8],
}

fn with_query(path: &str, query: &str) -> String {
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// The path of a contact in our own API.
pub fn path_of(id: ContactId) -> String {
    format!("/contacts/{id}")
}

/// A contact's id as the command line gives it.
pub fn contact_id(text: &str) -> Result<ContactId, &'static str> {
    ContactId::parse(text).ok_or("a contact's id is a UUID")
}
