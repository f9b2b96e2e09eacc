//! A call as a request over HTTP or NATS, and its answer read.

use std::time::Duration;

use async_nats::jetstream::{self, Context};
use async_nats::{Client, HeaderMap};
use serde_json::{Value, json};

use super::history::{Answer, Asked, Seen};

/// The tenant of our own API, and the organisation of Thena's.
pub const TENANT: &str = "t";

/// The API that a slot's contacts are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Native,
    /// An e-mail address belongs to one contact.
    Thena,
}

/// What is sent; it can be sent again as it is.
#[derive(Clone, Debug)]
pub struct Request {
    pub api: Api,
    pub asked: Asked,
    pub email: Option<String>,
    /// The number of the call, which is also what it writes.
    pub number: u64,
    pub headers: Vec<(&'static str, String)>,
}

/// An answer, from wherever it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub status: u16,
    pub etag: Option<String>,
    pub position: Option<u64>,
    pub body: Vec<u8>,
}

impl Request {
    fn operation(&self) -> &'static str {
        match self.asked {
            Asked::Create | Asked::Upsert => "create",
            Asked::Update { .. } => "update",
            Asked::Delete { .. } => "delete",
            Asked::Get { .. } => "get",
            Asked::Find => "list",
        }
    }

    fn id(&self) -> Option<&str> {
        match &self.asked {
            Asked::Update { id, .. } | Asked::Delete { id, .. } | Asked::Get { id } => Some(id),
            Asked::Create | Asked::Upsert | Asked::Find => None,
        }
    }

    fn body(&self) -> Option<Value> {
        let value = format!("v{}", self.number);
        match (&self.asked, self.api) {
            (Asked::Create | Asked::Upsert, Api::Native) => {
                let mut card = json!({"name": {"full": value}});
                if let Some(email) = &self.email {
                    card["emails"] = json!({"e": {"address": email}});
                }
                Some(card)
            }
            (Asked::Create, Api::Thena) => Some(json!({"firstName": value, "email": self.email})),
            (Asked::Update { .. }, Api::Native) => Some(json!({"name": {"full": value}})),
            (Asked::Update { .. }, Api::Thena) => Some(json!({"firstName": value})),
            _ => None,
        }
    }

    fn path(&self) -> (&'static str, String) {
        let email = self.email.as_deref().unwrap_or_default();
        let one =
            |method, root: &str| (method, format!("{root}/{}", self.id().unwrap_or_default()));
        match (&self.asked, self.api) {
            (Asked::Create, Api::Native) => ("POST", format!("/contacts?tenant={TENANT}")),
            (Asked::Upsert, _) => ("PUT", format!("/contacts?tenant={TENANT}&match=email")),
            (Asked::Update { .. }, Api::Native) => one("PATCH", "/contacts"),
            (Asked::Delete { .. }, Api::Native) => one("DELETE", "/contacts"),
            (Asked::Get { .. }, _) => one("GET", "/contacts"),
            (Asked::Find, Api::Native) => {
                ("GET", format!("/contacts?tenant={TENANT}&email={email}"))
            }
            (Asked::Create, Api::Thena) => ("POST", "/v1/accounts/contacts".to_owned()),
            (Asked::Update { .. }, Api::Thena) => one("PUT", "/v1/accounts/contacts"),
            (Asked::Delete { .. }, Api::Thena) => one("DELETE", "/v1/accounts/contacts"),
            (Asked::Find, Api::Thena) => {
                ("GET", format!("/v1/accounts/contacts/search?email={email}"))
            }
        }
    }

    /// Sends it over HTTP; nothing where no answer comes in time.
    pub async fn over_http(&self, client: &reqwest::Client, url: &str) -> Option<Told> {
        let (method, path) = self.path();
        let method = method.parse().expect("a method");
        let mut request = client.request(method, format!("{url}{path}"));
        if self.api == Api::Thena {
            request = request.header("x-org-id", TENANT);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = self.body() {
            request = request.json(&body);
        }
        let response = request.send().await.ok()?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let (etag, position) = (header("etag"), header("contact-position"));
        Some(Told {
            status: response.status().as_u16(),
            etag,
            position: position.and_then(|position| position.parse().ok()),
            body: response.bytes().await.ok()?.to_vec(),
        })
    }

    fn subject(&self, kind: &str) -> String {
        let api = match self.api {
            Api::Native => "native",
            Api::Thena => "thena",
        };
        let id = self.id().map_or(String::new(), |id| format!(".{id}"));
        format!("contacts.{kind}.{api}.{}.{TENANT}{id}", self.operation())
    }

    fn bus_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(*name, value.as_str());
        }
        if let (Asked::Find, Some(email)) = (&self.asked, &self.email) {
            headers.insert("Contact-Query", format!("email={email}"));
        }
        headers
    }

    fn payload(&self) -> bytes::Bytes {
        let body = self.body();
        body.map_or_else(bytes::Bytes::new, |body| body.to_string().into())
    }

    /// Sends it over NATS; nothing where no answer comes in time.
    pub async fn over_rpc(&self, client: &Client, patience: Duration) -> Option<Told> {
        let asked =
            client.request_with_headers(self.subject("rpc"), self.bus_headers(), self.payload());
        let message = tokio::time::timeout(patience, asked).await.ok()?.ok()?;
        let header = |name: &str| {
            let value = message.headers.as_ref()?.get(name)?;
            Some(value.as_str().to_owned())
        };
        Some(Told {
            status: header("Contact-Status")?.parse().ok()?,
            etag: header("Etag"),
            position: header("Contact-Position").and_then(|position| position.parse().ok()),
            body: message.payload.to_vec(),
        })
    }

    /// Has the broker store it as a durable command; whether it said that it did.
    pub async fn durably(&self, streams: &Context, patience: Duration) -> bool {
        let mut headers = self.bus_headers();
        headers.insert("Nats-Msg-Id", message_id(self.number));
        let stored = async {
            let subject = self.subject("command");
            let sent = streams.publish_with_headers(subject, headers, self.payload());
            let ack: Result<jetstream::publish::PublishAck, _> = sent.await.ok()?.await;
            ack.ok()
        };
        let stored = tokio::time::timeout(patience, stored).await;
        stored.is_ok_and(|ack| ack.is_some())
    }

    /// What an answer means; an error where it is none that such a call may get.
    pub fn read(&self, told: &Told) -> Result<Answer, String> {
        let text = String::from_utf8_lossy(&told.body);
        match told.status {
            503 if text.contains("not known whether") => Ok(Answer::Unknown),
            503 => Ok(Answer::Refused),
            404 | 410 if matches!(self.asked, Asked::Get { .. }) => Ok(Answer::Found(None)),
            404 | 410 => Ok(Answer::Gone),
            409 => Ok(Answer::Taken),
            412 => Ok(Answer::OtherVersion),
            204 => Ok(Answer::Deleted),
            200 | 201 => self.shown(told).ok_or_else(|| format!("{text}")),
            status => Err(format!("{status} {text}")),
        }
    }

    fn shown(&self, told: &Told) -> Option<Answer> {
        let body: Value = serde_json::from_slice(&told.body).ok()?;
        if self.asked == Asked::Find {
            let all = body.get("data").unwrap_or(&body).as_array()?;
            return match all.as_slice() {
                [] => Some(Answer::Found(None)),
                [one] => Some(Answer::Found(Some(seen(one, None)?))),
                _ => None,
            };
        }
        let etag = told.etag.as_ref();
        let version = etag.and_then(|tag| tag.trim_matches('"').parse().ok());
        let seen = seen(&body, version)?;
        Some(match self.asked {
            Asked::Get { .. } => Answer::Found(Some(seen)),
            _ => Answer::Written {
                seen,
                is_new: told.status == 201,
            },
        })
    }
}

/// The id of the message that a durable command is.
pub fn message_id(number: u64) -> String {
    format!("command-{number}")
}

/// A contact in the form of its API.
fn seen(contact: &Value, version: Option<u64>) -> Option<Seen> {
    let name = contact.pointer("/card/name/full");
    let name = name.or_else(|| contact.get("firstName"))?;
    Some(Seen {
        id: contact["id"].as_str()?.to_owned(),
        version: version.or_else(|| contact["version"].as_u64()),
        value: name.as_str()?.strip_prefix('v')?.parse().ok()?,
    })
}
