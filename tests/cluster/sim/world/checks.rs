//! What must hold after each step.

use contactd::keys::Slot;

use super::*;

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
                self.fail(format!("the key {slot} is used and is on {have} disks"));
            }
        }
    }

    /// Notes an event that a disk has from now on, and looks at it.
    pub(super) fn see(&mut self, at: usize, entry: Bytes) {
        let root = self.homes[at].place().root;
        let judged_on = self.judged_on.get(&entry);
        if judged_on.is_some_and(|judged_on| *judged_on != root) {
            self.fail("a group counts that was judged on another state".to_owned());
        }
        let erased = self.homes[at].erased.len();
        self.homes[at].see(entry.clone());
        self.check_one_log(at, &entry);
        if self.homes[at].erased.len() > erased && self.homes[at].remembers() {
            self.fail(format!("{at} still has the key of somebody who is erased"));
        }
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
            Some(_) => self.fail(format!("two logs differ at position {}", index + 1)),
        }
    }

    /// Replies leave, and the size is signed.
    pub(super) fn settle(&mut self, at: usize, settled: Position) {
        let Some(tree) = self.homes[at].tree(settled.get()) else {
            return self.fail("more has settled than is on the disk".to_owned());
        };
        let root = tree.root();
        if *self.signed.entry(settled).or_insert(root) != root {
            self.fail(format!("two roots were signed for size {settled}"));
        }
        if let Some(process) = &self.processes[at] {
            let own = &process.seam.settled;
            own.fetch_max(settled.get(), Ordering::AcqRel);
            process.service.settle(settled);
        }
        self.collect(at);
    }

    pub(super) fn answer(&mut self, position: Position, entry: Bytes) {
        let index = position.get() as usize - 1;
        let have = self
            .homes
            .iter()
            .filter(|home| home.entries.get(index) == Some(&entry));
        if have.count() <= self.plan.nodes / 2 {
            self.fail(format!(
                "{position} is answered and is on no majority of disks"
            ));
        }
        if let Some(before) = self.answered.insert(position, entry.clone())
            && before != entry
        {
            self.fail(format!("two answers at {position}"));
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
                self.fail(format!("{position} was answered and is on {have} disks"));
            }
        }
        let there = |entry: &Bytes| self.homes.iter().any(|home| home.entries.contains(entry));
        if self.plan.losses == 0 && self.refused.iter().any(there) {
            self.fail("something counts of which it was said that it never will".to_owned());
        }
        if self.homes.iter().any(Home::remembers) {
            self.fail("a key of somebody who is erased has come back".to_owned());
        }
        let mut wrong = Vec::new();
        let mut views: BTreeMap<[u8; 32], Vec<u8>> = BTreeMap::new();
        for at in 0..self.plan.nodes {
            let Some(process) = &self.processes[at] else {
                continue;
            };
            let log = process
                .service
                .events_after(Position::ZERO, usize::MAX, &|_| true);
            for record in log.expect("its own log").records {
                let content = process.service.open_content(&record);
                // Whoever asks for a key that is destroyed elsewhere is told so before it has read why.
                let is_erased = |slot| self.homes.iter().any(|home| home.erased.contains(&slot));
                let is_whole = record.sealed.is_none() || record.slot.is_some_and(is_erased);
                if !is_whole && !content.is_ok_and(|content| content.is_some()) {
                    let position = record.event.header.position;
                    wrong.push(format!("{at} can't open what it has at {position}"));
                }
            }
            // The view of one that was told that a key is destroyed, and has not read why, is without
            // what that key sealed.
            let ahead = |home: &Home| !home.erased.is_subset(&self.homes[at].erased);
            if self.homes.iter().any(ahead) {
                continue;
            }
            let view = process.service.snapshot();
            let root = self.homes[at].place().root;
            if *views.entry(root.0).or_insert_with(|| view.clone()) != view {
                wrong.push("two nodes have the same log and other views".to_owned());
            }
        }
        wrong.into_iter().for_each(|why| self.fail(why));
    }
}
