//! Dead letters: durable commands that cannot be taken, kept for a person to look at.

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind};
use bytes::Bytes;
use serde::Deserialize;

use super::arrival::MESSAGE_ID;
use super::request::{QUERY, add, first};
use super::subjects::{BadAddress, Prefix};
use crate::dialect::{self, Refusal, Reply};
#[cfg(test)]
use crate::gateway::DEAD_LETTER_REASONS;
use crate::gateway::Health;

/// The most characters of a vendor's answer that `Contact-Error` quotes.
const ERROR_CHARS_MAX: usize = 512;
/// The command's own headers that a dead letter keeps, in bytes.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Headers that a dead letter says itself, in lower case: a command's own would be taken for them.
const OWN_HEADERS: [&str; 4] = [
    "contact-error",
    "contact-correlation",
    "contact-payload-bytes",
    "contact-log",
];

/// The text of `Contact-Error` on a letter that lost the headers of its command.
const NO_HEADERS: &str = "the subject or the headers can't be read";

/// The reasons for which a command cannot be taken.
#[derive(Debug)]
pub enum Why {
    /// Its subject or headers are such that it never arrives: see [`super::arrival`].
    Headers,
    /// Its subject names no operation of a dialect.
    Address(BadAddress),
    /// It is refused for something beside its content, such as its token.
    Refused(Refusal),
    /// The dialect can't read it; these are the vendor's words, which may quote it.
    Unread(Reply),
}

impl Why {
    /// The HTTP status that the same request would get.
    fn status(&self) -> u16 {
        match self {
            Self::Headers => 400,
            Self::Address(_) => 404,
            Self::Refused(refusal) => refusal.status().as_u16(),
            Self::Unread(reply) => reply.status.as_u16(),
        }
    }

    /// The kind of reason, by which the metric counts letters.
    fn reason(&self) -> &'static str {
        match (self, self.status()) {
            (Self::Address(_), _) => "address",
            (Self::Unread(_) | Self::Headers, _) => "unreadable",
            (Self::Refused(_), 401) => "unauthorized",
            (Self::Refused(Refusal::NotYours { .. }), _) | (Self::Refused(_), 403) => "forbidden",
            (Self::Refused(_), 413) => "too_large",
            (Self::Refused(Refusal::KeyReused), _) => "key_reused",
            (Self::Refused(_), _) => "refused",
        }
    }

    /// The status and a text without a line break; `content` says that it may quote the command.
    fn text(&self, content: bool) -> String {
        let status = self.status();
        match self {
            Self::Headers => format!("{status} {NO_HEADERS}"),
            Self::Address(wrong) => format!("{status} {wrong}"),
            Self::Refused(refusal) => format!("{status} {refusal}"),
            Self::Unread(reply) if !content => match problem(reply) {
                Some(problem) if problem.quotes_nothing() => format!("{status} {}", problem.detail),
                _ => format!("{status} the command can't be read"),
            },
            Self::Unread(reply) => {
                let text = match problem(reply) {
                    Some(problem) => problem.words().into(),
                    None => String::from_utf8_lossy(&reply.body),
                };
                let letters = text.chars().take(ERROR_CHARS_MAX);
                let line: String = letters
                    .map(|letter| if letter.is_control() { ' ' } else { letter })
                    .collect();
                format!("{status} {line}")
            }
        }
    }
}

/// A problem of RFC 9457, which is our own answer to what can't be read.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    #[serde(default)]
    violations: Vec<Violated>,
}

#[derive(Deserialize)]
struct Violated {
    message: String,
}

impl Problem {
    /// Whether its text holds nothing of the command but, at most, the name of a parameter that looks
    /// like one: else it may be a value that went astray.
    fn quotes_nothing(&self) -> bool {
        let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || "_-.[]".contains(c);
        match self.code.as_str() {
            "too_large" | "too_many_items" | "bad_parameter" => true,
            "unknown_parameter" => {
                let name = self.detail.split('"').nth(1);
                name.is_some_and(|name| name.chars().all(is_of_a_name))
            }
            _ => false,
        }
    }

