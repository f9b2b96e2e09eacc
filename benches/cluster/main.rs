//! What a cluster costs beside one process alone, and how long its writes pause, in one run.
//!
//! `cargo bench --bench cluster -- [--seconds 4] [--only costs|behind|catching|erasing|pauses]`. Three nodes, three
//! nats-servers that order with three replicas, and the generator share this machine, so figures are
//! ratios of the same run. `NATS_SERVER` names another broker than the one in the path, `CONTACTD`
//! another service than the one of this build.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a bench that cannot measure has nothing to do but stop"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/connection.rs"]
mod connection;
mod figures;
mod load;
mod pauses;
#[path = "../common/people.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod people;
mod rig;

use std::time::Duration;

/// What the command line asks for.
struct Plan {
    measured: Duration,
    only: Option<String>,
}

impl Plan {
    fn from_args() -> Self {
        let mut plan = Self {
            measured: Duration::from_secs(4),
            only: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let mut value = || args.next().expect("a value after the flag");
            match name.as_str() {
                "--seconds" => {
                    plan.measured = Duration::from_secs(value().parse().expect("a number"));
                }
                "--only" => plan.only = Some(value()),
                // Cargo adds it to every bench.
                "--bench" => {}
                other => {
                    eprintln!("unknown flag {other}; there are --seconds and --only");
                    std::process::exit(2);
                }
            }
        }
        plan
    }

    fn asks_for(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

async fn run(plan: &Plan) {
    if plan.asks_for("costs") {
        figures::costs(plan.measured).await;
    }
    if plan.asks_for("behind") {
        figures::behind(plan.measured).await;
    }
    if plan.asks_for("catching") {
        figures::catching_up().await;
    }
    if plan.asks_for("erasing") {
        figures::erasing().await;
    }
    if plan.asks_for("pauses") {
        pauses::all().await;
    }
}

fn main() {
    let plan = Plan::from_args();
    common::print_profile();
    connection::run(run(&plan));
}
