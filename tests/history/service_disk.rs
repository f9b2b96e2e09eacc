//! The service on a disk that fails: at every sync in turn the power goes, or the sync fails.
//!
//! Nothing acknowledged is missing, a group is there whole or not at all, no
//! START is without its outcome, and the views are those of a rebuild. Every
//! acknowledged contact can be read, the key of every erased one is overwritten
//! on the disk, and every checkpoint has the tiles that it was signed for. The
//! load and the model are those of the generated histories.

use contactd::{
    audit::{self, Against, Integrator, KeyName, Signer, Tiles},
    dialect::mattr,
    domain::{Action, Command, EraseReason, Operation, Owner, Position, Status, Target},
    keys::Slot,
    service::{Committed, SubmitError},
    storage::{Disk, Faults, FileAt, Files, SimDisk},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::edges::{attempt, command, create, id_of, one};
use super::load::{self, Sent};
use super::model::{Answer, State};
use super::world::{Opened, World};

type Submitted = Result<Committed, SubmitError>;

/// Groups of each history that are sent while the disk fails, and after it.
const GROUPS: usize = 10;

/// Makes the same histories each time, none of them short.
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

/// A service and what signs its log, over one disk.
struct AuditedWorld {
    world: World,
    integrator: Integrator,
    /// The number of events that were signed for.
    signed: u64,
}

impl AuditedWorld {
    fn new(disk: SimDisk) -> Opened<Self> {
        let world = World::new(disk)?;
        let integrator = integrator(&world.disk)?;
        Ok(Self {
            world,
            integrator,
            signed: 0,
        })
    }

    fn reopen(&mut self) -> Opened<()> {
        self.world.reopen()?;
        self.integrator = integrator(&self.world.disk)?;
        Ok(())
    }

    /// Signs what the log holds. Where the disk fails, the next round does it.
    fn sign(&mut self) {
        let service = &self.world.service;
        if let Ok(Some(_)) = self.integrator.integrate(service.head(), service.reader()) {
            self.signed = self.integrator.checkpoint().size;
        }
    }

    /// The slots of those whose erasure readers see, so that it was acknowledged.
    fn erased(&self) -> Vec<Slot> {
        let World { model, service, .. } = &self.world;
        let contacts = model.contacts.iter();
        let erased = contacts.filter(|contact| contact.state == State::Erased);
        let entries = erased.filter_map(|contact| {
            let entry = service.entry(&contact.owner, &Target::Id(contact.id?))?;
            (entry.state.status == Status::Erased).then_some(entry.slot)
        });
        entries.collect()
    }

    /// What the disk holds after a crash, before anything is opened: no key of the erased, and
    /// every file that was signed for.
    fn check_disk(&self, erased: &[Slot]) {
        let disk = &self.world.disk;
        check_overwritten(&*disk.files("keys").expect("it opens"), erased);
        let tiles = Tiles::new(disk.files("audit").expect("it opens"));
        let key = signer(disk).expect("a key").verifier();
        let verified = audit::verify(&tiles, &key, Against::default(), &mut |_, _| {});
        let verified = verified.expect("it can be read");
        assert_eq!(verified.damages, []);
        let size = verified.checkpoint.expect("a checkpoint").size;
        assert!(size >= self.signed, "{size} events signed, {}", self.signed);
    }
}

fn signer(disk: &SimDisk) -> Opened<Signer> {
    let key = FileAt::new(disk.files("identity")?, "audit.key");
    let name = KeyName::parse("contactd.local/test").expect("a name");
    Ok(Signer::read_or_create(&key, name)?)
}

fn integrator(disk: &SimDisk) -> Opened<Integrator> {
    let tiles = Tiles::new(disk.files("audit")?);
    Ok(Integrator::open(tiles, signer(disk)?)?)
}

/// No byte of these slots is one of a key.
fn check_overwritten(keys: &dyn Files, slots: &[Slot]) {
    const SLOT_BYTES: u64 = 72;
    let names = keys.list().expect("it can be listed");
    for name in names.iter().filter(|name| name.starts_with("slots-")) {
        for slot in slots {
            let offset = (slot.get() + 1) * SLOT_BYTES;
            let bytes = keys.read_at(name, offset, SLOT_BYTES as usize);
            let bytes = bytes.expect("it can be read");
            let overwritten = bytes.iter().all(|byte| *byte == 0xE5);
            assert!(overwritten, "{name} still has the key of slot {slot}");
        }
    }
}

/// Sends groups until the log fails; the commands whose outcome is unknown.
fn live(audited: &mut AuditedWorld, groups: &[Vec<Sent>]) -> Option<Vec<Command>> {
    for (number, group) in groups.iter().enumerate() {
        if number % 3 == 1 {
            audited.sign();
        }
        let world = &mut audited.world;
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

/// Checks that those who waited for the failed group are told that its outcome is unknown, and that
/// from then on nothing is taken. Only what never was in the group is told why.
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
fn begin(seed: u64, faults: Faults) -> AuditedWorld {
    let disk = SimDisk::new(seed);
    disk.plan(faults);
    AuditedWorld::new(disk.clone()).unwrap_or_else(|_| {
        disk.crash();
        AuditedWorld::new(disk).expect("it opens")
    })
}

fn syncs_of(history: &[Vec<Sent>]) -> u64 {
    let mut audited = begin(0, Faults::default());
    assert!(live(&mut audited, history).is_none());
    audited.world.disk.syncs()
}

#[test]
fn a_power_cut_at_any_sync_loses_nothing_acknowledged() {
    for (number, history) in histories(2).iter().enumerate() {
        // Every sync of the first history, and some of each other.
        for sync in (1..=syncs_of(history)).step_by(1 + 3 * number) {
            let mut audited = begin(
                number as u64 * 1_000 + sync,
                Faults {
                    halt_at: Some(sync),
                    ..Faults::default()
                },
            );
            let unknown = live(&mut audited, history);
            let disk = audited.world.disk.clone();
            let erased = audited.erased();
            disk.crash();
            audited.check_disk(&erased);
            // The recovery is cut as well, at another place each time.
            disk.plan(Faults {
                halt_at: Some(1 + sync % 12),
                ..Faults::default()
            });
            if audited.reopen().is_err() {
                disk.crash();
                audited.reopen().expect("it opens");
            }
            disk.plan(Faults::default());
            check_recovered(&mut audited.world, unknown);
            assert!(live(&mut audited, &history[..4]).is_none());
            audited.world.check_restarts();
        }
    }
}

/// A new contact, and the slot of its key.
fn ann(world: &World) -> (Target, Slot) {
    let creates = vec![create("Ann", None)];
    let made = one(world, command(&mattr::RULES, &["e", "p"], creates));
    let target = Target::Id(id_of(&made));
    let (_, slot) = entry(world, &target);
    (target, slot)
}

/// The status of a contact, and the slot of its key.
fn entry(world: &World, target: &Target) -> (Status, Slot) {
    let owner = Owner::new(mattr::RULES.dialect, &["e", "p"]).expect("good ids");
    let entry = world.service.entry(&owner, target).expect("a contact");
    (entry.state.status, entry.slot)
}

fn erase(target: Target) -> Command {
    let erase = Action::Erase {
        reason: EraseReason::Request,
        reference: None,
    };
    let erase = vec![attempt(Operation::Erase, Some(target), erase)];
    command(&mattr::RULES, &["e", "p"], erase)
}

/// The power goes at the moment after an erasure was answered, when nothing else has been synced.
#[test]
fn an_erasure_is_on_the_disk_when_it_is_answered() {
    for seed in 0..16 {
        let world = World::new(SimDisk::new(seed)).expect("it opens");
        let (target, slot) = ann(&world);
        one(&world, erase(target));
        let disk = world.disk.clone();
        disk.crash();
        check_overwritten(&*disk.files("keys").expect("it opens"), &[slot]);
    }
}

/// The power goes while an erasure is carried out. Where the log has it, the next start overwrites
/// the key before anybody is answered.
#[test]
fn an_erasure_that_was_cut_off_is_finished_at_the_next_start() {
    let mut finished = 0;
    for (seed, sync) in (0..8).flat_map(|seed| (1..8).map(move |sync| (seed, sync))) {
        let mut world = World::new(SimDisk::new(seed)).expect("it opens");
        let (target, slot) = ann(&world);
        world.disk.plan(Faults {
            halt_at: Some(sync),
            ..Faults::default()
        });
        let answers = world.send(&[erase(target.clone())]);
        world.disk.crash();
        world.disk.plan(Faults::default());
        world.reopen().expect("it opens");
        if entry(&world, &target).0 == Status::Erased {
            finished += usize::from(answers.iter().any(Result::is_err));
            let keys = world.disk.files("keys").expect("it opens");
            check_overwritten(&*keys, &[slot]);
        }
    }
    assert!(finished > 0, "no cut was between the log and the key");
}

#[test]
fn a_failing_sync_closes_the_log_and_reads_go_on() {
    for (number, history) in histories(2).iter().enumerate() {
        // Every sync of the first history, and some of each other.
        for sync in (1..=syncs_of(history)).step_by(1 + 3 * number) {
            let mut audited = begin(
                number as u64 * 1_000 + sync,
                Faults {
                    fail_at: Some(sync),
                    ..Faults::default()
                },
            );
            let unknown = live(&mut audited, history);
            let disk = audited.world.disk.clone();
            audited.world.check_views();
            audited.world.check_events();
            if sync % 2 == 0 {
                // Started again on a page cache that takes for written what is not on the disk.
                disk.kill();
            } else {
                let erased = audited.erased();
                disk.crash();
                audited.check_disk(&erased);
            }
            audited.reopen().expect("it opens");
            check_recovered(&mut audited.world, unknown);
            let erased = audited.erased();
            disk.crash();
            audited.check_disk(&erased);
            audited.reopen().expect("it opens");
            check_recovered(&mut audited.world, None);
            assert!(live(&mut audited, &history[..4]).is_none());
            audited.world.check_restarts();
        }
    }
}

#[test]
fn commands_behind_the_failed_group_were_not_taken() {
    const GROUP: usize = 1_024;
    let history = histories(1).concat();
    let mut world = begin(1, Faults::default()).world;
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
