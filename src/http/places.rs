//! Who may hold a connection: so many in all, so many of one address, and a few kept for probes.
//!
//! A connection that waits for its client's next request holds a place that somebody else may need.
//! So where all are taken, the one that has waited longest gives way: one that has never asked
//! anything after a moment, one that has been answered after some seconds. A connection with a
//! request in hand, or with an answer on its way, never gives way.
//!
//! Beside them there are a few places in which only probes are answered, so that whoever watches
//! over the service hears from it when nobody else can.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// The silence after which a connection gives way to another.
const SILENT_MIN: Duration = Duration::from_millis(100);
/// The silence after which a connection that was answered gives way to another.
const IDLE_MIN: Duration = Duration::from_secs(5);

/// The most places that may be held.
#[derive(Clone, Copy, Debug)]
pub struct PlaceLimits {
    /// The most that everybody together may hold.
    pub all: usize,
    /// The most that one address may hold.
    pub of_address: usize,
    /// Beside all those, by connections that only probes are answered on.
    pub kept: usize,
}

/// What a connection is doing, as those see it who decide whether it gives way.
#[derive(Debug)]
pub struct Activity(Mutex<Doing>);

#[derive(Clone, Copy, Debug)]
struct Doing {
    /// Whether a request is in hand.
    busy: bool,
    /// Whether bytes of an answer wait for the client.
    unsent: bool,
    /// The number of requests that have begun or ended: it tells one wait from the next.
    turns: u64,
    /// The time at which the wait began.
    since: Instant,
}

impl Activity {
    fn new() -> Self {
        Self(Mutex::new(Doing {
            busy: false,
            unsent: false,
            turns: 0,
            since: Instant::now(),
        }))
    }

    /// A request has come, or its answer has gone.
    pub fn turn(&self, busy: bool) {
        let mut doing = self.0.lock();
        doing.busy = busy;
        doing.turns = doing.turns.wrapping_add(1);
        doing.since = Instant::now();
    }

    /// Notes whether bytes of an answer wait for the client.
    pub fn set_unsent(&self, unsent: bool) {
        self.0.lock().unsent = unsent;
    }

    /// The number of the present wait for a request; `None` while one is in hand.
    pub fn waiting(&self) -> Option<u64> {
        let doing = self.0.lock();
        (!doing.busy).then_some(doing.turns)
    }

    /// Since when it could give way; `None` where it can't now.
    fn gives_way(&self, now: Instant) -> Option<Instant> {
        let doing = *self.0.lock();
        let patience = if doing.turns == 0 {
            SILENT_MIN
        } else {
            IDLE_MIN
        };
        let waits = !doing.busy && !doing.unsent;
        let long = now.saturating_duration_since(doing.since) >= patience;
        (waits && long).then_some(doing.since)
    }
}

/// All places for connections, with those who hold them.
pub struct Places {
    limits: PlaceLimits,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next: u64,
    holders: HashMap<u64, Holder>,
    of_address: HashMap<IpAddr, usize>,
    kept: usize,
}

struct Holder {
    address: IpAddr,
    kept: bool,
    activity: Arc<Activity>,
    give_way: CancellationToken,
}

/// A place that is held, until it is dropped.
pub struct Place {
    places: Arc<Places>,
    number: u64,
    /// What the connection does.
    pub activity: Arc<Activity>,
    /// Cancelled when the connection must give way.
    pub give_way: CancellationToken,
    /// Whether only probes are answered here.
    pub kept: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.held.lock().remove(self.number);
    }
}

impl Held {
    fn remove(&mut self, number: u64) -> Option<Holder> {
        let holder = self.holders.remove(&number)?;
        if holder.kept {
            self.kept = self.kept.saturating_sub(1);
        } else if let Some(count) = self.of_address.get_mut(&holder.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_address.remove(&holder.address);
            }
        }
        Some(holder)
    }

    /// Sends away the one that has waited longest of those that this holds for.
    fn make_way(&mut self, of: impl Fn(&Holder) -> bool) -> bool {
        let now = Instant::now();
        let longest = self
            .holders
            .iter()
            .filter(|(_, holder)| of(holder))
            .filter_map(|(number, holder)| Some((holder.activity.gives_way(now)?, *number)))
            .min();
        let removed = longest.and_then(|(_, number)| self.remove(number));
        if let Some(holder) = &removed {
            holder.give_way.cancel();
        }
        removed.is_some()
    }
}

