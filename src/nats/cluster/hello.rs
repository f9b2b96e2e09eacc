//! The first words of a node without a log, and the answer of those that have one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use tokio::sync::watch;

use super::options::Options;
use super::subjects;
use crate::cluster::{Hello, Members, NodeName, Role, Status, Stranger};
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

/// What an answer is sealed for that says that the name is that of a node which lives.
const PURPOSE_TAKEN: &str = "name of a node that lives";
/// A node that is told so for so long gives up: one that has just died is counted as living for less.
const TAKEN_TIME_MAX: Duration = Duration::from_secs(6);

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
    let (mut strangers, mut taken) = (Strangers::default(), Taken::default());
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
                if let Some(heard) = strangers.sort_out(&message.payload, key, members) {
                    present.hear(&heard, members, Instant::now());
                }
            }
            Some(message) = answers.next() => {
                let is_taken = key.open(PURPOSE_TAKEN, &message.payload).is_some();
                if is_taken && taken.is_for_good(Instant::now()) {
                    return Err(PublishError::halted(format!(
                        "another process runs as the node {} of this cluster: stop it, or name this \
                         one with --node as another that --cluster lists",
                        members.own()
                    )));
                }
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
        if members.is_other(&hello.from) {
            self.heard.insert(hello.from.clone(), now);
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

/// The time since which this node is told that its name is taken.
#[derive(Default)]
struct Taken {
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Taken {
    /// Notes that it was told so; whether that has gone on for too long.
    fn is_for_good(&mut self, now: Instant) -> bool {
        let goes_on = self.last.is_some_and(|last| now < last + ABSENT);
        self.last = Some(now);
        let first = *self.first.get_or_insert(now);
        if !goes_on {
            self.first = Some(now);
        }
        goes_on && now >= first + TAKEN_TIME_MAX
    }
}

/// Those of whom it was said already why they are not heard.
#[derive(Default)]
struct Strangers {
    key: bool,
    names: BTreeSet<NodeName>,
}

impl Strangers {
    /// The message of a node without a log that was told the same as this one. Of others it is said
    /// once what an operator must do.
    fn sort_out(&mut self, payload: &[u8], key: &ClusterKey, members: &Members) -> Option<Hello> {
        match Hello::of_same(payload, key, members) {
            Ok(hello) => return Some(hello),
            Err(Stranger::OtherKey) if !self.key => {
                self.key = true;
                tracing::warn!(
                    "a node without a log has another --cluster-key than this one, and is not \
                     heard: give all nodes the same file"
                );
            }
            Err(Stranger::OtherNames(node)) if !self.names.contains(&node) => {
                tracing::warn!(
                    %node,
                    "it was given other names of nodes than this one, and is not heard: give all \
                     the same --cluster, in the same order"
                );
                self.names.insert(node);
            }
            Err(Stranger::OtherKey | Stranger::OtherNames(_) | Stranger::Unreadable) => {}
        }
        None
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
    let mut strangers = Strangers::default();
    while let Some(message) = asked.next().await {
        let Some(hello) = strangers.sort_out(&message.payload, &key, &options.members) else {
            continue;
        };
        let subject = subjects::welcome(&options.prefix, &hello.from);
        let Some(purpose) = purpose(status.borrow().as_ref(), &hello, &options.members) else {
            continue;
        };
        let told: &[u8] = match purpose {
            PURPOSE_TAKEN => &[],
            _ => &options.identity,
        };
        match key.seal(purpose, told) {
            Ok(sealed) => {
                if let Err(error) = client.publish(subject, sealed.into()).await {
                    tracing::debug!(%error, "a node without a log was not answered");
                }
            }
            Err(error) => tracing::error!(%error, "a node without a log can't be answered"),
        }
    }
}

/// What the answer to a node without a log says; `None` where this one can't say it yet.
fn purpose(status: Option<&Status>, hello: &Hello, members: &Members) -> Option<&'static str> {
    if !members.is_other(&hello.from) {
        return Some(PURPOSE_TAKEN);
    }
    // The stream says whether somebody led.
    let status = status.filter(|status| status.role != Role::Starting)?;
    let mut peers = status.peers.iter();
    if peers.any(|peer| peer.node == hello.from && !peer.is_away()) {
        return Some(PURPOSE_TAKEN);
    }
    Some(match status.was_led {
        true => PURPOSE_ANSWERED,
        false => PURPOSE,
    })
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

    /// What `a` sees of `b`, which was heard so long ago.
    fn seen(role: Role, was_led: bool, silent: Option<u64>) -> Status {
        let mut seen = Status {
            role,
            leader: None,
            was_led,
            ..Status::of_follower("a", "b", "b")
        };
        for peer in &mut seen.peers {
            peer.silent = silent.map(Duration::from_secs);
        }
        seen
    }

    #[test]
    fn a_name_is_given_to_no_other_while_its_node_lives() {
        let of = |status: &Status, from: &str| {
            purpose(Some(status), &Hello::of(&members(from)), &members("a"))
        };
        let leads = |silent| seen(Role::Leading, true, silent);
        assert_eq!(of(&leads(Some(1)), "b"), Some(PURPOSE_TAKEN));
        assert_eq!(of(&leads(Some(4)), "b"), Some(PURPOSE_ANSWERED));
        assert_eq!(of(&leads(None), "b"), Some(PURPOSE_ANSWERED));
        assert_eq!(of(&leads(Some(1)), "a"), Some(PURPOSE_TAKEN));
        let begins = seen(Role::Following, false, None);
        assert_eq!(of(&begins, "b"), Some(PURPOSE));
        assert_eq!(of(&seen(Role::Starting, false, None), "b"), None);
    }

    #[test]
    fn who_is_told_for_long_that_its_name_is_taken_gives_up() {
        let start = Instant::now();
        let told = |seconds: std::ops::Range<u64>| {
            let mut taken = Taken::default();
            let at = |seconds| start + Duration::from_secs(seconds);
            seconds.map(move |seconds| taken.is_for_good(at(seconds)))
        };
        assert!(!told(0..6).any(|gives_up| gives_up));
        assert!(told(0..7).any(|gives_up| gives_up));
        let mut taken = Taken::default();
        assert!(!taken.is_for_good(start));
        assert!(
            !taken.is_for_good(start + TAKEN_TIME_MAX),
            "it was not told between"
        );
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
