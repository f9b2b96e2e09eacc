//! What one node does whose log was begun anew, or that is left with such nodes, event by event.

use std::time::Duration;

use contactd::cluster::{
    Action, Answers, Body, Branch, Event, Message, MessageId, Node, Parting, Place, Said, Spoken,
    TermRecord,
};
use contactd::domain::Position;
use contactd::log::Group;

use crate::one_node::{empty_stream, log, names, node, place};

/// A node at a second after its start, without what it says and settles.
fn tell(node: &mut Node, event: Event) -> Vec<Action> {
    let actions = node.on(Duration::from_secs(1), event);
    let said = |action: &Action| {
        matches!(
            action,
            Action::Say(_) | Action::Tell { .. } | Action::Settle(_)
        )
    };
    actions.into_iter().filter(|action| !said(action)).collect()
}

/// Another node says something, in a term.
fn hear(node: &mut Node, from: usize, term: u64, said: Said) -> Vec<Action> {
    let from = names()[from].clone();
    tell(
        node,
        Event::Heard(Spoken {
            from,
            start: None,
            term,
            said,
        }),
    )
}

/// What a node has on its disk, whether it has halted, and whether it counts.
fn durable(place: Place, halted: bool, whole: bool) -> Said {
    let erased = Position::ZERO;
    Said::Durable {
        place,
        halted,
        whole,
        erased,
        version: None,
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
            is_empty: false,
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
    assert!(node.status().reach.is_some(), "the leader has more");
    hear(&mut node, 2, 1, durable(place(2), false, true));
    assert!(node.status().reach.is_some(), "it does not lead");
    hear(&mut node, 0, 1, durable(place(6), false, true));
    assert!(node.status().reach.is_some(), "it lacks that");
    let settled = place(6);
    hear(&mut node, 0, 1, Said::Beat { settled, yields });
    assert!(node.status().reach.is_some(), "it lacks that still");
    let first = Position::new(3);
    let bytes = Group::encode(first, &log(6).0[2..]).into();
    let (number, of) = (1, 1);
    read(&mut node, 2, Body::Part { number, of, bytes });
    let applied = tell(&mut node, Event::Applied(Position::new(6)));
    assert_eq!(applied, [Action::Whole]);
}

/// Looks at the clock, at a time in seconds; whether the others are asked about their logs then.
fn asks(node: &mut Node, seconds: u64) -> bool {
    let actions = node.on(Duration::from_secs(seconds), Event::Tick);
    actions.contains(&Action::Compare)
}

/// Two of three had logs of one length that part, and the third one's was begun anew: neither of the two
/// ever stood, the stream was empty, and the third one had no say. Now the one whose log does not stay
/// sets it aside.
#[test]
fn of_two_logs_beside_one_that_was_begun_anew_one_stays() {
    let mut node = node(2, 24);
    let other = Place {
        root: place(23).root,
        ..place(24)
    };
    tell(&mut node, empty_stream());
    hear(&mut node, 1, 0, durable(place(0), false, false));
    hear(&mut node, 0, 0, durable(other, false, true));
    // Nobody leads, and neither may stand.
    let mut halts = node.on(Duration::from_millis(3_700), Event::Tick);
    hear(&mut node, 1, 0, durable(place(0), false, false));
    hear(&mut node, 0, 0, durable(other, false, true));
    for time in (3_800..9_000).step_by(100) {
        halts.extend(node.on(Duration::from_millis(time), Event::Tick));
    }
    assert!(halts.contains(&Action::Compare), "{halts:?}");
    let position = Position::new(24);
    let branch = |number: usize, place: Place| Branch {
        node: names()[number].clone(),
        head: place.position,
        root: Some(place.root),
    };
    let own = place(24);
    let compared = |reach: u64| {
        Event::Compared(Answers {
            partings: vec![Parting {
                position,
                branches: vec![branch(0, other), branch(2, own)],
            }],
            heads: vec![
                (names()[0].clone(), position),
                (names()[2].clone(), position),
            ],
            anew: vec![(names()[1].clone(), Position::new(reach))],
        })
    };
    assert_eq!(
        tell(&mut node, compared(24)),
        [],
        "it may have had this log"
    );
    let reach = position.previous();
    let set_aside = tell(&mut node, compared(23));
    assert_eq!(set_aside, [Action::SetAside { reach }]);
}

/// Both other logs were begun anew: those let nobody stand, though this one has all that they must reach.
#[test]
fn the_last_log_that_counts_begins_the_stream_anew() {
    let mut node = node(0, 24);
    tell(&mut node, empty_stream());
    let anew = [(1, 23), (2, 20)];
    for (number, _) in anew {
        assert!(!asks(&mut node, 1), "the others go on");
        hear(&mut node, number, 0, durable(place(0), false, false));
    }
    assert!(asks(&mut node, 1));
    let answers = |count: usize| {
        let anew = anew[..count].iter();
        let anew = anew.map(|(number, reach)| (names()[*number].clone(), Position::new(*reach)));
        Event::Compared(Answers {
            heads: vec![(names()[0].clone(), Position::new(24))],
            anew: anew.collect(),
            ..Answers::default()
        })
    };
    assert_eq!(tell(&mut node, answers(1)), [], "one is away");
    let begins_anew = tell(&mut node, answers(2));
    assert!(begins_anew.contains(&Action::MakeAnew), "{begins_anew:?}");
}

/// What the stream had is lost, but for the number of its last message, as after a damaged file of the
/// broker. A node that read it from the beginning would wait for messages that never come, and stand at
/// a place that the stream refuses.
#[test]
fn a_node_stands_behind_all_that_a_stream_had_which_is_empty() {
    let mut node = node(0, 4);
    let empty = Event::Stream {
        created: 1,
        last: 7,
        is_empty: true,
        looked_at: 0,
        found: None,
    };
    tell(&mut node, empty);
    let mut published = None;
    for time in (1_000..9_000).step_by(100) {
        let from = names()[1].clone();
        let heard = Event::Heard(Spoken {
            from,
            start: None,
            term: 0,
            said: durable(place(4), false, true),
        });
        let now = Duration::from_millis(time);
        let mut told = [node.on(now, heard), node.on(now, Event::Tick)].concat();
        if told.contains(&Action::FindTree(Position::new(4))) {
            let (position, tree) = (Position::new(4), Some(log(4).1));
            told.extend(node.on(now, Event::Tree { position, tree }));
        }
        published = published.or(told.into_iter().find_map(|action| match action {
            Action::Publish { expect, .. } => Some(expect),
            _ => None,
        }));
    }
    assert_eq!(published, Some(7));
}
