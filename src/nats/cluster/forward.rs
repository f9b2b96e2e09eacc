//! Requests between nodes: from one that follows to the one that leads, and their replies.
//!
//! They hold what contacts hold, so both ways are sealed with the cluster's secret. A message that
//! does not open is not answered.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Message, Request};
use futures_util::StreamExt;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::options::Options;
use super::subjects::Names;
use crate::cluster::{NodeName, Role, Status};
use crate::gateway::{Forward, Forwarded, Forwarding, Gateway, stopped};
use crate::keys::ClusterKey;

/// The longest that a request waits for the node that leads.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Requests of other nodes that are answered at the same time.
const REQUESTS_MAX: usize = 512;
/// A node that has not heard of the leader for so long says so with what it answers.
const STALE_MIN: Duration = Duration::from_secs(3);
/// A node that was not heard for so long while another one leads will not answer any more.
const SILENT: Duration = Duration::from_secs(1);
/// The longest that a leader which stops waits for another one to lead.
const SUCCESSOR_TIME_MAX: Duration = Duration::from_secs(2);
/// The longest that other nodes take to read in the stream who leads.
const READING_TIME_MAX: Duration = Duration::from_millis(500);
const ASKED: &str = "forwarded request";
const ANSWERED: &str = "forwarded reply";

/// Carries requests to the node that leads.
pub struct Forwarder {
    options: Options,
    names: Names,
    status: watch::Receiver<Option<Status>>,
    client: watch::Receiver<Option<Client>>,
}

impl Forwarder {
    /// A carrier over the connection of the moment, to the node that leads at the moment.
    #[must_use]
    pub fn new(
        options: Options,
        status: watch::Receiver<Option<Status>>,
        client: watch::Receiver<Option<Client>>,
    ) -> Arc<Self> {
        let names = Names::new(options.prefix.clone(), options.log_id.clone());
        Arc::new(Self {
            options,
            names,
            status,
            client,
        })
    }

    fn leader(&self) -> Option<NodeName> {
        let status = self.status.borrow();
        let leader = status.as_ref()?.leader.clone()?;
        self.options.members.is_other(&leader).then_some(leader)
    }

    async fn send(&self, request: Vec<u8>) -> Forwarded {
        let client = self.client.borrow().clone();
        let (Some(client), Some(leader)) = (client, self.leader()) else {
            return Forwarded::NotSent;
        };
        let Ok(sealed) = self.options.key.seal(ASKED, &request) else {
            return Forwarded::NotSent;
        };
        let request = Request::new()
            .payload(sealed.into())
            .timeout(Some(REQUEST_TIME_MAX));
        let replied = tokio::select! {
            replied = client.send_request(self.names.act(&leader), request) => replied,
            () = left_for_good(self.status.clone(), &leader) => return Forwarded::Unknown,
        };
        match replied {
            Ok(reply) => match self.options.key.open(ANSWERED, &reply.payload) {
                Some(reply) => Forwarded::Answered(reply.to_vec()),
                None => Forwarded::Unknown,
            },
            Err(error) => match error.kind() {
                RequestErrorKind::NoResponders
                | RequestErrorKind::InvalidSubject
                | RequestErrorKind::MaxPayloadExceeded => Forwarded::NotSent,
                RequestErrorKind::TimedOut | RequestErrorKind::Other => Forwarded::Unknown,
            },
        }
    }
}

impl Forward for Forwarder {
    fn is_halted(&self) -> bool {
        let status = self.status.borrow();
        status.as_ref().is_some_and(|it| it.role == Role::Halted)
    }

    fn is_cut_off(&self) -> bool {
        let status = self.status.borrow();
        status.as_ref().is_some_and(Status::is_cut_off)
    }

    fn stale(&self) -> Option<Duration> {
        let stale = self.status.borrow().as_ref()?.stale;
        (stale >= STALE_MIN).then_some(stale)
    }

    fn forward(&self, request: Vec<u8>) -> Forwarding<'_> {
        Box::pin(self.send(request))
    }
}

/// Waits until a node that led is not heard any more and another one leads: what it was asked and
/// has not answered has been lost with it. One that this node never heard, for it has just started
/// itself, is silent since it was asked.
async fn left_for_good(mut status: watch::Receiver<Option<Status>>, node: &NodeName) {
    let asked = Instant::now();
    let has_left = |status: &Option<Status>| {
        let Some(status) = status else { return false };
        let peer = status.peers.iter().find(|peer| peer.node == *node);
        let silent = peer.and_then(|peer| peer.silent);
        let silent = silent.unwrap_or_else(|| asked.elapsed());
        status.leader.as_ref() != Some(node) && silent >= SILENT
    };
    if status.wait_for(has_left).await.is_err() {
        std::future::pending::<()>().await;
    }
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
    let desk = Desk {
        gateway,
        subject: names.act(options.members.own()),
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
    subject: String,
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
        let Ok(mut asked) = client.subscribe(self.subject.clone()).await else {
            return false;
        };
        let mut answering = JoinSet::new();
        let mut has_left = false;
        loop {
            tokio::select! {
                message = asked.next() => match message {
                    Some(message) => {
                        let Ok(place) = self.room.clone().acquire_owned().await else { return true };
                        let answer = answer(self.gateway.clone(), self.key.clone(), client.clone(), message);
                        answering.spawn(async move {
                            answer.await;
                            drop(place);
                        });
                    }
                    None => break,
                },
                Some(_) = answering.join_next() => {}
                Ok(()) = clients.changed(), if !has_left => {
                    clients.mark_changed();
                    return false;
                }
                () = leaves.as_mut(), if !has_left => {
                    has_left = true;
                    // What is on its way is still given, and then the subscription ends.
                    if asked.drain().await.is_err() {
                        break;
                    }
                }
            }
        }
        while answering.join_next().await.is_some() {}
        drop(client.flush().await);
        has_left
    }
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
    use futures_util::FutureExt;

    use super::*;

    fn name(text: &str) -> NodeName {
        text.parse().expect("a name")
    }

    /// What b sees of a, which was heard so long ago or never, where this node leads.
    fn seen(leader: &str, silent: Option<Duration>) -> Status {
        let mut seen = Status::of_follower("b", leader, "a");
        seen.peers.iter_mut().for_each(|peer| peer.silent = silent);
        seen
    }

    #[tokio::test]
    async fn a_request_is_given_up_when_its_node_is_silent_and_another_leads() {
        let (said, status) = watch::channel(Some(seen("a", Some(SILENT * 3))));
        let a = name("a");
        let waiting = left_for_good(status, &a);
        tokio::pin!(waiting);
        assert!(
            waiting.as_mut().now_or_never().is_none(),
            "nobody else leads"
        );
        said.send_replace(Some(seen("c", Some(SILENT / 2))));
        assert!(
            waiting.as_mut().now_or_never().is_none(),
            "it may still answer"
        );
        said.send_replace(Some(seen("c", Some(SILENT))));
        assert!(waiting.as_mut().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_was_never_heard_is_silent_since_it_was_asked() {
        let (said, status) = watch::channel(Some(seen("c", None)));
        let a = name("a");
        let waiting = left_for_good(status, &a);
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none(), "it may answer");
        tokio::time::advance(SILENT).await;
        said.send_replace(Some(seen("c", None)));
        assert!(waiting.as_mut().now_or_never().is_some());
    }
}