    /// What it says to people: what is wrong, and with which fields.
    fn words(&self) -> String {
        let each = self.violations.iter().map(|wrong| wrong.message.as_str());
        let all: Vec<&str> = std::iter::once(self.detail.as_str()).chain(each).collect();
        all.join(" ")
    }
}

/// The problem that an answer is; none where it is a vendor's own.
fn problem(reply: &Reply) -> Option<Problem> {
    serde_json::from_slice(&reply.body).ok()
}

/// A durable command that is to become a dead letter, as the stream holds it.
pub struct Letter<'a> {
    /// The subject of the command.
    pub subject: &'a str,
    /// Its headers, as far as they could be read.
    pub headers: Option<&'a HeaderMap>,
    /// The payload of the command.
    pub payload: &'a Bytes,
    /// Its sequence in the stream of commands.
    pub sequence: Option<u64>,
}

impl<'a> From<&'a Message> for Letter<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            subject: &message.subject,
            headers: message.headers.as_ref(),
            payload: &message.payload,
            sequence: message.info().ok().map(|info| info.stream_sequence),
        }
    }
}

/// The publisher of dead letters.
#[derive(Clone)]
pub struct DeadLetters {
    /// The first token of every subject.
    pub prefix: Prefix,
    /// The time at which the stream of commands was made, in nanoseconds since 1970: part of a dead
    /// letter's id.
    pub created_nanos: Arc<str>,
    /// Whether a dead letter keeps the command's payload and query. They may be anybody's personal
    /// data, and no erasure reaches them.
    pub content: bool,
    /// The counters of dead letters, among others.
    pub health: Health,
}

impl DeadLetters {
    /// Publishes a dead letter, and waits until the broker has it.
    ///
    /// # Errors
    /// The broker did not take it.
    pub async fn publish(
        &self,
        context: &Context,
        command: &Letter<'_>,
        why: &Why,
    ) -> Result<(), PublishError> {
        let subject = self.prefix.dead(command.subject);
        let why_text = why.text(self.content);
        let mut headers = self.headers(command);
        add(&mut headers, "Contact-Error", &why_text);
        let bytes = command.payload.len().to_string();
        add(&mut headers, "Contact-Payload-Bytes", &bytes);
        let payload = if self.content {
            command.payload.clone()
        } else {
            Bytes::new()
        };
        let letter = context.publish_with_headers(subject.clone(), headers.clone(), payload);
        match letter.await {
            // With one header more it may no longer fit. What it was about is still worth keeping.
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                let letter = context.publish_with_headers(subject.clone(), headers, Bytes::new());
                letter.await?.await?;
            }
            letter => {
                letter?.await?;
            }
        }
        // The contact's id and the vendor's words may be personal, and stay in the letter.
        let reason = why.reason();
        tracing::warn!(
            reason,
            subject = self.prefix.told(command.subject),
            sequence = command.sequence,
            status = why.status(),
            "a durable command can't be taken; it is a dead letter"
        );
        self.health.bus_counts().dead_letter(reason);
        Ok(())
    }

    /// The command's own headers, as far as they fit: without secrets, without what steers the
    /// broker, and without what a dead letter says itself. The query is content.
    fn headers(&self, command: &Letter<'_>) -> HeaderMap {
        let mut kept = HeaderMap::new();
        let mut room = HEADER_BYTES_MAX;
        for (name, values) in command.headers.into_iter().flat_map(HeaderMap::iter) {
            let name = name.to_string();
            let lower = name.to_ascii_lowercase();
            let own = says_itself(&lower);
            let query = lower == QUERY && !self.content;
            if is_secret(&lower) || lower.starts_with("nats-") || own || query {
                continue;
            }
            for value in values {
                let bytes = name.len() + value.as_str().len();
                if let Some(left) = room.checked_sub(bytes) {
                    room = left;
                    add(&mut kept, &name, value.as_str());
                }
            }
        }
        let id = command.headers.and_then(|all| first(all, MESSAGE_ID));
        if let Some(id) = id {
            let id: String = id.chars().take(ERROR_CHARS_MAX).collect();
            add(&mut kept, "Contact-Correlation", &id);
        }
        // Its own id: two commands may have come under one.
        if let Some(sequence) = command.sequence {
            let id = format!("{}-{sequence}", self.created_nanos);
            add(&mut kept, MESSAGE_ID, &id);
        }
        kept
    }
}

