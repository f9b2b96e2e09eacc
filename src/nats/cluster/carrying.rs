//! Hands the requests of a node on to the one that leads: those that wait at the same time in one message,
//! each with a reply of its own.
//!
//! A node of an earlier release takes one request a message. It does not listen where bundles go, so the
//! broker says that nobody does: then its requests go one by one for a while.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::client::PublishErrorKind;
use async_nats::{Client, Message, StatusCode, Subscriber};
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::bundle::{self, Numbered};
use super::options::Options;
use super::single::{REQUEST_TIME_MAX, Single, has_left};
use super::subjects::Names;
use crate::cluster::{NodeName, Status};
use crate::gateway::Forwarded;

/// The time between two looks for requests that will not be answered any more.
const LOOK: Duration = Duration::from_millis(200);
/// The time for which a node that takes no bundles is given none.
const SINGLY: Duration = Duration::from_secs(10);

/// A request that is to be handed on.
pub struct Waiting {
    /// The request, as the gateway wrote it.
    pub request: Vec<u8>,
    /// The channel on which it is said what became of it; dropped where nobody knows.
    pub outcome: oneshot::Sender<Forwarded>,
}

/// A request that was sent, and has no reply yet.
struct Sent {
    waiting: Waiting,
    to: NodeName,
    at: Instant,
    /// The number of the first request of its bundle.
    bundle: u64,
}

/// The place at which replies arrive, over one connection.
struct Inbox {
    client: Client,
    subject: String,
    replies: Subscriber,
}

/// Hands requests on until nobody has any more.
pub struct Carrier {
    options: Options,
    names: Names,
    status: watch::Receiver<Option<Status>>,
    clients: watch::Receiver<Option<Client>>,
    queue: mpsc::Receiver<Waiting>,
    inbox: Option<Inbox>,
    sent: HashMap<u64, Sent>,
    /// The number of the next request.
    next: u64,
    /// A node that is given no bundles before a time.
    asked_singly: Option<(NodeName, Instant)>,
    /// Those that went one by one.
    singly: JoinSet<()>,
}

impl Carrier {
    /// One that takes its requests from a queue, and sends them over the connection of the moment to the
    /// node that leads at the moment.
    pub fn new(
        options: Options,
        (status, clients): (
            watch::Receiver<Option<Status>>,
            watch::Receiver<Option<Client>>,
        ),
        queue: mpsc::Receiver<Waiting>,
    ) -> Self {
        let names = Names::new(options.prefix.clone(), options.log_id.clone());
        Self {
            options,
            names,
            status,
            clients,
            queue,
            inbox: None,
            sent: HashMap::new(),
            next: 0,
            asked_singly: None,
            singly: JoinSet::new(),
        }
    }

