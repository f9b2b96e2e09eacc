//! Streams of events that are open, counted: so many of one caller, and never all connections. And
//! how fast each of them may go, for all of them share the memory of what was made ahead.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::RateKey;

/// Streams of one caller.
const OF_CALLER_MAX: usize = 64;
/// Streams that go over the log by large pieces at the same time.
const LARGE_MAX: usize = 16;
/// A fifth of processor time and a third of the time less than by small ones.
const LARGE: Pace = Pace {
    piece_bytes: 256 << 10,
    ahead: 4,
};
const SMALL: Pace = Pace {
    piece_bytes: 64 << 10,
    ahead: 1,
};

/// The pieces of a stream over the log, and the number of them that are ahead of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes that are sent at once, as near as may be.
    pub piece_bytes: usize,
    /// Pieces that are made at the same time.
    pub ahead: usize,
}

/// The open streams. Clones share them.
#[derive(Clone)]
pub struct Streams {
    all_max: usize,
    open: Arc<Mutex<HashMap<RateKey, usize>>>,
    large: Arc<Semaphore>,
}

/// An open stream, until it is dropped.
pub struct Stream {
    streams: Streams,
    caller: RateKey,
}

impl Streams {
    /// Streams on half of so many connections.
    #[must_use]
    pub fn among(connections: usize) -> Self {
        Self {
            all_max: connections.div_ceil(2),
            open: Arc::default(),
            large: Arc::new(Semaphore::new(LARGE_MAX)),
        }
    }

    /// The pace of one more stream over the log, and its place among the fast ones where it has one,
    /// to be held as long as it goes.
    #[must_use]
    pub fn replay(&self) -> (Pace, Option<OwnedSemaphorePermit>) {
        let place = self.large.clone().try_acquire_owned().ok();
        (place.as_ref().map_or(SMALL, |_| LARGE), place)
    }

    /// Opens one for a caller; `None` where the caller has too many, or all have.
    #[must_use]
    pub fn open(&self, caller: RateKey) -> Option<Stream> {
        let mut open = self.open.lock();
        let all: usize = open.values().sum();
        let own = open.get(&caller).copied().unwrap_or(0);
        if own >= OF_CALLER_MAX || all >= self.all_max {
            return None;
        }
        open.insert(caller.clone(), own + 1);
        Some(Stream {
            streams: self.clone(),
            caller,
        })
    }

    /// The number of streams that are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open.lock().values().sum()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock();
        if let Some(own) = open.get_mut(&self.caller) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str) -> RateKey {
        RateKey::Client(name.to_owned())
    }

    #[test]
    fn a_few_go_fast_and_the_others_take_little_memory() {
        let streams = Streams::among(200);
        let fast: Vec<_> = (0..LARGE_MAX).map(|_| streams.replay()).collect();
        assert!(fast.iter().all(|(pace, _)| *pace == LARGE));
        assert_eq!(streams.replay().0, SMALL);
        drop(fast);
        assert_eq!(streams.replay().0, LARGE);
    }

    #[test]
    fn a_caller_has_a_share_and_all_have_half() {
        let streams = Streams::among(200);
        let ann: Vec<_> = (0..OF_CALLER_MAX)
            .map(|_| streams.open(caller("ann")).unwrap())
            .collect();
        assert!(streams.open(caller("ann")).is_none());
        let others: Vec<_> = (0..100 - OF_CALLER_MAX)
            .map(|number| streams.open(caller(&number.to_string())).unwrap())
            .collect();
        assert!(streams.open(caller("bob")).is_none(), "half are taken");
        drop(ann);
        assert!(streams.open(caller("ann")).is_some());
        drop(others);
        assert_eq!(streams.count(), 0);
        assert!(streams.open.lock().is_empty());
    }
}