impl Places {
    /// Places, none of them held.
    #[must_use]
    pub fn new(limits: PlaceLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            held: Mutex::default(),
        })
    }

    /// A place for a connection from an address, one kept for probes where there is no other, or
    /// `None` where even those are taken.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        // One address in its two spellings is one address.
        let address = address.to_canonical();
        let mut held = self.held.lock();
        let of_address = held.of_address.get(&address).copied().unwrap_or(0);
        let all = held.holders.len().saturating_sub(held.kept);
        let free = if of_address >= self.limits.of_address {
            held.make_way(|holder| !holder.kept && holder.address == address)
        } else {
            all < self.limits.all || held.make_way(|holder| !holder.kept)
        };
        let kept = !free;
        if kept {
            if held.kept >= self.limits.kept && !held.make_way(|holder| holder.kept) {
                return None;
            }
            held.kept += 1;
        } else {
            *held.of_address.entry(address).or_default() += 1;
        }
        let number = held.next;
        held.next = number.wrapping_add(1);
        let (activity, give_way) = (Arc::new(Activity::new()), CancellationToken::new());
        held.holders.insert(
            number,
            Holder {
                address,
                kept,
                activity: activity.clone(),
                give_way: give_way.clone(),
            },
        );
        Some(Place {
            places: self.clone(),
            number,
            activity,
            give_way,
            kept,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: usize = 8;
    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn places(all: usize, of_address: usize) -> Arc<Places> {
        Places::new(PlaceLimits {
            all,
            of_address,
            kept: KEPT,
        })
    }

    /// As if it had done what it does for so long.
    fn age(place: &Place, by: Duration) {
        let mut doing = place.activity.0.lock();
        doing.since = doing.since.checked_sub(by).unwrap();
    }

    fn take(places: &Arc<Places>, address: IpAddr) -> Place {
        places.take(address).unwrap()
    }

    #[test]
    fn one_that_has_never_asked_gives_way_after_a_moment() {
        let places = places(2, 2);
        let (first, second) = (take(&places, ANN), take(&places, BOB));
        assert!(take(&places, ANN).kept, "both are new");
        age(&first, SILENT_MIN);
        age(&second, SILENT_MIN * 2);
        assert!(!take(&places, ANN).kept);
        assert!(second.give_way.is_cancelled(), "it has waited longest");
        assert!(!first.give_way.is_cancelled());
    }

    #[test]
    fn one_that_was_answered_may_rest_and_one_at_work_is_left_alone() {
        let places = places(1, 1);
        let place = take(&places, ANN);
        place.activity.turn(true);
        age(&place, IDLE_MIN * 9);
        assert!(take(&places, BOB).kept, "a request is in hand");
        place.activity.turn(false);
        place.activity.set_unsent(true);
        age(&place, IDLE_MIN);
        assert!(take(&places, BOB).kept, "its answer is on its way");
        place.activity.set_unsent(false);
        assert!(!take(&places, BOB).kept);
        assert!(place.give_way.is_cancelled());
    }

    #[test]
    fn one_address_does_not_take_all_and_frees_what_it_gives_back() {
        let places = places(3, 2);
        let held = [take(&places, ANN), take(&places, ANN)];
        assert!(take(&places, ANN).kept);
        assert!(!take(&places, BOB).kept);
        let mapped = IpAddr::V6(std::net::Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped());
        assert!(take(&places, mapped).kept, "the same in its other spelling");
        drop(held);
        assert!(!take(&places, ANN).kept);
        assert!(places.held.lock().of_address.is_empty());
    }

    #[test]
    fn those_kept_for_probes_are_few_and_give_way_too() {
        let places = places(0, 0);
        let held: Vec<_> = (0..KEPT).map(|_| take(&places, ANN)).collect();
        assert!(places.take(BOB).is_none());
        age(&held[7], SILENT_MIN);
        assert!(take(&places, BOB).kept);
        assert!(held[7].give_way.is_cancelled());
        drop(held);
        assert_eq!(places.held.lock().kept, 0);
    }
}
