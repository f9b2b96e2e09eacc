//! The index over whole histories, beside a plain look at every contact: with restarts, power cuts,
//! erasures, damage, and everything that files go through.

mod damage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use uuid::Uuid;

use super::limits::Limits;
use super::query::ENTRIES_MAX;
use super::segment::{Place, Segment, number_of};
use super::*;
use crate::dialect::{REGISTRY, Search};
use crate::domain::{Actor, Contact, EventId, Header, Sort, SortKey, Timestamp, VendorKey};
use crate::keys::{FileKeys, KeyRing, MasterKey};
use crate::storage::{Disk, Faults, SimDisk};

const DIR: &str = "views";
const TENANTS: [(u8, &str); 3] = [(1, "a"), (1, "b"), (2, "a")];
/// Sizes with which a handful of contacts goes through everything.
const SMALL: Limits = Limits {
    pending_max: 3,
    flush_bytes: 2_500,
    flush_events: 12,
    young_max: 4,
    old_max: 4,
    slice_keys: 9,
};

/// What happens to an index.
#[derive(Clone, Debug)]
enum Step {
    /// A contact is made, or changed: who, whose, what it is called, with how many words.
    Write(usize, usize, &'static str, usize),
    Delete(usize),
    Erase(usize),
    Fold,
    Tend(usize),
    Keep,
    Kill,
    /// The power goes, at once or at one of the next syncs.
    Cut(u64),
    Rebuild,
}

fn step() -> impl Strategy<Value = Step> {
    let name = select(&["Ann Lee", "ann", "Bob", "\u{e4}nne lee", ""][..]);
    let words = prop_oneof![9 => 0..4_usize, 1 => Just(200)];
    prop_oneof![
        12 => (0..14_usize, 0..3_usize, name, words).prop_map(|(a, b, c, d)| Step::Write(a, b, c, d)),
        2 => (0..14_usize).prop_map(Step::Delete),
        3 => (0..14_usize).prop_map(Step::Erase),
        5 => Just(Step::Fold),
        8 => (1..40_usize).prop_map(Step::Tend),
        2 => Just(Step::Keep),
        1 => Just(Step::Kill),
        1 => (0..9_u64).prop_map(Step::Cut),
        1 => Just(Step::Rebuild),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..90)
}

struct World {
    disk: SimDisk,
    keys: FileKeys,
    /// The log: each event with the Card that it wrote.
    log: Vec<(Event, Option<Card>)>,
    ids: BTreeMap<usize, ContactId>,
    live: BTreeMap<ContactId, Contact>,
    last: BTreeMap<ContactId, u64>,
    /// Contacts whose content is gone for good when a process starts.
    erased: BTreeSet<ContactId>,
    /// Contacts whose erasure was answered.
    answered: BTreeSet<ContactId>,
    gone_at_start: BTreeSet<ContactId>,
    index: SearchIndex,
    beside: Option<SearchIndex>,
    numbers: Arc<AtomicU64>,
    folded: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let keys = SimDisk::new(1).files("keys").unwrap();
        let ring = KeyRing::open(keys, &MasterKey::generate().unwrap()).unwrap();
        let mut world = Self {
            disk: SimDisk::new(seed),
            keys: ring.file_keys(),
            log: Vec::new(),
            ids: BTreeMap::new(),
            live: BTreeMap::new(),
            last: BTreeMap::new(),
            erased: BTreeSet::new(),
            answered: BTreeSet::new(),
            gone_at_start: BTreeSet::new(),
            index: SearchIndex::new(),
            beside: None,
            numbers: Arc::default(),
            folded: 0,
        };
        world.start();
        world
    }

    /// Whether the power is off, which nobody notices before the next operation on a file.
    fn is_off(&self) -> bool {
        self.disk.files(DIR).is_err()
    }

    fn home(&self) -> Home {
        Home {
            files: self.disk.files(DIR).unwrap(),
            keys: self.keys.clone(),
            numbers: self.numbers.clone(),
        }
    }

    /// A process starts anew.
    fn start(&mut self) {
        if self.is_off() {
            self.disk.crash();
        }
        self.numbers = Arc::default();
        self.beside = None;
        self.gone_at_start = self.erased.clone();
        let is_of_log = |position: Position, id| {
            let at = usize::try_from(position.get()).unwrap().checked_sub(1);
            let event = at.and_then(|at| self.log.get(at));
            event.is_some_and(|(event, _)| event.header.id == id)
        };
        let (mut index, position) = SearchIndex::resume(&self.home(), &is_of_log);
        index.upkeep.limits = SMALL;
        self.index = index;
        self.folded = usize::try_from(position.get()).unwrap();
        self.check_answered();
    }

