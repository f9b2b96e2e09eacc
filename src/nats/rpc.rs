//! Requests that wait for their answer: the services framework (ADR-32).
//!
//! One endpoint for each route of each dialect, in a queue group. Requests are
//! answered side by side up to a limit; above it they are refused at once, in
//! the vendor's words, for a request that waits in a buffer is answered after
//! its client has gone.

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::client::PublishErrorKind;
use async_nats::{Client, Message};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{FuturesUnordered, SelectAll};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::discovery::{Discovery, Endpoint};
use super::inbox::is_answered;
use super::publish_error::PublishError;
use super::request::{ORIGIN, Request, answer_headers};
use super::subjects::Prefix;
use crate::dialect::{self, Dialect, Refusal, Reply};
use crate::domain::{Correlation, Position};
use crate::gateway::{Gateway, Response, fresh_correlation, stopped};

/// Requests that are answered at the same time.
const REQUESTS_MAX: usize = 512;
/// The most requests that one task answers, of those that came together: their answers mostly go
/// together, too, and a write to the socket for each would cost more than most requests do.
const TOGETHER_MAX: usize = 16;
/// The time between two looks at whether this node answers requests.
const LOOK: Duration = Duration::from_millis(200);
/// The queue group is this, a hyphen and the log's id: only instances on one log share requests.
const QUEUE_GROUP: &str = "contactd";

/// The endpoints, and what they need to answer.
#[derive(Clone)]
pub struct Rpc {
    /// Handles requests of every transport.
    pub gateway: Gateway,
    /// The first token of every subject.
    pub prefix: Prefix,
    /// The log's id, which the queue group carries.
    pub log_id: Arc<str>,
}

impl Rpc {
    /// Answers requests until the service stops or the connection is lost. A node of a cluster that has
    /// halted, or that joins, takes none meanwhile, for the others of the queue group have the answers.
    ///
    /// # Errors
    /// [`PublishError::Lost`] where the connection ends.
    pub async fn run(
        &self,
        client: &Client,
        stopping: watch::Receiver<bool>,
    ) -> Result<(), PublishError> {
        while !*stopping.borrow() {
            if self.gateway.leaves_to_others() {
                tokio::time::sleep(LOOK).await;
            } else {
                self.take(client, stopping.clone()).await?;
            }
        }
        Ok(())
    }

    /// Answers requests until the service stops, or others answer them better.
    async fn take(
        &self,
        client: &Client,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), PublishError> {
        let lost =
            |error: &dyn std::fmt::Display| PublishError::lost("the service on the bus", error);
        let discovery = Arc::new(self.discovery());
        let mut subscriptions = SelectAll::new();
        for (number, (dialect, route)) in routes().enumerate() {
            let subject = self.prefix.requests(dialect, route);
            let group = discovery.queue_group().to_owned();
            let subscribed = client.queue_subscribe(subject, group).await;
            let subscriber = subscribed.map_err(|error| lost(&error))?;
            subscriptions.push(subscriber.map(move |message| (number, dialect, message)));
        }
        let mut requests = subscriptions.ready_chunks(TOGETHER_MAX);
        let serving = Arc::new(Serving {
            rpc: self.clone(),
            client: client.clone(),
            discovery: discovery.clone(),
        });
        let discovered = discovery.run(client);
        tokio::pin!(discovered);
        let room = Arc::new(Semaphore::new(REQUESTS_MAX));
        let mut answering: JoinSet<()> = JoinSet::new();
        let mut stops = false;
        loop {
            tokio::select! {
                arrived = requests.next() => {
                    let Some(arrived) = arrived else {
                        break;
                    };
                    let mut together = FuturesUnordered::new();
                    for (endpoint, dialect, message) in arrived {
                        let asked = Asked {
                            serving: serving.clone(),
                            endpoint,
                            dialect,
                            message,
                        };
                        together.extend(asked.begin(&room).await);
                    }
                    answering.spawn(together.collect());
                }
                Some(_) = answering.join_next() => {}
                ended = &mut discovered, if !stops => return ended,
                () = ends(&self.gateway, &mut stopping), if !stops => {
                    stops = true;
                    // What is on its way is still given, and then the subscriptions end.
                    for subscriber in requests.get_mut().iter_mut() {
                        drop(subscriber.get_mut().drain().await);
                    }
                }
            }
        }
        while answering.join_next().await.is_some() {}
        Ok(())
    }

