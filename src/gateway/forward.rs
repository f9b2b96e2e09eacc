//! A write that came to a node which follows: handed to the node that leads, as it came.
//!
//! A decoded command holds functions, so it can't travel. The request can: its route, parameters,
//! headers and body, in CBOR. The leader asks for the caller's token again and treats it like one
//! of its own; the reply comes back as it would have left there. The follower waits until it has
//! the outcome itself, so that its caller reads there what was written here.
//!
//! Where no node is known to lead, nothing has happened, and it is tried again for a while. An
//! answer that is lost leaves the outcome unknown, unless the request can be told from any other by
//! its idempotency key: then it is sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use minicbor::{Decode, Encode};

use super::carrier::{Forward, Forwarded};
use super::incoming::unix_seconds;
use super::perform::REPLAYED;
use super::read_forward::ForwardedRead;
use super::{Disposition, Gateway, Incoming, Response};
use crate::dialect::{self, ApiOperation, Query, Refusal, Reply, native};
use crate::domain::{Closed, Correlation, Position};
use crate::service::ReadAudit;

/// The pause before a request is handed on once more.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest that a node is looked for which leads, unless requests may take less.
const PATIENCE: Duration = Duration::from_secs(10);
/// Headers that are of the connection, not of the request.
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
];
/// The headers that a reply to a write may have.
const OF_A_REPLY: &[&str] = &[
    "accept-patch",
    "allow",
    "cache-control",
    native::WARNING,
    "content-type",
    "etag",
    REPLAYED,
    "link",
    "location",
    "retry-after",
    "vary",
    "www-authenticate",
];

