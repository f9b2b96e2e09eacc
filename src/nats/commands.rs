//! Durable commands: taken from their stream in order, acknowledged when their outcome is on the disk.
//!
//! A command is given to the writer before the next one is looked at, so that
//! their order holds; their outcomes are awaited side by side. While the
//! writer's queue is full the command is kept and no more are fetched. A command
//! whose token names a key that its issuer must be asked for waits aside and
//! keeps no other waiting, as do the commands of a caller whose allowance is
//! used up, in their order: see [`super::aside`]. A command that is delivered again is known by the
//! idempotency record of its first delivery, and nothing happens twice.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Context, Message};
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant as TimerInstant;

use super::aside::Aside;
use super::claim::COMMANDS_IN_FLIGHT_MAX;
use super::dead_letter::{DeadLetters, Why};
use super::publish_error::PublishError;
use super::request::{ORIGIN, Request};
use super::subjects::Prefix;
use crate::auth::Principal;
use crate::dialect::Refusal;
use crate::domain::Correlation;
use crate::gateway::{Disposition, Gateway, Incoming, OverLimit, Response, SpanKind, stopped};

/// A command that says two different keys.
const KEYS_DIFFER: Refusal = Refusal::BadParameter {
    name: "Idempotency-Key",
    must: "left out of a command that has a Nats-Msg-Id, or the same: that id is its key",
};
/// A message id that is no idempotency key, or one of those that commands without an id have.
const BAD_MESSAGE_ID: Refusal = Refusal::BadParameter {
    name: "Nats-Msg-Id",
    must: "1 to 128 visible ASCII characters, and none of the keys that commands without it have",
};
/// The time after which a command is given to the writer again, whose queue was full.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// After how long the broker delivers a command again that could not be carried out now.
const LATER: Duration = Duration::from_secs(5);
/// A command that failed by a fault of this service in so many deliveries becomes a dead letter.
const DELIVERIES_MAX: i64 = 20;
/// Commands whose token waits for its issuer's keys, at most. Those beyond it come again when the
/// broker misses their acknowledgement.
const UNJUDGED_MAX: usize = 128;
/// The time between two signs to the broker that commands are still waiting here, well below the
/// time after which it would deliver them again.
const ALIVE: Duration = Duration::from_secs(4);
/// The time between the broker's heartbeats while it has no commands.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The taker of durable commands, and what it needs.
#[derive(Clone)]
pub struct Commands {
    /// Handles requests of every transport.
    pub gateway: Gateway,
    /// The first token of every subject.
    pub prefix: Prefix,
    /// The name of the stream of commands: only what that stream delivers is a command.
    pub stream: Arc<str>,
    /// The name of its consumer.
    pub consumer: Arc<str>,
    /// The time at which the stream was made, in nanoseconds since 1970: part of the idempotency
    /// key of a command that has no id.
    pub created_nanos: Arc<str>,
    /// The publisher of dead letters.
    pub dead: DeadLetters,
}

/// A command that was read, with the caller whom its token names.
struct Taken {
    message: Message,
    request: Request,
    principal: Principal,
    /// The time at which the command was first looked at.
    since: Instant,
}

/// A command for which the writer has no room. No other is fetched until it has.
struct InHand {
    taken: Taken,
}

/// A message that was read, or why it is a dead letter.
type Read = Result<Taken, (Message, Why)>;

/// The place and the time at which the stream took a message.
#[derive(Clone, Copy)]
struct Delivery {
    /// The time at which the stream took it, in seconds since 1970.
    published: u64,
    /// Its sequence in the stream.
    sequence: u64,
}

/// What becomes of a message.
enum Fate {
    /// Its outcome is in the log, so it is acknowledged.
    Done,
    /// It can't be carried out now and nothing has happened; the broker delivers it again.
    Later(Refusal),
    /// It can't be taken and becomes a dead letter.
    Dead(Why),
}

