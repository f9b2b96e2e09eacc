//! Where to go on publishing: what the stream holds, compared with the log and the cursor.
//!
//! While this directory has a cursor of the stream, what it published before is known, whatever has
//! become of those messages: they may have aged out, been purged or deleted. Only the messages after
//! the cursor's are looked at. Those with this directory's MAC are events that were published just
//! before a crash; all others are somebody else's, and are counted and passed over.
//!
//! Without a cursor of this stream the directory has never published to it, as far as it knows. Then
//! the stream's newest event says whose it is: of this log, it is gone on with; of another, this
//! service stands back.

use async_nats::jetstream::Context;

use super::cursor::Cursor;
use super::event_stream::{self, Found, StreamState};
use super::mac::MacKey;
use super::publish_error::PublishError;
use super::subjects::{Kept, Prefix};
use crate::domain::Position;
use crate::service::Service;

/// Messages that are looked at together where the newest event is searched.
const CHUNK: u64 = 512;

/// What the stream is compared with.
pub struct Own<'a> {
    /// The prefix of every subject.
    pub prefix: &'a Prefix,
    /// The id of this log.
    pub log: &'a str,
    /// The service whose log is published.
    pub service: &'a Service,
    /// What this directory knows of the stream, or of the one before it.
    pub cursor: Option<&'a Cursor>,
}

/// The position at which publishing goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPosition {
    /// The last event that the stream has, or had.
    pub position: Position,
    /// The stream's last sequence.
    pub sequence: u64,
}

impl StreamPosition {
    /// The cursor that says so.
    pub fn cursor(self, state: &StreamState, key: &MacKey) -> Cursor {
        Cursor {
            stream: state.name.clone(),
            created_nanos: state.created_nanos.clone(),
            position: self.position.get(),
            sequence: self.sequence,
            key: Some(key.clone()),
        }
    }
}

/// The position at which publishing goes on, and what was passed over on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The position at which publishing goes on.
    pub place: StreamPosition,
    /// Messages that were not counted before and are none of ours.
    pub foreign: u64,
}

impl Own<'_> {
    /// Looks at the stream and says where to go on.
    ///
    /// # Errors
    /// [`PublishError::Lost`] where the server does not answer, [`PublishError::OtherLog`] where the
    /// stream is another log's, [`PublishError::Halted`] where it has events of this log that this
    /// directory does not have: an older backup was restored.
    pub async fn resume(
        &self,
        context: &Context,
        state: &StreamState,
    ) -> Result<Resumed, PublishError> {
        let resumed = match self.cursor.filter(|cursor| is_of(cursor, state)) {
            Some(cursor) => self.after(context, state, cursor).await?,
            None => self.newest(context, state).await?,
        };
        if resumed.place.position > self.service.head() {
            return Err(ahead(&state.name, resumed.place.position));
        }
        Ok(resumed)
    }

    /// Goes on from the cursor: by the messages after the cursor's.
    async fn after(
        &self,
        context: &Context,
        state: &StreamState,
        cursor: &Cursor,
    ) -> Result<Resumed, PublishError> {
        let mut resumed = Resumed {
            place: StreamPosition {
                position: Position::new(kept(cursor, state)),
                sequence: state.last_sequence,
            },
            foreign: 0,
        };
        let mut next = state.first_sequence.max(cursor.sequence.saturating_add(1));
        while next <= state.last_sequence {
            let end = state.last_sequence.min(next.saturating_add(CHUNK - 1));
            let key = cursor.key.as_ref();
            let found = event_stream::messages(context, state, next..=end, key).await?;
            for message in found.iter().filter(|message| self.is_event(message)) {
                if message.is_ours {
                    let position = self.same_event(state, message)?;
                    resumed.place.position = resumed.place.position.max(position);
                } else {
                    resumed.foreign += 1;
                }
            }
            next = end + 1;
        }
        Ok(resumed)
    }

    /// Goes on without a cursor: by the newest message that names a log.
    async fn newest(
        &self,
        context: &Context,
        state: &StreamState,
    ) -> Result<Resumed, PublishError> {
        let mut resumed = Resumed {
            place: StreamPosition {
                position: Position::ZERO,
                sequence: state.last_sequence,
            },
            foreign: 0,
        };
        let mut end = state.last_sequence;
        let first = state.first_sequence.max(1);
        while end >= first {
            let start = first.max((end + 1).saturating_sub(CHUNK));
            let found = event_stream::messages(context, state, start..=end, None).await?;
            let events = found.iter().filter(|message| self.is_event(message));
            let (named, nameless): (Vec<_>, Vec<_>) =
                events.partition(|message| !message.log.is_empty() && message.position > 0);
            resumed.foreign += nameless.len() as u64;
            if let Some(other) = named.iter().find(|message| message.log != self.log) {
                return Err(other_log(&state.name, &other.log));
            }
            for message in named.iter().rev() {
                let position = self.same_event(state, message)?;
                resumed.place.position = resumed.place.position.max(position);
            }
            if !named.is_empty() {
                break;
            }
            end = start.saturating_sub(1);
        }
        Ok(resumed)
    }

    /// Whether a message has the subject of an event; the operator's stream may take others too.
    fn is_event(&self, message: &Found) -> bool {
        let all = self.prefix.all(Kept::Events);
        let events = all.trim_end_matches('>');
        message.subject.starts_with(events)
    }

    /// The position of a message that is the event which the log has there.
    fn same_event(&self, state: &StreamState, message: &Found) -> Result<Position, PublishError> {
        let (name, position) = (&state.name, Position::new(message.position));
        let ours = self.service.record(position).map_err(|error| {
            PublishError::halted(format!("the event at {position} can't be read: {error}"))
        })?;
        match ours {
            Some(record) if record.event.header.id.to_string() == message.id => Ok(position),
            // A copy of this log goes on beside it, or did: each would take a part of the commands.
            Some(_) => Err(PublishError::other_log(format!(
                "the stream {name} has another event at position {position} than this log: this \
                 directory is not the one that filled it, and this service publishes nothing, takes \
                 no commands and answers no requests. Stop the other service; where this one is to \
                 go on, delete the stream to have it filled anew"
            ))),
            None => Err(ahead(name, position)),
        }
    }
}