/// A message from a node that follows to the one that leads, as CBOR under the cluster's key.
#[derive(Encode, Decode)]
pub(super) enum Handed {
    /// A request to be answered.
    #[n(0)]
    Request(#[n(0)] ForwardedRequest),
    /// A read to be recorded.
    #[n(1)]
    Read(#[n(0)] ForwardedRead),
}

#[derive(Encode, Decode)]
pub(super) struct ForwardedRequest {
    #[n(0)]
    dialect: String,
    #[n(1)]
    operation: String,
    #[n(2)]
    params: Vec<(String, String)>,
    #[n(3)]
    owner_ids: Option<Vec<String>>,
    #[n(4)]
    query: String,
    #[cbor(n(5), with = "minicbor::bytes")]
    body: Vec<u8>,
    #[n(6)]
    headers: Vec<(String, minicbor::bytes::ByteVec)>,
    #[n(7)]
    durable_key: Option<String>,
    #[n(8)]
    correlation: String,
}

#[derive(Encode, Decode)]
struct ForwardedReply {
    #[n(0)]
    status: u16,
    #[n(1)]
    headers: Vec<(String, String)>,
    #[cbor(n(2), with = "minicbor::bytes")]
    body: Vec<u8>,
    #[n(3)]
    position: Option<u64>,
    /// Whether the node does not lead, and nothing has happened.
    #[n(4)]
    is_elsewhere: bool,
    /// Whether it has an outcome, which is settled then.
    #[n(5)]
    is_completed: bool,
}

impl Gateway {
    /// The time until which a node is looked for that answers a request which comes now.
    pub(super) fn forwarding_ends(&self) -> Instant {
        Instant::now() + self.settings.request_timeout.min(PATIENCE)
    }

    /// Hands a write to the node that leads; `None` where this one does by now, or nobody forwards.
    pub(super) async fn forwarded(
        &self,
        incoming: &Incoming<'_>,
        body: &[u8],
        ends: Instant,
    ) -> Option<Response> {
        let forward = self.forward.as_ref()?;
        let request = Handed::Request(request(incoming, body));
        let request = minicbor::to_vec(request).ok()?;
        let repeats = incoming.durable_key.is_some()
            || incoming.headers.contains_key(super::idempotency::HEADER);
        loop {
            if !self.service.follows() {
                return None;
            }
            let refusal = match forward.forward(request.clone()).await {
                Forwarded::Answered(reply) => match minicbor::decode::<ForwardedReply>(&reply) {
                    Ok(reply) if !reply.is_elsewhere => {
                        return Some(self.replied(incoming, reply).await);
                    }
                    Ok(_) => Refusal::ReadOnly(Closed::Follows),
                    Err(_) => Refusal::OutcomeUnknown,
                },
                Forwarded::NotSent => Refusal::ReadOnly(Closed::Follows),
                Forwarded::Unknown => Refusal::OutcomeUnknown,
            };
            let is_over = Instant::now() >= ends;
            if is_over || (refusal == Refusal::OutcomeUnknown && !repeats) {
                return Some(self.refuse(incoming, refusal));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Hands the record of a read to the node that leads; nobody waits for it.
    pub(super) fn forward_read(&self, forward: &Arc<dyn Forward>, trail: &ReadAudit) {
        let handed = ForwardedRead::of(trail).map(Handed::Read);
        match handed.and_then(|handed| minicbor::to_vec(handed).ok()) {
            Some(handed) => Self::send_read(forward.clone(), handed),
            None => tracing::warn!("a read was not recorded: it can't be handed on"),
        }
    }

    /// The response to a caller, once this node has what was written. A durable command that the other
    /// node did not carry out is given back to the broker, which delivers it to whoever leads by then: that
    /// node knows when it was sent, and makes a dead letter of it where it must.
    async fn replied(&self, incoming: &Incoming<'_>, reply: ForwardedReply) -> Response {
        let position = reply.position.map(Position::new);
        if let Some(position) = position {
            // Whoever reads here before it has come may ask for the position. What has settled is
            // told by the cluster, which compares the logs: this one may have other events there.
            drop(self.reach(position).await);
        }
        let headers = reply.headers.into_iter().filter_map(|(name, value)| {
            let known = OF_A_REPLY.iter().find(|known| **known == name)?;
            Some((*known, value))
        });
        let status = StatusCode::from_u16(reply.status);
        let given_back = incoming.durable_key.is_some() && !reply.is_completed;
        Response {
            reply: Reply {
                status: status.unwrap_or(StatusCode::BAD_GATEWAY),
                headers: headers.collect(),
                body: reply.body,
            },
            position,
            correlation: incoming.correlation.clone(),
            disposition: match given_back {
                true => Disposition::Refused(Refusal::ReadOnly(Closed::Follows)),
                false => Disposition::Completed,
            },
        }
    }

    /// Treats what another node has handed on: a request from its token to its reply, or the record
    /// of a read. `None` for what is neither.
    pub async fn take_forwarded(&self, handed: &[u8]) -> Option<Vec<u8>> {
        match minicbor::decode(handed).ok()? {
            Handed::Request(request) => self.take_request(request).await,
            Handed::Read(read) => self.take_read(read),
        }
    }

    async fn take_request(&self, request: ForwardedRequest) -> Option<Vec<u8>> {
        let dialect = *dialect::ALL
            .iter()
            .find(|dialect| dialect.rules.name == request.dialect)?;
        let operation = |operation: ApiOperation| operation.name() == request.operation;
        let route = dialect
            .routes
            .iter()
            .find(|route| operation(route.operation))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.append(name, HeaderValue::from_bytes(value).ok()?);
        }
        let incoming = Incoming {
            dialect,
            route,
            params: &request.params,
            owner_ids: request.owner_ids.as_deref(),
            query: &Query::parse(&request.query),
            headers: &headers,
            durable_key: request.durable_key.as_deref(),
            correlation: Correlation::parse(&request.correlation)?,
            span: None,
        };
        let response = match self.admit(&incoming, unix_seconds()).await {
            Ok(principal) => self.answer_here(&principal, &incoming, &request.body).await,
            Err(refusal) => self.refuse(&incoming, refusal),
        };
        let is_elsewhere = response.is_elsewhere();
        let is_completed = response.disposition == Disposition::Completed;
        let headers = response.reply.headers.into_iter();
        let reply = ForwardedReply {
            status: response.reply.status.as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            body: response.reply.body,
            position: response.position.map(Position::get),
            is_elsewhere,
            is_completed,
        };
        minicbor::to_vec(reply).ok()
    }
}

fn request(incoming: &Incoming<'_>, body: &[u8]) -> ForwardedRequest {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(incoming.query.pairs());
    let headers = incoming.headers.iter();
    let headers = headers.filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
    ForwardedRequest {
        dialect: incoming.dialect.rules.name.to_owned(),
        operation: incoming.route.operation.name().to_owned(),
        params: incoming.params.to_vec(),
        owner_ids: incoming.owner_ids.map(<[String]>::to_vec),
        query: query.finish(),
        body: body.to_vec(),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec().into()))
            .collect(),
        durable_key: incoming.durable_key.map(str::to_owned),
        correlation: incoming.correlation.as_str().to_owned(),
    }
}
