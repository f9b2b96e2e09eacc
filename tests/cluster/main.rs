//! Several nodes and one log: no schedule of faults makes two answers differ.
//!
//! The nodes and the service are the real ones; the stream, the network, the disks and the clocks are
//! simulated. A seed makes a schedule. `CLUSTER_SEEDS=100000` runs so many of each plan, from
//! `CLUSTER_FROM` on; `CLUSTER_STEPS=5000` makes each of them longer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

mod acts;
mod anew;
#[path = "../bus/broker.rs"]
#[allow(dead_code, reason = "the tests of the bus use the rest")]
mod broker;
mod bus;
#[path = "../calls/mod.rs"]
#[allow(dead_code, reason = "durable commands are of other tests")]
mod calls;
#[path = "../common/mod.rs"]
mod common;
mod cut_off;
mod forwarding;
mod namesakes;
mod one_node;
mod phantom;
mod processes;
mod reading;
mod rig;
mod sim;
mod stops;
mod yielding;

use std::collections::BTreeMap;
use std::ops::Range;

use sim::{Invariant, LeftOut, Plan, World};

const PLAN: Plan = Plan {
    nodes: 3,
    steps: 1_000,
    losses: 0,
    wipes: false,
    left_out: LeftOut::Nothing,
};

fn number(name: &str, default: u64) -> u64 {
    let said = std::env::var(name).ok();
    said.map_or(default, |text| text.parse().expect("a number"))
}

/// What many schedules of one plan showed.
#[derive(Default, Debug)]
struct Shown {
    answers: usize,
    halted: u64,
    /// The beginnings of the reasons for which nodes have halted in the end.
    reasons: BTreeMap<String, u64>,
    /// Those in which nothing is answered any more, with the number of nodes that have halted.
    stuck: Vec<(u64, usize, String)>,
    broken: Vec<(u64, Invariant, String)>,
}

/// So many schedules, unless the environment names others.
fn seeds(default: u64) -> Range<u64> {
    let from = number("CLUSTER_FROM", 0);
    from..from + number("CLUSTER_SEEDS", default)
}

fn run(plan: Plan, seeds: Range<u64>) -> Shown {
    let steps = number("CLUSTER_STEPS", plan.steps as u64) as usize;
    let plan = Plan { steps, ..plan };
    let count = seeds.end - seeds.start;
    let mut shown = Shown::default();
    for seed in seeds {
        let mut world = World::new(seed, plan);
        let lives = world.run();
        world.check_end();
        shown.answers += world.answered.len();
        world.rest();
        shown.halted += u64::from(world.halted() > 0);
        for reason in world.reasons() {
            let words: Vec<&str> = reason.split(' ').take(4).collect();
            *shown.reasons.entry(words.join(" ")).or_default() += 1;
        }
        if !lives {
            shown.stuck.push((seed, world.halted(), world.describe()));
        }
        if let Some((what, why)) = world.broken {
            shown.broken.push((seed, what, why));
        }
    }
    println!(
        "{plan:?}: {count} schedules, {} answers, {} with a halted node, {} stuck, {} broken",
        shown.answers,
        shown.halted,
        shown.stuck.len(),
        shown.broken.len()
    );
    for (reason, count) in &shown.reasons {
        println!("halted: {count} nodes, {reason} ...");
    }
    shown
}

/// Runs a plan; nothing may break, and all goes on once the faults end.
fn holds(plan: Plan, seeds: Range<u64>) {
    let shown = run(plan, seeds);
    assert!(shown.broken.is_empty(), "{:?}", shown.broken.first());
    assert!(shown.stuck.is_empty(), "stuck: {:?}", shown.stuck);
}

#[test]
fn nothing_answered_is_lost_or_doubled() {
    holds(PLAN, seeds(1_000));
}

#[test]
fn nor_with_five_nodes() {
    holds(Plan { nodes: 5, ..PLAN }, seeds(100));
}

/// Nothing may break; a fork of what nobody was answered may stop nodes, for a person to decide.
/// While all nodes serve, writes go on.
fn bears(plan: Plan, seeds: Range<u64>) {
    let shown = run(plan, seeds);
    for (seed, halted, state) in &shown.stuck {
        println!("stuck: seed {seed}: {state}");
        assert!(*halted > 0, "seed {seed} is stuck: {state}");
    }
    assert!(shown.broken.is_empty(), "{:?}", shown.broken.first());
}

#[test]
fn nor_with_five_nodes_where_the_stream_loses_messages() {
    for wipes in [false, true] {
        let plan = Plan {
            nodes: 5,
            losses: 4,
            wipes,
            ..PLAN
        };
        bears(plan, seeds(60));
    }
}

#[test]
fn nor_where_the_stream_loses_messages() {
    for wipes in [false, true] {
        let plan = Plan {
            losses: 4,
            wipes,
            ..PLAN
        };
        bears(plan, seeds(250));
        // A leader that was told to give the lead up while it filled the stream never did.
        bears(plan, 700..701);
    }
}

/// A node whose erasure was lost with the stream's end told another one, which began anew and lacked
/// the key, that it was destroyed; and the log went on without the erasure. Then a node that had halted
/// asked the others while they went on, took it that nothing was answered, and had its log replace theirs.
#[test]
fn what_is_lost_with_the_stream_destroys_no_key_and_no_answer() {
    let plan = Plan {
        steps: 6_000,
        losses: 4,
        wipes: true,
        ..PLAN
    };
    bears(plan, 114..115);
}

/// The first schedule that breaks this, or anything.
fn breaks(plan: Plan, invariant: Option<Invariant>) -> Option<(u64, Invariant, String)> {
    (0..3_000).find_map(|seed| {
        let mut world = World::new(seed, plan);
        world.run();
        world.check_end();
        let (what, why) = world.broken?;
        let wanted = invariant.is_none_or(|invariant| what == invariant);
        wanted.then_some((seed, what, why))
    })
}

#[test]
fn each_rule_is_needed() {
    let lossy = Plan { losses: 4, ..PLAN };
    for (left_out, plan, invariant) in [
        (
            LeftOut::TermAndRoot,
            lossy,
            Some(Invariant::JudgedOnWhatStands),
        ),
        (LeftOut::RootsOfAMajority, lossy, None),
        (LeftOut::Majority, PLAN, Some(Invariant::AnsweredOnMajority)),
        (LeftOut::VoidIsSkipped, PLAN, Some(Invariant::GoesOn)),
        (
            LeftOut::OrderBeforeDisk,
            PLAN,
            Some(Invariant::OneLogPrefix),
        ),
        (
            LeftOut::KeysBeforeOrder,
            PLAN,
            Some(Invariant::KeyBeforeUse),
        ),
        (
            LeftOut::SettledBeforeSigned,
            lossy,
            Some(Invariant::SignedIsSettled),
        ),
        (
            LeftOut::ErasedTakesNoKey,
            PLAN,
            Some(Invariant::ErasedStaysErased),
        ),
        (
            LeftOut::UnknownIsSaid,
            PLAN,
            Some(Invariant::AnsweredCounts),
        ),
        (
            LeftOut::MajorityBeforeAside,
            lossy,
            Some(Invariant::PositionOnce),
        ),
    ] {
        let broken = breaks(Plan { left_out, ..plan }, invariant);
        println!("without {left_out:?}: {broken:?}");
        assert!(
            broken.is_some(),
            "{left_out:?} is not needed for {invariant:?}"
        );
    }
}
