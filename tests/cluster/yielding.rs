//! What one node does that leads, and is to give that up, event by event.

use std::time::Duration;

use bytes::Bytes;
use contactd::audit::Hash;
use contactd::cluster::{Action, Event, Node, Role, Said, Sent, Spoken};
use contactd::domain::Position;
use contactd::log::Group;

use crate::one_node::{empty_stream, log, names, node, place};

/// The node `a`, with four events, on a stream that has none of them.
struct Leader {
    node: Node,
    now: Duration,
    sequence: u64,
}

impl Leader {
    fn new() -> Self {
        Self {
            node: node(0, 4),
            now: Duration::from_secs(9),
            sequence: 0,
        }
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        self.now += Duration::from_millis(1);
        self.node.on(self.now, event)
    }

    /// Another node says how many events it has, and of which term it is.
    fn hear(&mut self, from: usize, term: u64, events: u64) {
        let said = Said::Durable {
            erased: Position::ZERO,
            place: place(events),
            halted: false,
            whole: true,
            version: None,
        };
        let from = names()[from].clone();
        self.tell(Event::Heard(Spoken {
            from,
            start: None,
            term,
            said,
        }));
    }

    /// What it published is stored.
    fn store(&mut self, actions: &[Action]) -> Vec<Action> {
        let sent = actions.iter().find_map(|action| match action {
            Action::Publish { sent, .. } => Some(sent),
            _ => None,
        });
        let Sent { id, .. } = sent.expect("it publishes");
        self.sequence += 1;
        let (id, sequence) = (*id, self.sequence);
        self.tell(Event::Stored { id, sequence })
    }

    /// Begins to lead, behind the events that all have.
    fn lead(&mut self) -> Vec<Action> {
        self.tell(empty_stream());
        self.hear(1, 0, 2);
        self.hear(2, 0, 4);
        // Nobody says that it leads.
        let mut waits = (0..20).map(|_| {
            self.now += Duration::from_millis(200);
            self.tell(Event::Tick)
        });
        let finds = |actions: &Vec<Action>| {
            let finds = |action: &Action| matches!(action, Action::FindTree(_));
            actions.iter().any(finds)
        };
        let finds = waits.find(finds).expect("it stands");
        let position = Position::new(2);
        assert!(finds.contains(&Action::FindTree(position)), "{finds:?}");
        let tree = Some(log(2).1);
        self.tell(Event::Tree { position, tree });
        let stands = self.tell(Event::Tick);
        self.store(&stands)
    }
}

fn says_that_it_yields(actions: &[Action]) -> bool {
    let yields = |action: &Action| matches!(action, Action::Say(Said::Beat { yields: true, .. }));
    actions.iter().any(yields)
}

#[test]
fn a_leader_that_fills_the_stream_gives_the_lead_up_when_what_it_published_is_stored() {
    let mut leader = Leader::new();
    let leads = leader.lead();
    let (first, last) = (Position::new(3), Position::new(4));
    assert!(
        leads.contains(&Action::ReadOwn { first, last }),
        "{leads:?}"
    );
    let entries = log(4).0[2..].to_vec();
    let publishes = leader.tell(Event::Own(Group { first, entries }));
    let waits = leader.tell(Event::HandOver);
    assert!(!says_that_it_yields(&waits));
    let stored = leader.store(&publishes);
    assert!(says_that_it_yields(&stored), "{stored:?}");
    assert_eq!(leader.node.role(), Role::Following);
}

#[test]
fn a_leader_reads_the_stream_anew_where_others_are_of_a_later_term_and_take_nothing_from_it() {
    let mut leader = Leader::new();
    leader.lead();
    let (first, entries) = (Position::new(3), log(4).0[2..].to_vec());
    leader.tell(Event::Own(Group { first, entries }));
    let ticks = |leader: &mut Leader| {
        let ticks = (0..10).flat_map(|_| {
            leader.now += Duration::from_millis(200);
            leader.tell(Event::Tick)
        });
        ticks.collect::<Vec<_>>()
    };
    let waits = ticks(&mut leader);
    assert!(!waits.contains(&Action::ReadFrom(1)), "{waits:?}");
    leader.hear(1, 9, 2);
    let gives_way = ticks(&mut leader);
    assert!(gives_way.contains(&Action::ReadFrom(1)), "{gives_way:?}");
    assert_eq!(leader.node.role(), Role::Following);
}

/// A leader of which the stream has all events, and whose writer judges.
fn serves() -> Leader {
    let mut leader = Leader::new();
    leader.lead();
    let (first, entries) = (Position::new(3), log(4).0[2..].to_vec());
    let publishes = leader.tell(Event::Own(Group { first, entries }));
    let stored = leader.store(&publishes);
    assert!(stored.contains(&Action::Lead), "{stored:?}");
    leader.tell(Event::Led);
    leader
}

fn publishes(actions: &[Action]) -> bool {
    let publishes = |action: &Action| matches!(action, Action::Publish { .. });
    actions.iter().any(publishes)
}

#[test]
fn a_leader_has_keys_kept_while_its_own_disk_takes_them_and_orders_nothing_before_both() {
    for early in [true, false] {
        let mut leader = serves();
        let (first, sealed) = (Position::new(5), Bytes::from_static(b"sealed"));
        let says = Action::Say(Said::Keys {
            first,
            sealed: sealed.clone(),
        });
        let drawn = leader.tell(Event::Drawn {
            first,
            sealed: sealed.clone(),
        });
        assert!(drawn.contains(&says) && !publishes(&drawn), "{drawn:?}");
        let kept = Event::Heard(Spoken {
            from: names()[1].clone(),
            start: None,
            term: 1,
            said: Said::Kept {
                first,
                hash: Hash::leaf(&sealed),
            },
        });
        let entries = log(6).0[4..].to_vec();
        let judged = Event::Judged {
            group: Group { first, entries },
            keys: Some(sealed),
        };
        let (before, after) = if early {
            (kept, judged)
        } else {
            (judged, kept)
        };
        let before = leader.tell(before);
        assert!(!publishes(&before), "{before:?}");
        assert!(!before.contains(&says), "they are on their way");
        let after = leader.tell(after);
        assert!(publishes(&after), "{after:?}");
    }
}