    fn event(&mut self, operation: Operation, id: ContactId, owner: Owner, card: Option<Card>) {
        let position = self.log.len() as u64 + 1;
        let event_id = Uuid::from_u128(1_000_000 + u128::from(position));
        let header = Header {
            contact: Some(id),
            key: Some(VendorKey::Own),
            version: Some(1),
            ..Header::new(
                Position::new(position),
                EventId(event_id),
                Timestamp::from_millis(position * 1_000),
                operation,
                owner,
            )
        };
        self.last.insert(id, position);
        let phase = Phase::Success { erasure: None };
        self.log.push((Event { header, phase }, card));
    }

    fn write(&mut self, who: usize, of: usize, name: &str, words: usize) {
        let count = self.ids.len() as u128 + 1;
        let (operation, id) = match self.ids.get(&who) {
            Some(id) => (Operation::Update, *id),
            None => (Operation::Create, ContactId(Uuid::from_u128(count))),
        };
        self.ids.insert(who, id);
        let known = self.live.get(&id);
        let (dialect, tenant) = TENANTS[of];
        let owner = known.map(|contact| contact.owner.clone());
        let is_gone = operation == Operation::Update && owner.is_none();
        if is_gone || self.erased.contains(&id) {
            return;
        }
        let owner = owner.unwrap_or_else(|| Owner::new(DialectId(dialect), &[tenant]).unwrap());
        // A word that nobody else has, in the name and in the address.
        let secret = secret(id);
        let many: String = (0..words)
            .map(|n| format!(" w{n}{secret}{}", "x".repeat(40)))
            .collect();
        let card = Card::from_value(json!({
            "name": {"full": format!("{name} {secret}")},
            "emails": {"e": {"address": format!("{secret}@x{}.example", self.log.len())}},
            "organizations": {"o": {"name": many}},
        }));
        let card = card.unwrap();
        self.event(operation, id, owner.clone(), Some(card.clone()));
        let header = &self.log.last().unwrap().0.header;
        let created_at = known_or(self.live.get(&id), header.time);
        self.live.insert(
            id,
            Contact {
                id,
                vendor_id: String::new(),
                owner,
                version: 1,
                created_at,
                created_by: Actor::default(),
                modified_at: header.time,
                modified_by: Actor::default(),
                position: header.position,
                card,
            },
        );
    }

    /// Ends a contact; an erasure is answered when the index has forgotten.
    fn end(&mut self, who: usize, operation: Operation) {
        let Some(id) = self.ids.get(&who).copied() else {
            return;
        };
        let is_live = self.live.remove(&id).is_some();
        let erases = operation == Operation::Erase;
        if self.erased.contains(&id) || !(is_live || erases) {
            return;
        }
        let owner = self
            .log
            .iter()
            .rev()
            .find(|(event, _)| event.header.contact == Some(id));
        let owner = owner.unwrap().0.header.owner.clone();
        self.event(operation, id, owner, None);
        if !erases {
            return;
        }
        self.erased.insert(id);
        let beside = self.beside.as_mut();
        let forgotten = beside.map_or(Ok(()), |beside| beside.forget(&[id]));
        if forgotten.is_ok() && self.index.forget(&[id]).is_ok() {
            self.answered.insert(id);
            self.check_answered();
        } else {
            self.cut();
        }
    }

    /// Folds all that is in the log. A Card may have been read just before its key was destroyed.
    fn fold(&mut self) {
        while self.folded < self.log.len() || self.index.fault().is_some() {
            self.fold_on();
            if self.index.fault().is_some() {
                self.mend();
            }
        }
    }

    /// Destroys what is damaged, to make it again.
    fn mend(&mut self) {
        match self.index.discard() {
            Ok(()) => self.start(),
            Err(_) => self.cut(),
        }
    }

    fn fold_on(&mut self) {
        while let Some((event, card)) = self.log.get(self.folded) {
            let gone = event
                .header
                .contact
                .is_some_and(|id| self.gone_at_start.contains(&id));
            let card = card.as_ref().filter(|_| !gone);
            let words = SearchIndex::extract(REGISTRY, event, card);
            if self.index.fold(event, words).is_err() {
                assert!(self.index.fault().is_some(), "it folds");
                return;
            }
            self.folded += 1;
        }
    }

    fn tend(&mut self, most: usize) {
        for _ in 0..most {
            let done = match self.index.tend() {
                Ok(Chore::Nothing) => return,
                Ok(Chore::More) => Ok(()),
                Ok(Chore::Sync(files, name)) => files.sync(&name).map_err(KeepError::from),
                Err(error) => Err(error),
            };
            if done.is_err() {
                return self.cut();
            }
        }
    }

    fn cut(&mut self) {
        self.disk.crash();
        self.start();
    }

