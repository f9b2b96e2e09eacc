//! What must hold after each step.

use super::*;

impl World {
    /// Once a group is ordered its keys are on a majority of disks. Where the stream forgets what it
    /// has ordered, a later leader may have given the slots to another group before the first one
    /// learns that its own was ordered: that is a fork which no majority has, and what was answered
    /// is looked at in the end.
    pub(super) fn check_keys(&mut self, group: &Group) {
        if self.plan.losses > 0 {
            return;
        }
        for entry in &group.entries {
            let Some(key) = Entry::decode(entry).key else {
                continue;
            };
            let have = self.disks.iter().filter(|disk| disk.has_key(key)).count();
            if have <= self.plan.nodes / 2 {
                self.fail(format!("the key {key} is used and is on {have} disks"));
            }
        }
    }

    /// Puts groups on a disk, and looks at each event of them.
    pub(super) fn append(&mut self, at: usize, groups: &[Group]) {
        for group in groups {
            if group.first.get() != self.disks[at].len() + 1 {
                let name = &self.names[at];
                return self.fail(format!("{name} appends at {} out of turn", group.first));
            }
            for entry in &group.entries {
                let root = self.disks[at].place().root;
                let judged_on = Entry::decode(entry).judged_on;
                if judged_on.is_some_and(|judged_on| judged_on != root) {
                    self.fail("a group counts that was judged on another state".to_owned());
                }
                self.disks[at].push(entry.clone());
                self.check_one_log(at, entry);
            }
            self.disks[at].ahead.remove(&group.first);
        }
        let disk = &self.disks[at];
        if disk.keys.iter().any(|key| disk.erased.contains(key)) {
            self.fail("an erased key has come back".to_owned());
        }
    }

    /// While the stream loses nothing, all logs are beginnings of one.
    pub(super) fn check_one_log(&mut self, at: usize, entry: &Bytes) {
        if self.plan.losses > 0 {
            return;
        }
        let index = self.disks[at].entries.len() - 1;
        match self.truth.get(index) {
            None => self.truth.push(entry.clone()),
            Some(known) if known == entry => {}
            Some(_) => self.fail(format!("two logs differ at position {}", index + 1)),
        }
    }

    /// Replies leave, and the size is signed.
    pub(super) fn settle(&mut self, at: usize, settled: Position) {
        let Some(tree) = self.disks[at].tree(settled.get()) else {
            return self.fail("more has settled than is on the disk".to_owned());
        };
        let root = tree.root();
        if *self.signed.entry(settled).or_insert(root) != root {
            self.fail(format!("two roots were signed for size {settled}"));
        }
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        let (leave, stay) = process
            .parked
            .drain(..)
            .partition(|(last, _)| *last <= settled);
        process.parked = stay;
        let leave: Vec<(Position, Vec<Bytes>)> = leave;
        for (last, entries) in leave {
            let first = last.get() + 1 - entries.len() as u64;
            for (entry, position) in entries.into_iter().zip(first..) {
                self.answer(Position::new(position), entry);
            }
        }
    }

    pub(super) fn answer(&mut self, position: Position, entry: Bytes) {
        let index = position.get() as usize - 1;
        let have = self
            .disks
            .iter()
            .filter(|disk| disk.entries.get(index) == Some(&entry));
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

    /// What was answered is on a majority of disks still.
    pub fn check_answers(&mut self) {
        for (position, entry) in self.answered.clone() {
            self.answer(position, entry);
        }
    }
}