/// Whether a cursor is of this stream, and not of one of the same name before it.
fn is_of(cursor: &Cursor, state: &StreamState) -> bool {
    cursor.stream == state.name && cursor.created_nanos == state.created_nanos
}

/// The last event that the stream has kept. A server that lost its newest messages, as one may that
/// loses power, is given them again: each of its lost messages was at most one event.
fn kept(cursor: &Cursor, state: &StreamState) -> u64 {
    let lost = cursor.sequence.saturating_sub(state.last_sequence);
    cursor.position.saturating_sub(lost)
}

fn other_log(name: &str, log: &str) -> PublishError {
    PublishError::other_log(format!(
        "the stream {name} has events of another log, {log:?}: this service publishes nothing, \
         takes no commands and answers no requests. Use another --nats-prefix, or, where that \
         log's service is gone for good, delete the stream to have it filled anew"
    ))
}

fn ahead(name: &str, position: Position) -> PublishError {
    PublishError::halted(format!(
        "the stream {name} has events up to {position}, which this log does not have; nothing is \
         published: was an older backup restored? Delete the stream to have it filled anew"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(last_sequence: u64) -> StreamState {
        StreamState {
            name: "E".into(),
            created_nanos: "5".into(),
            first_sequence: 1,
            last_sequence,
        }
    }

    fn cursor(position: u64, sequence: u64) -> Cursor {
        Cursor {
            stream: "E".into(),
            created_nanos: "5".into(),
            position,
            sequence,
            key: None,
        }
    }

    #[test]
    fn a_cursor_is_of_one_stream() {
        assert!(is_of(&cursor(7, 9), &state(9)));
        let younger = StreamState {
            created_nanos: "6".into(),
            ..state(9)
        };
        assert!(!is_of(&cursor(7, 9), &younger));
    }

    #[test]
    fn what_a_server_lost_is_published_again() {
        assert_eq!(kept(&cursor(7, 9), &state(9)), 7);
        assert_eq!(kept(&cursor(7, 9), &state(12)), 7);
        assert_eq!(kept(&cursor(7, 9), &state(6)), 4);
        assert_eq!(kept(&cursor(2, 9), &state(0)), 0);
    }
}