    /// Builds an index beside this one and puts it in its place.
    fn rebuild(&mut self) {
        self.fold();
        if self.is_off() {
            return self.cut();
        }
        let mut next = SearchIndex::beside(&self.home());
        next.upkeep.limits = SMALL;
        for (event, card) in &self.log {
            let erased = event
                .header
                .contact
                .is_some_and(|id| self.erased.contains(&id));
            let card = card.as_ref().filter(|_| !erased);
            let words = SearchIndex::extract(REGISTRY, event, card);
            next.fold(event, words).unwrap();
            if next.tend().is_err() {
                return self.cut();
            }
        }
        if next.take_over(&mut self.index).is_err() {
            return self.cut();
        }
        let mut old = std::mem::replace(&mut self.index, next);
        self.folded = self.log.len();
        if old.discard().is_err() {
            self.cut();
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(who, of, name, words) => self.write(*who, *of, name, *words),
            Step::Delete(who) => self.end(*who, Operation::Delete),
            Step::Erase(who) => self.end(*who, Operation::Erase),
            Step::Fold => self.fold(),
            Step::Tend(most) => self.tend(*most),
            Step::Keep => {
                if self.index.keep().is_err() {
                    self.cut();
                }
            }
            Step::Kill => {
                self.disk.kill();
                self.start();
            }
            Step::Cut(0) => self.cut(),
            Step::Cut(sync) => self.disk.plan(Faults {
                halt_at: Some(*sync),
                ..Faults::default()
            }),
            Step::Rebuild => self.rebuild(),
        }
    }

    /// Nothing of a contact whose erasure was answered can be read in any file, by whoever has
    /// every key that there is.
    fn check_answered(&self) {
        for key in readable(&self.disk, &self.keys) {
            for id in &self.answered {
                let secret = secret(*id);
                let found = key.windows(secret.len()).any(|at| at == secret.as_bytes());
                assert!(!found, "{secret} is in {key:?}");
            }
        }
    }

    /// The index answers as a plain look at every contact does, and remembers nobody else.
    fn check(&mut self) {
        self.fold();
        // Damage that nobody has read yet is found now.
        drop(self.index.dump());
        self.fold();
        self.index.settle();
        let index = &self.index;
        assert_eq!(index.len(), self.live.len());
        for text in [None, Some("ann"), Some("lee ann"), Some("secret")] {
            for by in [SortKey::Created, SortKey::Updated, SortKey::Name] {
                for descending in [false, true] {
                    let search = Search {
                        text: text.map(str::to_owned),
                        sort: Sort { by, descending },
                        limit: 3,
                        ..Search::default()
                    };
                    self.check_search(&search);
                    self.check_search(&Search {
                        tenant: Some("a".into()),
                        created_after: Some(Timestamp::from_millis(9_000)),
                        updated_after: Some(Timestamp::from_millis(14_000)),
                        ..search.clone()
                    });
                    self.check_search(&Search {
                        created_before: Some(Timestamp::from_millis(20_000)),
                        updated_before: Some(Timestamp::from_millis(30_000)),
                        ..search
                    });
                }
            }
        }
        let mut changes: Vec<_> = self.last.iter().map(|(id, at)| (*at, *id)).collect();
        changes.sort_unstable();
        let told = index.changed_after(&|_, _| true, Position::ZERO, 1_000);
        let told = told.unwrap().0.into_iter().map(|changed| {
            assert_eq!(changed.live, self.live.contains_key(&changed.id));
            (changed.position.get(), changed.id)
        });
        assert_eq!(told.collect::<Vec<_>>(), changes);
        let mut fresh = SearchIndex::new();
        // One that is made of the whole log, and of which all lies in files.
        let home = Home {
            files: SimDisk::new(2).files(DIR).unwrap(),
            ..self.home()
        };
        let mut whole = SearchIndex::afresh(&home).unwrap();
        whole.upkeep.limits = SMALL;
        for (event, card) in &self.log {
            let live = event
                .header
                .contact
                .is_some_and(|id| self.live.contains_key(&id));
            let card = card.as_ref().filter(|_| live);
            let words = SearchIndex::extract(REGISTRY, event, card);
            whole.fold(event, words.clone()).unwrap();
            while !matches!(whole.tend().unwrap(), Chore::Nothing) {}
            fresh.fold(event, words).unwrap();
        }
        fresh.settle();
        assert_eq!(index.dump(), fresh.dump());
        whole.keep().unwrap();
        assert_eq!(whole.dump(), fresh.dump());
        assert_eq!(whole.upkeep.kept(), &whole.at);
    }

