//! The service on a disk that fails: at every sync in turn the power goes, or the sync fails.
//!
//! Nothing acknowledged is missing, a group is there whole or not at all, no
//! START is without its outcome, and the views are those of a rebuild. The load
//! and the model are those of the generated histories.

use contactd::{
    domain::{Command, Position},
    service::{Committed, SubmitError},
    storage::{Faults, SimDisk},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::load::{self, Sent};
use super::model::Answer;
use super::world::World;

type Submitted = Result<Committed, SubmitError>;

/// Groups of each history that are sent while the disk fails, and after it.
const GROUPS: usize = 10;

/// The same histories each time, none of them short.
fn histories(count: usize) -> Vec<Vec<Vec<Sent>>> {
    let mut runner = TestRunner::deterministic();
    let strategy = proptest::collection::vec(load::history(4), GROUPS);
    (0..count)
        .map(|_| {
            let tree = strategy.new_tree(&mut runner).expect("a history");
            tree.current().concat()
        })
        .map(|mut groups| {
            groups.truncate(GROUPS);
            groups
        })
        .collect()
}

/// Sends groups until the log fails; the commands whose outcome is unknown.
fn live(world: &mut World, groups: &[Vec<Sent>]) -> Option<Vec<Command>> {
    for group in groups {
        let commands = world.commands(group);
        let answers = world.send(&commands);
        let unreadable = |answer: &Submitted| matches!(answer, Err(SubmitError::Unreadable(_)));
        if answers.iter().any(unreadable) {
            // The power went when no group waited for it: as a saved view was removed.
            assert!(answers.iter().all(Result::is_err), "{answers:?}");
            return Some(Vec::new());
        } else if world.service.closed().is_none() {
            world.check_answers(&commands, answers);
        } else {
            check_unknown(world, &commands, &answers);
            return Some(commands);
        }
    }
    None
}

/// Who waited for the failed group is told that nobody knows; only what never was in it is told
/// why. From then on nothing is taken.
fn check_unknown(world: &World, commands: &[Command], answers: &[Submitted]) {
    let mut model = world.model.clone();
    for (command, answer) in commands.iter().zip(answers) {
        match (model.submit(command), answer) {
            (Answer::KeyReused, Err(SubmitError::KeyReused))
            | (Answer::Fresh(_) | Answer::Again(_), Err(SubmitError::OutcomeUnknown)) => {}
            other => panic!("{other:?}"),
        }
    }
    let later = world.send(commands);
    let refused = |answer: &Submitted| matches!(answer, Err(SubmitError::ReadOnly(_)));
    assert!(later.iter().all(refused), "{later:?}");
    assert_eq!(world.service.head().get(), world.model.head());
}

/// After a restart the acknowledged is there, and the unknown as a whole or not at all.
fn check_recovered(world: &mut World, unknown: Option<Vec<Command>>) {
    if world.service.head().get() != world.model.head() {
        let unknown = unknown.expect("nothing was unknown");
        adopt(world, &unknown);
    }
    world.check_views();
    world.check_events();
    world.check_rebuild();
}

/// Lets the model do what nobody was told of, but is there.
fn adopt(world: &mut World, commands: &[Command]) {
    for command in commands {
        world.model.submit(command);
    }
    for (index, happened) in world.model.events.iter().enumerate() {
        let Some(contact) = happened.contact else {
            continue;
        };
        let record = world.service.record(Position::new(index as u64 + 1));
        let record = record.expect("it can be read").expect("it is there");
        world.model.contacts[contact].id = record.event.header.contact;
    }
}

/// A service over a disk of which some sync will fail, perhaps one of the opening's.
fn begin(seed: u64, faults: Faults) -> World {
    let disk = SimDisk::new(seed);
    disk.plan(faults);
    World::new(disk.clone()).unwrap_or_else(|_| {
        disk.crash();
        World::new(disk).expect("it opens")
    })
}

fn syncs_of(history: &[Vec<Sent>]) -> u64 {
    let mut world = begin(0, Faults::default());
    assert!(live(&mut world, history).is_none());
    world.disk.syncs()
}

#[test]
fn a_power_cut_at_any_sync_loses_nothing_acknowledged() {
    for (number, history) in histories(2).iter().enumerate() {
        for sync in 1..=syncs_of(history) {
            let mut world = begin(
                number as u64 * 1_000 + sync,
                Faults {
                    halt_at: Some(sync),
                    ..Faults::default()
                },
            );
            let unknown = live(&mut world, history);
            world.disk.crash();
            // The recovery is cut as well, at another place each time.
            world.disk.plan(Faults {
                halt_at: Some(1 + sync % 4),
                ..Faults::default()
            });
            if world.reopen().is_err() {
                world.disk.crash();
                world.reopen().expect("it opens");
            }
            world.disk.plan(Faults::default());
            check_recovered(&mut world, unknown);
            assert!(live(&mut world, &history[..4]).is_none());
            world.check_restarts();
        }
    }
}

#[test]
fn a_failing_sync_closes_the_log_and_reads_go_on() {
    for (number, history) in histories(2).iter().enumerate() {
        for sync in 1..=syncs_of(history) {
            let mut world = begin(
                number as u64 * 1_000 + sync,
                Faults {
                    fail_at: Some(sync),
                    ..Faults::default()
                },
            );
            let unknown = live(&mut world, history);
            world.check_views();
            world.check_events();
            if sync % 2 == 0 {
                world.disk.kill();
            } else {
                world.disk.crash();
            }
            world.reopen().expect("it opens");
            check_recovered(&mut world, unknown);
            assert!(live(&mut world, &history[..4]).is_none());
            world.check_restarts();
        }
    }
}

#[test]
fn commands_behind_the_failed_group_were_not_taken() {
    const GROUP: usize = 1_024;
    let history = histories(1).concat();
    let mut world = begin(1, Faults::default());
    let mut commands = Vec::new();
    while commands.len() < GROUP + 6 {
        commands.extend(world.commands(&history.concat()));
    }
    commands.truncate(GROUP + 6);
    for command in &mut commands {
        command.context.idempotency = None;
    }
    world.disk.plan(Faults {
        fail_at: Some(1),
        ..Faults::default()
    });
    let answers = world.send(&commands);
    let (group, behind) = answers.split_at(GROUP);
    let unknown = |answer: &Submitted| matches!(answer, Err(SubmitError::OutcomeUnknown));
    let refused = |answer: &Submitted| matches!(answer, Err(SubmitError::ReadOnly(_)));
    assert!(group.iter().all(unknown));
    assert!(behind.iter().all(refused), "{behind:?}");
}
