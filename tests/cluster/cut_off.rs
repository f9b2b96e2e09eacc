//! A leader that loses the others: what it has not published never happened, and it says so in time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use contactd::audit::Hash;
use contactd::cluster::{Action, Event, Node, Role, Said, Sent, Spoken};
use contactd::domain::Position;
use contactd::log::Group;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::common::{Server, client};
use crate::one_node::{empty_stream, names, node, place};
use crate::processes::{Homes, NAMES, are_equal, create, eventually};

/// The node `a`, which leads an empty log; nothing was heard of the others since the third second.
struct Leader {
    node: Node,
    now: Duration,
}

impl Leader {
    fn new() -> Self {
        let (node, now) = (node(0, 0), Duration::from_secs(3));
        let mut leader = Self { node, now };
        leader.tell(empty_stream());
        leader.now = Duration::from_secs(6);
        leader.hear(1, durable());
        leader.tell(Event::Tick);
        let position = Position::ZERO;
        leader.tell(Event::Tree {
            position,
            tree: Some(Default::default()),
        });
        let sent = published(&leader.tell(Event::Tick));
        let id = sent.expect("it stands").id;
        leader.tell(Event::Stored { id, sequence: 1 });
        leader.tell(Event::Led);
        assert_eq!(leader.node.role(), Role::Leading);
        leader
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        self.node.on(self.now, event)
    }

    fn hear(&mut self, from: usize, said: Said) -> Vec<Action> {
        let (from, term) = (names()[from].clone(), self.node.status().term);
        self.tell(Event::Heard(Spoken {
            from,
            start: None,
            term,
            said,
        }))
    }

    /// The writer asks for the place of one event, which has a key or not.
    fn judges(&mut self, keys: bool) -> Vec<Action> {
        let group = Group {
            first: Position::FIRST,
            entries: vec![Bytes::from_static(b"1")],
        };
        let keys = keys.then(|| Bytes::from_static(b"sealed"));
        self.tell(Event::Judged { group, keys })
    }

    /// Some seconds pass; what the writer is told meanwhile.
    fn passes(&mut self, seconds: u64) -> Vec<Action> {
        let mut told = Vec::new();
        for _ in 0..10 * seconds {
            self.now += Duration::from_millis(100);
            told.extend(self.tell(Event::Tick));
        }
        told.retain(is_told);
        told
    }
}

/// What another node says that has as little on its disk.
fn durable() -> Said {
    Said::Durable {
        place: place(0),
        halted: false,
        whole: true,
        erased: Position::ZERO,
        version: None,
    }
}

/// What another node says that has the keys of the group.
fn kept() -> Said {
    Said::Kept {
        first: Position::FIRST,
        hash: Hash::leaf(b"sealed"),
    }
}

/// Whether the writer is told so of what it waits for.
fn is_told(action: &Action) -> bool {
    matches!(
        action,
        Action::CutOff | Action::NotOrdered { .. } | Action::Ordered
    )
}

fn published(actions: &[Action]) -> Option<Sent> {
    actions.iter().find_map(|action| match action {
        Action::Publish { sent, .. } => Some(sent.clone()),
        _ => None,
    })
}

#[test]
fn what_no_majority_has_the_keys_of_is_given_up_and_nothing_has_happened() {
    let mut leader = Leader::new();
    assert_eq!(published(&leader.judges(true)), None, "nobody has the key");
    assert_eq!(leader.passes(2), [], "the others may be there");
    assert_eq!(leader.passes(4), [Action::CutOff]);
    assert_eq!(leader.judges(true), [Action::CutOff], "at once now");
    assert_eq!(leader.judges(false), [Action::CutOff]);
    assert_eq!(leader.passes(60), []);
    leader.hear(1, durable());
    assert_eq!(published(&leader.judges(true)), None);
    let sent = leader.hear(1, kept());
    assert!(published(&sent).is_some(), "the others are back");
}

#[test]
fn what_was_published_is_waited_for_however_long_that_takes() {
    let mut leader = Leader::new();
    leader.judges(true);
    let sent = published(&leader.hear(1, kept()));
    let id = sent.expect("a majority has the key").id;
    assert_eq!(leader.passes(120), []);
    assert!(leader.node.status().is_cut_off());
    let stored = leader.tell(Event::Stored { id, sequence: 2 });
    assert!(stored.contains(&Action::Ordered), "{stored:?}");
}

#[test]
fn a_leader_that_stood_still_itself_hears_the_others_first() {
    let mut leader = Leader::new();
    leader.judges(true);
    leader.now += Duration::from_secs(5);
    assert!(!leader.tell(Event::Tick).iter().any(is_told));
    leader.hear(1, durable());
    assert_eq!(leader.passes(2), []);
}

#[test]
fn what_a_node_knows_ages_from_when_it_last_led_or_heard_the_leader() {
    let seconds = |node: &Node| node.status().age.map(|age| age.as_secs());
    // The others were heard last in the sixth second.
    let mut leader = Leader::new();
    leader.passes(1);
    assert_eq!(seconds(&leader.node), Some(0));
    leader.passes(60);
    assert!(
        seconds(&leader.node) > Some(50),
        "{:?}",
        leader.node.status()
    );
    let mut follower = node(1, 0);
    let beat = |term| {
        let (from, settled) = (names()[0].clone(), place(0));
        let said = Said::Beat {
            settled,
            yields: false,
        };
        let start = None;
        Event::Heard(Spoken {
            from,
            start,
            term,
            said,
        })
    };
    follower.on(Duration::from_secs(9), empty_stream());
    assert_eq!(seconds(&follower), None, "it has heard the broker alone");
    follower.on(Duration::from_secs(10), beat(1));
    follower.on(Duration::from_secs(15), Event::Tick);
    assert_eq!(seconds(&follower), Some(5));
}

/// Sends a create without an idempotency key; its status, code, `Retry-After`, and how long it took.
async fn asks(server: &Server) -> (u16, Value, bool, Duration) {
    let begun = Instant::now();
    let asked = client().post(format!("{}/contacts", server.url));
    let asked = asked.json(&json!({ "name": { "full": "Nobody Yet" } }));
    let answer = asked.send().await.expect("it answers");
    let status = answer.status().as_u16();
    let again = answer.headers().contains_key("retry-after");
    let body: Value = answer.json().await.expect("JSON");
    (status, body["code"].clone(), again, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_a_leader_that_has_lost_the_others_is_answered_in_time() {
    let broker = Broker::started();
    let homes = Homes::new(broker.url());
    let probe = client();
    let (mut servers, leads, _) = homes.begin_with(&probe, "before").await;
    let lost: Vec<usize> = (0..NAMES.len()).filter(|at| *at != leads).collect();
    for at in &lost {
        servers[*at].take().expect("it runs").kill();
    }
    let left = servers[leads].as_ref().expect("it runs");
    let url = left.url.clone();
    // The first may be begun before it is noticed that the others are gone.
    for _ in 0..3 {
        let (status, code, again, took) = asks(left).await;
        assert_eq!((status, again), (503, true), "{code}");
        assert_eq!(code, "cut_off");
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    for at in lost {
        servers[at] = Some(homes.begin(NAMES[at]).await);
    }
    let (_, position) = eventually("writes go on", async || {
        create(&probe, &url, "after").await.ok()
    })
    .await;
    are_equal(&probe, &servers, position).await;
    let server = servers.iter().flatten().next().expect("it runs");
    let events = server.events().await;
    let made = events
        .iter()
        .filter(|event| event["type"] == "CONTACT_CREATE_SUCCESS");
    assert_eq!(made.count(), 2, "what was refused never happened");
}
