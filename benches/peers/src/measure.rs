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

/// One client.
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

/// Runs the clients and prints a line of JSON. `--count` stops after so many, else it is `--warm` and `--secs`.
pub async fn drive<W: Worker>(args: &Args, workers: Vec<W>) {
    let watch: Vec<u32> = args
        .get("watch")
        .unwrap_or_default()
        .split(',')
        .filter_map(|text| text.parse().ok())
        .collect();
    let clients = workers.len();
    let count = args
        .get("count")
        .map(|text| text.parse::<u64>().expect("a number"));
    let warm = if count.is_some() {
        0.0
    } else {
        args.number("warm", 1.0)
    };
    let seconds = if count.is_some() {
        100_000.0
    } else {
        args.number("secs", 5.0)
    };
    let begin = Instant::now() + Duration::from_secs_f64(warm);
    let end = begin + Duration::from_secs_f64(seconds);
    let given = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for mut worker in workers {
        let given = given.clone();
        tasks.push(tokio::spawn(async move {
            let mut micros =
                Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("a histogram");
            loop {
                if count.is_some_and(|count| given.fetch_add(1, Ordering::Relaxed) >= count) {
                    return Ok::<_, String>(micros);
                }
                let sent = Instant::now();
                worker.once().await?;
                let now = Instant::now();
                if now > end {
                    return Ok(micros);
                }
                if sent >= begin {
                    micros.saturating_record((now - sent).as_micros() as u64);
                }
            }
        }));
    }
    let me = [std::process::id()];
    let begun = Instant::now();
    if count.is_none() {
        tokio::time::sleep_until(begin.into()).await;
    }
    let before = (processor_of(&watch), processor_of(&me), machine());
    if count.is_none() {
        tokio::time::sleep_until(end.into()).await;
    }
    let mut after = (processor_of(&watch), processor_of(&me), machine());
    let mut micros = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("a histogram");
    let mut errors = Vec::new();
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(one) => micros.add(one).expect("the same bounds"),
            Err(error) => errors.push(error),
        }
    }
    let mut took = seconds;
    if count.is_some() {
        took = begun.elapsed().as_secs_f64();
        after = (processor_of(&watch), processor_of(&me), machine());
    }
    let done = micros.len() as f64;
    let each = |seconds: f64| seconds * 1e6 / done.max(1.0);
    let millis = |quantile| micros.value_at_quantile(quantile) as f64 / 1_000.0;
    println!(
        "{}",
        serde_json::json!({
            "target": args.get("name"), "clients": clients, "n": micros.len(), "rate": done / took,
            "p50": millis(0.5), "p99": millis(0.99), "max": micros.max() as f64 / 1_000.0,
            "server_us": each(after.0 - before.0), "client_us": each(after.1 - before.1),
            "busy": (after.2.0 - before.2.0) / took, "steal": (after.2.1 - before.2.1) / took,
            "errors": errors.len(), "error": errors.first(),
        })
    );
    if !errors.is_empty() {
        std::process::exit(1);
    }
}

pub fn clients(args: &Args) -> usize {
    args.number("clients", 1.0) as usize
}