    /// Hands on what comes, until the other end of the queue is gone.
    pub async fn run(mut self) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.connect().await;
        loop {
            tokio::select! {
                waiting = self.queue.recv() => match waiting {
                    Some(first) => self.hand_on(first).await,
                    None => return,
                },
                reply = next(&mut self.inbox) => match reply {
                    Some(reply) => self.answered(&reply),
                    None => self.inbox = None,
                },
                Ok(()) = self.clients.changed() => self.connect().await,
                Some(_) = self.singly.join_next() => {}
                _ = look.tick(), if !self.sent.is_empty() => self.give_up(),
            }
        }
    }

    /// Listens for replies over the connection of the moment. Those to what was sent over another one do
    /// not come any more.
    async fn connect(&mut self) {
        self.sent.clear();
        self.inbox = None;
        let client = self.clients.borrow_and_update().clone();
        if let Some(client) = client {
            let subject = client.new_inbox();
            if let Ok(replies) = client.subscribe(format!("{subject}.*")).await {
                self.inbox = Some(Inbox {
                    client,
                    subject,
                    replies,
                });
            }
        }
    }

    /// Sends a request, and those that wait behind it with it.
    async fn hand_on(&mut self, first: Waiting) {
        let bundles = bundle::gather(first, &mut self.queue, |it| it.request.len()).await;
        for all in bundles {
            self.send(all).await;
        }
    }

    /// Sends some requests as one message.
    async fn send(&mut self, all: Vec<Waiting>) {
        let leader = leader(&self.options, &self.status);
        let (Some(inbox), Some(to)) = (&self.inbox, leader) else {
            return all.into_iter().for_each(not_sent);
        };
        let takes_none =
            |(node, until): &(NodeName, Instant)| *node == to && Instant::now() < *until;
        if self.asked_singly.as_ref().is_some_and(takes_none) {
            let client = inbox.client.clone();
            return all
                .into_iter()
                .for_each(|it| self.hand_on_singly(&client, &to, it));
        }
        let bundle = self.next;
        let numbered = |(number, it): (u64, &Waiting)| Numbered {
            number,
            bytes: it.request.clone(),
        };
        let requests: Vec<Numbered> = (bundle..).zip(&all).map(numbered).collect();
        self.next += requests.len() as u64;
        let Some(sealed) = bundle::seal(&self.options.key, bundle::ASKED, &requests) else {
            return all.into_iter().for_each(not_sent);
        };
        let reply = format!("{}.{bundle}", inbox.subject);
        let subject = self.names.act_on_many(&to);
        let sent = inbox
            .client
            .publish_with_reply(subject, reply, sealed.into());
        match sent.await.map_err(|error| error.kind()) {
            Ok(()) => {
                let at = Instant::now();
                self.sent
                    .extend((bundle..).zip(all).map(|(number, waiting)| {
                        let to = to.clone();
                        (
                            number,
                            Sent {
                                waiting,
                                to,
                                at,
                                bundle,
                            },
                        )
                    }));
            }
            Err(PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::InvalidSubject) => {
                all.into_iter().for_each(not_sent);
            }
            Err(PublishErrorKind::Send) => {}
        }
    }

    /// Takes replies to their requests, or word that nobody takes bundles.
    fn answered(&mut self, reply: &Message) {
        if reply.status == Some(StatusCode::NO_RESPONDERS) {
            return self.take_back(&reply.subject);
        }
        let replies = bundle::open(&self.options.key, bundle::ANSWERED, &reply.payload);
        for Numbered { number, bytes } in replies.into_iter().flatten() {
            if let Some(sent) = self.sent.remove(&number) {
                sent.waiting.outcome.send(Forwarded::Answered(bytes)).ok();
            }
        }
    }

    /// Sends the requests of a bundle one by one that nobody took.
    fn take_back(&mut self, subject: &str) {
        let Some(Inbox { client, .. }) = &self.inbox else {
            return;
        };
        let client = client.clone();
        let bundle = subject.rsplit('.').next().and_then(|it| it.parse().ok());
        let back: Vec<(u64, Sent)> = self
            .sent
            .extract_if(|_, sent| Some(sent.bundle) == bundle)
            .collect();
        if let Some((_, sent)) = back.first() {
            self.asked_singly = Some((sent.to.clone(), Instant::now() + SINGLY));
        }
        for (_, Sent { waiting, to, .. }) in back {
            self.hand_on_singly(&client, &to, waiting);
        }
    }

    fn hand_on_singly(&mut self, client: &Client, to: &NodeName, waiting: Waiting) {
        let single = Single {
            client: client.clone(),
            subject: self.names.act(to),
            to: to.clone(),
            key: self.options.key.clone(),
            status: self.status.clone(),
        };
        let Waiting { request, outcome } = waiting;
        self.singly.spawn(async move {
            let forwarded = single.send(&request).await;
            outcome.send(forwarded).ok();
        });
    }

    /// Lets go of requests that nobody waits for, or will not be answered any more: nobody knows what
    /// became of them.
    fn give_up(&mut self) {
        let status = self.status.borrow();
        let may_be_answered = |sent: &Sent| {
            sent.at.elapsed() < REQUEST_TIME_MAX && !has_left(status.as_ref(), &sent.to, sent.at)
        };
        self.sent
            .retain(|_, sent| !sent.waiting.outcome.is_closed() && may_be_answered(sent));
    }
}

fn not_sent(waiting: Waiting) {
    waiting.outcome.send(Forwarded::NotSent).ok();
}

fn leader(options: &Options, status: &watch::Receiver<Option<Status>>) -> Option<NodeName> {
    let status = status.borrow();
    let leader = status.as_ref()?.leader.clone()?;
    options.members.is_other(&leader).then_some(leader)
}

/// The next reply; without a place for them it waits.
async fn next(inbox: &mut Option<Inbox>) -> Option<Message> {
    match inbox {
        Some(inbox) => inbox.replies.next().await,
        None => std::future::pending().await,
    }
}
