//! What is said on the bus, as far as it is for this node; and who speaks as this node beside it.

use std::time::{Duration, Instant};

use async_nats::Message;
use futures_util::{Stream, StreamExt};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::cluster::{Event, Namesake, Namesakes, NodeName, Spoken};
use crate::keys::ClusterKey;

/// For so long a node listens before it says anything. Another one is heard once meanwhile.
const LISTEN: Duration = Duration::from_millis(700);
/// For so long it listens on where something was said under its name: one that lives says more.
const LISTEN_ON: Duration = Duration::from_millis(1_300);

/// What a node hears, over one connection after another.
pub struct Hearing {
    own: NodeName,
    key: ClusterKey,
    events: mpsc::Sender<Event>,
    begun: Instant,
    namesakes: Namesakes,
    /// Whether it has listened for long enough once, and was alone under its name.
    alone: bool,
    /// Whether something was said under its name since it was looked.
    doubted: bool,
    /// Becomes true where it must not take part.
    doubled: watch::Sender<bool>,
    told_of_key: bool,
    told_of_namesake: bool,
}

impl Hearing {
    /// The ears of the node of this name, whose process started so.
    pub fn new(
        (own, start): (NodeName, Uuid),
        key: ClusterKey,
        events: mpsc::Sender<Event>,
        doubled: watch::Sender<bool>,
    ) -> Self {
        Self {
            own,
            key,
            events,
            begun: Instant::now(),
            namesakes: Namesakes::of(start),
            alone: false,
            doubted: false,
            doubled,
            told_of_key: false,
            told_of_namesake: false,
        }
    }

    /// Whether an earlier process lives under this node's name, so that this one must not take part.
    pub fn is_doubled(&self) -> bool {
        *self.doubled.borrow()
    }

    /// Listens for a moment before this node says anything, or takes anything from others; whether it
    /// may. Where it has done so on an earlier connection, it may at once.
    pub async fn may_speak(&mut self, said: &mut (impl Stream<Item = Message> + Unpin)) -> bool {
        let listened = tokio::time::sleep(LISTEN);
        tokio::pin!(listened);
        while !self.alone && !self.is_doubled() {
            tokio::select! {
                () = &mut listened => self.alone = true,
                message = said.next() => {
                    // Where the connection is lost, others see it too.
                    let Some(message) = message else { return true };
                    drop(self.take(&message.payload));
                    if std::mem::take(&mut self.doubted) {
                        let until = tokio::time::Instant::now() + LISTEN_ON;
                        listened.as_mut().reset(until);
                    }
                }
            }
        }
        self.alone
    }

    /// Gives the node what others say, until the connection is lost or this node must not take part.
    pub async fn hear(&mut self, said: &mut (impl Stream<Item = Message> + Unpin)) {
        while let Some(message) = said.next().await {
            let spoken = self.take(&message.payload);
            let gone = match spoken {
                Some(spoken) => self.events.send(Event::Heard(spoken)).await.is_err(),
                None => false,
            };
            if gone || self.is_doubled() {
                return;
            }
        }
    }

    /// Reads a message, and notes who else speaks under this name; `None` for one that is not of another
    /// node of this cluster.
    fn take(&mut self, payload: &[u8]) -> Option<Spoken> {
        let Some(spoken) = Spoken::decode(payload, &self.key) else {
            if !self.told_of_key && !Spoken::is_under(payload, &self.key) {
                self.told_of_key = true;
                tracing::warn!(
                    "something was said in this cluster under another --cluster-key than this \
                     node's, and is not heard: give all nodes the same file"
                );
            }
            return None;
        };
        if spoken.from != self.own {
            return Some(spoken);
        }
        let namesake = self.namesakes.hear(spoken.start, self.begun.elapsed());
        self.doubted = namesake.is_none();
        let node = &self.own;
        match namesake {
            // While this one only listens, who speaks was there first, whatever the clocks say.
            Some(namesake) if !self.alone || namesake == Namesake::Earlier => {
                tracing::error!(%node, "another process runs under this node's name and was there first: this one ends");
                self.doubled.send_replace(true);
            }
            Some(_) if !self.told_of_namesake => {
                self.told_of_namesake = true;
                tracing::warn!(%node, "another process was started under this node's name; it should end by itself");
            }
            Some(_) | None => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;
    use crate::cluster::Said;

    fn name(text: &str) -> NodeName {
        text.parse().expect("a name")
    }

    fn key(byte: u8) -> ClusterKey {
        ClusterKey::new([byte; 32], "log")
    }

    fn hearing() -> (Hearing, mpsc::Receiver<Event>) {
        let (events, heard) = mpsc::channel(9);
        let own = (name("b"), Uuid::from_u128(5));
        let hearing = Hearing::new(own, key(7), events, watch::channel(false).0);
        (hearing, heard)
    }

    fn said(from: &str, start: u128, key: &ClusterKey) -> Message {
        let spoken = Spoken {
            from: name(from),
            start: Some(Uuid::from_u128(start)),
            term: 1,
            said: Said::HandOver,
        };
        let payload = spoken.encode(key);
        Message {
            subject: "say".into(),
            reply: None,
            length: payload.len(),
            payload,
            headers: None,
            status: None,
            description: None,
        }
    }

    #[tokio::test]
    async fn others_are_heard_and_who_has_another_key_is_not_but_told_of() {
        let (mut hearing, mut heard) = hearing();
        let mut bus = stream::iter([said("a", 1, &key(7)), said("c", 1, &key(8))]);
        hearing.hear(&mut bus).await;
        let Some(Event::Heard(spoken)) = heard.recv().await else {
            panic!("nothing was heard");
        };
        assert_eq!(spoken.from, name("a"));
        assert!(heard.try_recv().is_err());
        assert!(hearing.told_of_key && !hearing.is_doubled());
    }

    #[tokio::test]
    async fn a_node_speaks_once_nobody_was_heard_under_its_name_for_a_moment() {
        let (mut hearing, _heard) = hearing();
        let mut silence = stream::pending();
        assert!(hearing.may_speak(&mut silence).await);
        // What it hears as it runs of one that came later is no reason to go.
        hearing.begun = Instant::now();
        drop(hearing.take(&said("b", 6, &key(7)).payload));
        hearing.begun -= Duration::from_millis(500);
        drop(hearing.take(&said("b", 6, &key(7)).payload));
        assert!(hearing.told_of_namesake && !hearing.is_doubled());
    }

    #[tokio::test]
    async fn a_node_says_nothing_where_another_lives_under_its_name() {
        // The clock of the other one's machine may be before or behind.
        for start in [4, 6] {
            let (mut hearing, mut heard) = hearing();
            drop(hearing.take(&said("b", start, &key(7)).payload));
            hearing.begun -= Duration::from_millis(500);
            let mut bus = stream::iter([said("b", start, &key(7))]).chain(stream::pending());
            assert!(!hearing.may_speak(&mut bus).await);
            assert!(hearing.is_doubled());
            assert!(heard.try_recv().is_err());
        }
    }
}
