//! Publishes every event of the log, in order, each once.
//!
//! The publisher follows the settled end of the log. Up to a limit it sends events
//! without waiting for the acknowledgement of those before. Each message names
//! the sequence that the stream must end with before it, and the id of the
//! message before it: where somebody else's message came between, the server
//! refuses this message and all that were sent after it, so that there is never
//! a gap. So the last of the events at hand is acknowledged for all of them. After
//! an error the publisher looks at the stream again, and has each event
//! acknowledged until one is, to learn which it was.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_nats::client::PublishErrorKind;
use async_nats::header::{
    NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE, NATS_MESSAGE_ID,
};
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Stream;
use async_nats::{Client, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::cursor::{Cursor, CursorFile};
use super::event_stream::{LOG_HEADER, StreamState};
use super::mac::{Authenticated, MAC_HEADER, MacKey};
use super::publish_error::PublishError;
use super::published::{Answer, Interrupted, Sent, not_taken};
use super::resume::{Own, Resumed, StreamPosition};
use super::subjects::Prefix;
use crate::domain::{Content, Event, Position, Registry, TraceParent};
use crate::gateway::{Bus, Health, SpanKind, Spans, stopped};
use crate::service::Service;
use crate::wire::{Detail, MEDIA_TYPE, cloud_event};

/// Messages that are sent and not yet acknowledged.
const WINDOW: usize = 512;
/// Events that are read from the log at once.
const PAGE: usize = 256;
/// Events that are taken from memory at once: they keep a thread of the runtime busy for a fraction
/// of a millisecond.
const NEWEST: u64 = 64;
/// The memory that an event's JSON begins with, in bytes: most fit, and it grows for others.
const PAYLOAD_BYTES: usize = 1 << 10;
/// The time between two writes of the cursor while events are acknowledged.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// The time after which the stream is looked at again after an interruption: at first, and at most.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(50);
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(2);
/// The time after a halt at which the stream is looked at again, since an operator may have
/// repaired it.
const HALTED: Duration = Duration::from_secs(5);

/// The log, and what is needed to publish it.
#[derive(Clone)]
pub struct Publisher {
    /// The service whose log is published.
    pub service: Service,
    /// The rules of every dialect.
    pub registry: Registry,
    /// The place where the publisher reports its state and position.
    pub health: Health,
    /// The first token of every subject.
    pub prefix: Prefix,
    /// The level of detail at which events are published.
    pub detail: Detail,
    /// The log's id, which each message carries.
    pub log: Arc<str>,
    /// The file in which the cursor is kept.
    pub cursor: CursorFile,
    /// Makes the spans of published events, where traces are sent to a collector.
    pub spans: Spans,
}

/// An event, ready to be sent.
struct Outgoing {
    position: Position,
    subject: String,
    id: String,
    payload: Bytes,
    /// The context of the request that the event came of.
    cause: Option<TraceParent>,
}

/// One run along the stream: from the position that was looked up to the next error.
struct Run<'a> {
    publisher: &'a Publisher,
    client: &'a Client,
    stream: &'a StreamState,
    key: &'a MacKey,
    /// The last event that was sent, and the sequence it will have.
    sent: StreamPosition,
    /// The id of that event. None before the first of a run: a server that restarted does not know
    /// the id of an old message, and nothing is on its way yet.
    sent_id: Option<String>,
    /// The last event that was acknowledged.
    acked: StreamPosition,
    kept: StreamPosition,
    keep_at: Option<Instant>,
    /// Whether each event is acknowledged by itself.
    asks_each: bool,
    waiting: VecDeque<Outgoing>,
    on_way: Sent,
}

