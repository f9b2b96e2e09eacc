//! The writer's question for a group's place. The writer's thread waits; the driver answers.

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

/// A group that the writer waits for.
pub struct Asked {
    /// The events, with their first position.
    pub group: Group,
    /// The slots of its new contacts' keys.
    pub slots: std::ops::Range<Slot>,
    /// The channel on which the writer is answered.
    pub reply: oneshot::Sender<Result<(), NotOrdered>>,
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
    };
    (Arc::new(placing), orders)
}

impl Order for Placing {
    fn order(&self, group: &Judged<'_>) -> Result<(), NotOrdered> {
        let entries = group.entries.iter();
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
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
                groups.push(asked.group);
                asked.reply.send(answer).expect("the writer waits");
            }
            groups
        });
        let entries: [&[u8]; 2] = [b"a", b"bc"];
        assert_eq!(placing.order(&judged(&entries)), Ok(()));
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
