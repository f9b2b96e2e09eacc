//! The command of a dead letter, put back on its own subject.

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};

use super::dead_letter::{lacks_headers, says_itself};
use super::request::{add, first};
use super::subjects::Prefix;
use crate::gateway::{NotResent, Resent, Sign};

/// Sends the command of a letter again, under the message id that it had.
///
/// # Errors
/// The letter is gone, does not hold all of its command, or the broker does not take it.
pub async fn resend(
    context: &Context,
    prefix: &Prefix,
    dead: &Stream,
    sequence: u64,
    sign: Sign<'_>,
) -> Result<Resent, NotResent> {
    let letter = dead
        .get_raw_message(sequence)
        .await
        .map_err(|error| match error.kind() {
            RawMessageErrorKind::NoMessageFound => NotResent::NoLetter,
            _ => NotResent::Unanswered,
        })?;
    let subject = prefix.revived(&letter.subject);
    let subject = subject.ok_or(NotResent::NoCommand)?;
    let address = prefix.command(&subject).map_err(|_| NotResent::NoCommand)?;
    if !keeps_content(&letter) {
        return Err(NotResent::NoContent);
    }
    let tenant = address.owner.first().map_or("", String::as_str);
    let (mut headers, message_id) = headers(&letter);
    if let Some(token) = sign(address.dialect, tenant)? {
        add(&mut headers, "Authorization", &format!("Bearer {token}"));
    }
    let sent = context.publish_with_headers(subject, headers, letter.payload);
    let stored = sent.await.map_err(|_| NotResent::Unanswered)?.await;
    let stored = stored.map_err(|error| {
        tracing::warn!(%error, "a dead letter was not sent again");
        NotResent::Unanswered
    })?;
    Ok(Resent {
        sequence: stored.sequence,
        duplicate: stored.duplicate,
        message_id,
    })
}

/// Whether a letter holds the whole payload. Of one without a payload nobody can tell whether its
/// query was kept either, and one that lost its headers may have lost its conditions.
pub fn keeps_content(letter: &StreamMessage) -> bool {
    let error = letter.headers.get("Contact-Error");
    if error.is_some_and(|error| lacks_headers(error.as_str())) {
        return false;
    }
    let bytes = letter.headers.get("Contact-Payload-Bytes");
    let bytes = bytes.and_then(|value| value.as_str().parse().ok());
    !letter.payload.is_empty() && bytes == Some(letter.payload.len())
}

/// The command's own headers, and the id under which it goes back: its own, else one of its letter,
/// so that the same letter sent twice is one command.
fn headers(letter: &StreamMessage) -> (HeaderMap, String) {
    let text = |name: &str| {
        letter
            .headers
            .get(name)
            .map(|value| value.as_str().to_owned())
    };
    // A command without an id is known by its key, if it has one.
    let key = first(&letter.headers, "Idempotency-Key").map(str::to_owned);
    let id = text("Contact-Correlation").or(key).unwrap_or_else(|| {
        let own = text("Nats-Msg-Id").unwrap_or_else(|| letter.sequence.to_string());
        format!("letter-{own}")
    });
    let mut headers = HeaderMap::new();
    for (name, values) in letter.headers.iter() {
        let name = name.to_string();
        let lower = name.to_ascii_lowercase();
        if says_itself(&lower) || lower.starts_with("nats-") {
            continue;
        }
        for value in values {
            add(&mut headers, &name, value.as_str());
        }
    }
    add(&mut headers, "Nats-Msg-Id", &id);
    (headers, id)
}
