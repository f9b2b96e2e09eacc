//! Requests between nodes: from one that follows to the one that leads, and their replies.
//!
//! They hold what contacts hold, so both ways are sealed with the cluster's secret. A message that
//! does not open is not answered.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Client, Message, Subject};
use futures_util::{StreamExt, stream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::bundle::{self, Numbered};
use super::carrying::{Carrier, Waiting};
use super::options::Options;
use super::single::{ANSWERED, ASKED};
use super::subjects::Names;
use crate::cluster::{Role, Status};
use crate::domain::Position;
use crate::gateway::{Forward, Forwarded, Forwarding, Gateway, stopped};
use crate::keys::ClusterKey;

/// Requests of other nodes that are answered at the same time.
const REQUESTS_MAX: usize = 512;
/// A node that has not heard of the leader for so long says so with what it answers.
const STALE_MIN: Duration = Duration::from_secs(3);
/// The longest that a leader which stops waits for another one to lead.
const SUCCESSOR_TIME_MAX: Duration = Duration::from_secs(2);
/// The longest that other nodes take to read in the stream who leads.
const READING_TIME_MAX: Duration = Duration::from_millis(500);

/// Carries requests to the node that leads.
pub struct Forwarder {
    status: watch::Receiver<Option<Status>>,
    queue: mpsc::Sender<Waiting>,
    started: Instant,
    /// The age that this node's last event had then.
    behind: Duration,
}

impl Forwarder {
    /// A carrier over the connection of the moment, to the node that leads at the moment. What carries ends
    /// with the value.
    #[must_use]
    pub fn new(
        options: Options,
        status: watch::Receiver<Option<Status>>,
        client: watch::Receiver<Option<Client>>,
    ) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(REQUESTS_MAX);
        let behind = options.behind;
        tokio::spawn(Carrier::new(options, (status.clone(), client), waiting).run());
        Arc::new(Self {
            status,
            queue,
            started: Instant::now(),
            behind,
        })
    }

    async fn send(&self, request: Vec<u8>) -> Forwarded {
        let (outcome, said) = oneshot::channel();
        if self.queue.send(Waiting { request, outcome }).await.is_err() {
            return Forwarded::NotSent;
        }
        said.await.unwrap_or(Forwarded::Unknown)
    }
}

impl Forward for Forwarder {
    fn is_halted(&self) -> bool {
        let status = self.status.borrow();
        status.as_ref().is_some_and(|it| it.role == Role::Halted)
    }

    fn is_joining(&self) -> bool {
        let status = self.status.borrow();
        status.as_ref().is_some_and(Status::is_joining)
    }

    fn has(&self, position: Position) -> bool {
        let status = self.status.borrow();
        let mut peers = status.iter().flat_map(|status| &status.peers);
        peers.any(|peer| peer.position >= Some(position))
    }

    fn is_cut_off(&self) -> bool {
        let status = self.status.borrow();
        status.as_ref().is_some_and(Status::is_cut_off)
    }

    fn stale(&self) -> Option<Duration> {
        let age = self.status.borrow().as_ref()?.age;
        stale(age, self.started.elapsed(), self.behind)
    }

    fn forward(&self, request: Vec<u8>) -> Forwarding<'_> {
        Box::pin(self.send(request))
    }
}

/// The age of what a node knows, where that is more than a moment. One that has not heard of the leader
/// since it started so long ago knows nothing younger than its last event, which was so old then.
fn stale(age: Option<Duration>, started: Duration, behind: Duration) -> Option<Duration> {
    let heard = age.unwrap_or(started);
    let age = age.unwrap_or(behind + started);
    (heard >= STALE_MIN).then_some(age)
}

