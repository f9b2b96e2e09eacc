//! Processes that start and die, and their logs on disks whose power goes.

use contactd::keys::{LostKeys, Slot};
use contactd::service::{ApplyError, Service};
use contactd::storage::{Disk, Faults};

use super::*;

impl World {
    /// Starts a process over its disk; one that dies on its way may be started again.
    pub(super) fn start(&mut self, at: usize) {
        let dies = self.plan_power_cut(at);
        let service = match self.homes[at].open() {
            Ok(service) => service,
            Err(error) if !dies => {
                return self.fail(Invariant::GoesOn, format!("{at} does not open: {error}"));
            }
            Err(_) => return self.homes[at].disk.crash(),
        };
        self.homes[at].disk.plan(Faults::default());
        // Its views may have been cut off behind its opening.
        if self.homes[at].disk.files("keys").is_err() {
            return self.homes[at].disk.crash();
        }
        let log = entries(&service, Position::FIRST, service.head());
        let before = self.homes[at].entries.clone();
        if !log.starts_with(&before) {
            let why = format!("{at} has lost what was on its disk");
            return self.fail(Invariant::AnsweredOnMajority, why);
        }
        for entry in log.into_iter().skip(before.len()) {
            self.see(at, entry);
        }
        let members = Members::new(self.names.clone(), &self.names[at]).expect("a cluster");
        let place = Place::of(&service.tree_at(service.head()).expect("its own log"));
        let node = Node::new(members, self.coder.clone(), SIZES, place, self.now)
            .reaching(self.homes[at].reach);
        self.processes[at] = Some(Process::new(node, service));
        self.look(at, 0);
    }

    /// Lets the power go at one of the next syncs, now and then; whether it may.
    pub(super) fn plan_power_cut(&mut self, at: usize) -> bool {
        let dies = !self.quiet && self.chance.happens(40);
        if dies {
            let halt_at = Some(1 + self.chance.below(8) as u64);
            self.homes[at].disk.plan(Faults {
                halt_at,
                ..Faults::default()
            });
        }
        dies
    }

    /// The process dies: by loss of power, or alone.
    pub(super) fn crash(&mut self, at: usize) {
        if self.chance.happens(500) {
            self.homes[at].disk.crash();
        } else {
            self.homes[at].disk.kill();
        }
        if let Some(process) = self.processes[at].take() {
            let sent = process.end();
            self.unknown.extend(sent);
        }
    }

    /// Does what the disk is to do next.
    pub(super) fn finish_work(&mut self, at: usize) {
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        if process.paused {
            return;
        }
        if process.storing.is_some() {
            // What the writer has begun comes first.
            return self.store(at);
        }
        let Some(work) = process.work.take() else {
            return;
        };
        let dies = self.plan_power_cut(at);
        let rest = match work {
            Work::Apply(groups) => self.apply(at, groups, dies),
            Work::Fetch(upto) => self.fetch(at, upto, dies),
            Work::Judged => {
                let process = self.processes[at].as_mut().expect("it runs");
                process.reply(&self.runtime, Ok(()));
                None
            }
        };
        let is_off = self.homes[at].disk.files("keys").is_err();
        if is_off {
            self.outcomes.clear();
            return self.crash(at);
        }
        self.homes[at].disk.plan(Faults::default());
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        if let Some(closed) = process.service.closed() {
            let why = format!("{at} has closed its log: {closed:?}");
            return self.fail(Invariant::GoesOn, why);
        }
        process.work = rest;
        self.catch_up(at);
        let process = self.processes[at].as_ref().expect("it runs");
        let head = process.service.head();
        match self.plan.left_out {
            LeftOut::Majority => drop(self.settle(at, head)),
            LeftOut::SettledBeforeSigned => self.sign(at, head),
            _ => {}
        }
        self.tell(at, Event::Applied(head));
        for (at, event) in std::mem::take(&mut self.outcomes) {
            self.tell(at, event);
        }
    }

    /// Notes what the log of a process has grown by.
    pub(super) fn catch_up(&mut self, at: usize) {
        let Some(process) = &self.processes[at] else {
            return;
        };
        let first = Position::new(self.homes[at].len()).next();
        for entry in entries(&process.service, first, process.service.head()) {
            self.see(at, entry);
        }
    }

