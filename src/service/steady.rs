//! Whether the clock can be believed: what is recorded bears its time for ever.
//!
//! While the service runs, the system's time must go on as the time since the machine was started
//! does. A step of up to a minute is what time servers do and is let through; a larger one closes
//! the log until the clock is back, or a start accepts it. At the start there is only the log's last
//! event to compare with.

use rustix::time::{ClockId, clock_gettime};

use crate::domain::Timestamp;

/// A step that is let through, in milliseconds.
const STEP_MILLIS: i64 = 60_000;
/// The most that the log's last event may be ahead of the clock at a start, in milliseconds.
const BEHIND_MILLIS: u64 = 5 * 60_000;
/// The most that it may be behind, in milliseconds: a log that nobody wrote to for longer is rare.
const AHEAD_MILLIS: u64 = 366 * 24 * 3_600_000;
/// Before this there was no such service: a clock that says less was never set.
const EARLIEST_MILLIS: u64 = 1_735_689_600_000;

/// The reason for which a clock is not believed at a start.
#[derive(Debug, thiserror::Error)]
#[error(
    "the clock says {now}, but {because}; set the clock right, or start with --accept-clock if it is"
)]
pub struct Unbelievable {
    now: Timestamp,
    because: String,
}

/// Compares the clock with the log's last event; zero is that of an empty log.
///
/// # Errors
/// They are too far apart.
pub fn check_start(now: Timestamp, last: Timestamp) -> Result<(), Unbelievable> {
    let because = if now.millis() < EARLIEST_MILLIS {
        "it was never set".to_owned()
    } else if last == Timestamp::default() {
        return Ok(());
    } else if last.millis() > now.millis().saturating_add(BEHIND_MILLIS) {
        format!("the log's last event is of {last}, which is to come")
    } else if now.millis() > last.millis().saturating_add(AHEAD_MILLIS) {
        format!("the log's last event is of {last}, more than a year ago")
    } else {
        return Ok(());
    };
    Err(Unbelievable { now, because })
}

/// Milliseconds since the machine was started, sleep included.
#[must_use]
pub fn since_boot() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let millis = u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0);
    seconds.saturating_mul(1_000).saturating_add(millis)
}

/// The clock compared with the time since the start of the machine.
#[derive(Debug, Default)]
pub struct Steady {
    /// Both when the clock was last believed.
    believed: Option<(Timestamp, u64)>,
    /// The difference of the clock from what was expected, in milliseconds; positive where it is
    /// ahead.
    pub offset: i64,
    /// Whether it has jumped.
    pub jumped: bool,
    /// The number of times that the clock has jumped.
    pub jumps: u64,
}

impl Steady {
    /// Looks at both again. A jump that is accepted is only said.
    pub fn look(&mut self, now: Timestamp, since_boot: u64, accept: bool) {
        let (then, boot_then) = *self.believed.get_or_insert((now, since_boot));
        let passed = since_boot.saturating_sub(boot_then);
        let expected = then.millis().saturating_add(passed);
        self.offset = difference(now.millis(), expected);
        let jumped = self.offset.abs() > STEP_MILLIS;
        if jumped && !self.jumped {
            self.jumps = self.jumps.saturating_add(1);
            let seconds = self.offset / 1_000;
            if accept {
                tracing::warn!(seconds, "the clock has jumped, which is accepted");
            } else {
                tracing::error!(
                    seconds,
                    "the clock has jumped: writes are refused until it is back, or a start with --accept-clock"
                );
            }
        } else if self.jumped && !jumped {
            tracing::info!("the clock is right again: writes are taken");
        }
        self.jumped = jumped && !accept;
        if !self.jumped {
            self.believed = Some((now, since_boot));
        }
    }
}

fn difference(one: u64, other: u64) -> i64 {
    let apart = i64::try_from(one.abs_diff(other)).unwrap_or(i64::MAX);
    if one >= other { apart } else { -apart }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;
    const START: u64 = 1_800_000_000_000;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_start_compares_the_clock_with_the_last_event() {
        let check = |now, last| check_start(at(now), at(last)).is_ok();
        assert!(check(START, 0), "an empty log says nothing");
        assert!(
            check(START, START) && check(START, START + 1_000) && check(START, START - 90 * DAY)
        );
        assert!(!check(START, START + DAY), "the log is ahead");
        assert!(!check(START + 50 * 365 * DAY, START), "the clock is ahead");
        assert!(!check(0, 0), "a clock that was never set");
        for (now, last) in [
            (EARLIEST_MILLIS, 0),
            (START, START + BEHIND_MILLIS),
            (START + AHEAD_MILLIS, START),
        ] {
            assert!(check(now, last), "{now} {last} is as far as it may be");
        }
        let said = check_start(at(START), at(START + DAY))
            .unwrap_err()
            .to_string();
        assert!(said.contains("--accept-clock"), "{said}");
    }

    #[test]
    fn steps_pass_jumps_do_not_and_a_clock_that_is_back_is_believed() {
        let mut steady = Steady::default();
        let mut boot = 1_000;
        let mut look = |offset: i64, accept: bool| {
            boot += 1_000;
            let now = (START + boot).saturating_add_signed(offset);
            steady.look(at(now), boot, accept);
            steady.jumped
        };
        assert!(!look(0, false));
        assert!(
            !look(50_000, false) && !look(0, false),
            "what time servers do"
        );
        assert!(look(3_600_000, false) && look(3_600_000, false));
        assert!(!look(500, false), "it is back");
        assert!(look(-3_600_000, false));
        assert!(!look(0, false));
        assert!(!look(3_600_000, true), "accepted");
        assert!(!look(3_600_000, false), "and believed from then on");
        assert_eq!(steady.jumps, 3);
    }

    #[test]
    fn the_difference_has_a_sign_and_a_minute_is_no_jump() {
        for (offset, jumped) in [
            (60_000, false),
            (-60_000, false),
            (60_001, true),
            (-60_001, true),
        ] {
            let mut steady = Steady::default();
            steady.look(at(START), 1_000, false);
            let now = (START + 500).saturating_add_signed(offset);
            steady.look(at(now), 1_500, false);
            assert_eq!((steady.offset, steady.jumped), (offset, jumped));
        }
    }

    #[test]
    fn the_time_since_the_start_of_the_machine_is_in_milliseconds() {
        let earliest = since_boot();
        let said = std::fs::read_to_string("/proc/uptime").unwrap();
        let latest = since_boot();
        let seconds: f64 = said.split(' ').next().unwrap().parse().unwrap();
        // It is said in hundredths of a second.
        let said = (seconds * 1_000.0).round() as u64;
        assert!((earliest.saturating_sub(10)..=latest + 10).contains(&said));
    }
}
