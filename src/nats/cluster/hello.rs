//! The first words of a node without a log, and the answer of those that have one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use tokio::sync::watch;

use super::options::Options;
use super::subjects;
use crate::cluster::{Hello, Members, NodeName, Role, Status};
use crate::keys::ClusterKey;
use crate::nats::connect::{self, Target};
use crate::nats::publish_error::PublishError;
use crate::nats::subjects::Prefix;

/// The time between two words.
const PAUSE: Duration = Duration::from_millis(300);
/// A node that was not heard for so long is not counted on.
const ABSENT: Duration = Duration::from_secs(2);
/// The time for which a node that could begin the log listens whether there is one after all.
const LISTEN: Duration = Duration::from_secs(1);
/// The time between two lines that say what is waited for.
const SAY: Duration = Duration::from_secs(10);
/// What the answer is sealed for.
const PURPOSE: &str = "identity";
/// What it is sealed for where somebody has led the cluster already.
const PURPOSE_ANSWERED: &str = "identity of a cluster that was led";

/// What a node without a log is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No node has a log: this one begins it.
    Begin,
    /// Another node has it, and says what is needed to have the same one.
    Join {
        /// The log's id and keys, as that node says them.
        identity: Vec<u8>,
        /// Whether a write may have been answered already, so that a log which is begun anew lacks
        /// it.
        answered: bool,
    },
}

/// Finds the log of the cluster for a node that has none; waits as long as that takes. `key` is the
/// cluster's for no log.
///
/// # Errors
/// The broker can't be used, and somebody must see to that.
pub async fn find_log(
    target: &Target,
    prefix: &Prefix,
    members: &Members,
    key: &ClusterKey,
) -> Result<Found, String> {
    loop {
        match search(target, prefix, members, key).await {
            Ok(found) => return Ok(found),
            Err(error @ PublishError::Lost { .. }) => {
                tracing::warn!(%error, "the cluster's log is looked for once more");
            }
            Err(error) => return Err(error.to_string()),
        }
        tokio::time::sleep(ABSENT).await;
    }
}

async fn search(
    target: &Target,
    prefix: &Prefix,
    members: &Members,
    key: &ClusterKey,
) -> Result<Found, PublishError> {
    let lost = |error: &dyn std::fmt::Display| PublishError::lost("looking for the log", error);
    let mut connection = connect::connect(target, prefix).await?;
    let client = connection.client.clone();
    let hello = subjects::hello(prefix);
    let others = client.subscribe(hello.clone()).await;
    let mut others = others.map_err(|error| lost(&error))?;
    let answers = client
        .subscribe(subjects::welcome(prefix, members.own()))
        .await;
    let mut answers = answers.map_err(|error| lost(&error))?;
    let word = Hello::of(members).encode(key);
    let mut tick = tokio::time::interval(PAUSE);
    let mut present = Present::default();
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let said = client.publish(hello.clone(), word.clone()).await;
                said.map_err(|error| lost(&error))?;
                if present.lets_begin(members, Instant::now()) {
                    return Ok(Found::Begin);
                }
            }
            Some(message) = others.next() => {
                if let Some(heard) = Hello::decode(&message.payload, key) {
                    present.hear(&heard, members, Instant::now());
                }
            }
            Some(message) = answers.next() => {
                if let Some(identity) = key.open(PURPOSE, &message.payload) {
                    return Ok(Found::Join { identity: identity.to_vec(), answered: false });
                }
                if let Some(identity) = key.open(PURPOSE_ANSWERED, &message.payload) {
                    return Ok(Found::Join { identity: identity.to_vec(), answered: true });
                }
            }
            ended = connection.ended() => return Err(ended),
        }
    }
}

/// The nodes without a log that were heard lately.
#[derive(Default)]
struct Present {
    heard: BTreeMap<NodeName, Instant>,
    /// The time since which all others are there.
    complete: Option<Instant>,
    said: Option<Instant>,
}

impl Present {
    fn hear(&mut self, hello: &Hello, members: &Members, now: Instant) {
        if hello.is_of(members) {
            self.heard.insert(hello.from.clone(), now);
        } else if members.is_other(&hello.from) {
            tracing::warn!(node = %hello.from, "it was given other names of nodes than this one");
        }
    }

    /// Whether this node is the first that is listed, and all others have had no log for a while.
    fn lets_begin(&mut self, members: &Members, now: Instant) -> bool {
        self.heard
            .retain(|_, heard| now.duration_since(*heard) < ABSENT);
        let missing: Vec<&NodeName> = members
            .others()
            .filter(|name| !self.heard.contains_key(*name))
            .collect();
        if self.said.is_none_or(|said| now.duration_since(said) >= SAY) {
            self.said = Some(now);
            let missing: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
            tracing::info!(missing = missing.join(" "), "looking for the cluster's log");
        }
        if !missing.is_empty() || members.rank() > 0 {
            self.complete = None;
            return false;
        }
        let since = *self.complete.get_or_insert(now);
        now.duration_since(since) >= LISTEN
    }
}

/// Tells nodes without a log what they need to have this one's.
pub async fn welcome(
    client: Client,
    options: Options,
    status: watch::Receiver<Option<Status>>,
    mut asked: Subscriber,
) {
    let key = options.key.of_log("");
    while let Some(message) = asked.next().await {
        let Some(hello) = Hello::decode(&message.payload, &key) else {
            continue;
        };
        if !hello.is_of(&options.members) {
            continue;
        }
        let subject = subjects::welcome(&options.prefix, &hello.from);
        let led = match status.borrow().as_ref() {
            // The stream says whether somebody led; it was not read yet.
            None => continue,
            Some(status) if status.role == Role::Starting => continue,
            Some(status) => status.was_led,
        };
        let purpose = if led { PURPOSE_ANSWERED } else { PURPOSE };
        match key.seal(purpose, &options.identity) {
            Ok(sealed) => {
                if let Err(error) = client.publish(subject, sealed.into()).await {
                    tracing::debug!(%error, "a node without a log was not answered");
                }
            }
            Err(error) => tracing::error!(%error, "a node without a log can't be answered"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(own: &str) -> Members {
        let names = ["a", "b", "c"].map(|name| name.parse().expect("a name"));
        Members::new(names.to_vec(), &own.parse().expect("a name")).expect("a cluster")
    }

    #[test]
    fn the_first_begins_when_all_others_have_said_for_a_while_that_they_have_no_log() {
        let (first, mut present) = (members("a"), Present::default());
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        present.hear(&Hello::of(&members("b")), &first, at(0));
        assert!(!present.lets_begin(&first, at(100)), "c is missing");
        present.hear(&Hello::of(&members("c")), &first, at(200));
        assert!(!present.lets_begin(&first, at(300)), "somebody may answer");
        present.hear(&Hello::of(&members("b")), &first, at(1_200));
        present.hear(&Hello::of(&members("c")), &first, at(1_200));
        assert!(present.lets_begin(&first, at(1_300)));
        assert!(!present.lets_begin(&first, at(3_300)), "they are gone");
    }

    #[test]
    fn another_than_the_first_never_begins() {
        let (second, mut present) = (members("b"), Present::default());
        let start = Instant::now();
        for round in 0..20 {
            let now = start + PAUSE * round;
            present.hear(&Hello::of(&members("a")), &second, now);
            present.hear(&Hello::of(&members("c")), &second, now);
            assert!(!present.lets_begin(&second, now));
        }
    }
}