    fn check_search(&self, search: &Search) {
        let mut wanted: Vec<_> = self
            .live
            .values()
            .filter(|c| search.wants(c, REGISTRY))
            .collect();
        wanted.sort_by(|one, other| search.compare(one, other));
        let wanted: Vec<_> = wanted
            .iter()
            .map(|contact| (contact.id, contact.position))
            .collect();
        let mut search = search.clone();
        let mut found = Vec::new();
        loop {
            let hits = ask(&self.index, &search).unwrap();
            found.extend(hits.hits.iter().map(|hit| (hit.id, hit.position)));
            match hits.hits.last() {
                Some(last) if hits.more => search.after = Some(last.keyset.clone()),
                _ => break,
            }
        }
        assert_eq!(found, wanted, "{search:?}");
    }
}

fn known_or(known: Option<&Contact>, time: Timestamp) -> Timestamp {
    known.map_or(time, |contact| contact.created_at)
}

fn secret(id: ContactId) -> String {
    format!("secret{}z", id.0.as_u128())
}

/// The position of the last event up to a time: each has a second of its own.
fn position_at(time: Timestamp) -> Position {
    Position::new(time.millis() / 1_000)
}

/// The position of the last event before a time, likewise.
fn position_before(time: Timestamp) -> Position {
    position_at(Timestamp::from_millis(time.millis().saturating_sub(1)))
}

fn ask(index: &SearchIndex, search: &Search) -> Result<Hits, QueryError> {
    index.query(&Query {
        terms: &search.terms(),
        visible: &|_, tenant| search.tenant.as_deref().is_none_or(|want| want == tenant),
        created_after: search.created_after,
        created_before: search.created_before,
        updated_after: search.updated_after.map(position_at),
        updated_up_to: search.updated_before.map(position_before),
        sort: search.sort,
        after: search.after.as_ref(),
        limit: search.limit,
        most: ENTRIES_MAX,
    })
}

/// Every key in every file that opens, whether it counts or not.
fn readable(disk: &SimDisk, keys: &FileKeys) -> Vec<Vec<u8>> {
    let Ok(files) = disk.files(DIR) else {
        return Vec::new();
    };
    let place = Place {
        files: files.clone(),
        keys: keys.clone(),
        cache: Arc::default(),
        health: Arc::default(),
    };
    let mut found = Vec::new();
    for number in files
        .list()
        .unwrap()
        .iter()
        .filter_map(|name| number_of(name))
    {
        if let Ok((segment, _)) = Segment::open(&place, number) {
            for index in 0..segment.len() {
                found.extend(segment.scan(index).iter().map(<[u8]>::to_vec));
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_answers_as_a_plain_look_whatever_happened(steps in steps(), seed in any::<u64>()) {
        let mut world = World::new(seed);
        for step in &steps {
            world.step(step);
        }
        world.disk.plan(Faults::default());
        world.cut();
        world.check();
        world.tend(usize::MAX);
        world.check();
        world.index.keep().unwrap();
        world.disk.kill();
        world.start();
        prop_assert_eq!(world.folded, world.log.len(), "all of it was kept");
        world.check();
    }
}

/// A history in which everything happens: flushes, merges, erasures with work under way.
fn history() -> Vec<Step> {
    let mut steps = Vec::new();
    for round in 0..8 {
        for who in 0..4 {
            steps.push(Step::Write(round * 4 + who, who % 3, "Ann Lee", who));
        }
        if round > 2 {
            steps.push(Step::Write(round, 0, "Bob", 1));
            steps.push(Step::Delete(round + 1));
        }
        steps.extend([
            Step::Fold,
            Step::Tend(7),
            Step::Erase(round * 3),
            Step::Tend(9),
        ]);
        if round == 5 {
            steps.push(Step::Rebuild);
        }
    }
    steps.extend([Step::Keep, Step::Erase(9), Step::Fold, Step::Tend(1_000)]);
    steps
}

#[test]
fn the_power_may_go_at_every_sync() {
    let mut whole = World::new(7);
    history().iter().for_each(|step| whole.step(step));
    let syncs = whole.disk.syncs();
    assert!(syncs > 50, "{syncs}");
    for at in 1..=syncs {
        let mut world = World::new(at);
        world.disk.plan(Faults {
            halt_at: Some(at),
            ..Faults::default()
        });
        history().iter().for_each(|step| world.step(step));
        world.disk.plan(Faults::default());
        world.cut();
        world.check();
    }
}

#[test]
fn memory_is_bounded_and_an_erasure_reaches_a_file_being_drawn_up() {
    let mut world = World::new(3);
    for who in 0..8 {
        world.step(&Step::Write(who, 0, "Ann", 3));
        world.step(&Step::Fold);
    }
    world.step(&Step::Tend(2));
    assert!(world.index.upkeep.is_drawing_up());
    world.step(&Step::Erase(3));
    world.step(&Step::Tend(1_000));
    assert!(!world.index.upkeep.is_drawing_up());
    assert!(!readable(&world.disk, &world.keys).is_empty());
    world.check_answered();
    world.check();
}
