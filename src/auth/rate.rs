//! Calls counted by caller.
//!
//! Each caller has a bucket of as many calls as the limit says; it refills
//! evenly over the period, so a caller may spend all at once and then goes on
//! at the average pace (the generic cell rate algorithm). A bucket is a single
//! instant: when it will be full again. What headers tell follows from it.
//!
//! The table of callers has a limit too. A full bucket equals no bucket, so
//! those are swept when room is needed, once a second at most; whoever finds
//! no room then shares one bucket with all others who found none. A flood of
//! callers thus limits itself and costs no memory. Bad tokens are counted in a table of
//! their own, by address, so that a flood of those takes no known caller's room.
//!
//! The time comes in as a value.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use thiserror::Error;

use super::principal::RateKey;

/// The most callers that are counted apart.
pub const CALLERS_MAX: usize = 65_536;

const REQUESTS_MAX: u32 = 1_000_000;
const PERIOD_SECONDS_MAX: u64 = 24 * 60 * 60;
const SWEEP_GAP: Duration = Duration::from_secs(1);

/// So many calls in so much time, for each caller: the value of `--rate-limit`.
///
/// Written `<calls>/<period>`; the period is `s`, `m` or `h`, or a number of
/// them: `100/s`, `2000/5m`. From 1 to 1,000,000 calls, in at most 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSpec {
    calls: NonZeroU32,
    period_seconds: u32,
}

/// The text is not a rate such as `100/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a rate limit is written `<calls>/<period>`, for example `100/s` or `2000/5m`: \
     1 to {REQUESTS_MAX} calls in at most 24h"
)]
pub struct BadRate;

impl FromStr for RateSpec {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        let (calls, period) = text.split_once('/').ok_or(BadRate)?;
        let (count, unit_seconds) = [("s", 1), ("m", 60), ("h", 3600)]
            .iter()
            .find_map(|(unit, seconds)| Some((period.strip_suffix(unit)?, *seconds)))
            .ok_or(BadRate)?;
        let count = if count.is_empty() { 1 } else { number(count)? };
        let seconds = u64::from(count) * unit_seconds;
        let calls = NonZeroU32::new(number(calls)?).ok_or(BadRate)?;
        if calls.get() > REQUESTS_MAX || seconds == 0 || seconds > PERIOD_SECONDS_MAX {
            return Err(BadRate);
        }
        Ok(Self {
            calls,
            period_seconds: u32::try_from(seconds).map_err(|_| BadRate)?,
        })
    }
}

impl fmt::Display for RateSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}s", self.calls, self.period_seconds)
    }
}

fn number(digits: &str) -> Result<u32, BadRate> {
    // `parse` alone would take a sign.
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().map_err(|_| BadRate)?;
    all_digits.then_some(number).ok_or(BadRate)
}

impl RateSpec {
    /// The time in which the bucket refills by one call.
    fn step(self) -> Duration {
        Duration::from_secs(u64::from(self.period_seconds)) / self.calls.get()
    }

    /// The time in which an empty bucket refills: the period, less what the step was rounded down
    /// by, so that it holds exactly as many calls as the limit.
    fn refill(self) -> Duration {
        self.step() * self.calls.get()
    }
}

/// The quota of a caller after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The calls of a full bucket (`X-RateLimit-Limit`).
    pub limit: u32,
    /// The calls left at this moment (`X-RateLimit-Remaining`).
    pub remaining: u32,
    /// Until the bucket is full again, rounded up (`X-RateLimit-Reset`).
    pub reset_seconds: u64,
    /// The time a full bucket is for.
    pub window_seconds: u32,
}

impl Quota {
    /// The value of `RateLimit`, a structured field
    /// (draft-ietf-httpapi-ratelimit-headers).
    pub fn rate_limit_field(&self) -> String {
        format!("\"default\";r={};t={}", self.remaining, self.reset_seconds)
    }

    /// The value of `RateLimit-Policy`, of the same draft.
    pub fn rate_limit_policy_field(&self) -> String {
        format!("\"default\";q={};w={}", self.limit, self.window_seconds)
    }
}

/// The caller has called too often: 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many calls; try again in {retry_after_seconds} s")]
pub struct Limited {
    /// The quota of the caller, of which nothing remains.
    pub quota: Quota,
    /// Until the next call is let through, rounded up (`Retry-After`).
    pub retry_after_seconds: u64,
}

