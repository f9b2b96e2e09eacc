//! What becomes of events that were sent: the broker's acknowledgement, and the end of their spans.
//!
//! Each event says behind which one it stands, so the broker stores it only where it has stored all
//! before it: the last of many is acknowledged for all of them. The acknowledgements of a run come to
//! one subscription, each to a subject of its own. The client library would make an inbox, a channel,
//! a timer and three boxes for each.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, Message, StatusCode, Subscriber};
use futures_util::{FutureExt, StreamExt};
use serde::Deserialize;
use tokio::time::Instant;

use super::publish_error::PublishError;
use super::resume::StreamPosition;
use crate::domain::Position;
use crate::gateway::{Fact, OpenSpan};

/// The time within which the broker acknowledges an event.
const ACK_WAIT: Duration = Duration::from_secs(5);

/// The events that are on their way, and the subscription on which the broker speaks of them.
pub struct Sent {
    answers: Subscriber,
    on_way: OnWay,
}

/// The events that are on their way, in their order, and what is known of them.
struct OnWay {
    /// The subject of each answer is this, and its number.
    inbox: String,
    /// The name of the stream, for spans.
    stream: String,
    /// The number of the first answer that is waited for.
    first: u64,
    waiting: VecDeque<Waiting>,
    /// The events behind the last that asked for an answer.
    unasked: Events,
    /// The number of all events.
    count: usize,
}

/// Events that one answer is for.
#[derive(Default)]
struct Events {
    count: usize,
    /// The spans of those that have one.
    spans: Vec<(Position, OpenSpan)>,
}

/// An answer that is waited for.
struct Waiting {
    events: Events,
    /// The place of the last of its events.
    last: StreamPosition,
    due: Instant,
    answer: Option<Answer>,
}

/// The broker's word about an event that was sent: where it is stored, or why it is not.
pub type Answer = Result<Stored, NotStored>;

/// An event that a stream has.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    /// The name of the stream.
    pub stream: String,
    /// The sequence that the event has in it.
    pub sequence: u64,
}

/// The reasons for which an event is not known to be in the stream.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// Another message is before it than was expected.
    #[error("{0}")]
    Displaced(String),
    /// The broker did not answer in time.
    #[error("the broker did not acknowledge it in time")]
    Late,
    /// No stream takes its subject.
    #[error("no stream takes its subject")]
    NoStream,
    /// The connection to the broker ended.
    #[error("the connection ended")]
    Lost,
    /// The broker does not take it.
    #[error("{0}")]
    Refused(String),
}

impl NotStored {
    /// What is done about an event of this position that is not stored.
    pub fn interrupts(&self, position: Position) -> Interrupted {
        match self {
            Self::Displaced(_) | Self::Late => Interrupted::LookAgain(self.to_string()),
            Self::NoStream | Self::Lost => {
                Interrupted::PublishError(PublishError::lost("publishing", self))
            }
            Self::Refused(_) => Interrupted::PublishError(not_taken(position, self)),
        }
    }
}

/// The error of a broker that does not take an event.
pub fn not_taken(position: Position, error: &dyn std::fmt::Display) -> PublishError {
    PublishError::halted(format!(
        "the server does not take the event at {position}: {error}"
    ))
}

/// The broker's words of an event.
#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    stream: String,
    #[serde(default)]
    seq: u64,
    error: Option<jetstream::Error>,
}

impl Sent {
    /// Begins with no event on its way.
    ///
    /// # Errors
    /// [`PublishError::Lost`] where the connection ended.
    pub async fn begin(client: &Client, stream: String) -> Result<Self, PublishError> {
        let inbox = format!("{}.", client.new_inbox());
        let answers = client.subscribe(format!("{inbox}*")).await;
        Ok(Self {
            answers: answers.map_err(|error| PublishError::lost("publishing", &error))?,
            on_way: OnWay::new(inbox, stream),
        })
    }

    /// The number of events that are on their way.
    pub fn len(&self) -> usize {
        self.on_way.count
    }

    /// The subject to which the next answer comes.
    pub fn reply(&self) -> String {
        self.on_way.reply()
    }