    /// The service as others discover it: one endpoint for each route.
    fn discovery(&self) -> Discovery {
        let endpoints = routes().map(|(dialect, route)| {
            let name = endpoint_name(dialect, route);
            let path = route.paths.first().copied().unwrap_or_default();
            let metadata = [
                ("method", route.method.as_str().to_owned()),
                ("path", path.to_owned()),
                ("roles", route.roles.join(" ")),
            ];
            let metadata = metadata.map(|(key, value)| (key.to_owned(), value.into()));
            let subject = self.prefix.requests(dialect, route);
            Endpoint::new(name, subject, metadata.into_iter().collect())
        });
        let group = format!("{QUEUE_GROUP}-{}", self.log_id);
        Discovery::new(self.prefix.clone(), group, endpoints.collect())
    }
}

/// Waits until the service stops, or others answer requests better than this node.
async fn ends(gateway: &Gateway, stopping: &mut watch::Receiver<bool>) {
    let left = async {
        while !gateway.leaves_to_others() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = stopped(stopping) => {}
        () = left => {}
    }
}

/// What all requests of one connection are answered with.
struct Serving {
    rpc: Rpc,
    client: Client,
    discovery: Arc<Discovery>,
}

/// A request as it came in, and where its answer goes.
struct Asked {
    serving: Arc<Serving>,
    /// The index of the discovery's endpoint that it came to.
    endpoint: usize,
    dialect: &'static Dialect,
    message: Message,
}

impl Asked {
    /// Begins to answer a request beside the others, or refuses it where there are too many. A
    /// request without an inbox for its answer is not carried out: see [`super::inbox`].
    async fn begin(self, room: &Arc<Semaphore>) -> Option<impl Future<Output = ()> + use<>> {
        let Rpc {
            gateway, prefix, ..
        } = &self.serving.rpc;
        let reply = self.message.reply.as_deref();
        if !reply.is_some_and(|reply| is_answered(prefix, reply)) {
            tracing::debug!("a request names no inbox for its answer; it is not carried out");
            gateway.health.bus_counts().refused_reply();
            return None;
        }
        let Ok(permit) = room.clone().try_acquire_owned() else {
            let reply = self.dialect.refuse(&Refusal::Overloaded);
            self.respond(reply, None, &fresh_correlation()).await;
            return None;
        };
        Some(async move {
            self.answer().await;
            drop(permit);
        })
    }

    async fn answer(&self) {
        let (message, dialect) = (&self.message, self.dialect);
        let Serving { rpc, discovery, .. } = &*self.serving;
        let Ok(address) = rpc.prefix.request(&message.subject) else {
            let reply = dialect.refuse(&Refusal::UnknownPath);
            self.respond(reply, None, &fresh_correlation()).await;
            return;
        };
        let started = Instant::now();
        let request = Request::new(address, message.headers.as_ref(), message.payload.clone());
        let body = ready(Ok(request.body.clone()));
        let incoming = request.incoming();
        let Response {
            reply, position, ..
        } = rpc.gateway.handle(ORIGIN, &incoming, body).await;
        if let Some(endpoint) = discovery.endpoints().get(self.endpoint) {
            let is_error = reply.status.is_client_error() || reply.status.is_server_error();
            endpoint.answered(started.elapsed(), is_error);
        }
        if !self.respond(reply, position, &request.correlation).await {
            let refusal = Refusal::BadParameter {
                name: "limit",
                must: "so low that the answer fits into one message",
            };
            let reply = dialect.refuse(&refusal);
            self.respond(reply, position, &request.correlation).await;
        }
    }

    /// Publishes an answer to the request's inbox; false means that it does not fit into a message.
    async fn respond(
        &self,
        reply: Reply,
        position: Option<Position>,
        correlation: &Correlation,
    ) -> bool {
        let Some(inbox) = self.message.reply.clone() else {
            return true;
        };
        let Serving { rpc, client, .. } = &*self.serving;
        let at = position.map(|position| (position, &*rpc.log_id));
        let headers = answer_headers(&reply, at, correlation);
        let body = Bytes::from(reply.body);
        match client.publish_with_headers(inbox, headers, body).await {
            Ok(()) => true,
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => false,
            Err(error) => {
                tracing::debug!(%error, "an answer was not sent");
                true
            }
        }
    }
}

/// The routes that are served on the bus, in the order of their endpoints' names.
fn routes() -> impl Iterator<Item = (&'static Dialect, &'static dialect::Route)> {
    let all = dialect::ALL.iter().flat_map(|dialect| {
        let routes = dialect
            .routes
            .iter()
            .filter(|route| route.operation.on_bus());
        routes.map(move |route| (*dialect, route))
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(dialect, route)| endpoint_name(dialect, route));
    all.into_iter()
}

/// The name of a route's endpoint.
fn endpoint_name(dialect: &Dialect, route: &dialect::Route) -> String {
    format!("{}-{}", dialect.rules.name, route.operation.name())
}
