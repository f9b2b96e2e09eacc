//! What must hold after each step.

use contactd::keys::Slot;
use contactd::storage::{Disk, Faults};

use super::*;
use crate::sim::home::erasure;

impl World {
    /// Once a group is ordered its keys are on a majority of disks. Where the stream forgets what it
    /// has ordered, a later leader may have given the slots to another group before the first one
    /// learns that its own was ordered: that is a fork which no majority has, and what was answered
    /// is looked at in the end.
    pub(super) fn check_keys(&mut self, slots: std::ops::Range<Slot>) {
        if self.plan.losses > 0 {
            return;
        }
        for slot in (slots.start.get()..slots.end.get()).map(Slot::new) {
            let have = self.homes.iter().filter(|home| home.has_key(slot)).count();
            if have <= self.plan.nodes / 2 {
                let why = format!("the key {slot} is used and is on {have} disks");
                self.fail(Invariant::KeyBeforeUse, why);
            }
        }
    }

    /// Notes an event that a disk has from now on, and looks at it.
    pub(super) fn see(&mut self, at: usize, entry: Bytes) {
        let root = self.homes[at].place().root;
        let judged_on = self.judged_on.get(&entry);
        if judged_on.is_some_and(|judged_on| *judged_on != root) {
            let why = "a group counts that was judged on another state";
            self.fail(Invariant::JudgedOnWhatStands, why.to_owned());
        }
        self.homes[at].see(entry.clone());
        self.check_one_log(at, &entry);
    }

    /// While the stream loses nothing, all logs are beginnings of one.
    pub(super) fn check_one_log(&mut self, at: usize, entry: &Bytes) {
        if self.plan.losses > 0 {
            return;
        }
        let index = self.homes[at].entries.len() - 1;
        match self.truth.get(index) {
            None => self.truth.push(entry.clone()),
            Some(known) if known == entry => {}
            Some(_) => {
                let why = format!("two logs differ at position {}", index + 1);
                self.fail(Invariant::OneLogPrefix, why);
            }
        }
    }

    /// Whoever is erased is so on this disk, replies leave, and the size is signed.
    /// Gives whether keys were destroyed.
    pub(super) fn settle(&mut self, at: usize, settled: Position) -> bool {
        self.sign(at, settled);
        let dies = self.destroys(at, settled) && self.plan_power_cut(at);
        let destroyed = self.processes[at].as_ref().is_some_and(|process| {
            let own = &process.seam.settled;
            own.fetch_max(settled.get(), Ordering::AcqRel);
            process.service.settle(settled)
        });
        if dies && self.homes[at].disk.files("keys").is_err() {
            self.crash(at);
            return false;
        }
        self.homes[at].disk.plan(Faults::default());
        let home = &mut self.homes[at];
        home.settled = home.settled.max(settled);
        if home.remembers() {
            let why = format!("{at} still has the key of somebody who is erased");
            self.fail(Invariant::ErasedStaysErased, why);
        }
        self.collect(at);
        destroyed
    }

    /// A size is signed.
    pub(super) fn sign(&mut self, at: usize, size: Position) {
        let Some(tree) = self.homes[at].tree(size.get()) else {
            let why = "more is signed than is on the disk";
            return self.fail(Invariant::SignedIsSettled, why.to_owned());
        };
        let root = tree.root();
        if *self.signed.entry(size).or_insert(root) != root {
            let why = format!("two roots were signed for size {size}");
            self.fail(Invariant::SignedIsSettled, why);
        }
    }

    /// Whether somebody is erased for good on a disk once so much has settled.
    fn destroys(&self, at: usize, settled: Position) -> bool {
        let home = &self.homes[at];
        let mut erased = home.erased.values();
        erased.any(|position| (home.settled.next()..=settled).contains(position))
    }

