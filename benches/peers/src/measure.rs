//! Clients that each do one thing after another for a while, and what came of it.

use crate::Args;
use hdrhistogram::Histogram;
use std::{
    fs,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A client that does one job after another.
pub trait Worker: Send + 'static {
    /// Does the job once; the error says what was wrong.
    fn once(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}

const TICKS_PER_SECOND: f64 = 100.0;

/// Processor seconds of a process and its children, in /proc.
fn processor_of(pids: &[u32]) -> f64 {
    let mut ticks = 0.0;
    let Ok(entries) = fs::read_dir("/proc") else {
        return 0.0;
    };
    for entry in entries.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let behind: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let parent: u32 = behind
            .get(1)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        if pids.contains(&pid) || pids.contains(&parent) {
            ticks += behind
                .iter()
                .skip(11)
                .take(2)
                .filter_map(|text| text.parse::<f64>().ok())
                .sum::<f64>();
        }
    }
    ticks / TICKS_PER_SECOND
}

/// Busy seconds of the whole machine, and those that the host took away.
fn machine() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    let at = |i: usize| first.get(i).copied().unwrap_or(0.0);
    (
        (at(0) + at(1) + at(2) + at(5) + at(6)) / TICKS_PER_SECOND,
        at(7) / TICKS_PER_SECOND,
    )
}

/// The beginning and end of a measurement: after so many jobs, or by the clock.
#[derive(Clone, Copy)]
struct Span {
    count: Option<u64>,
    seconds: f64,
    begin: Instant,
    end: Instant,
}

impl Span {
    /// `--count` stops after so many jobs, else it is `--warm` and `--secs`.
    fn new(args: &Args) -> Self {
        let count = args
            .get("count")
            .map(|text| text.parse::<u64>().expect("a number"));
        let (warm, seconds) = match count {
            Some(_) => (0.0, 100_000.0),
            None => (args.number("warm", 1.0), args.number("secs", 5.0)),
        };
        let begin = Instant::now() + Duration::from_secs_f64(warm);
        Self {
            count,
            seconds,
            begin,
            end: begin + Duration::from_secs_f64(seconds),
        }
    }

    /// Waits for a moment of a measurement by the clock.
    async fn until(&self, moment: Instant) {
        if self.count.is_none() {
            tokio::time::sleep_until(moment.into()).await;
        }
    }
}

/// Processor seconds of the server, of this process, and of the machine with what its host took.
struct Spent {
    server: f64,
    client: f64,
    machine: (f64, f64),
}

impl Spent {
    fn now(watch: &[u32]) -> Self {
        Self {
            server: processor_of(watch),
            client: processor_of(&[std::process::id()]),
            machine: machine(),
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("a histogram")
}

/// Has one client do its job over and over, and notes how long each took, in microseconds.
async fn work<W: Worker>(
    mut worker: W,
    span: Span,
    given: Arc<AtomicU64>,
) -> Result<Histogram<u64>, String> {
    let mut micros = histogram();
    loop {
        let taken = given.fetch_add(1, Ordering::Relaxed);
        if span.count.is_some_and(|count| taken >= count) {
            return Ok(micros);
        }
        let sent = Instant::now();
        worker.once().await?;
        let now = Instant::now();
        if now > span.end {
            return Ok(micros);
        }
        if sent >= span.begin {
            micros.saturating_record((now - sent).as_micros() as u64);
        }
    }
}

/// Runs the clients and prints a line of JSON about what came of it.
pub async fn drive<W: Worker>(args: &Args, workers: Vec<W>) {
    let watch = args.get("watch").unwrap_or_default().split(',');
    let watch: Vec<u32> = watch.filter_map(|text| text.parse().ok()).collect();
    let clients = workers.len();
    let span = Span::new(args);
    let given = Arc::new(AtomicU64::new(0));
    let work = |worker| tokio::spawn(work(worker, span, given.clone()));
    let tasks: Vec<_> = workers.into_iter().map(work).collect();
    let begun = Instant::now();
    span.until(span.begin).await;
    let before = Spent::now(&watch);
    span.until(span.end).await;
    let mut after = Spent::now(&watch);
    let mut micros = histogram();
    let mut errors = Vec::new();
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(one) => micros.add(one).expect("the same bounds"),
            Err(error) => errors.push(error),
        }
    }
    let mut took = span.seconds;
    if span.count.is_some() {
        took = begun.elapsed().as_secs_f64();
        after = Spent::now(&watch);
    }
    println!(
        "{}",
        figures(
            args.get("name"),
            clients,
            &micros,
            took,
            &before,
            &after,
            &errors
        )
    );
    if !errors.is_empty() {
        std::process::exit(1);
    }
}

/// The figures of a measurement, as the driver reads them.
fn figures(
    name: Option<&str>,
    clients: usize,
    micros: &Histogram<u64>,
    took: f64,
    before: &Spent,
    after: &Spent,
    errors: &[String],
) -> serde_json::Value {
    let done = micros.len() as f64;
    let each = |seconds: f64| seconds * 1e6 / done.max(1.0);
    let millis = |quantile| micros.value_at_quantile(quantile) as f64 / 1_000.0;
    serde_json::json!({
        "target": name, "clients": clients, "n": micros.len(), "rate": done / took,
        "p50": millis(0.5), "p99": millis(0.99), "max": micros.max() as f64 / 1_000.0,
        "server_us": each(after.server - before.server),
        "client_us": each(after.client - before.client),
        "busy": (after.machine.0 - before.machine.0) / took,
        "steal": (after.machine.1 - before.machine.1) / took,
        "errors": errors.len(), "error": errors.first(),
    })
}

/// The number of clients that the command line asks for.
pub fn clients(args: &Args) -> usize {
    args.number("clients", 1.0) as usize
}
