//! The event stream as it is: its state, and its messages one by one.
//!
//! Messages are asked for by sequence over the JetStream API, and read here rather than by the
//! client library: a stranger's message may have headers that the library refuses, and must not keep
//! this service from looking past it.

use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, Context, ErrorCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;

use super::mac::{Authenticated, MAC_HEADER, MacKey};
use super::publish_error::PublishError;

/// The header that names the log an event is of.
pub const LOG_HEADER: &str = "Contact-Log";
/// The header with the message's id, which for an event is the event's.
const ID_HEADER: &str = "Nats-Msg-Id";
/// Messages that are asked for at the same time.
const ASKED_AT_ONCE: usize = 64;

/// A stream as the server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// The name of the stream.
    pub name: String,
    /// The time at which it was made, in nanoseconds since 1970.
    pub created_nanos: String,
    /// The sequence of the first message that it holds.
    pub first_sequence: u64,
    /// The sequence of the last message that it ever had.
    pub last_sequence: u64,
}

impl StreamState {
    /// Asks the server.
    ///
    /// # Errors
    /// [`PublishError::Lost`] where the server does not answer.
    pub async fn ask(stream: &mut Stream) -> Result<Self, PublishError> {
        let info = stream.info().await;
        let info = info.map_err(|error| lost(&error))?;
        Ok(Self {
            name: info.config.name.clone(),
            created_nanos: info.created.unix_timestamp_nanos().to_string(),
            first_sequence: info.state.first_sequence,
            last_sequence: info.state.last_sequence,
        })
    }
}

/// A message of the stream: what it says, and what its MAC proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The subject of the message.
    pub subject: String,
    /// The log it says it is of; empty where it says none.
    pub log: String,
    /// The event's id, as it says.
    pub id: String,
    /// The event's position, as it says; zero where it says none.
    pub position: u64,
    /// Whether this directory has published it at this place in this stream: its MAC holds.
    pub is_ours: bool,
}

/// What the server answers to `STREAM.MSG.GET` where it has the message.
#[derive(Deserialize)]
struct Answer {
    message: Stored,
}

/// A message as the server stores it; headers and payload are base64.
#[derive(Deserialize)]
struct Stored {
    subject: String,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

/// The messages of these sequences, in their order, without those that are gone.
///
/// # Errors
/// [`PublishError::Lost`] where the server does not answer.
pub async fn messages(
    context: &Context,
    state: &StreamState,
    sequences: impl Iterator<Item = u64>,
    key: Option<&MacKey>,
) -> Result<Vec<Found>, PublishError> {
    let asked = stream::iter(sequences).map(|sequence| message(context, state, sequence, key));
    let mut answers = asked.buffered(ASKED_AT_ONCE);
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await {
        found.extend(answer?);
    }
    Ok(found)
}

async fn message(
    context: &Context,
    state: &StreamState,
    sequence: u64,
    key: Option<&MacKey>,
) -> Result<Option<Found>, PublishError> {
    let subject = format!("STREAM.MSG.GET.{}", state.name);
    let answer = context.request(subject, &json!({ "seq": sequence })).await;
    let answer: Response<Answer> = answer.map_err(|error| lost(&error))?;
    let found = if_found(answer).map_err(|error| lost(&error))?;
    Ok(found.map(|Answer { message }| message.read(state, sequence, key)))
}

/// The answer to `STREAM.MSG.GET`; `None` where the stream has no such message.
///
/// # Errors
/// The server can't say, as while no broker leads the stream.
pub fn if_found<T>(answer: Response<T>) -> Result<Option<T>, jetstream::Error> {
    match answer {
        Response::Ok(answer) => Ok(Some(answer)),
        Response::Err { error } if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
        Response::Err { error } => Err(error),
    }
}

impl Stored {
    fn read(self, state: &StreamState, sequence: u64, key: Option<&MacKey>) -> Found {
        #[derive(Deserialize)]
        struct Body {
            sequence: String,
        }
        let headers = STANDARD.decode(self.hdrs).unwrap_or_default();
        let payload = STANDARD.decode(self.data).unwrap_or_default();
        let body: Option<Body> = serde_json::from_slice(&payload).ok();
        let position = body.and_then(|body| body.sequence.parse().ok());
        let mac = header(&headers, MAC_HEADER);
        let covered = Authenticated {
            created_nanos: &state.created_nanos,
            sequence,
            subject: &self.subject,
            payload: &payload,
        };
        Found {
            log: header(&headers, LOG_HEADER),
            id: header(&headers, ID_HEADER),
            position: position.unwrap_or_default(),
            is_ours: key.is_some_and(|key| key.holds(&mac, &covered)),
            subject: self.subject,
        }
    }
}

/// The value of a header in a message's block of headers; empty where there is none.
fn header(block: &[u8], name: &str) -> String {
    let block = String::from_utf8_lossy(block);
    let value = block.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found == name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_default()
}

fn lost(error: &dyn std::fmt::Display) -> PublishError {
    PublishError::lost("looking at the event stream", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> StreamState {
        StreamState {
            name: "E".into(),
            created_nanos: "5".into(),
            first_sequence: 1,
            last_sequence: 9,
        }
    }

    #[test]
    fn only_a_message_that_is_not_there_is_passed_over() {
        let answered = |text: &str| {
            let answer: Response<Answer> = serde_json::from_str(text).expect("an answer");
            if_found(answer).map(|found| found.map(|found| found.message.subject))
        };
        let found = answered(r#"{"message":{"subject":"s","seq":1}}"#);
        assert_eq!(found.expect("it is there").as_deref(), Some("s"));
        let deleted = answered(r#"{"error":{"code":404,"err_code":10037}}"#);
        assert!(deleted.expect("it is gone").is_none());
        let away = answered(r#"{"error":{"code":503,"err_code":10008,"description":"no leader"}}"#);
        assert_eq!(away.expect_err("it can't say").code(), 503);
    }

    #[test]
    fn what_a_message_does_not_say_is_empty() {
        let stored = Stored {
            subject: "s".into(),
            hdrs: STANDARD.encode("NATS/1.0\r\nContact-Log\r\n: x\r\n\r\n"),
            data: "!".into(),
        };
        let found = stored.read(&state(), 3, MacKey::draw().ok().as_ref());
        assert_eq!(found.position, 0);
        assert!(found.log.is_empty() && found.id.is_empty() && !found.is_ours);
    }

    #[test]
    fn a_mac_is_known_again_at_its_place_only() {
        let key = MacKey::draw().expect("random numbers");
        let payload = br#"{"sequence":"00000000000000000004"}"#;
        let (state, subject) = (state(), "contacts.event.native.t.create.start");
        let mac = key.mac(&Authenticated {
            created_nanos: "5",
            sequence: 3,
            subject,
            payload,
        });
        let stored = || Stored {
            subject: subject.into(),
            hdrs: STANDARD.encode(format!(
                "NATS/1.0\r\nContact-Log: log-a\r\nNats-Msg-Id: id\r\nContact-Seal: {mac}\r\n\r\n"
            )),
            data: STANDARD.encode(payload),
        };
        let found = stored().read(&state, 3, Some(&key));
        assert_eq!((found.log.as_str(), found.id.as_str()), ("log-a", "id"));
        assert_eq!((found.position, found.is_ours), (4, true));
        assert!(!stored().read(&state, 4, Some(&key)).is_ours);
        assert!(!stored().read(&state, 3, None).is_ours);
    }
}
