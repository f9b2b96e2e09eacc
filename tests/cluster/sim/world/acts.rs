//! What a node wants done, and the small service that does it: a writer and a disk.

use super::*;

impl World {
    /// Gives a node an event, and does what it wants done.
    pub(super) fn tell(&mut self, at: usize, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let Some(process) = &mut self.processes[at] else {
                return;
            };
            if process.paused {
                return;
            }
            for action in process.node.on(self.now, event) {
                events.extend(self.act(at, action));
            }
        }
    }

    /// Does one thing that a node wants done; what comes of it at once.
    fn act(&mut self, at: usize, action: Action) -> Option<Event> {
        let process = self.processes[at].as_mut()?;
        match action {
            Action::FindTree(position) => {
                let tree = self.disks[at].tree(position.get());
                return Some(Event::Tree { position, tree });
            }
            Action::ReadOwn { first, last } => return self.own(at, first, last),
            Action::Lead => {
                process.leads = true;
                return Some(Event::Led);
            }
            Action::Follow => process.leads = false,
            Action::Ordered => return self.ordered(at),
            Action::NotOrdered { .. } => process.judged = None,
            Action::Apply(groups) => {
                assert!(process.work.is_none(), "one append at a time");
                process.work = Some(Work::Apply(groups));
            }
            Action::KeepKeys { first, sealed } => return self.keep(at, first, &sealed),
            Action::Settle(position) => self.settle(at, position),
            Action::ReadFrom(sequence) => process.reads = sequence,
            Action::Publish { expect, sent } => self.publish(at, expect, sent),
            Action::Say(said) => self.say(at, said),
            Action::Look { at: sequence } => self.look(at, sequence),
            Action::Fetch { upto } => return self.fetch(at, upto),
            Action::Halt(why) => {
                if self.plan.losses == 0 {
                    self.fail(format!("{} halted: {why}", self.names[at]));
                }
            }
        }
        None
    }

    /// The group that the writer waits for goes on the disk.
    fn ordered(&mut self, at: usize) -> Option<Event> {
        let process = self.processes[at].as_mut()?;
        let group = process.judged.take().expect("the writer waits");
        let last = last_of(&group);
        self.check_keys(&group);
        if self.plan.left_out == LeftOut::OrderBeforeDisk {
            return Some(Event::Applied(last));
        }
        let process = self.processes[at].as_mut()?;
        process.work = Some(Work::Judged(group));
        None
    }

    pub(super) fn own(&mut self, at: usize, first: Position, last: Position) -> Option<Event> {
        let range = first.get() as usize - 1..last.get() as usize;
        let entries = self.disks[at].entries.get(range)?;
        let entries = entries.iter().take(3).cloned().collect();
        Some(Event::Own(Group { first, entries }))
    }

    /// Copies events from a node that has them; the keys come with them.
    pub(super) fn fetch(&mut self, at: usize, upto: Place) -> Option<Event> {
        let size = upto.position.get();
        let from = self
            .disks
            .iter()
            .find(|disk| disk.tree(size).is_some_and(|tree| Place::of(&tree) == upto))?;
        let range = self.disks[at].len() as usize..size as usize;
        let entries = from.entries.get(range)?.to_vec();
        let mut tree = self.disks[at].tree(self.disks[at].len())?;
        for entry in &entries {
            tree.push(Hash::leaf(entry));
        }
        if Place::of(&tree) != upto {
            return Some(Event::Forked);
        }
        let first = Position::new(self.disks[at].len()).next();
        self.append(at, &[Group { first, entries }]);
        Some(Event::Applied(upto.position))
    }

    pub(super) fn keep(&mut self, at: usize, first: Position, sealed: &[u8]) -> Option<Event> {
        let key = u64::from_be_bytes(sealed.try_into().expect("a key"));
        self.disks[at].ahead.insert(first, key);
        let hash = Hash::leaf(sealed);
        Some(Event::KeysKept { first, hash })
    }

    /// A leader's writer judges a group on the log as it stands.
    pub(super) fn judge(&mut self, at: usize) {
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        let idle = process.judged.is_none() && process.work.is_none();
        if !process.leads || !idle || process.paused {
            return;
        }
        let place = self.disks[at].place();
        let mut entries = Vec::new();
        let mut keys = None;
        for index in 0..=self.chance.below(3) {
            self.next_id += 1;
            let key = (index == 0 && self.chance.happens(500)).then_some(self.next_id);
            let keys_there: Vec<u64> = self.disks[at].keys.iter().copied().collect();
            let erases = (key.is_none() && !keys_there.is_empty() && self.chance.happens(200))
                .then(|| keys_there[self.chance.below(keys_there.len())]);
            keys = keys.or(key);
            let entry = Entry {
                id: self.next_id,
                judged_on: (index == 0).then_some(place.root),
                key,
                erases,
            };
            entries.push(entry.encode());
        }
        let first = place.position.next();
        let group = Group { first, entries };
        let process = self.processes[at].as_mut().expect("it runs");
        process.judged = Some(group.clone());
        if self.plan.left_out == LeftOut::OrderBeforeDisk {
            self.append(at, std::slice::from_ref(&group));
        }
        if let Some(key) = keys {
            self.disks[at].ahead.insert(first, key);
        }
        let keys = keys.map(|key| Bytes::copy_from_slice(&key.to_be_bytes()));
        let keys = keys.filter(|_| self.plan.left_out != LeftOut::KeysBeforeOrder);
        self.tell(at, Event::Judged { group, keys });
    }

    pub(super) fn finish_work(&mut self, at: usize) {
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        if process.paused {
            return;
        }
        match process.work.take() {
            None => {}
            Some(Work::Apply(groups)) => {
                self.append(at, &groups);
                let last = last_of(groups.last().expect("a group"));
                self.tell(at, Event::Applied(last));
            }
            Some(Work::Judged(group)) => {
                self.append(at, std::slice::from_ref(&group));
                let last = last_of(&group);
                let process = self.processes[at].as_mut().expect("it runs");
                process.parked.push((last, group.entries.clone()));
                if self.plan.left_out == LeftOut::Majority {
                    self.settle(at, last);
                }
                self.tell(at, Event::Applied(last));
            }
        }
    }
}