    pub(super) fn answer(&mut self, position: Position, entry: Bytes) {
        let index = position.get() as usize - 1;
        let have = self
            .homes
            .iter()
            .filter(|home| home.entries.get(index) == Some(&entry));
        if have.count() <= self.plan.nodes / 2 {
            let why = format!("{position} is answered and is on no majority of disks");
            self.fail(Invariant::AnsweredOnMajority, why);
        }
        self.check_erased(&entry);
        if let Some(before) = self.answered.insert(position, entry.clone())
            && before != entry
        {
            let why = format!("two answers at {position}");
            self.fail(Invariant::PositionOnce, why);
        }
    }

    /// Whoever is said to be erased is so on a majority of disks.
    fn check_erased(&mut self, entry: &Bytes) {
        let Some((slot, _)) = erasure(entry) else {
            return;
        };
        let remember = self.homes.iter().filter(|home| home.holds_key(slot));
        if self.plan.nodes - remember.count() <= self.plan.nodes / 2 {
            let why =
                format!("the key {slot} is said to be destroyed and is on a majority of disks");
            self.fail(Invariant::ErasedStaysErased, why);
        }
    }

    /// In the end what was answered is on a majority of disks still, what never counts is on none,
    /// whoever is erased is erased everywhere, and equal logs have equal views.
    pub fn check_end(&mut self) {
        // Logs that were begun anew are being filled.
        let filling = self
            .homes
            .iter()
            .filter(|home| home.reach.is_some())
            .count();
        for (position, entry) in self.answered.clone() {
            let has = |home: &&Home| home.entry(position) == Some(&entry);
            let have = self.homes.iter().filter(has).count();
            if have == 0 || have + filling <= self.plan.nodes / 2 {
                let why = format!("{position} was answered and is on {have} disks");
                self.fail(Invariant::AnsweredCounts, why);
            }
        }
        let there = |entry: &Bytes| self.homes.iter().any(|home| home.entries.contains(entry));
        if self.plan.losses == 0 && self.refused.iter().any(there) {
            let why = "something counts of which it was said that it never will";
            self.fail(Invariant::AnsweredCounts, why.to_owned());
        }
        if self.homes.iter().any(Home::remembers) {
            let why = "a key of somebody who is erased has come back";
            self.fail(Invariant::ErasedStaysErased, why.to_owned());
        }
        let mut wrong = Vec::new();
        let mut views: BTreeMap<[u8; 32], Vec<u8>> = BTreeMap::new();
        for at in 0..self.plan.nodes {
            let Some(process) = &self.processes[at] else {
                continue;
            };
            let at_home = &self.homes[at];
            let log = process
                .service
                .events_after(Position::ZERO, usize::MAX, &|_| true);
            for record in log.expect("its own log").records {
                let content = process.service.open_content(&record);
                // Whoever asks for a key that is destroyed elsewhere is told so before it has read why;
                // but what may still be lost destroys nothing.
                let is_erased = |slot| self.homes.iter().any(|home| home.has_erased(slot));
                let is_erased = |slot| at_home.erased.contains_key(&slot) || is_erased(slot);
                let is_whole = record.sealed.is_none() || record.slot.is_some_and(is_erased);
                if !is_whole && !content.is_ok_and(|content| content.is_some()) {
                    let position = record.event.header.position;
                    let why = format!("{at} can't open what it has at {position}");
                    wrong.push((Invariant::KeyBeforeUse, why));
                }
            }
            // The view of one that was told that a key is destroyed, and has not read why, is without
            // what that key sealed.
            let known = |slot: &Slot| at_home.erased.contains_key(slot);
            let ahead = |home: &Home| !home.erased.keys().all(known);
            if self.homes.iter().any(ahead) {
                continue;
            }
            let view = process.service.snapshot();
            let root = self.homes[at].place().root;
            if *views.entry(root.0).or_insert_with(|| view.clone()) != view {
                let why = "two nodes have the same log and other views";
                wrong.push((Invariant::OneLogPrefix, why.to_owned()));
            }
        }
        for (what, why) in wrong {
            self.fail(what, why);
        }
    }
}