/// Counts every caller's calls against one limit.
pub struct RateLimiter {
    spec: RateSpec,
    callers_max: usize,
    table: Mutex<Table>,
    bad_tokens: Mutex<Table>,
}

/// The time at which each caller's bucket is full again.
#[derive(Default)]
struct Table {
    callers: HashMap<RateKey, Instant>,
    others: Option<Instant>,
    last_sweep: Option<Instant>,
}

impl RateLimiter {
    /// A limiter that has seen nobody yet.
    pub fn new(spec: RateSpec) -> Self {
        Self::with_callers_max(spec, CALLERS_MAX)
    }

    fn with_callers_max(spec: RateSpec, callers_max: usize) -> Self {
        Self {
            spec,
            callers_max,
            table: Mutex::default(),
            bad_tokens: Mutex::default(),
        }
    }

    /// Counts one call at `now`.
    ///
    /// # Errors
    /// [`Limited`] if the caller's bucket is empty; the call is not counted then.
    pub fn check(&self, key: &RateKey, now: Instant) -> Result<Quota, Limited> {
        let mut table = match key {
            RateKey::BadTokens(_) => self.bad_tokens.lock(),
            RateKey::Client(_) | RateKey::Subject(_) | RateKey::Address(_) => self.table.lock(),
        };
        let bucket = table.bucket(key, now, self.callers_max);
        let (refill, step) = (self.spec.refill(), self.spec.step());
        let full_at = bucket.max(now) + step;
        let spent = full_at - now;
        if spent > refill {
            return Err(Limited {
                quota: self.quota(spent - step),
                retry_after_seconds: seconds_up(spent - refill),
            });
        }
        table.keep(key, full_at);
        Ok(self.quota(spent))
    }

    /// The quota of a caller whose bucket takes `spent` to be full again.
    fn quota(&self, spent: Duration) -> Quota {
        let left = self.spec.refill().saturating_sub(spent).as_nanos();
        // A step has a thousand nanoseconds at least, by the limits of a rate.
        let remaining = left / self.spec.step().as_nanos().max(1);
        let limit = self.spec.calls.get();
        Quota {
            limit,
            remaining: u32::try_from(remaining).unwrap_or(limit),
            reset_seconds: seconds_up(spent),
            window_seconds: self.spec.period_seconds,
        }
    }
}

impl Table {
    /// The time at which the bucket of `key` is full again: `now` or earlier for a caller not seen
    /// lately. Makes room for a new caller where it can.
    fn bucket(&mut self, key: &RateKey, now: Instant, callers_max: usize) -> Instant {
        if let Some(full_at) = self.callers.get(key) {
            return *full_at;
        }
        let swept_lately =
            (self.last_sweep).is_some_and(|last| now.saturating_duration_since(last) < SWEEP_GAP);
        if self.callers.len() >= callers_max && !swept_lately {
            self.callers.retain(|_, full_at| *full_at > now);
            self.last_sweep = Some(now);
        }
        if self.callers.len() < callers_max {
            self.callers.insert(key.clone(), now);
            return now;
        }
        self.others.unwrap_or(now)
    }

    fn keep(&mut self, key: &RateKey, full_at: Instant) {
        match self.callers.get_mut(key) {
            Some(bucket) => *bucket = full_at,
            None => self.others = Some(full_at),
        }
    }
}

fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> RateSpec {
        text.parse().unwrap()
    }

    fn client(name: &str) -> RateKey {
        RateKey::Client(name.to_owned())
    }

    #[test]
    fn a_rate_is_calls_in_a_period() {
        let cases = [
            ("100/s", 100, 1),
            ("2000/5m", 2000, 300),
            ("1/24h", 1, 86_400),
            ("1000000/1s", 1_000_000, 1),
            ("60/m", 60, 60),
        ];
        for (text, calls, seconds) in cases {
            let spec = spec(text);
            assert_eq!((spec.calls.get(), spec.period_seconds), (calls, seconds));
            assert_eq!(spec.to_string().parse(), Ok(spec));
        }
        for bad in [
            "",
            "/",
            "100",
            "100/",
            "/s",
            "0/s",
            "1/0s",
            "1/25h",
            "+1/s",
            "1/+1s",
            "1/d",
            "-1/s",
            "1.5/s",
            "1 /s",
            "1000001/s",
            "99999999999/s",
            "1/99999999999s",
            "1/s/s",
            "1/5",
        ] {
            assert_eq!(bad.parse::<RateSpec>(), Err(BadRate), "{bad:?}");
        }
    }

    #[test]
    fn a_full_bucket_is_spent_at_once_and_refills_evenly() {
        let limiter = RateLimiter::new(spec("3/30s"));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let left = |seconds| {
            limiter
                .check(&client("a"), at(seconds))
                .map(|q| q.remaining)
        };
        assert_eq!([left(0), left(0), left(0)], [Ok(2), Ok(1), Ok(0)]);
        let limited = limiter.check(&client("a"), at(1)).unwrap_err();
        assert_eq!(limited.retry_after_seconds, 9);
        assert_eq!(limited.quota.remaining, 0);
        assert_eq!(limited.quota.reset_seconds, 29);
        assert_eq!(left(10), Ok(0), "a refused call is not counted");
        assert!(left(19).is_err());
        assert_eq!(left(60), Ok(2), "a bucket never holds more than the limit");
        let other = limiter.check(&client("b"), at(0));
        assert_eq!(other.map(|quota| quota.remaining), Ok(2));
    }

    #[test]
    fn every_call_of_the_limit_is_given() {
        for text in ["7/s", "3/s", "1000000/s", "1/h", "999/7m", "999999/s"] {
            let limiter = RateLimiter::new(spec(text));
            let now = Instant::now();
            let calls = limiter.spec.calls.get().min(1000);
            for call in 1..=calls {
                let quota = limiter.check(&client("a"), now).unwrap();
                assert_eq!(quota.remaining, quota.limit - call, "{text}");
            }
        }
    }

    #[test]
    fn headers_are_structured_fields() {
        let limiter = RateLimiter::new(spec("100/m"));
        let quota = limiter.check(&client("a"), Instant::now()).unwrap();
        assert_eq!(quota.rate_limit_policy_field(), "\"default\";q=100;w=60");
        assert_eq!(quota.rate_limit_field(), "\"default\";r=99;t=1");
    }

    #[test]
    fn a_flood_of_callers_shares_one_bucket() {
        let limiter = RateLimiter::with_callers_max(spec("2/10s"), 3);
        let start = Instant::now();
        for name in ["a", "b", "c"] {
            assert!(limiter.check(&client(name), start).is_ok());
        }
        assert!(limiter.check(&client("d"), start).is_ok());
        assert!(limiter.check(&client("e"), start).is_ok());
        assert!(limiter.check(&client("f"), start).is_err());
        let known = limiter.check(&client("a"), start);
        assert_eq!(known.map(|quota| quota.remaining), Ok(0));
        assert_eq!(limiter.table.lock().callers.len(), 3);

        // Five seconds on, the buckets of b and c are full and make room.
        let later = start + Duration::from_secs(6);
        let new = limiter.check(&client("f"), later);
        assert_eq!(new.map(|quota| quota.remaining), Ok(1));
        assert_eq!(limiter.table.lock().callers.len(), 2);
    }

    #[test]
    fn bad_tokens_take_nobody_s_room_and_a_network_s_count_as_one() {
        let limiter = RateLimiter::with_callers_max(spec("2/m"), 2);
        let now = Instant::now();
        let bad = |text: &str| RateKey::bad_tokens(text.parse().unwrap());
        for last in 1..=9 {
            let _ = limiter.check(&bad(&format!("10.0.0.{last}")), now);
        }
        assert_eq!(limiter.bad_tokens.lock().callers.len(), 2);
        for address in ["10.0.0.1", "10.0.0.2"] {
            let address = RateKey::Address(address.parse().unwrap());
            let quota = limiter.check(&address, now).unwrap();
            assert_eq!(quota.remaining, 1);
        }
        assert_eq!(bad("2001:db8::1"), bad("2001:db8::ffff:1"));
        assert_ne!(bad("2001:db8::1"), bad("2001:db8:0:1::1"));
    }

    #[test]
    fn a_client_does_not_spend_a_subjects_quota() {
        let limiter = RateLimiter::new(spec("1/m"));
        let now = Instant::now();
        assert!(limiter.check(&client("a"), now).is_ok());
        let subject = RateKey::Subject("a".to_owned());
        assert!(limiter.check(&subject, now).is_ok());
        assert!(limiter.check(&subject, now).is_err());
    }
}
