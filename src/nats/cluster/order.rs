//! The writer's question for a group's place. The writer's thread waits; the driver answers.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::Client;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use crate::cluster::Event;
use crate::domain::{Closed, Position};
use crate::keys::Slot;
use crate::log::Group;
use crate::service::{Judged, NotOrdered, Order};

/// The most events that wait for the node.
const EVENTS_MAX: usize = 1_024;

/// What the writer says of a group, in this order.
pub enum Asked {
    /// This disk takes the keys of its new contacts now.
    Keys {
        /// The position of its first event.
        first: Position,
        /// The slots of the keys.
        slots: Range<Slot>,
    },
    /// It waits for the group's place.
    Place {
        /// The events, with their first position.
        group: Group,
        /// The slots of its new contacts' keys.
        slots: Range<Slot>,
        /// The channel on which the writer is answered.
        reply: oneshot::Sender<Result<(), NotOrdered>>,
    },
}

/// The end of the writer: places are given by the cluster.
pub struct Placing {
    asked: mpsc::Sender<Asked>,
    settled: Arc<AtomicU64>,
    events: mpsc::Sender<Event>,
}

/// The end of the driver.
pub struct Orders {
    pub(super) asked: mpsc::Receiver<Asked>,
    pub(super) settled: Arc<AtomicU64>,
    /// The connection of the moment.
    pub(super) client: watch::Sender<Option<Client>>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) happened: mpsc::Receiver<Event>,
    pub(super) set_aside: watch::Sender<Option<Position>>,
    pub(super) doubled: watch::Sender<bool>,
}

impl Orders {
    /// Tells the node what an operator wants of it.
    #[must_use]
    pub fn events(&self) -> mpsc::Sender<Event> {
        self.events.clone()
    }

    /// Follows whether the log is to be set aside, and which position the next one must reach then.
    #[must_use]
    pub fn set_aside(&self) -> watch::Receiver<Option<Position>> {
        self.set_aside.subscribe()
    }

    /// Follows whether an earlier process lives under this node's name, so that this one must end.
    #[must_use]
    pub fn doubled(&self) -> watch::Receiver<bool> {
        self.doubled.subscribe()
    }

    /// Follows the driver's connection.
    #[must_use]
    pub fn clients(&self) -> watch::Receiver<Option<Client>> {
        self.client.subscribe()
    }
}

/// Both ends. One writer asks for one group at a time.
#[must_use]
pub fn orders() -> (Arc<Placing>, Orders) {
    let (asked, questions) = mpsc::channel(1);
    let (events, happened) = mpsc::channel(EVENTS_MAX);
    let settled = Arc::new(AtomicU64::new(0));
    let placing = Placing {
        asked,
        settled: settled.clone(),
        events: events.clone(),
    };
    let orders = Orders {
        asked: questions,
        settled,
        client: watch::channel(None).0,
        events,
        happened,
        set_aside: watch::channel(None).0,
        doubled: watch::channel(false).0,
    };
    (Arc::new(placing), orders)
}

impl Order for Placing {
    fn announce(&self, group: &Judged<'_>) {
        let (first, slots) = (group.first, group.slots.clone());
        // Without a driver the group gets no place either.
        self.asked.blocking_send(Asked::Keys { first, slots }).ok();
    }

    fn order(&self, group: &Judged<'_>) -> Result<(), NotOrdered> {
        let entries = group.entries.iter();
        let (reply, answer) = oneshot::channel();
        let asked = Asked::Place {
            group: Group {
                first: group.first,
                entries: entries.map(|entry| Bytes::copy_from_slice(entry)).collect(),
            },
            slots: group.slots.clone(),
            reply,
        };
        let sent = self.asked.blocking_send(asked);
        sent.map_err(|_| NotOrdered::Refused(Closed::Stopping))?;
        answer.blocking_recv().unwrap_or(Err(NotOrdered::Unknown))
    }

    fn settled(&self, head: Position) -> Position {
        Position::new(self.settled.load(Ordering::Acquire)).min(head)
    }

    fn missed(&self) -> bool {
        // Without a driver this node takes no more part.
        self.events.blocking_send(Event::Missed).ok();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged<'a>(entries: &'a [&'a [u8]]) -> Judged<'a> {
        Judged {
            first: Position::new(5),
            entries,
            slots: Slot::new(1)..Slot::new(2),
        }
    }

    #[test]
    fn the_writer_waits_for_the_answer_it_is_given() {
        let (placing, mut orders) = orders();
        let driver = std::thread::spawn(move || {
            let mut groups = Vec::new();
            for answer in [Ok(()), Err(NotOrdered::Refused(Closed::Follows))] {
                let asked = orders.asked.blocking_recv().expect("a question");
                let Asked::Keys { first, slots } = asked else {
                    panic!("a place is asked for before the keys are told of");
                };
                assert_eq!((first.get(), slots.start.get(), slots.end.get()), (5, 1, 2));
                let asked = orders.asked.blocking_recv().expect("a question");
                let Asked::Place { group, reply, .. } = asked else {
                    panic!("no place is asked for");
                };
                groups.push(group);
                reply.send(answer).expect("the writer waits");
            }
            groups
        });
        let entries: [&[u8]; 2] = [b"a", b"bc"];
        placing.announce(&judged(&entries));
        assert_eq!(placing.order(&judged(&entries)), Ok(()));
        placing.announce(&judged(&entries));
        let refused = NotOrdered::Refused(Closed::Follows);
        assert_eq!(placing.order(&judged(&entries)), Err(refused));
        let groups = driver.join().expect("it ended");
        let entries = entries.map(Bytes::copy_from_slice).to_vec();
        let first = Position::new(5);
        assert_eq!(groups[0], Group { first, entries });
    }

    #[test]
    fn without_a_driver_nothing_is_said_that_may_be_wrong() {
        let (placing, mut orders) = orders();
        let gone = std::thread::spawn(move || drop(orders.asked.blocking_recv()));
        assert_eq!(placing.order(&judged(&[b"a"])), Err(NotOrdered::Unknown));
        gone.join().expect("it ended");
        let stopping = NotOrdered::Refused(Closed::Stopping);
        assert_eq!(placing.order(&judged(&[b"a"])), Err(stopping));
    }
}
