//! What one node does where the stream loses messages while it reads or joins, event by event.

use std::time::Duration;

use bytes::Bytes;
use contactd::audit::Hash;
use contactd::cluster::{
    Action, Answers, Body, Branch, Event, Message, MessageId, Node, NodeName, Parting, Role, Said,
    Spoken, TermRecord,
};
use contactd::domain::Position;
use contactd::log::Group;

use crate::one_node::{log, names, node, place};

/// The node `b`, and what it wants done of each event.
struct Reader {
    node: Node,
    sequence: u64,
}

impl Reader {
    /// One that has this many events, and has seen that the stream has some.
    fn with(events: u64) -> Self {
        let node = node(1, events);
        let mut reader = Self { node, sequence: 0 };
        reader.look(1, 9);
        reader
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        let actions = self.node.on(Duration::from_secs(1), event);
        let said = |action: &Action| {
            matches!(
                action,
                Action::Say(_) | Action::Tell { .. } | Action::Settle(_)
            )
        };
        actions.into_iter().filter(|action| !said(action)).collect()
    }

    fn look(&mut self, created: u64, last: u64) -> Vec<Action> {
        self.tell(Event::Stream {
            created,
            last,
            is_empty: false,
            looked_at: 0,
            found: None,
        })
    }

    fn read(&mut self, term: u64, before: u64, body: Body) -> Vec<Action> {
        self.sequence += 1;
        let message = Message {
            term,
            node: names()[0].clone(),
            tree: place(before),
            body,
        };
        let sequence = self.sequence;
        self.tell(Event::Read {
            sequence,
            id: MessageId([u8::try_from(sequence).unwrap(); 32]),
            message: Some(message),
        })
    }

    /// Reads the record of a term that begins behind so many events.
    fn record(&mut self, term: u64, before: u64) -> Vec<Action> {
        let members = names();
        let reseeds = false;
        self.read(term, before, Body::Term(TermRecord { members, reseeds }))
    }

    /// Reads a group of the events behind `before` up to `upto`.
    fn group(&mut self, term: u64, before: u64, upto: u64) -> Vec<Action> {
        let entries = &log(upto).0[usize::try_from(before).unwrap()..];
        let bytes = Group::encode(Position::new(before + 1), entries).into();
        let (number, of) = (1, 1);
        self.read(term, before, Body::Part { number, of, bytes })
    }

    fn tree(&mut self, events: u64, found: bool) -> Vec<Action> {
        self.tell(Event::Tree {
            position: Position::new(events),
            tree: found.then(|| log(events).1),
        })
    }
}

/// What the leader waits for goes to it alone: each further node that heard it would have work for
/// nothing. The others hear what is on the disk now and then.
#[test]
fn a_follower_tells_its_leader_alone_what_that_waits_for() {
    let mut reader = Reader::with(0);
    reader.record(1, 0);
    reader.tree(0, true);
    reader.group(1, 0, 2);
    let said = |reader: &mut Reader, at, event| {
        let actions = reader.node.on(Duration::from_secs(at), event);
        let (mut told, mut all) = (Vec::new(), Vec::new());
        for action in actions {
            match action {
                Action::Tell { to, said } => told.push((to, said)),
                Action::Say(said) => all.push(said),
                _ => {}
            }
        }
        (told, all)
    };
    let leader = names()[0].clone();
    let durable = Said::Durable {
        place: place(2),
        halted: false,
        whole: true,
        erased: Position::ZERO,
        version: Some(env!("CARGO_PKG_VERSION").into()),
    };
    let applied = said(&mut reader, 1, Event::Applied(Position::new(2)));
    assert_eq!(applied, (vec![(leader.clone(), durable.clone())], vec![]));
    let (first, hash) = (Position::new(3), Hash::leaf(b"sealed"));
    let kept = said(&mut reader, 1, Event::KeysKept { first, hash });
    assert_eq!(kept, (vec![(leader, Said::Kept { first, hash })], vec![]));
    assert_eq!(said(&mut reader, 1, Event::Tick), (vec![], vec![durable]));
}

