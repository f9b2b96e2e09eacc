//! What one node does whose log was begun anew, or that is left with such nodes, event by event.

use std::time::Duration;

use contactd::cluster::{
    Action, Body, Event, Message, MessageId, Node, Place, Said, Spoken, TermRecord,
};
use contactd::domain::Position;
use contactd::log::Group;

use crate::one_node::{log, names, node, place};

/// A node at a second after its start, without what it says and settles.
fn tell(node: &mut Node, event: Event) -> Vec<Action> {
    let actions = node.on(Duration::from_secs(1), event);
    let said = |action: &Action| matches!(action, Action::Say(_) | Action::Settle(_));
    actions.into_iter().filter(|action| !said(action)).collect()
}

/// Another node says something, in a term.
fn hear(node: &mut Node, from: usize, term: u64, said: Said) -> Vec<Action> {
    let from = names()[from].clone();
    tell(node, Event::Heard(Spoken { from, term, said }))
}

/// What a node has on its disk, whether it has halted, and whether it counts.
fn durable(place: Place, halted: bool, whole: bool) -> Said {
    let erased = Position::ZERO;
    Said::Durable {
        place,
        halted,
        whole,
        erased,
    }
}

/// A message of the leader `a` that stands behind two events.
fn read(node: &mut Node, sequence: u64, body: Body) -> Vec<Action> {
    let message = Message {
        term: 1,
        node: names()[0].clone(),
        tree: place(2),
        body,
    };
    let read = Event::Read {
        sequence,
        id: MessageId([u8::try_from(sequence).unwrap(); 32]),
        message: Some(message),
    };
    tell(node, read)
}

/// The stream was made anew, and `a` begins it at the lowest place, behind two of the six events that it
/// has. What it knows to have settled is that place too at first; what a third node answered with the
/// disk that is gone may be behind that, and only `a` has it.
#[test]
fn a_log_that_was_begun_anew_counts_once_it_has_all_that_its_leader_has() {
    let mut node = node(1, 2).reaching(Some(Position::new(u64::MAX)));
    tell(
        &mut node,
        Event::Stream {
            created: 1,
            last: 1,
            looked_at: 0,
            found: None,
        },
    );
    let (members, reseeds) = (names(), false);
    let record = Body::Term(TermRecord { members, reseeds });
    let position = Position::new(2);
    assert_eq!(read(&mut node, 1, record), [Action::FindTree(position)]);
    let tree = Some(log(2).1);
    tell(&mut node, Event::Tree { position, tree });
    let settled = place(2);
    let yields = false;
    hear(&mut node, 0, 1, Said::Beat { settled, yields });
    assert!(!node.status().whole, "the leader has more");
    hear(&mut node, 2, 1, durable(place(2), false, true));
    assert!(!node.status().whole, "it does not lead");
    hear(&mut node, 0, 1, durable(place(6), false, true));
    assert!(!node.status().whole, "it lacks that");
    let settled = place(6);
    hear(&mut node, 0, 1, Said::Beat { settled, yields });
    assert!(!node.status().whole, "it lacks that still");
    let first = Position::new(3);
    let bytes = Group::encode(first, &log(6).0[2..]).into();
    let (number, of) = (1, 1);
    read(&mut node, 2, Body::Part { number, of, bytes });
    let applied = tell(&mut node, Event::Applied(Position::new(6)));
    assert_eq!(applied, [Action::Whole]);
}