type Reading<'a> = Pin<Box<dyn Future<Output = Read> + Send + 'a>>;
type Answering<'a> = Pin<Box<dyn Future<Output = (Taken, Response)> + Send + 'a>>;
type Settling<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl Commands {
    /// Takes commands until the service stops or the connection is lost.
    ///
    /// # Errors
    /// [`PublishError::Lost`] where the connection ends.
    pub async fn run(
        &self,
        context: &Context,
        consumer: &PullConsumer,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), PublishError> {
        let lost = |error: &dyn std::fmt::Display| PublishError::lost("fetching commands", error);
        let messages = consumer
            .stream()
            .max_messages_per_batch(COMMANDS_IN_FLIGHT_MAX)
            .heartbeat(HEARTBEAT)
            .messages();
        let mut messages = messages.await.map_err(|error| lost(&error))?;
        let mut in_flight: FuturesUnordered<Settling<'_>> = FuturesUnordered::new();
        let mut unjudged: FuturesOrdered<Reading<'_>> = FuturesOrdered::new();
        let mut in_hand: Option<InHand> = None;
        let mut aside: Aside<Taken> = Aside::default();
        let mut alive = tokio::time::interval(ALIVE);
        loop {
            let room = in_hand.is_none() && in_flight.len() < COMMANDS_IN_FLIGHT_MAX;
            tokio::select! {
                Some(()) = in_flight.next() => {}
                next = messages.next(), if room => {
                    let message = next.ok_or_else(|| lost(&"the consumer ended"))?;
                    let message = message.map_err(|error| lost(&error))?;
                    let Some(delivery) = self.delivery(&message) else {
                        tracing::warn!("a message is not of the stream of commands; it is ignored");
                        continue;
                    };
                    let mut reading: Reading<'_> = Box::pin(self.read(message, delivery));
                    match (&mut reading).now_or_never() {
                        Some(read) => in_hand = self.begin(context, read, &mut aside, &in_flight),
                        None if unjudged.len() < UNJUDGED_MAX => unjudged.push_back(reading),
                        None => {}
                    }
                }
                Some(read) = unjudged.next(), if in_hand.is_none() => {
                    in_hand = self.begin(context, read, &mut aside, &in_flight);
                }
                () = tokio::time::sleep(TRY_AGAIN), if in_hand.is_some() => {
                    if let Some(InHand { taken }) = in_hand.take() {
                        in_progress(&taken.message).await;
                        in_hand = self.submit(context, taken, &in_flight);
                    }
                }
                () = due(&aside), if in_hand.is_none() => {
                    in_hand = self.try_again(context, &mut aside, &in_flight);
                }
                _ = alive.tick() => {
                    for taken in aside.commands() {
                        in_progress(&taken.message).await;
                    }
                }
                () = stopped(&mut stopping) => break,
            }
        }
        while in_flight.next().await.is_some() {}
        // Whoever takes them next need not wait until the broker misses us.
        if let Some(InHand { taken }) = in_hand {
            give_back(&taken.message).await;
        }
        for taken in aside.commands() {
            give_back(&taken.message).await;
        }
        while let Some(Some(Ok(message))) = messages.next().now_or_never() {
            give_back(&message).await;
        }
        Ok(())
    }

    /// The delivery of a message, if the stream of commands has delivered it, rather than somebody
    /// who knows this service's inbox: its acknowledgement subject says so.
    fn delivery(&self, message: &Message) -> Option<Delivery> {
        let info = message.info().ok()?;
        let is_ours = info.stream == &*self.stream && info.consumer == &*self.consumer;
        is_ours.then(|| Delivery {
            published: u64::try_from(info.published.unix_timestamp()).unwrap_or_default(),
            sequence: info.stream_sequence,
        })
    }

    /// Reads a message, and judges its token as of when the stream took it. That is done at once,
    /// unless the token names a key that its issuer must be asked for.
    async fn read(&self, message: Message, delivery: Delivery) -> Read {
        let since = Instant::now();
        match self.request(&message, delivery, since).await {
            Ok((request, principal)) => Ok(Taken {
                message,
                request,
                principal,
                since,
            }),
            Err(why) => Err((message, why)),
        }
    }

    /// Gives a command that was read to the writer, or its message to the dead letters. It waits
    /// aside where its caller's allowance is used up, and behind those of its caller that wait.
    fn begin<'a>(
        &'a self,
        context: &'a Context,
        read: Read,
        aside: &mut Aside<Taken>,
        in_flight: &FuturesUnordered<Settling<'a>>,
    ) -> Option<InHand> {
        let taken = match read {
            Ok(taken) => taken,
            Err((message, why)) => {
                in_flight.push(Box::pin(self.settle(context, message, Fate::Dead(why))));
                return None;
            }
        };
        let caller = taken.principal.rate_key(ORIGIN.address);
        let pause = if aside.has(&caller) {
            TRY_AGAIN
        } else {
            match self.gateway.charge(&taken.principal, ORIGIN.address) {
                Ok(_) => return self.submit(context, taken, in_flight),
                Err(limit) => pause(&limit),
            }
        };
        let (bytes, due) = (taken.request.body.len(), TimerInstant::now() + pause);
        if let Err(taken) = aside.push(caller, taken, bytes, due) {
            in_flight.push(Box::pin(async move { put_off(&taken.message).await }));
        }
        None
    }

    /// Tries the first command that waits aside and is due.
    fn try_again<'a>(
        &'a self,
        context: &'a Context,
        aside: &mut Aside<Taken>,
        in_flight: &FuturesUnordered<Settling<'a>>,
    ) -> Option<InHand> {
        let now = TimerInstant::now();
        let due = aside.take_due(now)?;
        match self.gateway.charge(&due.command.principal, ORIGIN.address) {
            Ok(_) => self.submit(context, due.command, in_flight),
            Err(limit) => {
                aside.put_back(due, now + pause(&limit));
                None
            }
        }
    }

    async fn request(
        &self,
        message: &Message,
        delivery: Delivery,
        since: Instant,
    ) -> Result<(Request, Principal), Why> {
        let address = self
            .prefix
            .command(&message.subject)
            .map_err(Why::Address)?;
        let mut request = Request::new(address, message.headers.as_ref(), message.payload.clone());
        // A command has no view to wait for, and its place in the order to keep.
        request.headers.remove("contact-min-position");
        request.headers.remove("contact-log");
        let sent = |name: &str| {
            let value = request.headers.get(name)?;
            Some(value.to_str().unwrap_or_default().to_owned())
        };
        let (id, key) = (sent("nats-msg-id"), sent("idempotency-key"));
        if id.is_some() && key.is_some() && id != key {
            return Err(Why::Refused(KEYS_DIFFER));
        }
        request.durable_key = Some(match id.as_ref().or(key.as_ref()) {
            Some(key) => {
                // Else a message could take the key of another that has no id.
                let is_free = !key.starts_with(&self.keys_of_places());
                let correlation = Correlation::parse(key).filter(|_| is_free);
                let correlation = correlation.ok_or(Why::Refused(match id {
                    Some(_) => BAD_MESSAGE_ID,
                    None => Refusal::BadIdempotencyKey,
                }))?;
                if id.is_some() {
                    request.correlation = correlation;
                }
                key.clone()
            }
            None => format!("{}{}", self.keys_of_places(), delivery.sequence),
        });
        let incoming = request.incoming();
        let admitted = self.gateway.admit(&incoming, delivery.published).await;
        let admitted = admitted.and_then(|principal| {
            self.gateway.sized(&request.body)?;
            Ok(principal)
        });
        match admitted {
            Ok(principal) => Ok((request, principal)),
            Err(refusal) => {
                let response = self.gateway.refuse(&incoming, refusal.clone());
                self.count(&incoming, &response, since);
                Err(Why::Refused(refusal))
            }
        }
    }

    /// The prefix of the idempotency keys of messages without an id; the sequence in the stream
    /// follows.
    fn keys_of_places(&self) -> String {
        format!("stream-{}-", self.created_nanos)
    }

    /// Gives a command to the writer. It comes back where the writer has no room for it.
    fn submit<'a>(
        &'a self,
        context: &'a Context,
        taken: Taken,
        in_flight: &FuturesUnordered<Settling<'a>>,
    ) -> Option<InHand> {
        let mut answering: Answering<'a> = Box::pin(async move {
            let (request, principal) = (&taken.request, &taken.principal);
            let incoming = request.incoming();
            let traced = self.gateway.trace(SpanKind::Consumer, &incoming);
            let incoming = traced.as_ref().map_or(&incoming, |traced| &traced.incoming);
            let response = self.gateway.answer(principal, incoming, &request.body);
            let response = response.await;
            if let Some(traced) = traced {
                traced.answered(&response);
            }
            (taken, response)
        });
        // The first poll reaches the writer's queue: only then may the next command be looked at.
        match (&mut answering).now_or_never() {
            Some((taken, response)) if has_no_room(&response) => return Some(InHand { taken }),
            Some((taken, response)) => {
                in_flight.push(Box::pin(self.finish(context, taken, response)));
            }
            None => in_flight.push(Box::pin(async move {
                let (taken, response) = answering.await;
                self.finish(context, taken, response).await;
            })),
        }
        None
    }

    /// Counts a command that was answered, and tells the broker what became of it.
    async fn finish(&self, context: &Context, taken: Taken, response: Response) {
        self.count(&taken.request.incoming(), &response, taken.since);
        let fate = fate(response, deliveries(&taken.message));
        self.settle(context, taken.message, fate).await;
    }

    fn count(&self, incoming: &Incoming<'_>, response: &Response, since: Instant) {
        let (metrics, transport) = (&self.gateway.metrics, ORIGIN.transport);
        metrics.request(transport, incoming, response, since.elapsed());
    }

    /// Tells the broker what became of a message. If that fails the broker delivers it again.
    async fn settle(&self, context: &Context, message: Message, fate: Fate) {
        let settled = match fate {
            Fate::Done => acknowledge(context, &message).await,
            Fate::Later(refusal) => {
                tracing::warn!(reason = %refusal, "a durable command waits");
                let later = message.ack_with(AckKind::Nak(Some(LATER))).await;
                later.map_err(|error| error.to_string())
            }
            Fate::Dead(why) => match self.dead.publish(context, &(&message).into(), &why).await {
                Ok(()) => acknowledge(context, &message).await,
                Err(error) => Err(error.to_string()),
            },
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "a durable command was not acknowledged; it will come again");
        }
    }
}

