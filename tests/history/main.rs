//! Generated histories: the service answers, and keeps, what a plain model says.
//!
//! Requests of every dialect come one at a time and many in one group, which
//! must be judged as if they had come one after the other. Then the service is
//! opened again, with its saved view and without.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

mod edges;
mod following;
mod load;
mod model;
mod reads;
mod service_disk;
mod settling;
#[path = "../common/unsettled.rs"]
mod unsettled;
mod world;

use contactd::storage::SimDisk;
use proptest::prelude::*;
use world::World;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_service_does_what_the_model_does(history in load::history(40)) {
        let mut world = World::new(SimDisk::new(1)).expect("it opens");
        for group in &history {
            let commands = world.commands(group);
            let answers = world.send(&commands);
            world.check_answers(&commands, answers);
            world.check_views();
        }
        world.check_events();
        world.check_restarts();
    }
}
