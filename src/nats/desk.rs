//! What operators ask the broker about: the consumers of events, and the dead letters.
//!
//! Nothing here is needed to serve: a broker that does not answer, or does not permit it, costs the
//! operator a list and nobody else anything. Every question has a limit in time, every list one in
//! length, and only a few are asked at once.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::resend::{keeps_content, resend};
use super::subjects::Prefix;
use crate::domain::Timestamp;
use crate::gateway::{
    Broker, CONSUMERS_MAX, Consumer, DEAD_LETTERS_MAX, DeadLetter, Listed, Look, Looking,
    NotResent, Resending, Sign,
};

/// The longest that a list is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Sequences that are looked at to find those: some may have been deleted.
const SEQUENCES_MAX: usize = 200;
/// Letters that are fetched at the same time. Each comes with its payload.
const LETTERS_AT_ONCE: usize = 8;
/// Lists that are asked for at the same time; others wait for their turn.
const LISTS_AT_ONCE: usize = 4;

/// Asks the broker of one connection on behalf of operators.
#[derive(Debug)]
pub struct Desk {
    context: Context,
    prefix: Prefix,
    events: Stream,
    dead: Stream,
    turns: Semaphore,
}

impl Broker for Desk {
    fn look(&self) -> Looking<'_> {
        Box::pin(async {
            let (consumers, dead_letters) =
                tokio::join!(self.told(self.consumers()), self.told(self.dead_letters()));
            Look {
                consumers,
                dead_letters,
            }
        })
    }

    fn resend<'a>(&'a self, sequence: u64, sign: Sign<'a>) -> Resending<'a> {
        Box::pin(async move {
            let _turn = self.turns.acquire().await;
            let sending = resend(&self.context, &self.prefix, &self.dead, sequence, sign);
            let sent = tokio::time::timeout(ANSWER_MAX, sending).await;
            sent.unwrap_or(Err(NotResent::Unanswered))
        })
    }
}

impl Desk {
    /// A desk that asks about these two streams.
    pub fn new(context: Context, prefix: Prefix, events: Stream, dead: Stream) -> Self {
        Self {
            context,
            prefix,
            events,
            dead,
            turns: Semaphore::new(LISTS_AT_ONCE),
        }
    }

    /// A list, or why the broker did not tell it in time.
    async fn told<T>(&self, listing: impl Future<Output = Result<Listed<T>, String>>) -> Listed<T> {
        let turn = async {
            let _turn = self.turns.acquire().await;
            listing.await
        };
        let told = tokio::time::timeout(ANSWER_MAX, turn).await;
        let told = told.unwrap_or_else(|_| {
            Err(format!(
                "the broker did not tell within {} seconds: it is slow, or does not permit it \
                 (see Permissions on NATS in the README)",
                ANSWER_MAX.as_secs()
            ))
        });
        told.unwrap_or_else(|reason| Listed {
            unread: Some(reason),
            ..Listed::default()
        })
    }

    async fn consumers(&self) -> Result<Listed<Consumer>, String> {
        let found = self.events.consumers().take(CONSUMERS_MAX + 1);
        let found: Result<Vec<Info>, _> = found.try_collect().await;
        let found = found.map_err(|error| error.to_string())?;
        let more = found.len() > CONSUMERS_MAX;
        let mut items: Vec<Consumer> = found.into_iter().map(consumer).collect();
        items.sort_by(|one, other| one.name.cmp(&other.name));
        items.truncate(CONSUMERS_MAX);
        Ok(Listed {
            items,
            more,
            unread: None,
        })
    }

    async fn dead_letters(&self) -> Result<Listed<DeadLetter>, String> {
        let mut dead = self.dead.clone();
        let state = dead.info().await.map_err(|error| error.to_string())?;
        let state = state.state.clone();
        if state.messages == 0 {
            return Ok(Listed::default());
        }
        let newest = (state.first_sequence..=state.last_sequence).rev();
        let read = stream::iter(newest.take(SEQUENCES_MAX))
            .map(|sequence| letter(&self.dead, sequence))
            .buffered(LETTERS_AT_ONCE)
            .try_filter_map(async |found| Ok(found))
            .take(DEAD_LETTERS_MAX);
        let items: Vec<DeadLetter> = read.try_collect().await?;
        Ok(Listed {
            more: state.messages > items.len() as u64,
            items,
            unread: None,
        })
    }
}

fn consumer(info: Info) -> Consumer {
    Consumer {
        name: info.name,
        delivered: info.delivered.stream_sequence,
        acknowledged: info.ack_floor.stream_sequence,
        pending: info.num_pending,
        unacknowledged: info.num_ack_pending as u64,
        redelivered: info.num_redelivered as u64,
    }
}

/// The letter of a sequence; `None` where it was deleted.
async fn letter(dead: &Stream, sequence: u64) -> Result<Option<DeadLetter>, String> {
    match dead.get_raw_message(sequence).await {
        Ok(message) => Ok(Some(dead_letter(&message))),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn dead_letter(message: &StreamMessage) -> DeadLetter {
    let header = |name: &str| {
        message
            .headers
            .get(name)
            .map(|value| value.as_str().to_owned())
    };
    let millis = message.time.unix_timestamp_nanos() / 1_000_000;
    DeadLetter {
        sequence: message.sequence,
        time: Timestamp::from_millis(u64::try_from(millis).unwrap_or_default()),
        subject: message.subject.to_string(),
        reason: header("Contact-Error").unwrap_or_default(),
        message_id: header("Contact-Correlation"),
        content: keeps_content(message),
    }
}
