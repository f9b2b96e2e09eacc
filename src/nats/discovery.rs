//! Discovery and statistics of the NATS services framework (ADR-32).
//!
//! A client asks `$SRV.PING`, `$SRV.INFO` or `$SRV.STATS`, with or without the service's name and id
//! behind it, and every service answers. The NATS client library has this too, but answers to
//! whatever reply subject it is given; here the rule of [`super::inbox`] holds for these answers as
//! for all others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, Message};
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::StreamExt;
use futures_util::stream::select_all;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::inbox::is_answered;
use super::publish_error::PublishError;
use super::subjects::Prefix;

/// What the service says about itself.
const DESCRIPTION: &str =
    "Contacts: create, read, change and delete them in each vendor's own form";

/// A service as others discover it.
pub struct Discovery {
    /// The prefix of the subjects, which is the service's name too.
    prefix: Prefix,
    /// Tells this instance from others of the same name.
    id: String,
    started: DateTime<Utc>,
    queue_group: String,
    endpoints: Vec<Endpoint>,
}

/// One endpoint and its statistics since the connection was made.
pub struct Endpoint {
    /// The endpoint's name, `<dialect>-<operation>`.
    pub name: String,
    /// The subjects it answers.
    pub subject: String,
    /// What a caller should know about it, as text.
    pub metadata: Map<String, Value>,
    requests: AtomicU64,
    errors: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Endpoint {
    /// An endpoint that has answered nothing yet.
    pub fn new(name: String, subject: String, metadata: Map<String, Value>) -> Self {
        Self {
            name,
            subject,
            metadata,
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
        }
    }

    /// Counts one answer: how long it took, and whether it was an error.
    pub fn answered(&self, took: Duration, is_error: bool) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.errors
            .fetch_add(u64::from(is_error), Ordering::Relaxed);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
    }
}

/// What is asked about a service.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Ping,
    Info,
    Stats,
}

impl Verb {
    const ALL: [Self; 3] = [Self::Ping, Self::Info, Self::Stats];

    const fn subject(self) -> &'static str {
        match self {
            Self::Ping => "$SRV.PING",
            Self::Info => "$SRV.INFO",
            Self::Stats => "$SRV.STATS",
        }
    }

    const fn answer_type(self) -> &'static str {
        match self {
            Self::Ping => "io.nats.micro.v1.ping_response",
            Self::Info => "io.nats.micro.v1.info_response",
            Self::Stats => "io.nats.micro.v1.stats_response",
        }
    }
}

impl Discovery {
    /// A service that starts now, with these endpoints.
    pub fn new(prefix: Prefix, queue_group: String, endpoints: Vec<Endpoint>) -> Self {
        Self {
            prefix,
            id: Uuid::now_v7().simple().to_string(),
            started: Utc::now(),
            queue_group,
            endpoints,
        }
    }

    /// The endpoints of the service.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Its queue group: instances of one service share the requests in it.
    pub fn queue_group(&self) -> &str {
        &self.queue_group
    }

    /// Answers whoever looks for services, until the connection ends.
    ///
    /// # Errors
    /// [`PublishError::Lost`].
    pub async fn run(&self, client: &Client) -> Result<(), PublishError> {
        let lost = |error: &dyn std::fmt::Display| PublishError::lost("service discovery", error);
        let mut questions = Vec::new();
        for verb in Verb::ALL {
            for subject in self.subjects(verb) {
                let subscribed = client.subscribe(subject).await;
                let subscriber = subscribed.map_err(|error| lost(&error))?;
                questions.push(subscriber.map(move |message| (verb, message)));
            }
        }
        let mut questions = select_all(questions);
        while let Some((verb, message)) = questions.next().await {
            self.answer(client, verb, message).await;
        }
        Err(lost(&"the subscriptions ended"))
    }

    fn subjects(&self, verb: Verb) -> [String; 3] {
        let (verb, name, id) = (verb.subject(), self.prefix.as_str(), &self.id);
        [
            verb.to_owned(),
            format!("{verb}.{name}"),
            format!("{verb}.{name}.{id}"),
        ]
    }

    async fn answer(&self, client: &Client, verb: Verb, message: Message) {
        let reply = message
            .reply
            .filter(|reply| is_answered(&self.prefix, reply));
        let Some(reply) = reply else {
            return;
        };
        let body = self.body(verb).to_string();
        if let Err(error) = client.publish(reply, body.into()).await {
            tracing::debug!(%error, "an answer to service discovery was not sent");
        }
    }

    fn body(&self, verb: Verb) -> Value {
        let mut body = Map::new();
        let mut say = |name: &str, value: Value| body.insert(name.to_owned(), value);
        say("type", verb.answer_type().into());
        say("name", self.prefix.as_str().into());
        say("id", self.id.as_str().into());
        say("version", env!("CARGO_PKG_VERSION").into());
        say("metadata", json!({}));
        match verb {
            Verb::Ping => {}
            Verb::Info => {
                let info = self.endpoints.iter().map(|endpoint| self.info(endpoint));
                say("description", DESCRIPTION.into());
                say("endpoints", info.collect());
            }
            Verb::Stats => {
                let stats = self.endpoints.iter().map(|endpoint| self.stats(endpoint));
                let started = self.started.to_rfc3339_opts(SecondsFormat::Millis, true);
                say("started", started.into());
                say("endpoints", stats.collect());
            }
        }
        body.into()
    }

    fn info(&self, endpoint: &Endpoint) -> Value {
        json!({
            "name": endpoint.name,
            "subject": endpoint.subject,
            "queue_group": self.queue_group,
            "metadata": endpoint.metadata,
        })
    }

    /// Times are in nanoseconds, as ADR-32 has them.
    fn stats(&self, endpoint: &Endpoint) -> Value {
        let requests = endpoint.requests.load(Ordering::Relaxed);
        let nanoseconds = endpoint.nanoseconds.load(Ordering::Relaxed);
        json!({
            "name": endpoint.name,
            "subject": endpoint.subject,
            "queue_group": self.queue_group,
            "num_requests": requests,
            "num_errors": endpoint.errors.load(Ordering::Relaxed),
            "last_error": "",
            "processing_time": nanoseconds,
            "average_processing_time": nanoseconds.checked_div(requests).unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_add_up() {
        let endpoint = |name: &str| Endpoint::new(name.to_owned(), format!("s.{name}"), Map::new());
        let endpoints = vec![endpoint("a"), endpoint("b")];
        let service = Discovery::new(Prefix::default(), "group".into(), endpoints);
        service.endpoints()[1].answered(Duration::from_nanos(10), false);
        service.endpoints()[1].answered(Duration::from_nanos(30), true);
        let info = service.body(Verb::Info);
        assert_eq!(info["endpoints"][0]["name"], "a");
        assert_eq!(info["endpoints"][1]["queue_group"], "group");
        let stats = service.body(Verb::Stats);
        let b = &stats["endpoints"][1];
        assert_eq!(b["num_requests"], 2);
        assert_eq!(b["num_errors"], 1);
        assert_eq!(b["average_processing_time"], 20);
        assert_eq!(service.body(Verb::Ping)["name"], "contacts");
    }
}