/// Acknowledges a message, and waits until the broker has confirmed that. It goes over the client's
/// one inbox, for the library's own `double_ack` makes a subscription for each message.
async fn acknowledge(context: &Context, message: &Message) -> Result<(), String> {
    let Some(reply) = message.reply.clone() else {
        return Err("the message has no acknowledgement subject".into());
    };
    let client = context.client();
    let acknowledged = client.request(reply, AckKind::Ack.into()).await;
    acknowledged.map(drop).map_err(|error| error.to_string())
}

/// Gives a message back, so that the broker delivers it again at once.
async fn give_back(message: &Message) {
    if let Err(error) = message.ack_with(AckKind::Nak(None)).await {
        tracing::debug!(%error, "a command was not given back");
    }
}

/// Asks the broker to wait longer for the acknowledgement of a message.
async fn in_progress(message: &Message) {
    if let Err(error) = message.ack_with(AckKind::Progress).await {
        tracing::debug!(%error, "the broker was not told that a command is in hand");
    }
}

/// Asks the broker to deliver a message again in a while.
async fn put_off(message: &Message) {
    if let Err(error) = message.ack_with(AckKind::Nak(Some(LATER))).await {
        tracing::debug!(%error, "a command was not put off");
    }
}

/// The time until a caller may be served again, as far as it makes sense to wait for it here.
fn pause(limit: &OverLimit) -> Duration {
    Duration::from_secs(limit.retry_after_seconds).clamp(TRY_AGAIN, LATER)
}