impl Publisher {
    /// Publishes until the service stops or the connection is lost.
    ///
    /// # Errors
    /// [`PublishError::Lost`] or [`PublishError::OtherLog`]. After a [`PublishError::Halted`] the
    /// publisher reports it, waits, and tries again.
    pub async fn run(
        &self,
        context: &Context,
        mut stream: Stream,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), PublishError> {
        // Where several nodes keep the log, another may have followed in the lead a moment ago and
        // published what this one does not have yet: that counts only where it is so for a while.
        let mut counts = self.cursor.shared_key.is_none();
        loop {
            let ended = self.once(context, &mut stream, &mut stopping).await;
            let reason = match ended {
                Ok(()) => return Ok(()),
                Err(end @ (PublishError::Lost { .. } | PublishError::OtherLog { .. })) => {
                    return Err(end);
                }
                Err(PublishError::Halted { reason }) => reason,
            };
            let halted = Bus::Halted { reason };
            if counts && self.health.bus() != halted {
                tracing::error!(?halted, "events are not published");
                self.health.set_bus(halted);
            }
            counts = true;
            tokio::select! {
                () = tokio::time::sleep(HALTED) => {}
                () = stopped(&mut stopping) => return Ok(()),
            }
        }
    }

    /// Looks at the stream, and publishes until an error or the stop.
    async fn once(
        &self,
        context: &Context,
        stream: &mut Stream,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<(), PublishError> {
        let mut pause = LOOK_AGAIN_MIN;
        let mut asks_each = false;
        loop {
            let state = StreamState::ask(stream).await?;
            let (place, key) = self.resume(context, &state).await?;
            tracing::debug!(?place, "publishing goes on");
            self.health.set_published(place.position.get());
            // Whether events can be published is known once one has been.
            if place.position >= self.service.settled() {
                self.connected(place.position);
            }
            let client = context.client();
            let mut run = Run {
                publisher: self,
                client: &client,
                stream: &state,
                key: &key,
                sent: place,
                sent_id: None,
                acked: place,
                kept: place,
                keep_at: None,
                asks_each,
                waiting: VecDeque::new(),
                on_way: Sent::begin(&client, state.name.clone()).await?,
            };
            let ended = run.publish(stopping).await;
            let progressed = run.acked.position > place.position;
            run.keep().await;
            match ended {
                Ok(()) => return Ok(()),
                // Somebody else wrote to the stream, or an acknowledgement was lost: look again,
                // but not in a tight circle.
                Err(Interrupted::LookAgain(reason)) => {
                    tracing::debug!(%reason, "publishing was interrupted; looking at the stream again");
                    asks_each = true;
                    pause = if progressed {
                        LOOK_AGAIN_MIN
                    } else {
                        LOOK_AGAIN_MAX.min(pause * 2)
                    };
                    tokio::time::sleep(pause).await;
                }
                Err(Interrupted::PublishError(publish_error)) => return Err(publish_error),
            }
        }
    }

    /// Whether the stream is of this log, before anything is published to it.
    ///
    /// # Errors
    /// [`PublishError::OtherLog`] where it is not, [`PublishError::Lost`] where the server does not
    /// answer.
    pub async fn check_owner(
        &self,
        context: &Context,
        stream: &mut Stream,
    ) -> Result<(), PublishError> {
        let state = StreamState::ask(stream).await?;
        let cursor = self.cursor().await?;
        match self.own(cursor.as_ref()).resume(context, &state).await {
            // The publisher says so, and commands are taken meanwhile.
            Ok(_) | Err(PublishError::Halted { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Says that events are published.
    fn connected(&self, position: Position) {
        if self.health.bus() != Bus::Connected {
            tracing::info!(
                position = position.get(),
                "the broker is there; events are published"
            );
            self.health.set_bus(Bus::Connected);
        }
    }

    /// Finds where to go on, and writes a cursor of the stream that says so.
    async fn resume(
        &self,
        context: &Context,
        state: &StreamState,
    ) -> Result<(StreamPosition, MacKey), PublishError> {
        let cursor = self.cursor().await?;
        let resumed = self.own(cursor.as_ref()).resume(context, state).await?;
        let Resumed { place, foreign } = resumed;
        if foreign > 0 {
            self.health.bus_counts().foreign_events(foreign);
            tracing::warn!(
                messages = foreign,
                last_sequence = place.sequence,
                "the event stream has messages that this service did not publish; they are passed \
                 over. Let nobody else publish to its subjects"
            );
        }
        let key = match self.cursor.key(cursor.as_ref()) {
            Some(key) => key,
            None => MacKey::draw().map_err(|error| {
                PublishError::halted(format!("no key for the MACs of events: {error}"))
            })?,
        };
        let now = place.cursor(state, &key);
        if cursor.as_ref() != Some(&now) {
            let file = self.cursor.clone();
            spawn_blocking(move || file.write(&now).map_err(disk)).await?;
        }
        Ok((place, key))
    }

    async fn cursor(&self) -> Result<Option<Cursor>, PublishError> {
        let file = self.cursor.clone();
        spawn_blocking(move || file.read().map_err(disk)).await
    }

    fn own<'a>(&'a self, cursor: Option<&'a Cursor>) -> Own<'a> {
        Own {
            prefix: &self.prefix,
            log: &self.log,
            service: &self.service,
            cursor,
        }
    }

    /// The next events after this position, ready to be sent, if they are in memory.
    fn newest(&self, after: Position) -> Option<Result<VecDeque<Outgoing>, PublishError>> {
        let events = self.service.recent_after(after, NEWEST)?;
        let outgoing = events.iter();
        let outgoing =
            outgoing.map(|recent| self.outgoing(&recent.event, recent.content.as_deref()));
        Some(outgoing.collect())
    }

    /// The next events of the log after this position, ready to be sent.
    fn read(&self, after: Position) -> Result<VecDeque<Outgoing>, PublishError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            PublishError::halted(format!("the log can't be read after {after}: {error}"))
        };
        let scan = self.service.events_after(after, PAGE, &|_| true);
        let scan = scan.map_err(|error| unreadable(&error))?;
        let outgoing = scan.records.iter().map(|record| {
            let content = match self.detail {
                Detail::Metadata => None,
                Detail::NonSensitive | Detail::Full => self
                    .service
                    .open_content(record)
                    .map_err(|error| unreadable(&error))?,
            };
            self.outgoing(&record.event, content.as_ref())
        });
        outgoing.collect()
    }

    /// An event as it is sent, with the content that it wrote.
    fn outgoing(&self, event: &Event, content: Option<&Content>) -> Result<Outgoing, PublishError> {
        let position = event.header.position;
        let rules = self.registry.get(event.header.owner.dialect());
        let rules = rules.ok_or_else(|| {
            PublishError::halted(format!(
                "the event at {position} is of a dialect that this build does not speak; use a newer one"
            ))
        })?;
        let shown = cloud_event(event, rules, content, self.detail);
        let mut payload = Vec::with_capacity(PAYLOAD_BYTES);
        serde_json::to_writer(&mut payload, &shown).map_err(|error| {
            PublishError::halted(format!("the event at {position} can't be written: {error}"))
        })?;
        Ok(Outgoing {
            position,
            subject: self.prefix.event(rules, event),
            id: event.header.id.to_string(),
            payload: payload.into(),
            cause: event.header.traceparent.clone(),
        })
    }
}

impl Run<'_> {
    async fn publish(&mut self, stopping: &mut watch::Receiver<bool>) -> Result<(), Interrupted> {
        let mut settled = self.publisher.service.follow_settled();
        loop {
            let last = *settled.borrow_and_update();
            let stop = *stopping.borrow();
            while !stop && self.on_way.len() < WINDOW && self.send(last).await? {}
            if stop && self.on_way.len() == 0 {
                return Ok(());
            }
            let idle = self.sent.position >= last || self.on_way.len() >= WINDOW;
            let keep_at = self.keep_at.unwrap_or_else(Instant::now);
            tokio::select! {
                (place, answer) = self.on_way.next() => {
                    self.acknowledged(place, answer)?;
                    while let Some((place, answer)) = self.on_way.ready() {
                        self.acknowledged(place, answer)?;
                    }
                    self.tell();
                }
                changed = settled.changed(), if idle => {
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                () = stopped(stopping), if !stop => {}
                () = tokio::time::sleep_until(keep_at), if self.keep_at.is_some() => self.keep().await,
            }
        }
    }

    /// Sends the next event up to what is settled; false means that there is none.
    async fn send(&mut self, settled: Position) -> Result<bool, Interrupted> {
        if self.waiting.is_empty() && self.sent.position < settled {
            let after = self.sent.position;
            self.waiting = if let Some(newest) = self.publisher.newest(after) {
                newest?
            } else {
                let publisher = self.publisher.clone();
                spawn_blocking(move || publisher.read(after)).await?
            };
        }
        let Some(Outgoing {
            position,
            subject,
            id,
            payload,
            cause,
        }) = self.waiting.pop_front()
        else {
            return Ok(false);
        };
        let mut headers = HeaderMap::new();
        if let Some(before) = self.sent_id.replace(id.clone()) {
            headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, before);
        }
        headers.insert(NATS_MESSAGE_ID, id);
        headers.insert(HeaderName::from_static("Content-Type"), MEDIA_TYPE);
        headers.insert(HeaderName::from_static(LOG_HEADER), &*self.publisher.log);
        let mac = self.key.mac(&Authenticated {
            created_nanos: &self.stream.created_nanos,
            sequence: self.sent.sequence + 1,
            subject: &subject,
            payload: &payload,
        });
        headers.insert(HeaderName::from_static(MAC_HEADER), mac);
        headers.insert(
            NATS_EXPECTED_LAST_SEQUENCE,
            HeaderValue::from(self.sent.sequence),
        );
        let span = self.publisher.spans.of(SpanKind::Producer, cause.as_ref());
        let asks = self.asks_each || self.waiting.is_empty() || self.on_way.len() + 1 == WINDOW;
        let client = self.client;
        let sent = if asks {
            let reply = self.on_way.reply();
            (client.publish_with_reply_and_headers(subject, reply, headers, payload)).await
        } else {
            client.publish_with_headers(subject, headers, payload).await
        };
        sent.map_err(|error| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => PublishError::halted(format!(
                "the event at {position} is larger than the server takes; raise its max_payload"
            )),
            PublishErrorKind::InvalidSubject => not_taken(position, &error),
            PublishErrorKind::Send => PublishError::lost("publishing", &error),
        })?;
        self.sent = StreamPosition {
            position,
            sequence: self.sent.sequence + 1,
        };
        self.on_way.push(self.sent, span, asks);
        Ok(true)
    }

    fn acknowledged(&mut self, place: StreamPosition, answer: Answer) -> Result<(), Interrupted> {
        let stored = answer.map_err(|error| error.interrupts(place.position))?;
        if stored.stream != self.stream.name {
            return Err(PublishError::halted(format!(
                "the stream {} took an event, not {}; let only one stream take its subjects",
                stored.stream, self.stream.name
            ))
            .into());
        }
        if stored.sequence != place.sequence {
            return Err(Interrupted::LookAgain(format!(
                "the event at {} has the sequence {}, not {}",
                place.position, stored.sequence, place.sequence
            )));
        }
        self.acked = place;
        self.asks_each = false;
        Ok(())
    }

    /// Says up to which event the broker has acknowledged them.
    fn tell(&mut self) {
        let position = self.acked.position;
        self.publisher.connected(position);
        self.keep_at
            .get_or_insert_with(|| Instant::now() + KEEP_EVERY);
        self.publisher.health.set_published(position.get());
    }

    /// Writes the cursor, if it moved. Where it can't be written now that is done later: an older one
    /// does, for what was published after it is known by its seal.
    async fn keep(&mut self) {
        self.keep_at = None;
        if self.kept == self.acked {
            return;
        }
        let cursor = self.acked.cursor(self.stream, self.key);
        let file = self.publisher.cursor.clone();
        match spawn_blocking(move || file.write(&cursor).map_err(disk)).await {
            Ok(()) => self.kept = self.acked,
            Err(error) => {
                tracing::debug!(%error, "the cursor is written later");
                self.keep_at = Some(Instant::now() + KEEP_EVERY);
            }
        }
    }
}

fn disk(error: crate::storage::StorageError) -> PublishError {
    PublishError::halted(format!("the cursor of the event stream: {error}"))
}

/// Runs work that reads or writes the disk on a thread that may block.
async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PublishError> + Send + 'static,
) -> Result<T, PublishError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(PublishError::halted(format!(
            "a part ended by a fault: {error}"
        )))
    })
}
