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

/// The longest that a request waits for the node that leads.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Requests of other nodes that are answered at the same time.
const REQUESTS_MAX: usize = 512;
/// A node that has not heard of the leader for so long says so with what it answers.
const STALE_MIN: Duration = Duration::from_secs(3);
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
        match client.send_request(self.names.act(&leader), request).await {
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

/// Answers what other nodes hand on, over one connection after another, until it is dropped.
pub async fn serve(
    gateway: Gateway,
    options: Options,
    mut clients: watch::Receiver<Option<Client>>,
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
                }
            }
        } else if clients.changed().await.is_err() {
            return;
        }
    }
}

async fn answer(gateway: &Gateway, key: &crate::keys::ClusterKey, sealed: &[u8]) -> Option<Bytes> {
    let request = key.open(ASKED, sealed)?;
    let reply = gateway.take_forwarded(&request).await?;
    Some(key.seal(ANSWERED, &reply).ok()?.into())
}