/// Answers what other nodes hand on, over one connection after another. When the node stops it goes on
/// until the others may know of another leader, so that whoever asks is told that this one does not
/// lead; then it takes nothing more, and answers what it has.
pub async fn serve(
    gateway: Gateway,
    options: Options,
    (mut clients, status): Seen,
    stopping: watch::Receiver<bool>,
) {
    let names = Names::new(options.prefix.clone(), options.log_id.clone());
    let own = options.members.own();
    let desk = Desk {
        gateway,
        one: names.act(own),
        many: names.act_on_many(own),
        key: options.key,
        room: Arc::new(Semaphore::new(REQUESTS_MAX)),
    };
    let mut leaves = std::pin::pin!(leaves(status, stopping));
    loop {
        let client = clients.borrow_and_update().clone();
        let has_left = match client {
            Some(client) => desk.serve(&client, &mut clients, leaves.as_mut()).await,
            None => false,
        };
        if has_left {
            return;
        }
        tokio::select! {
            changed = clients.changed() => if changed.is_err() { return },
            () = leaves.as_mut() => return,
        }
    }
}

/// The connection of the moment, and the cluster as this node sees it.
type Seen = (
    watch::Receiver<Option<Client>>,
    watch::Receiver<Option<Status>>,
);

/// Waits until the node stops and, where it leads, until another one does and all may have read so.
async fn leaves(mut status: watch::Receiver<Option<Status>>, mut stopping: watch::Receiver<bool>) {
    stopped(&mut stopping).await;
    let leads = |status: &Option<Status>| {
        let status = status.as_ref();
        status.is_some_and(|status| status.leader.as_ref() == Some(&status.node))
    };
    if leads(&status.borrow()) {
        let another = async { status.wait_for(|status| !leads(status)).await.is_ok() };
        if tokio::time::timeout(SUCCESSOR_TIME_MAX, another).await == Ok(true) {
            tokio::time::sleep(READING_TIME_MAX).await;
        }
    }
}

/// The place at which other nodes hand requests in.
struct Desk {
    gateway: Gateway,
    /// The subject of requests that come one in a message.
    one: String,
    /// The subject of those that come several in one.
    many: String,
    key: ClusterKey,
    room: Arc<Semaphore>,
}

impl Desk {
    /// Answers over one connection until it is replaced, or the node leaves; whether that is so.
    async fn serve(
        &self,
        client: &Client,
        clients: &mut watch::Receiver<Option<Client>>,
        mut leaves: Pin<&mut impl Future<Output = ()>>,
    ) -> bool {
        let one = client.subscribe(self.one.clone()).await;
        let many = client.subscribe(self.many.clone()).await;
        let (Ok(one), Ok(many)) = (one, many) else {
            return false;
        };
        let mut asked = stream::select(one, many);
        let (replies, ready) = mpsc::channel(REQUESTS_MAX);
        let mut answering = JoinSet::new();
        answering.spawn(reply_to_bundles(client.clone(), self.key.clone(), ready));
        let mut has_left = false;
        loop {
            tokio::select! {
                message = asked.next() => match message {
                    Some(message) if message.subject.as_str() == self.many => {
                        self.answer_many(&mut answering, message, &replies).await;
                    }
                    Some(message) => self.answer_one(&mut answering, message, client).await,
                    None => break,
                },
                Some(_) = answering.join_next() => {}
                Ok(()) = clients.changed(), if !has_left => {
                    clients.mark_changed();
                    return false;
                }
                () = leaves.as_mut(), if !has_left => {
                    has_left = true;
                    // What is on its way is still given, and then the subscriptions end.
                    let (one, many) = asked.get_mut();
                    if one.drain().await.is_err() || many.drain().await.is_err() {
                        break;
                    }
                }
            }
        }
        drop(replies);
        while answering.join_next().await.is_some() {}
        drop(client.flush().await);
        has_left
    }

    async fn answer_one(&self, answering: &mut JoinSet<()>, message: Message, client: &Client) {
        let Ok(place) = self.room.clone().acquire_owned().await else {
            return;
        };
        let answer = answer(
            self.gateway.clone(),
            self.key.clone(),
            client.clone(),
            message,
        );
        answering.spawn(async move {
            answer.await;
            drop(place);
        });
    }

