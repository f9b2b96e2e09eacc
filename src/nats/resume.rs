//! Where to go on publishing: what the stream holds, compared with the log.
//!
//! The stream's last message says which event it is. Its place in the stream
//! need not be its place in the log: a stream may have been emptied and filled
//! again. A stream that is empty but once had messages is gone on with by this
//! directory's own cursor, and only if that is of the same stream.

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use serde::Deserialize;

use super::cursor::Cursor;
use super::publish_error::PublishError;
use super::subjects::{Kept, Prefix};
use crate::domain::Position;
use crate::service::Service;

/// The header that names the log an event is of.
pub const LOG_HEADER: &str = "Contact-Log";

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPosition {
    /// The last event that the stream has, or had.
    pub position: Position,
    /// The stream's last sequence.
    pub sequence: u64,
}

/// A stream as the server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// Its name.
    pub name: String,
    /// When it was made, in nanoseconds since 1970.
    pub created_nanos: String,
    /// How many messages it holds.
    pub messages: u64,
    /// The sequence of the last message it ever had.
    pub last_sequence: u64,
    /// Its last event.
    pub last: Option<Published>,
}

/// An event in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The log it says it is of.
    pub log: String,
    /// Its id.
    pub id: String,
    /// The position it says it has.
    pub position: u64,
}

/// Looks at the stream.
///
/// # Errors
/// [`PublishError::Lost`] where the broker does not answer.
pub async fn look(stream: &mut Stream, prefix: &Prefix) -> Result<StreamState, PublishError> {
    let lost =
        |error: &dyn std::fmt::Display| PublishError::lost("looking at the event stream", error);
    let info = stream.info().await.map_err(|error| lost(&error))?;
    let mut seen = StreamState {
        name: info.config.name.clone(),
        created_nanos: info.created.unix_timestamp_nanos().to_string(),
        messages: info.state.messages,
        last_sequence: info.state.last_sequence,
        last: None,
    };
    if seen.messages > 0 {
        let all = prefix.all(Kept::Events);
        seen.last = match stream.get_last_raw_message_by_subject(&all).await {
            Ok(message) => Some(Published::read(&message.headers, &message.payload)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => None,
            Err(error) => return Err(lost(&error)),
        };
    }
    Ok(seen)
}

impl Published {
    /// What a message says it is; what it does not say is empty, and so no event of ours.
    fn read(headers: &HeaderMap, payload: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            sequence: String,
        }
        let text = |value: Option<&async_nats::HeaderValue>| {
            value.map_or_else(String::new, |value| value.as_str().to_owned())
        };
        let body: Option<Body> = serde_json::from_slice(payload).ok();
        Self {
            log: text(headers.get(LOG_HEADER)),
            id: text(headers.get(NATS_MESSAGE_ID)),
            position: body
                .and_then(|body| body.sequence.parse().ok())
                .unwrap_or_default(),
        }
    }
}

/// Where to go on with a stream, if it is of this log.
///
/// # Errors
/// [`PublishError::Halted`] where it is not, or where nobody knows how far it had been filled.
pub fn place(
    seen: &StreamState,
    cursor: Option<&Cursor>,
    log: &str,
    service: &Service,
) -> Result<StreamPosition, PublishError> {
    let name = &seen.name;
    let sequence = seen.last_sequence;
    let position = match (&seen.last, sequence) {
        (Some(last), _) => {
            same_event(name, last, log, service)?;
            Position::new(last.position)
        }
        (None, 0) => Position::ZERO,
        (None, _) => resumed(seen, cursor)?,
    };
    if position > service.head() {
        return Err(ahead(name, position));
    }
    Ok(StreamPosition { position, sequence })
}

/// Whether the stream's last message is the event that the log has at its position.
fn same_event(
    name: &str,
    last: &Published,
    log: &str,
    service: &Service,
) -> Result<(), PublishError> {
    if last.log != log {
        return Err(PublishError::halted(format!(
            "the last message of the stream {name} is of the log {:?}, ours is {log:?}; nothing is \
             published: use another prefix, or delete the stream to have it filled anew",
            last.log
        )));
    }
    let position = Position::new(last.position);
    let ours = service.record(position).map_err(|error| {
        PublishError::halted(format!("the event at {position} can't be read: {error}"))
    })?;
    match ours {
        Some(record) if record.event.header.id.to_string() == last.id => Ok(()),
        Some(_) => Err(PublishError::halted(format!(
            "the stream {name} has another event at position {position} than this log; nothing is \
             published: this directory is not the one that filled it. Delete the stream to have it \
             filled anew"
        ))),
        None => Err(ahead(name, position)),
    }
}

fn ahead(name: &str, position: Position) -> PublishError {
    PublishError::halted(format!(
        "the stream {name} has events up to {position}, which this log does not have; nothing is \
         published: was an older backup restored? Delete the stream to have it filled anew"
    ))
}

/// Where an empty stream that once had messages ended.
fn resumed(seen: &StreamState, cursor: Option<&Cursor>) -> Result<Position, PublishError> {
    let same = cursor.filter(|cursor| {
        cursor.stream == seen.name
            && cursor.created_nanos == seen.created_nanos
            && cursor.sequence <= seen.last_sequence
    });
    match same {
        // Messages after the cursor's are those of the second before a crash, or somebody else's.
        // They are not counted as ours: an event that comes again under its id is no harm, one
        // that never comes is.
        Some(cursor) => Ok(Position::new(cursor.position)),
        None => Err(PublishError::halted(format!(
            "the stream {} is empty but had {} messages, and this directory does not know which \
             event was the last; nothing is published: delete the stream to have it filled anew",
            seen.name, seen.last_sequence
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(last_sequence: u64) -> StreamState {
        StreamState {
            name: "E".into(),
            created_nanos: "5".into(),
            messages: 0,
            last_sequence,
            last: None,
        }
    }

    fn cursor(position: u64, sequence: u64) -> Cursor {
        Cursor {
            stream: "E".into(),
            created_nanos: "5".into(),
            position,
            sequence,
        }
    }

    #[test]
    fn an_emptied_stream_is_gone_on_with_by_the_cursor() {
        let at = |position| Ok(Position::new(position));
        assert_eq!(resumed(&seen(9), Some(&cursor(7, 9))), at(7));
        assert_eq!(resumed(&seen(12), Some(&cursor(7, 9))), at(7));
    }

    #[test]
    fn without_a_cursor_of_this_stream_nobody_guesses() {
        let other = Cursor {
            created_nanos: "6".into(),
            ..cursor(7, 9)
        };
        for cursor in [None, Some(&other), Some(&cursor(7, 10))] {
            assert!(matches!(
                resumed(&seen(9), cursor),
                Err(PublishError::Halted { .. })
            ));
        }
    }

    #[test]
    fn a_message_that_is_no_event_is_none_of_ours() {
        let none = Published::read(&HeaderMap::new(), b"hello");
        assert_eq!(none.position, 0);
        assert!(none.log.is_empty() && none.id.is_empty());
    }
}
