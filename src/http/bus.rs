//! The message bus for operators: `GET /bus` (roles `admin`, `auditor`, every tenant).
//!
//! It tells how the bus is, how far each consumer of the events has read, and which durable commands
//! could not be taken. A broker that is away is 200 with empty lists, for the question was answered.
//! `POST /bus/dead/{sequence}/resend` (role `admin`, every tenant) sends one of those again.

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::system::{Question, Segment};
use super::{answer, system};
use crate::auth::role;
use crate::dialect::native::Problem;
use crate::dialect::{Refusal, Reply};
use crate::gateway::{BusView, Consumer, DeadLetter, Listed, NotResent, Resent};

/// The body of `GET /bus`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BusBody {
    bus: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bus_reason: Option<String>,
    consumers: ListBody<ConsumerBody>,
    dead_letters: ListBody<LetterBody>,
}

/// A list of bounded length.
#[derive(Serialize)]
struct ListBody<T> {
    items: Vec<T>,
    /// Whether there are more than those.
    more: bool,
    /// The reason for which the broker did not tell them.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<String>,
}

/// A consumer of the events; sequences are the stream's.
#[derive(Serialize)]
struct ConsumerBody {
    name: String,
    delivered: u64,
    acknowledged: u64,
    pending: u64,
    unacknowledged: u64,
    redelivered: u64,
}

/// A durable command that could not be taken.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LetterBody {
    sequence: u64,
    time: String,
    subject: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    content: bool,
}

/// The body of an answer to `POST /bus/dead/{sequence}/resend`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResentBody {
    sequence: u64,
    duplicate: bool,
    message_id: String,
}

/// Serves `GET /bus`: the consumers of the events, and the dead letters.
pub async fn bus(question: Question) -> Response {
    const ROLES: &[&str] = &[role::ADMIN, role::AUDITOR];
    let gateway = &question.app.gateway;
    system::answer(&question, ROLES, async |principal, correlation| {
        let view = gateway.bus_view(&principal).await?;
        let reply = Reply::json(StatusCode::OK, &body(view));
        let response = answer::response(reply, correlation);
        Ok((response, gateway.service.head()))
    })
    .await
}

/// Serves `POST /bus/dead/{sequence}/resend`: puts a dead letter's command back.
pub async fn resend(sequence: Segment, question: Question) -> Response {
    let gateway = &question.app.gateway;
    let sequence = system::text(sequence).parse();
    system::answer(&question, &[role::ADMIN], async |principal, correlation| {
        let sequence = sequence.map_err(|_| Refusal::UnknownPath)?;
        let reply = match gateway.resend(&principal, sequence).await? {
            Ok(Resent {
                sequence,
                duplicate,
                message_id,
            }) => {
                let body = ResentBody {
                    sequence,
                    duplicate,
                    message_id,
                };
                Reply::json(StatusCode::OK, &body)
            }
            Err(why) => problem(why).reply(),
        };
        let response = answer::response(reply, correlation);
        Ok((response, gateway.service.head()))
    })
    .await
}

fn problem(why: NotResent) -> Problem {
    let (status, code) = match why {
        NotResent::NoLetter | NotResent::NoBus => (StatusCode::NOT_FOUND, "no_such_letter"),
        NotResent::NoContent | NotResent::NoCommand | NotResent::SecondToken => {
            (StatusCode::CONFLICT, "not_resendable")
        }
        NotResent::NoToken => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        NotResent::Away | NotResent::Unanswered => (StatusCode::SERVICE_UNAVAILABLE, "broker_away"),
    };
    Problem::new(status, code, why.to_string())
}

fn body(view: BusView) -> BusBody {
    let BusView { bus, look } = view;
    BusBody {
        bus: bus.state(),
        bus_reason: bus.reason().map(str::to_owned),
        consumers: list(look.consumers),
        dead_letters: list(look.dead_letters),
    }
}

fn list<T, B: From<T>>(listed: Listed<T>) -> ListBody<B> {
    ListBody {
        items: listed.items.into_iter().map(B::from).collect(),
        more: listed.more,
        unread: listed.unread,
    }
}

impl From<Consumer> for ConsumerBody {
    fn from(consumer: Consumer) -> Self {
        let Consumer {
            name,
            delivered,
            acknowledged,
            pending,
            unacknowledged,
            redelivered,
        } = consumer;
        Self {
            name,
            delivered,
            acknowledged,
            pending,
            unacknowledged,
            redelivered,
        }
    }
}

impl From<DeadLetter> for LetterBody {
    fn from(letter: DeadLetter) -> Self {
        Self {
            sequence: letter.sequence,
            time: letter.time.to_string(),
            subject: letter.subject,
            reason: letter.reason,
            message_id: letter.message_id,
            content: letter.content,
        }
    }
}