    /// Answers each request of a bundle by itself.
    async fn answer_many(
        &self,
        answering: &mut JoinSet<()>,
        message: Message,
        replies: &mpsc::Sender<Reply>,
    ) {
        let requests = bundle::open(&self.key, bundle::ASKED, &message.payload);
        let (Some(inbox), Some(requests)) = (message.reply, requests) else {
            return;
        };
        for Numbered { number, bytes } in requests {
            let Ok(place) = self.room.clone().acquire_owned().await else {
                return;
            };
            let (gateway, inbox, replies) = (self.gateway.clone(), inbox.clone(), replies.clone());
            answering.spawn(async move {
                if let Some(bytes) = gateway.take_forwarded(&bytes).await {
                    let reply = Numbered { number, bytes };
                    drop(replies.send((inbox, reply)).await);
                }
                drop(place);
            });
        }
    }
}

/// A reply to a request that came in a bundle, and the inbox that the bundle named.
type Reply = (Subject, Numbered);

/// Sends replies, those that are ready at the same time to one node in one message.
async fn reply_to_bundles(client: Client, key: ClusterKey, mut ready: mpsc::Receiver<Reply>) {
    while let Some(first) = ready.recv().await {
        let all = bundle::gather(first, &mut ready, |(_, reply)| reply.bytes.len()).await;
        for (inbox, replies) in all.into_iter().flat_map(by_node) {
            if let Some(sealed) = bundle::seal(&key, bundle::ANSWERED, &replies) {
                drop(client.publish(inbox, sealed.into()).await);
            }
        }
    }
}

/// The replies to each node, with one of its inboxes: they differ in their last token, and whoever asks
/// listens to all of them.
fn by_node(all: Vec<Reply>) -> Vec<(Subject, Vec<Numbered>)> {
    let mut nodes: Vec<(Subject, Vec<Numbered>)> = Vec::new();
    for (inbox, reply) in all {
        let node = node_of(&inbox);
        let mut known = nodes.iter_mut();
        let same = known.find(|(known, _)| node_of(known) == node);
        match same {
            Some((_, replies)) => replies.push(reply),
            None => nodes.push((inbox, vec![reply])),
        }
    }
    nodes
}

fn node_of(inbox: &Subject) -> Option<&str> {
    let (node, _bundle) = inbox.rsplit_once('.')?;
    Some(node)
}

async fn answer(gateway: Gateway, key: ClusterKey, client: Client, message: Message) {
    let Some(inbox) = message.reply else { return };
    let Some(request) = key.open(ASKED, &message.payload) else {
        return;
    };
    if let Some(reply) = gateway.take_forwarded(&request).await
        && let Ok(sealed) = key.seal(ANSWERED, &reply)
    {
        drop(client.publish(inbox, sealed.into()).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_knows_is_as_old_as_its_last_word_of_the_leader_or_its_last_event() {
        let [moment, longer, hour] = [1, 5, 3_600].map(Duration::from_secs);
        for (age, started, want) in [
            (Some(moment), hour, None),
            (Some(longer), hour, Some(longer)),
            (Some(hour), hour, Some(hour)),
            (None, moment, None),
            (None, longer, Some(hour + longer)),
        ] {
            assert_eq!(stale(age, started, hour), want, "{age:?} {started:?}");
        }
    }

    #[test]
    fn replies_to_one_node_go_together_whatever_bundles_they_are_of() {
        let reply = |inbox: &str, number| {
            let bytes = Vec::new();
            (Subject::from(inbox), Numbered { number, bytes })
        };
        let all = [("in.b.1", 1), ("in.c.1", 2), ("in.b.7", 7), ("in.c.2", 3)];
        let sorted = by_node(all.map(|(inbox, number)| reply(inbox, number)).into());
        let numbers = sorted.iter().map(|(inbox, replies)| {
            let numbers = replies.iter().map(|reply| reply.number);
            (inbox.as_str(), numbers.collect())
        });
        let numbers: Vec<(&str, Vec<u64>)> = numbers.collect();
        assert_eq!(numbers, [("in.b.1", vec![1, 7]), ("in.c.1", vec![2, 3])]);
    }
}