/// Waits until a command that waits aside is due.
async fn due(aside: &Aside<Taken>) {
    match aside.next_due() {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Whether the writer did not take the command: its queue is full, or the log takes no commands.
fn has_no_room(response: &Response) -> bool {
    let refusal = match &response.disposition {
        Disposition::Refused(refusal) => refusal,
        Disposition::Completed | Disposition::Undecodable => return false,
    };
    matches!(refusal, Refusal::Overloaded | Refusal::ReadOnly(_))
}

fn deliveries(message: &Message) -> i64 {
    message.info().map_or(0, |info| info.delivered)
}

/// What becomes of a message by its response. The match is exhaustive, so that each new refusal is
/// decided on here.
fn fate(response: Response, deliveries: i64) -> Fate {
    let refusal = match response.disposition {
        Disposition::Completed => return Fate::Done,
        Disposition::Undecodable => return Fate::Dead(Why::Unread(response.reply)),
        Disposition::Refused(refusal) => refusal,
    };
    match refusal {
        Refusal::Overloaded
        | Refusal::ReadOnly(_)
        | Refusal::OutcomeUnknown
        | Refusal::NotThereYet
        | Refusal::TooSlow
        | Refusal::RateLimited { .. } => Fate::Later(refusal),
        Refusal::Internal if deliveries < DELIVERIES_MAX => Fate::Later(refusal),
        Refusal::Internal
        | Refusal::Unauthorized(_)
        | Refusal::SessionUnauthorized
        | Refusal::Forbidden { .. }
        | Refusal::ForeignOrigin
        | Refusal::NotYours { .. }
        | Refusal::TenantUnclear
        | Refusal::UnknownPath
        | Refusal::NoCluster
        | Refusal::NoSuchCommand
        | Refusal::MethodNotAllowed { .. }
        | Refusal::NotFound
        | Refusal::NotYet { .. }
        | Refusal::Gone
        | Refusal::KeyLost
        | Refusal::TooLarge { .. }
        | Refusal::TooManyItems { .. }
        | Refusal::BrokenBody
        | Refusal::BadIdempotencyKey
        | Refusal::KeyReused
        | Refusal::PreconditionRequired
        | Refusal::PreconditionFailed
        | Refusal::BadParameter { .. }
        | Refusal::UnknownParameter { .. }
        | Refusal::PositionAhead { .. }
        | Refusal::TooBroad { .. } => Fate::Dead(Why::Refused(refusal)),
    }
}
