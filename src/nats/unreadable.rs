//! Durable commands that the client library can't read: found in the stream, and ended.
//!
//! Such a command costs the connection it is delivered on, or is dropped without a word; either way
//! nobody acknowledges it, and the server delivers it again for ever. So whoever begins to take
//! commands first looks at those that the server has delivered and that nobody acknowledged, by a
//! request whose answer holds them as base64. Those that can't be read become dead letters, and are
//! then ended at the consumer, which goes by the sequence that its acknowledgement subject names.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Display;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{Info, PullConsumer};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{AckKind, Context};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::arrival::{arrives, message_id};
use super::claim::DELIVERED_MAX;
use super::dead_letter::{DeadLetters, Letter, Why};
use super::event_stream::if_found;
use super::request::add;
use super::subjects::{Kept, Prefix};
use crate::gateway::stopped;

/// The time between two looks at commands that were delivered more than once, about that after
/// which the server delivers a command again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The look for commands that can't be read, and what it needs.
pub struct Unreadable {
    /// The streams of the connection.
    pub context: Context,
    /// The consumer of commands.
    pub consumer: PullConsumer,
    /// The first token of every subject.
    pub prefix: Prefix,
    /// The publisher of dead letters.
    pub dead: DeadLetters,
    /// The sequences of those that were ended, above the consumer's floor: not every stream forgets
    /// them.
    pub ended: BTreeSet<u64>,
}

/// The question for the first message of these subjects from a sequence on.
#[derive(Serialize)]
struct Ask<'a> {
    seq: u64,
    next_by_subj: &'a str,
}

#[derive(Deserialize)]
struct Told {
    message: Stored,
}

/// A message as the server tells it: headers and payload in base64.
#[derive(Deserialize)]
struct Stored {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

impl Unreadable {
    /// Takes commands by this future, after a first look and with further ones beside it.
    pub async fn beside<T>(
        mut self,
        taking: impl Future<Output = T>,
        mut stopping: watch::Receiver<bool>,
    ) -> T {
        tokio::select! {
            () = self.look(true) => {}
            () = stopped(&mut stopping) => {}
        }
        tokio::select! {
            taken = taking => taken,
            never = self.look_again() => match never {},
        }
    }

    /// Looks from time to time: of what the library drops no lost connection tells.
    async fn look_again(&mut self) -> Infallible {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            self.look(false).await;
        }
    }

    async fn look(&mut self, first: bool) {
        if let Err(error) = self.end_all(first).await {
            tracing::warn!(
                %error,
                "durable commands that were not acknowledged can't be looked at, and one that can't \
                 be read would come again and again (see Permissions on NATS in the README)"
            );
        }
    }

    /// Ends what was delivered, not acknowledged, and can't be read. At the first look nobody has
    /// the others in hand any more: they are given back, to be delivered at once and in their order.
    async fn end_all(&mut self, first: bool) -> Result<(), String> {
        // Where the consumer does not answer, whoever takes commands says so.
        let Ok(info) = self.consumer.get_info().await else {
            return Ok(());
        };
        if info.num_ack_pending == 0 || !(first || info.num_redelivered > 0) {
            return Ok(());
        }
        let floor = info.ack_floor.stream_sequence;
        self.ended.retain(|sequence| *sequence > floor);
        let mut next = floor.saturating_add(1);
        for _ in 0..DELIVERED_MAX {
            let Some(stored) = self.stored(next).await? else {
                break;
            };
            if stored.seq > info.delivered.stream_sequence {
                break;
            }
            let sequence = stored.seq;
            next = sequence.saturating_add(1);
            let headers = STANDARD.decode(&stored.hdrs).map_err(text)?;
            if arrives(&stored.subject, &headers) {
                if first {
                    self.give_back(sequence, &info).await?;
                }
            } else if !self.ended.contains(&sequence) {
                self.end(stored, &headers, &info).await?;
                self.ended.insert(sequence);
            }
        }
        Ok(())
    }

    /// The first command that the stream still has from this sequence on.
    async fn stored(&self, from: u64) -> Result<Option<Stored>, String> {
        let subject = format!("STREAM.MSG.GET.{}", self.prefix.stream(Kept::Commands));
        let all = self.prefix.all(Kept::Commands);
        let ask = Ask {
            seq: from,
            next_by_subj: &all,
        };
        let answer: Response<Told> = self.context.request(subject, &ask).await.map_err(text)?;
        Ok(if_found(answer).map_err(text)?.map(|told| told.message))
    }

    /// Makes a dead letter of a command, and ends it once the broker has the letter.
    async fn end(&self, stored: Stored, headers: &[u8], info: &Info) -> Result<(), String> {
        let mut known = HeaderMap::new();
        if let Some(id) = message_id(headers) {
            add(&mut known, "Nats-Msg-Id", &id);
        }
        let payload = STANDARD.decode(&stored.data).map_err(text)?;
        let letter = Letter {
            subject: &stored.subject,
            headers: Some(&known),
            payload: &Bytes::from(payload),
            sequence: Some(stored.seq),
        };
        let published = self.dead.publish(&self.context, &letter, &Why::Headers);
        published.await.map_err(text)?;
        let ended = self.acknowledgement(stored.seq, info);
        let ended = self
            .context
            .client()
            .request(ended, AckKind::Term.into())
            .await;
        ended.map(drop).map_err(text)
    }

    async fn give_back(&self, sequence: u64, info: &Info) -> Result<(), String> {
        let subject = self.acknowledgement(sequence, info);
        let given = self.context.client();
        let given = given.publish(subject, AckKind::Nak(None).into()).await;
        given.map_err(text)
    }

    /// The acknowledgement subject of a command that was delivered to somebody: the server finds
    /// its delivery by the sequence in the stream, and wants the one of the consumer to be none
    /// that is still to come.
    fn acknowledgement(&self, sequence: u64, info: &Info) -> String {
        let newest = info.delivered.consumer_sequence;
        let (stream, consumer) = (&info.stream_name, &info.name);
        format!("$JS.ACK.{stream}.{consumer}.1.{sequence}.{newest}.0.0")
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}
