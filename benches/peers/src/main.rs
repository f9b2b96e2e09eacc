//! contactd beside its peers, doing the same job: `peers serve|bench|fsync|tail`. The script `run` drives it.
//!
//! The job: a JSON body of about 300 bytes becomes two events (START, SUCCESS) in one commit that fails where the
//! stream already exists, and a row of a view that can be asked for at once. Acknowledged when it is on the disk.

mod card;
mod cqrs;
mod echo;
mod http;
mod jetstream;
mod measure;
mod pg;
mod resp;
mod rpc;
mod uma;

use std::{collections::HashMap, fs::File, io::Write, time::Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `--name value` pairs behind the first words.
pub struct Args(HashMap<String, String>);

impl Args {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
    pub fn need(&self, name: &str) -> &str {
        self.get(name)
            .unwrap_or_else(|| panic!("--{name} is needed"))
    }
    pub fn number(&self, name: &str, default: f64) -> f64 {
        self.get(name)
            .map_or(default, |text| text.parse().expect("a number"))
    }
}

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().expect("a runtime")
}

fn main() {
    let mut words = Vec::new();
    let mut pairs = HashMap::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.strip_prefix("--") {
            Some(name) => {
                pairs.insert(name.to_owned(), args.next().expect("a value"));
            }
            None => words.push(arg),
        }
    }
    let args = Args(pairs);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", "axum-echo"] => runtime(2).block_on(echo::axum(&args)),
        ["serve", "hyper-echo"] => runtime(2).block_on(echo::hyper(&args)),
        ["serve", "pg"] => runtime(2).block_on(pg::serve(&args)),
        ["schema", "pg"] => runtime(1).block_on(pg::schema(&args)),
        ["fsync"] => fsync(&args),
        // Generators whose client costs next to nothing: one thread that writes prepared bytes.
        ["bench", "http"] => runtime(1).block_on(http::bench(&args)),
        ["bench", "resp"] => runtime(1).block_on(resp::bench(&args)),
        // Client libraries, on as many threads as there are cores.
        ["bench", "pg"] => runtime(2).block_on(pg::bench(&args)),
        ["bench", "cqrs"] => runtime(2).block_on(cqrs::bench(&args)),
        ["bench", "jetstream"] => runtime(2).block_on(jetstream::bench(&args)),
        ["bench", "rpc"] => runtime(2).block_on(rpc::bench(&args)),
        ["bench", "durable"] => runtime(2).block_on(rpc::durable(&args)),
        ["bench", "uma"] => runtime(2).block_on(uma::bench(&args)),
        ["tail", "uma"] => runtime(2).block_on(uma::tail(&args)),
        ["tail", "jetstream"] => runtime(2).block_on(jetstream::tail(&args)),
        _ => panic!("serve | schema | fsync | bench | tail, see src/main.rs"),
    }
}

/// Counts how often a second a bare file takes a command's bytes and is synced.
fn fsync(args: &Args) {
    let path = args.need("file");
    let mut file = File::create(path).expect("a file");
    let bytes = [7; 900];
    let seconds = args.number("secs", 2.0);
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed().as_secs_f64() < seconds {
        file.write_all(&bytes).expect("it is written");
        file.sync_data().expect("it is synced");
        count += 1;
    }
    let rate = f64::from(count) / begun.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({"target": "fdatasync", "clients": 1, "rate": rate})
    );
    drop(std::fs::remove_file(path));
}