/// Whether this reason says that the command's headers are lost, without which it is another one.
pub fn lacks_headers(error: &str) -> bool {
    error.ends_with(NO_HEADERS)
}

/// Whether a header, in lower case, is one that a dead letter says itself.
pub fn says_itself(name: &str) -> bool {
    OWN_HEADERS.contains(&name)
}

/// Whether a header is a credential, with which whoever reads it could act as its sender.
fn is_secret(name: &str) -> bool {
    let tokens = dialect::ALL
        .iter()
        .flat_map(|dialect| [dialect.extras.session_header, dialect.extras.key_header]);
    matches!(name, "authorization" | "proxy-authorization" | "cookie")
        || tokens
            .flatten()
            .any(|token| token.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn a_reason_is_one_bounded_line() {
        let reply = Reply::text(
            StatusCode::BAD_REQUEST,
            &format!("a\r\nb{}", "x".repeat(1_000)),
        );
        let why = Why::Unread(reply);
        assert_eq!(why.text(false), "400 the command can't be read");
        let line = why.text(true);
        assert!(line.starts_with("400 a  bx"), "{line}");
        assert_eq!(line.len(), "400 ".len() + ERROR_CHARS_MAX);
        let refused = Why::Refused(Refusal::KeyReused).text(false);
        assert_eq!(
            refused,
            "422 This Idempotency-Key was used for another request."
        );
    }

    #[test]
    fn a_problem_is_told_in_words_and_quotes_no_command_unless_it_may() {
        let known = &["tenant"];
        let unknown = |name: &str| Refusal::UnknownParameter {
            name: name.into(),
            known,
        };
        let large = Refusal::TooLarge { limit_bytes: 9 };
        let text = |refusal: &Refusal, content| {
            Why::Unread(dialect::native::DIALECT.refuse(refusal)).text(content)
        };
        let (misspelled, astray) = (unknown("tenat"), unknown("ann@x.de"));
        for content in [false, true] {
            assert_eq!(text(&large, content), format!("413 {large}"));
            assert_eq!(text(&misspelled, content), format!("400 {misspelled}"));
        }
        assert_eq!(text(&astray, true), format!("400 {astray}"));
        assert_eq!(text(&astray, false), "400 the command can't be read");
        let body = br#"{"code":"invalid","detail":"Not valid.","violations":[{"message":"uid is missing."}]}"#;
        let mut invalid = Reply::text(StatusCode::BAD_REQUEST, "");
        invalid.body = body.to_vec();
        assert_eq!(
            Why::Unread(invalid).text(true),
            "400 Not valid. uid is missing."
        );
    }

    /// Each reason is among those that are counted from the start.
    #[test]
    fn every_reason_is_known_to_the_metrics() {
        let reply = || Reply::text(StatusCode::BAD_REQUEST, "");
        for why in [
            Why::Headers,
            Why::Unread(reply()),
            Why::Refused(Refusal::SessionUnauthorized),
            Why::Refused(Refusal::ForeignOrigin),
            Why::Refused(Refusal::TooLarge { limit_bytes: 9 }),
            Why::Refused(Refusal::KeyReused),
            Why::Refused(Refusal::NotFound),
        ] {
            assert!(DEAD_LETTER_REASONS.contains(&why.reason()), "{why:?}");
        }
    }

    #[test]
    fn no_token_is_kept() {
        for secret in ["authorization", "cookie", "x-session-token", "x-api-key"] {
            assert!(is_secret(secret), "{secret}");
        }
        assert!(!is_secret("contact-query"));
    }
}
