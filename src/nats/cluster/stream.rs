//! The stream that orders: made where it is missing, published to, read in order, looked at.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::context::{PublishError as OrderError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use bytes::Bytes;
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::subjects::Names;
use crate::audit::Hash;
use crate::cluster::{Coder, Event, MessageId, Sent};
use crate::nats::publish_error::PublishError;

/// The longest that a published message waits for its answer before it is published once more.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// The time between two messages that the broker stores nothing.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// The stream, on one connection.
#[derive(Clone)]
pub struct Order {
    pub context: Context,
    pub stream: Stream,
    pub names: Names,
    pub coder: Coder,
    /// The time at which it was last said that the broker stores nothing.
    pub told: Arc<Mutex<Option<Instant>>>,
}

impl Order {
    /// Publishes a message; the answer, if one comes.
    pub async fn publish(&self, expect: u64, sent: Sent) -> Option<Event> {
        let mut headers = HeaderMap::new();
        for (name, value) in &sent.headers {
            headers.insert(*name, value.as_str());
        }
        let message = PublishMessage::build()
            .headers(headers)
            .payload(sent.payload)
            .expected_stream(self.names.stream())
            .expected_last_sequence(expect);
        let id = sent.id;
        let published = async {
            let ack = self.context.send_publish(self.names.order(), message);
            ack.await?.await
        };
        match tokio::time::timeout(ANSWER_TIME_MAX, published).await {
            Ok(Ok(ack)) => Some(Event::Stored {
                id,
                sequence: ack.sequence,
            }),
            Ok(Err(error)) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Some(Event::Refused { id })
            }
            Ok(Err(error)) => {
                self.tell_of(&error);
                None
            }
            Err(_) => None,
        }
    }

    /// Says why the broker orders nothing, for the operator has to act, but not for each message.
    fn tell_of(&self, error: &OrderError) {
        if matches!(
            error.kind(),
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe
        ) {
            return tracing::debug!(%error, "nobody knows whether a message was stored");
        }
        let mut told = self.told.lock();
        if told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
            *told = Some(Instant::now());
            tracing::warn!(
                %error,
                stream = self.names.stream(),
                "the broker does not store what orders the log, so writes wait; look at its limits and its log"
            );
        }
    }

    /// Looks at the stream, and at the message at a sequence of it.
    pub async fn look(mut self, at: u64) -> Option<Event> {
        let info = self.stream.info().await.ok()?;
        let created = u64::try_from(info.created.unix_timestamp_nanos()).unwrap_or_default();
        let (last, is_empty) = (info.state.last_sequence, info.state.messages == 0);
        let found = if at == 0 || at > last {
            None
        } else {
            match self.stream.get_raw_message(at).await {
                Ok(message) => Some(self.known(&message.headers, &message.payload).0),
                Err(error) => match error.kind() {
                    LastRawMessageErrorKind::NoMessageFound => None,
                    LastRawMessageErrorKind::JetStream(error)
                        if error.error_code() == ErrorCode::NO_MESSAGE_FOUND =>
                    {
                        None
                    }
                    // It was not seen, which says nothing.
                    _ => return None,
                },
            }
        };
        Some(Event::Stream {
            created,
            last,
            is_empty,
            looked_at: at,
            found,
        })
    }

    /// Makes the stream anew, empty and of the same shape.
    pub async fn make_anew(self) -> Option<Event> {
        let config = self.stream.cached_info().config.clone();
        let name = self.names.stream();
        if let Err(error) = self.context.delete_stream(&name).await {
            tracing::warn!(%error, name, "the stream was not removed");
        }
        // Where it was not, this is refused or finds it as it was, and the look tells.
        if let Err(error) = self.context.create_stream(config).await {
            tracing::warn!(%error, name, "the stream was not made anew");
        }
        self.look(0).await
    }

    /// Reads the stream from a sequence on, until the connection or the receiver is gone.
    pub async fn read(self, from: u64, reads: mpsc::Sender<Event>) -> Result<(), PublishError> {
        let lost = |error: &dyn std::fmt::Display| PublishError::lost("reading the order", error);
        let config = pull::OrderedConfig {
            description: Some("A node of contactd's cluster".to_owned()),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: from,
            },
            ..pull::OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await;
        let messages = consumer.map_err(|error| lost(&error))?.messages().await;
        let mut messages = messages.map_err(|error| lost(&error))?;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| lost(&error))?;
            let sequence = message
                .info()
                .map_err(|error| lost(&error))?
                .stream_sequence;
            let none = HeaderMap::new();
            let headers = message.headers.as_ref().unwrap_or(&none);
            let (id, message) = self.known(headers, &message.payload);
            let read = Event::Read {
                sequence,
                id,
                message,
            };
            if reads.send(read).await.is_err() {
                return Ok(());
            }
        }
        Err(lost(&"the stream ended"))
    }

    /// A message with what it says. One that no node sent is told from others by its payload.
    fn known(
        &self,
        headers: &HeaderMap,
        payload: &Bytes,
    ) -> (MessageId, Option<crate::cluster::Message>) {
        let header = |name: &str| headers.get(name).map(|value| value.as_str());
        match self.coder.decode(header, payload) {
            Some((id, message)) => (id, Some(message)),
            None => (MessageId(Hash::leaf(payload).0), None),
        }
    }
}
