//! Dead letters: durable commands that cannot be taken, kept for a person to look at.

use std::fmt;
use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind};
use bytes::Bytes;

use super::request::add;
use super::subjects::{BadAddress, Prefix};
use crate::dialect::{self, Refusal, Reply};

/// What the header that says why may hold of a vendor's answer, in characters.
const ERROR_CHARS_MAX: usize = 512;

/// Why a command can't be taken.
#[derive(Debug)]
pub enum Why {
    /// Its subject is no address.
    Address(BadAddress),
    /// It is refused beside its content.
    Refused(Refusal),
    /// The dialect can't read it; these are the vendor's words.
    Unread(Reply),
    /// The broker did not say which message of the stream it is.
    NoSequence,
}

impl fmt::Display for Why {
    /// The status that HTTP would give, and a text without a line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(wrong) => write!(f, "404 {wrong}"),
            Self::Refused(refusal) => write!(f, "{} {}", refusal.status(), refusal.message()),
            Self::Unread(reply) => {
                let text = String::from_utf8_lossy(&reply.body);
                let letters = text.chars().take(ERROR_CHARS_MAX);
                let line: String = letters
                    .map(|letter| if letter.is_control() { ' ' } else { letter })
                    .collect();
                write!(f, "{} {line}", reply.status.as_u16())
            }
            Self::NoSequence => f.write_str("400 the message names no place in its stream"),
        }
    }
}

/// Where dead letters go.
#[derive(Clone)]
pub struct DeadLetters {
    /// How subjects begin.
    pub prefix: Prefix,
    /// When the stream of commands was made: part of a dead letter's id.
    pub created_nanos: Arc<str>,
}

impl DeadLetters {
    /// Publishes a dead letter, and waits until the broker has it.
    ///
    /// # Errors
    /// The broker did not take it.
    pub async fn publish(
        &self,
        context: &Context,
        message: &Message,
        why: &Why,
    ) -> Result<(), PublishError> {
        let subject = self.prefix.dead(&message.subject);
        let mut headers = self.headers(message);
        add(&mut headers, "Contact-Error", &why.to_string());
        tracing::info!(%subject, "a durable command can't be taken; it is a dead letter");
        let payload = message.payload.clone();
        let letter = context.publish_with_headers(subject.clone(), headers.clone(), payload);
        match letter.await {
            // With one header more it may no longer fit. What it was about is still worth keeping.
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                let bytes = message.payload.len().to_string();
                add(&mut headers, "Contact-Payload-Bytes", &bytes);
                let letter = context.publish_with_headers(subject, headers, Bytes::new());
                letter.await?.await?;
            }
            letter => {
                letter?.await?;
            }
        }
        Ok(())
    }

    /// The command's own headers, without secrets and without what steers the broker.
    fn headers(&self, message: &Message) -> HeaderMap {
        let mut kept = HeaderMap::new();
        for (name, values) in message.headers.iter().flat_map(HeaderMap::iter) {
            let name = name.to_string();
            let lower = name.to_ascii_lowercase();
            if !is_secret(&lower) && !lower.starts_with("nats-") {
                for value in values {
                    add(&mut kept, &name, value.as_str());
                }
            }
        }
        let id = message
            .headers
            .as_ref()
            .and_then(|all| all.get("Nats-Msg-Id"));
        if let Some(id) = id {
            add(&mut kept, "Contact-Correlation", id.as_str());
        }
        // Its own id: two commands may have come under one.
        if let Ok(info) = message.info() {
            let id = format!("{}-{}", self.created_nanos, info.stream_sequence);
            add(&mut kept, "Nats-Msg-Id", &id);
        }
        kept
    }
}

/// Whether a header says who sends it, for then whoever reads it could.
fn is_secret(name: &str) -> bool {
    let sessions = dialect::ALL
        .iter()
        .filter_map(|dialect| dialect.session_header());
    matches!(name, "authorization" | "proxy-authorization" | "cookie")
        || sessions
            .into_iter()
            .any(|session| session.eq_ignore_ascii_case(name))
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
        let line = Why::Unread(reply).to_string();
        assert!(line.starts_with("400 a  bx"), "{line}");
        assert_eq!(line.len(), "400 ".len() + ERROR_CHARS_MAX);
        let refused = Why::Refused(Refusal::KeyReused).to_string();
        assert_eq!(
            refused,
            "422 This Idempotency-Key was used for another request."
        );
    }

    #[test]
    fn no_token_is_kept() {
        for secret in ["authorization", "cookie"] {
            assert!(is_secret(secret), "{secret}");
        }
        assert!(!is_secret("contact-query"));
    }
}