    /// Takes note that an event was sent, and whether with the subject that [`Self::reply`] gave: then
    /// its answer is for all before it, too.
    pub fn push(&mut self, place: StreamPosition, span: Option<OpenSpan>, asks: bool) {
        self.on_way.push(place, span, asks);
    }

    /// Waits for the next answer, with the last event that it is for; for ever where none is asked for.
    pub async fn next(&mut self) -> (StreamPosition, Answer) {
        loop {
            if let Some(answered) = self.on_way.answered() {
                return answered;
            }
            let Some(due) = self.on_way.waiting.front().map(|first| first.due) else {
                return std::future::pending().await;
            };
            match tokio::time::timeout_at(due, self.answers.next()).await {
                Ok(Some(message)) => self.on_way.note(&message),
                Ok(None) => self.on_way.answer_first(NotStored::Lost),
                Err(_) => self.on_way.answer_first(NotStored::Late),
            }
        }
    }

    /// The next answer, where it is here already.
    pub fn ready(&mut self) -> Option<(StreamPosition, Answer)> {
        loop {
            if let Some(answered) = self.on_way.answered() {
                return Some(answered);
            }
            let message = self.answers.next().now_or_never()??;
            self.on_way.note(&message);
        }
    }
}

impl OnWay {
    fn new(inbox: String, stream: String) -> Self {
        Self {
            inbox,
            stream,
            first: 0,
            waiting: VecDeque::new(),
            unasked: Events::default(),
            count: 0,
        }
    }

    fn reply(&self) -> String {
        format!("{}{}", self.inbox, self.first + self.waiting.len() as u64)
    }

    fn push(&mut self, place: StreamPosition, span: Option<OpenSpan>, asks: bool) {
        self.count += 1;
        self.unasked.count += 1;
        let span = span.map(|span| (place.position, span));
        self.unasked.spans.extend(span);
        if asks {
            self.waiting.push_back(Waiting {
                events: std::mem::take(&mut self.unasked),
                last: place,
                due: Instant::now() + ACK_WAIT,
                answer: None,
            });
        }
    }

    /// Takes the first answer that is waited for, if it is here.
    fn answered(&mut self) -> Option<(StreamPosition, Answer)> {
        let answer = self.waiting.front_mut()?.answer.take()?;
        let Waiting { events, last, .. } = self.waiting.pop_front()?;
        self.first += 1;
        self.count -= events.count;
        for (position, span) in events.spans {
            let name = format!("send {}", self.stream);
            let facts = vec![
                Fact::Text("messaging.system", "nats".into()),
                Fact::Text("messaging.destination.name", self.stream.clone()),
                Fact::Number("contactd.position", position.get()),
            ];
            span.end(name, facts, answer.is_err());
        }
        Some((last, answer))
    }

    /// Notes an answer, if it is still waited for.
    fn note(&mut self, message: &Message) {
        let number = message.subject.strip_prefix(self.inbox.as_str());
        let number = number.and_then(|number| number.parse::<u64>().ok());
        let index = number.and_then(|number| number.checked_sub(self.first));
        let index = index.and_then(|index| usize::try_from(index).ok());
        if let Some(waiting) = index.and_then(|index| self.waiting.get_mut(index)) {
            waiting.answer = Some(read(message));
        }
    }

    fn answer_first(&mut self, why: NotStored) {
        if let Some(first) = self.waiting.front_mut() {
            first.answer = Some(Err(why));
        }
    }
}

fn read(message: &Message) -> Answer {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Err(NotStored::NoStream);
    }
    let words: Words = serde_json::from_slice(&message.payload)
        .map_err(|error| NotStored::Refused(error.to_string()))?;
    let Some(error) = words.error else {
        return Ok(Stored {
            stream: words.stream,
            sequence: words.seq,
        });
    };
    Err(match error.error_code() {
        ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID => {
            NotStored::Displaced(error.to_string())
        }
        _ => NotStored::Refused(error.to_string()),
    })
}

/// The reasons for which a run ended.
pub enum Interrupted {
    /// The stream has to be looked at again.
    LookAgain(String),
    /// The session or the publisher has to end.
    PublishError(PublishError),
}

