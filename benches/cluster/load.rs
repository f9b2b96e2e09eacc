//! Creates of one more person each, by as many callers as there are connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::connection::Connection;
use crate::people::Person;

/// Not measured: connections open, the first keys are made.
const WARM_UP: Duration = Duration::from_millis(500);
/// No answer takes longer: the service ends a request before.
const MICROS_MAX: u64 = 60_000_000;

/// Numbers the requests, so that each creates somebody new.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A create of somebody new.
pub fn create(token: &str) -> Vec<u8> {
    let person = Person::new(NUMBER.fetch_add(1, Ordering::Relaxed));
    let (full, email, phone) = (person.full(), person.email(), person.phone());
    let firm = person.firm;
    let body = format!(
        r#"{{"name":{{"full":"{full}"}},"emails":{{"e":{{"address":"{email}"}}}},"phones":{{"p":{{"number":"{phone}"}}}},"organizations":{{"o":{{"name":"{firm}"}}}}}}"#
    );
    let length = body.len();
    format!(
        "POST /contacts?tenant=default HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

pub fn micros() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MICROS_MAX, 3).expect("a histogram")
}

pub fn since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Creates over so many connections for a while: how many a second, and how long each waited.
pub async fn measure(
    address: &str,
    token: &str,
    callers: usize,
    measured: Duration,
) -> (f64, Histogram<u64>) {
    let all = Rc::new(RefCell::new(micros()));
    let begin = Instant::now() + WARM_UP;
    let end = begin + measured;
    let mut tasks = Vec::new();
    for _ in 0..callers {
        let mut connection = Connection::open(address).await;
        let (all, token) = (all.clone(), token.to_owned());
        tasks.push(tokio::task::spawn_local(async move {
            while Instant::now() < end {
                let sent = Instant::now();
                connection.done(&create(&token)).await;
                if sent >= begin && Instant::now() <= end {
                    all.borrow_mut().saturating_record(since(sent));
                }
            }
        }));
    }
    for task in tasks {
        task.await.expect("the connection worked");
    }
    let all = all.borrow().clone();
    (all.len() as f64 / measured.as_secs_f64(), all)
}

pub fn millis(micros: &Histogram<u64>, quantile: f64) -> f64 {
    micros.value_at_quantile(quantile) as f64 / 1_000.0
}
