//! How many durable commands a second the whole service takes over HTTP, and how long each waits.
//!
//! `cargo bench --bench load -- [--dialect mattr|native|thena|kare] [--connections 1,16,64,256]
//! [--seconds 4]`. The service of this build runs on a fresh directory, the
//! generator beside it on the same machine; it is one thread that writes
//! prepared bytes and looks at no more of an answer than its status and length,
//! for what it costs the service does not get. Two figures of the same run say
//! what the machine can do: the same service answering `/healthz` over as many
//! connections, and a bare file synced after each 900 bytes, which is what one
//! command puts into the log. The disk is the one of the temporary directory.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot measure has nothing to do but stop"
)]

mod common;
#[path = "common/connection.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod connection;
#[path = "common/people.rs"]
mod people;

use std::{
    cell::RefCell,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use connection::Connection;
use hdrhistogram::Histogram;
use people::Person;

/// What one command puts into the log.
const COMMAND_BYTES: usize = 900;
/// Not measured: connections open, the first keys are made.
const WARM_UP: Duration = Duration::from_millis(500);
/// No answer takes longer: the service ends a request before.
const MICROS_MAX: u64 = 60_000_000;
/// A tick of the kernel's accounting of processor time; the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the command line asks for.
struct Plan {
    dialect: String,
    connections: Vec<usize>,
    measured: Duration,
}

impl Plan {
    fn from_args() -> Self {
        let mut plan = Self {
            dialect: "mattr".to_owned(),
            connections: vec![1, 16, 64, 256],
            measured: Duration::from_secs(4),
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let mut value = || args.next().expect("a value after the flag");
            match name.as_str() {
                "--dialect" => plan.dialect = value(),
                "--connections" => {
                    let numbers = value();
                    let numbers = numbers.split(',').map(str::parse);
                    plan.connections = numbers.map(|n| n.expect("a number")).collect();
                }
                "--seconds" => {
                    plan.measured = Duration::from_secs(value().parse().expect("a number"));
                }
                // Cargo adds it to every bench.
                "--bench" => {}
                other => usage(other),
            }
        }
        plan
    }
}

fn usage(flag: &str) -> ! {
    eprintln!("unknown flag {flag}; there are --dialect, --connections and --seconds");
    std::process::exit(2)
}

/// The service, until it is dropped.
struct Served {
    child: Child,
    address: String,
    /// Held open, so that what the service prints has somewhere to go.
    _stdout: BufReader<ChildStdout>,
}

impl Served {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_contactd"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("its first line");
        let address = line.trim().strip_prefix("listening on http://");
        Self {
            child,
            address: address.expect("where it listens").to_owned(),
            _stdout: stdout,
        }
    }

    /// Processor time it has used, in seconds; 0 where the system does not say.
    fn processor_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        // The name in parentheses may hold spaces; user and system time are the 12th and 13th behind it.
        let behind = stat.rsplit(')').next().unwrap_or_default();
        let ticks = behind.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|text| text.parse::<f64>().ok()).sum();
        ticks / TICKS_PER_SECOND
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Its directory is thrown away: there is nothing to finish.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Numbers the requests, so that each creates for somebody new.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// What is asked for, over and over.
#[derive(Clone)]
enum Ask {
    Health,
    Create(String),
}