#[test]
fn a_node_that_joins_counts_what_it_fetched_though_the_stream_was_lost_meanwhile() {
    let mut reader = Reader::with(0);
    assert_eq!(reader.record(1, 6), [Action::FindTree(Position::new(6))]);
    assert_eq!(reader.tree(6, false), [Action::Fetch { upto: place(6) }]);
    // The old stream is gone, and the disk is not at rest yet.
    assert_eq!(reader.look(2, 3), []);
    reader.sequence = 0;
    let fetched = reader.tell(Event::Applied(Position::new(6)));
    assert_eq!(fetched, [Action::ReadFrom(1)]);
    assert_eq!(reader.record(2, 0), [Action::FindTree(Position::ZERO)]);
    assert_eq!(reader.tree(0, true), []);
    // What it has is compared, and only the rest goes on the disk.
    assert_eq!(reader.group(2, 0, 6), []);
    let first = Position::new(7);
    let entries = log(8).0[6..].to_vec();
    let group = Group { first, entries };
    assert_eq!(reader.group(2, 6, 8), [Action::Apply(vec![group])]);
}

#[test]
fn a_node_asks_again_for_what_nobody_gave_it_and_goes_on_where_that_is_gone() {
    let mut reader = Reader::with(0);
    reader.record(1, 6);
    let fetch = Action::Fetch { upto: place(6) };
    assert_eq!(reader.tree(6, false), std::slice::from_ref(&fetch));
    assert_eq!(reader.tree(6, false), [], "it is being fetched");
    let asks = reader.tell(Event::NotFetched);
    assert_eq!(asks, [Action::FindTree(Position::new(6))]);
    assert_eq!(reader.tree(6, false), [fetch]);
    assert_eq!(reader.look(2, 1), []);
    let goes_on = reader.tell(Event::NotFetched);
    assert_eq!(goes_on, [Action::ReadFrom(1)]);
}

#[test]
fn a_node_that_missed_the_record_of_a_term_reads_the_stream_anew_and_then_does_without() {
    let mut reader = Reader::with(0);
    reader.record(1, 0);
    reader.tree(0, true);
    // The stream lost the message behind the record, and a record of term 2 stands there now.
    reader.sequence = 2;
    reader.tell(Event::Read {
        sequence: 2,
        id: MessageId([0; 32]),
        message: None,
    });
    assert_eq!(reader.group(2, 0, 2), [Action::ReadFrom(1)]);
    reader.sequence = 0;
    reader.record(1, 0);
    reader.tree(0, true);
    reader.record(2, 0);
    assert!(matches!(reader.group(2, 0, 2)[..], [Action::Apply(_)]));
    // Where it is missing all the same, its leader goes on behind it.
    let mut reader = Reader::with(0);
    reader.record(1, 0);
    reader.tree(0, true);
    assert_eq!(reader.group(2, 0, 2), [Action::ReadFrom(1)]);
    reader.sequence = 0;
    reader.record(1, 0);
    reader.tree(0, true);
    assert!(matches!(reader.group(2, 0, 2)[..], [Action::Apply(_)]));
    let status = reader.node.status();
    assert_eq!((status.term, status.leader), (2, Some(names()[0].clone())));
}

/// A reader that has read the record of term 1 and, twice, a group of term 2 behind six events of
/// which it has none.
fn in_a_gap() -> Reader {
    let mut reader = Reader::with(0);
    reader.record(1, 0);
    reader.tree(0, true);
    assert_eq!(reader.group(2, 6, 8), [Action::ReadFrom(1)]);
    reader.sequence = 0;
    reader.record(1, 0);
    reader.tree(0, true);
    // From there on, with what leads there.
    assert_eq!(reader.group(2, 6, 8), [Action::ReadFrom(2)]);
    reader.sequence = 1;
    assert_eq!(reader.group(2, 6, 8), [Action::FindTree(Position::new(6))]);
    assert_eq!(reader.tree(6, false), [Action::Fetch { upto: place(6) }]);
    reader
}

#[test]
fn a_node_that_was_not_given_what_leads_to_a_message_has_it_from_the_others() {
    let mut reader = in_a_gap();
    let fetched = reader.tell(Event::Applied(Position::new(6)));
    assert_eq!(fetched, [Action::FindTree(Position::new(6))]);
    let first = Position::new(7);
    let entries = log(8).0[6..].to_vec();
    let group = Group { first, entries };
    assert_eq!(reader.tree(6, true), [Action::Apply(vec![group])]);
    assert_eq!(reader.node.role(), Role::Following);
}

/// The stream from its beginning: the message that contradicted this log is passed over.
fn passes_over(reader: &mut Reader) {
    reader.sequence = 0;
    reader.record(1, 0);
    reader.tree(0, true);
    assert_eq!(reader.group(2, 6, 8), []);
    assert!(matches!(reader.group(1, 0, 2)[..], [Action::Apply(_)]));
}

