//! The time and the ids that events get. Only the writer asks.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{ContextV7, Uuid};

use crate::domain::Timestamp;

/// A source of the current time.
pub type Clock = Box<dyn FnMut() -> Timestamp + Send>;

/// The clock of the operating system.
#[must_use]
pub fn system_clock() -> Clock {
    Box::new(now)
}

/// The current time of the operating system.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A time that never goes back, and ids that grow with it.
pub struct Sequencer {
    clock: Clock,
    now: Timestamp,
    context: ContextV7,
}

impl Sequencer {
    /// Starts a millisecond after the log's last event, so that ids grow over a restart too.
    #[must_use]
    pub fn new(clock: Clock, last: Timestamp) -> Self {
        Self {
            clock,
            now: Timestamp::from_millis(last.millis().saturating_add(1)),
            context: ContextV7::new(),
        }
    }

    /// Goes on behind an event that another service has made.
    pub fn resume(&mut self, last: Timestamp) {
        let next = Timestamp::from_millis(last.millis().saturating_add(1));
        self.now = self.now.max(next);
    }

    /// What the clock says, which nobody has judged.
    pub fn read(&mut self) -> Timestamp {
        (self.clock)()
    }

    /// Takes over a time that the clock has said and that can be believed; a clock that was set back
    /// stands still.
    pub fn advance(&mut self, said: Timestamp) {
        self.now = self.now.max(said);
    }

    /// The time that events get.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// An id greater than every one before.
    pub fn id(&mut self) -> Uuid {
        let millis = self.now.millis();
        let nanos = u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000;
        let time = uuid::Timestamp::from_unix(&self.context, millis / 1_000, nanos);
        Uuid::new_v7(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ContactId;

    #[test]
    fn time_never_goes_back_and_ids_grow() {
        let mut times = [5, 9, 3, 9].into_iter().map(Timestamp::from_millis);
        let clock = Box::new(move || times.next().unwrap_or_default());
        let mut sequencer = Sequencer::new(clock, Timestamp::from_millis(6));
        let mut last = Uuid::nil();
        let mut seen = Vec::new();
        for _ in 0..4 {
            let said = sequencer.read();
            sequencer.advance(said);
            seen.push(sequencer.now().millis());
            for _ in 0..1_000 {
                let id = sequencer.id();
                assert!(id > last);
                assert_eq!(ContactId(id).time().millis(), seen[seen.len() - 1]);
                last = id;
            }
        }
        assert_eq!(seen, [7, 9, 9, 9]);
    }

    #[test]
    fn it_goes_on_behind_what_another_service_has_made() {
        let millis = Timestamp::from_millis;
        let mut sequencer = Sequencer::new(system_clock(), millis(6));
        for (last, now) in [(20, 21), (5, 21)] {
            sequencer.resume(millis(last));
            assert_eq!(sequencer.now(), millis(now));
        }
    }

    #[test]
    fn now_is_the_time_of_the_operating_system_in_milliseconds() {
        let said = || u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap();
        let before = said();
        let now = now().millis();
        assert!((before..=said()).contains(&now), "{now} after {before}");
    }
}