impl Ask {
    /// Puts the next request into `bytes`.
    fn write(&self, bytes: &mut Vec<u8>) {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        bytes.clear();
        let written = match self {
            Self::Health => write!(bytes, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            Self::Create(dialect) => {
                let (path, header, body) = create(dialect, number);
                let length = body.len();
                write!(
                    bytes,
                    "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                     {header}Content-Length: {length}\r\n\r\n{body}"
                )
            }
        };
        written.expect("memory takes it");
    }
}

/// Path, more headers and body of a create of one more person.
fn create(dialect: &str, number: u64) -> (String, &'static str, String) {
    let person = Person::new(number);
    let (full, email, phone) = (person.full(), person.email(), person.phone());
    let Person {
        first, last, firm, ..
    } = person;
    match dialect {
        "mattr" => (
            format!(
                "/v1/ecosystems/87880d7e-a4d0-462e-8383-3f1e5e16865d/participants/\
                 a24e391a-c27f-4b6e-9805-{number:012x}/contacts"
            ),
            "",
            format!(
                r#"{{"fullName":"{full}","active":true,"emailAddress":"{email}","primaryPhoneNumber":"{phone}"}}"#
            ),
        ),
        "native" => (
            "/contacts?tenant=default".to_owned(),
            "",
            format!(
                r#"{{"name":{{"full":"{full}"}},"emails":{{"e":{{"address":"{email}"}}}},"phones":{{"p":{{"number":"{phone}"}}}},"organizations":{{"o":{{"name":"{firm}"}}}}}}"#
            ),
        ),
        "thena" => (
            "/v1/accounts/contacts".to_owned(),
            "x-org-id: org\r\n",
            format!(
                r#"{{"firstName":"{first}","lastName":"{last}","email":"{email}","phoneNumber":"{phone}","contactType":"CT123","accountIds":["A123"]}}"#
            ),
        ),
        "kare" => (
            format!("/companies/v2/rs/{}/contacts", 1 + number % 1_000),
            "x-session-token: none\r\n",
            format!(
                r#"[{{"name":"{full}","notify":true,"email":"{email}","phones":["{phone}"],"comment":"new"}}]"#
            ),
        ),
        other => usage(other),
    }
}

/// What came of one measurement.
struct Measured {
    rate: f64,
    micros: Histogram<u64>,
    /// Of the service, for each request, in microseconds.
    processor_micros: f64,
}

/// Asks over so many connections at once for a while.
async fn measure(served: &Served, ask: &Ask, connections: usize, measured: Duration) -> Measured {
    let micros = Histogram::<u64>::new_with_bounds(1, MICROS_MAX, 3).expect("a histogram");
    let micros = Rc::new(RefCell::new(micros));
    let begin = Instant::now() + WARM_UP;
    let end = begin + measured;
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(&served.address).await;
        let (micros, ask) = (micros.clone(), ask.clone());
        tasks.push(tokio::task::spawn_local(async move {
            let mut request = Vec::new();
            loop {
                let sent = Instant::now();
                ask.write(&mut request);
                connection.done(&request).await;
                let now = Instant::now();
                if now > end {
                    return;
                }
                if sent >= begin {
                    let took = u64::try_from((now - sent).as_micros()).unwrap_or(u64::MAX);
                    micros.borrow_mut().saturating_record(took);
                }
            }
        }));
    }
    tokio::time::sleep_until(begin.into()).await;
    let processor = served.processor_seconds();
    tokio::time::sleep_until(end.into()).await;
    let processor = served.processor_seconds() - processor;
    for task in tasks {
        task.await.expect("the connection worked");
    }
    let micros = micros.borrow().clone();
    let count = micros.len() as f64;
    Measured {
        rate: count / measured.as_secs_f64(),
        processor_micros: processor * 1e6 / count.max(1.0),
        micros,
    }
}

/// The number of times a second that a bare file takes a command's bytes and is synced.
fn disk_rate(dir: &Path, measured: Duration) -> f64 {
    let mut file = File::create(dir.join("bare")).expect("a file");
    let bytes = [7; COMMAND_BYTES];
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < measured {
        file.write_all(&bytes).expect("it is written");
        file.sync_data().expect("it is synced");
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

fn print(name: &str, connections: usize, measured: &Measured, of: Option<(&str, f64)>) {
    let Measured {
        rate,
        micros,
        processor_micros,
    } = measured;
    let millis = |quantile| micros.value_at_quantile(quantile) as f64 / 1_000.0;
    print!(
        "| {name} | {connections} | {rate:.0} | {:.2} | {:.2} | {processor_micros:.1} |",
        millis(0.5),
        millis(0.99),
    );
    match of {
        Some((what, other)) => println!(" {:.2} of {what} |", rate / other),
        None => println!(" |"),
    }
}

async fn run(plan: &Plan) {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = disk_rate(dir.path(), Duration::from_secs(2));
    println!("bare file, {COMMAND_BYTES} bytes and fdatasync: {disk:.0} a second");
    println!();
    println!("| what | connections | a second | p50 ms | p99 ms | service's CPU us | ratio |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    let create = Ask::Create(plan.dialect.clone());
    let name = format!("{} create", plan.dialect);
    for &connections in &plan.connections {
        let data = tempfile::tempdir().expect("a directory");
        let served = Served::start(data.path());
        let health = measure(&served, &Ask::Health, connections, plan.measured).await;
        print("healthz", connections, &health, None);
        let created = measure(&served, &create, connections, plan.measured).await;
        let ratio = if connections == 1 {
            ("the bare file", disk)
        } else {
            ("healthz", health.rate)
        };
        print(&name, connections, &created, Some(ratio));
    }
    let disk = disk_rate(dir.path(), Duration::from_secs(2));
    println!();
    println!("bare file again: {disk:.0} a second");
}

fn main() {
    let plan = Plan::from_args();
    common::print_profile();
    connection::run(run(&plan));
}
