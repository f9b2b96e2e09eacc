//! Requests between nodes: from one that follows to the one that leads, and their replies.
//!
//! They hold what contacts hold, so both ways are sealed with the cluster's secret. A message that
//! does not open is not answered.

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::options::Options;
use super::subjects::Names;
use crate::cluster::{NodeName, Role, Status};
use crate::gateway::{Forward, Forwarded, Forwarding, Gateway};
use crate::nats::stopped::stopped;

/// The longest that a request waits for the node that leads.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Requests of other nodes that are answered at the same time.
const REQUESTS_MAX: usize = 512;
/// A node that has not heard of the leader for so long says so with what it answers.
const STALE_MIN: Duration = Duration::from_secs(3);
/// A node that was not heard for so long while another one leads will not answer any more.
const SILENT: Duration = Duration::from_secs(1);
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

    fn stale(&self) -> Option<Duration> {
        let stale = self.status.borrow().as_ref()?.stale;
        (stale >= STALE_MIN).then_some(stale)
    }

    fn forward(&self, request: Vec<u8>) -> Forwarding<'_> {
        Box::pin(self.send(request))
    }
}

/// Waits until a node that led is not heard any more and another one leads: what it was asked and
/// has not answered has been lost with it.
async fn left_for_good(mut status: watch::Receiver<Option<Status>>, node: &NodeName) {
    let has_left = |status: &Option<Status>| {
        let Some(status) = status else { return false };
        let peer = status.peers.iter().find(|peer| peer.node == *node);
        let silent = peer.and_then(|peer| peer.silent);
        status.leader.as_ref() != Some(node) && silent.is_none_or(|silent| silent >= SILENT)
    };
    if status.wait_for(has_left).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Answers what other nodes hand on, over one connection after another, until the node stops. Then
/// it takes nothing more, so that whoever asks looks for another node, and answers what it has.
pub async fn serve(
    gateway: Gateway,
    options: Options,
    mut clients: watch::Receiver<Option<Client>>,
    mut stopping: watch::Receiver<bool>,
) {
    let names = Names::new(options.prefix.clone(), options.log_id.clone());
    let room = Arc::new(Semaphore::new(REQUESTS_MAX));
    loop {
        let client = clients.borrow_and_update().clone();
        let mut answering = JoinSet::new();
        if let Some(client) = client
            && let Ok(mut asked) = client.subscribe(names.act(options.members.own())).await
        {
            loop {
                tokio::select! {
                    message = asked.next() => match message {
                        Some(message) => {
                            let Ok(place) = room.clone().acquire_owned().await else { return };
                            let (gateway, key) = (gateway.clone(), options.key.clone());
                            let client = client.clone();
                            answering.spawn(async move {
                                let reply = message.reply.clone();
                                if let (Some(inbox), Some(bytes)) =
                                    (reply, answer(&gateway, &key, &message.payload).await)
                                {
                                    drop(client.publish(inbox, bytes).await);
                                }
                                drop(place);
                            });
                        }
                        None => break,
                    },
                    Some(_) = answering.join_next() => {}
                    changed = clients.changed() => {
                        if changed.is_err() { return }
                        break;
                    }
                    () = stopped(&mut stopping) => {
                        drop(asked);
                        while answering.join_next().await.is_some() {}
                        drop(client.flush().await);
                        return;
                    }
                }
            }
        } else {
            tokio::select! {
                changed = clients.changed() => if changed.is_err() { return },
                () = stopped(&mut stopping) => return,
            }
        }
    }
}

async fn answer(gateway: &Gateway, key: &crate::keys::ClusterKey, sealed: &[u8]) -> Option<Bytes> {
    let request = key.open(ASKED, sealed)?;
    let reply = gateway.take_forwarded(&request).await?;
    Some(key.seal(ANSWERED, &reply).ok()?.into())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::cluster::PeerStatus;
    use crate::domain::Position;

    fn name(text: &str) -> NodeName {
        text.parse().expect("a name")
    }

    /// What b sees of a, which was heard so long ago, where this node leads.
    fn seen(leader: &str, silent: Duration) -> Status {
        let peer = PeerStatus {
            node: name("a"),
            position: None,
            root_equal: None,
            halted: false,
            whole: true,
            silent: Some(silent),
        };
        Status {
            node: name("b"),
            role: Role::Following,
            leader: Some(name(leader)),
            takes_writes: true,
            term: 1,
            was_led: true,
            whole: true,
            head: Position::ZERO,
            settled: Position::ZERO,
            stale: Duration::ZERO,
            void_total: 0,
            takeovers_total: 0,
            halted: None,
            peers: vec![peer],
        }
    }

    #[tokio::test]
    async fn a_request_is_given_up_when_its_node_is_silent_and_another_leads() {
        let (said, status) = watch::channel(Some(seen("a", SILENT * 3)));
        let a = name("a");
        let waiting = left_for_good(status, &a);
        tokio::pin!(waiting);
        assert!(
            waiting.as_mut().now_or_never().is_none(),
            "nobody else leads"
        );
        said.send_replace(Some(seen("c", SILENT / 2)));
        assert!(
            waiting.as_mut().now_or_never().is_none(),
            "it may still answer"
        );
        said.send_replace(Some(seen("c", SILENT)));
        assert!(waiting.as_mut().now_or_never().is_some());
    }
}