    /// Appends groups; what is left to be done.
    fn apply(&mut self, at: usize, groups: Vec<Group>, dies: bool) -> Option<Work> {
        let service = self.processes[at].as_ref()?.service.clone();
        match self.runtime.block_on(service.apply(groups.clone())) {
            Ok(_) => None,
            Err(ApplyError::MissingKeys { slots }) => {
                self.fetch_keys(at, &slots);
                Some(Work::Apply(groups))
            }
            Err(_) if dies => None,
            Err(error) => {
                let why = format!("{at} does not take what was ordered: {error}");
                self.fail(Invariant::GoesOn, why);
                None
            }
        }
    }

    /// Asks one of the others for keys.
    fn fetch_keys(&mut self, at: usize, slots: &[Slot]) {
        let count = self.others(at).count();
        let index = self.chance.below(count);
        let (Some(first), Some(last)) = (slots.first(), slots.last()) else {
            return;
        };
        let (Some(own), Some(other)) = (&self.processes[at], self.others(at).nth(index)) else {
            return;
        };
        if let Ok(sealed) = other.service.export_keys(*first..last.next(), &self.key) {
            // What is not taken in is asked for once more.
            let _ = own
                .service
                .install_keys(&sealed, &self.key, LostKeys::AskOthers);
            self.take_late_keys(at);
        }
    }

    /// Takes the keys of nodes that have not come so far into erased slots, where those take keys.
    fn take_late_keys(&self, at: usize) {
        if self.plan.left_out != LeftOut::ErasedTakesNoKey {
            return;
        }
        let own = &self.homes[at];
        for slot in own.erased.keys().filter(|slot| own.has_erased(**slot)) {
            let others = (0..self.plan.nodes).filter(|other| *other != at);
            let late = others.filter_map(|other| self.homes[other].key_bytes(*slot));
            for bytes in late {
                own.put_key_bytes(*slot, &bytes);
            }
        }
    }

    fn others(&self, at: usize) -> impl Iterator<Item = &Process> {
        let others = (0..self.plan.nodes).filter(move |other| *other != at);
        let others = others.filter_map(|other| self.processes[other].as_ref());
        others.filter(|process| !process.paused)
    }

    /// Fetches what lies between the end of a log and a place, from whoever has what leads there.
    fn fetch(&mut self, at: usize, upto: Place, dies: bool) -> Option<Work> {
        let first = Position::new(self.homes[at].len()).next();
        let tree = self.homes[at].tree(self.homes[at].len())?;
        let reach = |other: &&Process| other.service.head() >= upto.position;
        let logs = self.others(at).filter(reach);
        let logs = logs.map(|other| entries(&other.service, first, upto.position));
        let logs: Vec<Vec<Bytes>> = logs.collect();
        let leads = |log: &&Vec<Bytes>| {
            let mut tree = tree.clone();
            log.iter().for_each(|entry| tree.push(Hash::leaf(entry)));
            Place::of(&tree) == upto
        };
        let Some(entries) = logs.iter().find(leads).cloned() else {
            let nobody = logs.is_empty();
            let outcome = if nobody {
                Event::NotFetched
            } else {
                Event::Forked
            };
            self.outcomes.push((at, outcome));
            return None;
        };
        let rest = self.apply(at, vec![Group { first, entries }], dies);
        rest.map(|_| Work::Fetch(upto))
    }

    /// Puts the keys of a group on a disk that is about to be ordered.
    pub(super) fn keep(&mut self, at: usize, first: Position, sealed: &[u8]) -> Option<Event> {
        let service = &self.processes[at].as_ref()?.service;
        service
            .install_keys(sealed, &self.key, LostKeys::AskOthers)
            .ok()?;
        self.take_late_keys(at);
        let hash = Hash::leaf(sealed);
        Some(Event::KeysKept { first, hash })
    }
}

/// The events of a log from one position to another.
fn entries(service: &Service, first: Position, last: Position) -> Vec<Bytes> {
    if last < first {
        return Vec::new();
    }
    let all = service.reader().scan(first, last);
    all.map(|entry| entry.expect("a log that can be read").1)
        .collect()
}
