//! Streams of events that are open, counted: so many of one caller, and never all connections.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::auth::RateKey;

/// Streams of one caller.
const OF_CALLER_MAX: usize = 64;

/// The open streams. Clones share them.
#[derive(Clone)]
pub struct Streams {
    all_max: usize,
    open: Arc<Mutex<HashMap<RateKey, usize>>>,
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
        }
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
