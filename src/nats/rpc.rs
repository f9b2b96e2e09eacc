//! Requests that wait for their answer: the services framework (ADR-32).
//!
//! One endpoint for each route of each dialect, in a queue group. Requests are
//! answered side by side up to a limit; above it they are refused at once, in
//! the vendor's words, for a request that waits in a buffer is answered after
//! its client has gone.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use async_nats::client::PublishErrorKind;
use async_nats::service::{self, Service, ServiceExt};
use bytes::Bytes;
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::publish_error::PublishError;
use super::request::{Request, answer_headers};
use super::stopped;
use super::subjects::Prefix;
use crate::auth::Principal;
use crate::dialect::{self, Dialect, Refusal, Reply};
use crate::domain::{Correlation, Position};
use crate::gateway::{Gateway, fresh_correlation, unix_seconds};

/// Requests that are answered at the same time.
const REQUESTS_MAX: usize = 512;
/// Every instance of a service shares its requests in this group.
const QUEUE_GROUP: &str = "contactd";

/// What the endpoints work with.
#[derive(Clone)]
pub struct Rpc {
    /// The way to contacts.
    pub gateway: Gateway,
    /// How subjects begin.
    pub prefix: Prefix,
    /// The largest body, in bytes.
    pub body_bytes_max: u64,
}

impl Rpc {
    /// Answers requests until the service stops or the connection is lost.
    ///
    /// # Errors
    /// [`PublishError::Lost`].
    pub async fn run(
        &self,
        client: &async_nats::Client,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), PublishError> {
        let lost =
            |error: &dyn std::fmt::Display| PublishError::lost("the service on the bus", error);
        let service = client
            .service_builder()
            .description("Contacts: create, read, change and end them in each vendor's own form")
            .queue_group(QUEUE_GROUP)
            .start(self.prefix.as_str(), env!("CARGO_PKG_VERSION"))
            .await
            .map_err(|error| lost(&error))?;
        let mut endpoints = SelectAll::new();
        for (dialect, route) in routes() {
            let name = format!("{}-{}", dialect.rules().name, route.operation.name());
            let subject = self.prefix.requests(dialect, route);
            let endpoint = service.endpoint_builder().name(name).add(subject).await;
            let endpoint = endpoint.map_err(|error| lost(&error))?;
            endpoints.push(endpoint.map(move |message| (dialect, message)));
        }
        let mut service = Some(StopOnDrop(Some(service)));
        let room = Arc::new(Semaphore::new(REQUESTS_MAX));
        let mut answering = JoinSet::new();
        loop {
            tokio::select! {
                next = endpoints.next() => match next {
                    Some((dialect, message)) => {
                        self.take(dialect, message, &room, &mut answering).await;
                    }
                    None => break,
                },
                Some(_) = answering.join_next() => {}
                // The endpoints give what has arrived, and then end.
                () = stopped(&mut stopping), if service.is_some() => {
                    service = None;
                }
            }
        }
        while answering.join_next().await.is_some() {}
        if service.is_some() {
            return Err(lost(&"it ended"));
        }
        Ok(())
    }

    /// Answers a request beside the others, or refuses it where there are too many.
    async fn take(
        &self,
        dialect: &'static dyn Dialect,
        message: service::Request,
        room: &Arc<Semaphore>,
        answering: &mut JoinSet<()>,
    ) {
        if message.message.reply.is_none() {
            tracing::debug!("a request that waits for no answer: durable commands are for that");
            return;
        }
        let Ok(permit) = room.clone().try_acquire_owned() else {
            let reply = dialect.refuse(&Refusal::Overloaded);
            respond(&message, reply, None, &fresh_correlation()).await;
            return;
        };
        let this = self.clone();
        answering.spawn(async move {
            this.answer(dialect, message).await;
            drop(permit);
        });
    }

    /// Counts the request against what its caller may ask.
    fn spend(&self, principal: Principal) -> Result<Principal, Refusal> {
        let Some(rate) = &self.gateway.rate else {
            return Ok(principal);
        };
        // Callers without a name share one allowance: the bus tells no addresses.
        let key = principal.rate_key(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        match rate.check(&key, Instant::now()) {
            Ok(_) => Ok(principal),
            Err(limited) => Err(Refusal::RateLimited {
                retry_after_seconds: limited.retry_after_seconds,
            }),
        }
    }

    async fn answer(&self, dialect: &'static dyn Dialect, message: service::Request) {
        let Ok(address) = self.prefix.request(message.message.subject.as_str()) else {
            let reply = dialect.refuse(&Refusal::UnknownPath);
            respond(&message, reply, None, &fresh_correlation()).await;
            return;
        };
        let headers = message.message.headers.as_ref();
        let request = Request::new(address, headers, message.message.payload.clone());
        let gateway = &self.gateway;
        let admitted = request.admit(gateway, self.body_bytes_max, unix_seconds());
        let admitted = admitted.await.and_then(|principal| self.spend(principal));
        let (reply, position) = match admitted {
            Ok(principal) => {
                let answered = request.answer(gateway, &principal).await;
                (answered.reply, Some(answered.position))
            }
            // Who is not known learns nothing of how much has happened.
            Err(refusal @ (Refusal::Unauthorized(_) | Refusal::SessionUnauthorized)) => {
                (dialect.refuse(&refusal), None)
            }
            Err(refusal) => (dialect.refuse(&refusal), Some(gateway.service.head())),
        };
        if !respond(&message, reply, position, &request.correlation).await {
            let refusal = Refusal::BadParameter {
                name: "limit",
                must: "so low that the answer fits into one message",
            };
            respond(
                &message,
                dialect.refuse(&refusal),
                position,
                &request.correlation,
            )
            .await;
        }
    }
}

/// Sends an answer; false where it does not fit into a message.
async fn respond(
    message: &service::Request,
    reply: Reply,
    position: Option<Position>,
    correlation: &Correlation,
) -> bool {
    let headers = answer_headers(&reply, position, correlation);
    let body = Bytes::from(reply.body);
    match message.respond_with_headers(Ok(body), headers).await {
        Ok(()) => true,
        Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => false,
        Err(error) => {
            tracing::debug!(%error, "an answer was not sent");
            true
        }
    }
}

/// The routes that are served on the bus.
fn routes() -> impl Iterator<Item = (&'static dyn Dialect, &'static dialect::Route)> {
    dialect::ALL.iter().flat_map(|dialect| {
        let routes = dialect.routes().iter().filter(|route| route.on_bus());
        routes.map(move |route| (*dialect, route))
    })
}

/// A service whose tasks end with it: the library's go on where it is only dropped.
struct StopOnDrop(Option<Service>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(service) = self.0.take() {
            // What it does is done before its first wait.
            drop(service.stop().now_or_never());
        }
    }
}