impl From<PublishError> for Interrupted {
    fn from(publish_error: PublishError) -> Self {
        Self::PublishError(publish_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, payload: &'static str, status: Option<StatusCode>) -> Message {
        Message {
            subject: subject.into(),
            reply: None,
            payload: payload.into(),
            headers: None,
            status,
            description: None,
            length: payload.len(),
        }
    }

    fn place(position: u64) -> StreamPosition {
        StreamPosition {
            position: Position::new(position),
            sequence: position,
        }
    }

    #[test]
    fn answers_are_given_in_the_order_of_sending_whatever_order_they_come_in() {
        let mut on_way = OnWay::new("_INBOX.a.".into(), "E".into());
        for position in 1..=3 {
            let number = position - 1;
            assert_eq!(on_way.reply(), format!("_INBOX.a.{number}"));
            on_way.push(place(position), None, true);
        }
        on_way.note(&message("_INBOX.a.1", r#"{"stream":"E","seq":2}"#, None));
        assert_eq!(on_way.answered(), None, "the first is not answered");
        for stray in ["_INBOX.b.0", "_INBOX.a.x", "_INBOX.a.3", "_INBOX.a."] {
            on_way.note(&message(stray, "{}", None));
        }
        assert_eq!(on_way.answered(), None);
        on_way.note(&message("_INBOX.a.0", r#"{"stream":"E","seq":1}"#, None));
        for sequence in [1, 2] {
            let stored = Stored {
                stream: "E".into(),
                sequence,
            };
            assert_eq!(on_way.answered(), Some((place(sequence), Ok(stored))));
        }
        on_way.note(&message("_INBOX.a.0", "{}", None));
        assert_eq!(on_way.answered(), None, "that one is told");
        assert_eq!(on_way.reply(), "_INBOX.a.3");
        on_way.answer_first(NotStored::Late);
        assert_eq!(on_way.answered(), Some((place(3), Err(NotStored::Late))));
    }

    #[test]
    fn the_answer_to_the_last_of_many_is_for_all_of_them() {
        let mut on_way = OnWay::new("_INBOX.a.".into(), "E".into());
        for position in 1..=6 {
            assert_eq!(on_way.reply(), format!("_INBOX.a.{}", (position - 1) / 3));
            on_way.push(place(position), None, position % 3 == 0);
        }
        on_way.push(place(7), None, false);
        assert_eq!(on_way.count, 7);
        on_way.note(&message("_INBOX.a.1", r#"{"stream":"E","seq":6}"#, None));
        assert_eq!(on_way.answered(), None, "those before are not answered");
        on_way.note(&message("_INBOX.a.0", r#"{"stream":"E","seq":3}"#, None));
        for (last, left) in [(3, 4), (6, 1)] {
            let answered = on_way.answered().map(|(at, answer)| (at, answer.is_ok()));
            assert_eq!((answered, on_way.count), (Some((place(last), true)), left));
        }
        assert_eq!(on_way.answered(), None, "the last has not asked");
    }

    #[test]
    fn what_the_broker_says_is_told_apart_by_what_is_done_about_it() {
        let check = |payload, status, want: fn(&Answer) -> bool| {
            let answer = read(&message("s", payload, status));
            assert!(want(&answer), "{payload}: {answer:?}");
        };
        let another =
            r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"}}"#;
        check(
            another,
            None,
            |it| matches!(it, Err(NotStored::Displaced(why)) if why.contains("sequence: 3")),
        );
        let another =
            r#"{"error":{"code":400,"err_code":10070,"description":"wrong last msg ID: x"}}"#;
        check(another, None, |it| {
            matches!(it, Err(NotStored::Displaced(_)))
        });
        let full =
            r#"{"error":{"code":400,"err_code":10077,"description":"maximum messages exceeded"}}"#;
        check(full, None, |it| matches!(it, Err(NotStored::Refused(_))));
        check("no JSON", None, |it| {
            matches!(it, Err(NotStored::Refused(_)))
        });
        let nobody = Some(StatusCode::NO_RESPONDERS);
        check("", nobody, |it| *it == Err(NotStored::NoStream));
        let stored = r#"{"stream":"E","domain":"d","seq":7,"duplicate":true}"#;
        check(stored, None, |it| {
            matches!(it, Ok(Stored { sequence: 7, .. }))
        });
    }
}