#[test]
fn a_node_passes_over_a_message_to_which_nobody_has_what_leads() {
    let mut reader = in_a_gap();
    assert_eq!(reader.tell(Event::NotFetched), [Action::ReadFrom(1)]);
    passes_over(&mut reader);
}

#[test]
fn a_node_whose_log_is_that_of_the_others_passes_over_what_contradicts_it() {
    let mut reader = in_a_gap();
    let heads = |node: &str| (node.parse().unwrap(), Position::ZERO);
    let forked = reader.tell(Event::Forked);
    assert!(matches!(forked[..], [Action::Halt(_)]));
    let asks = reader.tell(Event::Tick);
    assert!(asks.contains(&Action::Compare));
    let goes_on = reader.tell(Event::Compared(Answers {
        heads: vec![heads("a"), heads("b"), heads("c")],
        ..Answers::default()
    }));
    assert_eq!(goes_on, [Action::ReadFrom(1)]);
    passes_over(&mut reader);
}

#[test]
fn a_node_fetches_what_has_settled_and_is_not_in_the_stream() {
    let mut reader = Reader::with(0);
    reader.record(1, 0);
    reader.tree(0, true);
    reader.tell(Event::Heard(Spoken {
        from: names()[0].clone(),
        start: None,
        term: 1,
        said: Said::Beat {
            settled: place(6),
            yields: false,
        },
    }));
    let mut look = |last| {
        reader.tell(Event::Stream {
            created: 1,
            last,
            is_empty: false,
            looked_at: 1,
            found: Some(MessageId([1; 32])),
        })
    };
    assert_eq!(look(2), [], "it is on its way");
    assert_eq!(look(1), []);
    assert_eq!(look(1), [Action::Fetch { upto: place(6) }]);
    let fetched = reader.tell(Event::Applied(Position::new(6)));
    assert_eq!(fetched, [Action::ReadFrom(1)]);
    assert_eq!(reader.node.status().head, Position::new(6));
}

/// All had logs that begin alike and the stream another one; each time that it was read anew its old
/// records were taken for a leader that goes on, and nobody had it made anew.
#[test]
fn a_record_that_is_read_again_keeps_no_stream_from_being_made_anew() {
    let mut reader = Reader::with(2);
    reader.record(1, 0);
    reader.tree(0, true);
    let entries = [Bytes::from_static(b"another"), Bytes::from_static(b"log")];
    let bytes = Group::encode(Position::FIRST, &entries).into();
    let (number, of) = (1, 1);
    let halts = reader.read(1, 0, Body::Part { number, of, bytes });
    assert!(matches!(halts[..], [Action::Halt(_)]), "{halts:?}");
    reader.tell(Event::Tick);
    let heads = [("a", 1), ("b", 2), ("c", 1)];
    let heads = heads.map(|(node, head)| (node.parse().unwrap(), Position::new(head)));
    let begins_anew = reader.tell(Event::Compared(Answers {
        heads: heads.to_vec(),
        ..Answers::default()
    }));
    assert!(begins_anew.contains(&Action::MakeAnew), "{begins_anew:?}");
}

/// Its leader ordered more, the stream was lost, and the others settled other events in its place. What
/// they settled ends within this log, whose tree it does not know there since its start.
#[test]
fn a_node_with_more_than_what_has_settled_asks_whether_it_is_the_same_log() {
    let mut reader = Reader::with(9);
    let beats = |settled| {
        Event::Heard(Spoken {
            from: names()[0].clone(),
            start: None,
            term: 1,
            said: Said::Beat {
                settled,
                yields: false,
            },
        })
    };
    reader.tell(beats(place(9)));
    assert!(!reader.tell(Event::Tick).contains(&Action::Compare));
    let mut reader = Reader::with(9);
    reader.tell(beats(place(4)));
    assert!(reader.tell(Event::Tick).contains(&Action::Compare));
    let heads = [("a", 4), ("b", 9), ("c", 4)];
    let heads = heads.map(|(node, head)| (node.parse().unwrap(), Position::new(head)));
    let branch = |(node, head): &(NodeName, Position)| Branch {
        node: node.clone(),
        head: *head,
        root: Some(Hash([u8::from(*head > Position::new(4)); 32])),
    };
    let parting = Parting {
        position: Position::new(3),
        branches: heads.iter().map(branch).collect(),
    };
    let told = reader.tell(Event::Compared(Answers {
        heads: heads.to_vec(),
        partings: vec![parting],
        ..Answers::default()
    }));
    assert!(matches!(told[..], [Action::Halt(_), ..]), "{told:?}");
}
