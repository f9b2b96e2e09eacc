//! What a node wants done, and what its service does of it.

use contactd::domain::Closed;

use super::*;
use crate::sim::home::index;

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
                let tree = (position <= process.service.head())
                    .then(|| process.service.tree_at(position).expect("its own log"));
                return Some(Event::Tree { position, tree });
            }
            Action::ReadOwn { first, last } => return self.own(at, first, last),
            Action::Lead => {
                process.take_side(&self.runtime, true);
                return Some(Event::Led);
            }
            Action::Follow => process.take_side(&self.runtime, false),
            Action::Ordered => return self.ordered(at),
            Action::NotOrdered { certain } => {
                let certain = certain || self.plan.left_out == LeftOut::UnknownIsSaid;
                let why = if certain {
                    NotOrdered::Refused(Closed::Follows)
                } else {
                    NotOrdered::Unknown
                };
                self.refuse(at, why);
            }
            Action::CutOff => self.refuse(at, NotOrdered::Refused(Closed::CutOff)),
            Action::Apply(groups) => {
                assert!(process.work.is_none(), "one append at a time");
                process.work = Some(Work::Apply(groups));
            }
            Action::KeepKeys { first, sealed } => return self.keep(at, first, &sealed),
            Action::Settle(position) => {
                return self.settle(at, position).then_some(Event::Erased(position));
            }
            Action::Erased(position) => {
                process.service.confirm_erased(position);
                self.collect(at);
            }
            Action::ReadFrom(sequence) => process.reads = Some(sequence),
            Action::Publish { expect, sent } => self.publish(at, expect, sent),
            Action::Say(said) => {
                let others = (0..self.plan.nodes).filter(|to| *to != at);
                self.say(at, others.collect(), said);
            }
            Action::Tell { to, said } => {
                let to = self.names.iter().position(|name| *name == to);
                self.say(at, to.into_iter().collect(), said);
            }
            Action::Look { at: sequence } => self.look(at, sequence),
            Action::Fetch { upto } => process.work = Some(Work::Fetch(upto)),
            // The simulation has no checkpoints.
            Action::KeepCosigned { .. } | Action::Forget { .. } => {}
            Action::Compare => return Some(self.compare(at)),
            Action::MakeAnew => self.make_anew(at),
            Action::SetAside { reach } => self.set_aside(at, Some(reach)),
            Action::Whole => self.homes[at].reach = None,
            Action::Halt(why) => {
                if self.plan.losses == 0 {
                    let why = format!("{} halted: {why}", self.names[at]);
                    self.fail(Invariant::GoesOn, why);
                }
                if self.plan.left_out == LeftOut::MajorityBeforeAside {
                    self.set_aside(at, None);
                }
            }
        }
        None
    }

    /// The group that the writer waits for has no place.
    fn refuse(&mut self, at: usize, why: NotOrdered) {
        if let Some(process) = &mut self.processes[at] {
            process.reply(&self.runtime, Err(why));
        }
        self.collect(at);
    }

    /// The group that the writer waits for goes on the disk.
    fn ordered(&mut self, at: usize) -> Option<Event> {
        if self.plan.left_out == LeftOut::OrderBeforeDisk {
            return Some(Event::Applied(self.processes[at].as_ref()?.service.head()));
        }
        let process = self.processes[at].as_mut()?;
        let question = process.judged.as_ref().expect("the writer waits");
        let slots = question.slots.clone();
        process.work = Some(Work::Judged);
        self.check_keys(slots);
        None
    }

    fn own(&mut self, at: usize, first: Position, last: Position) -> Option<Event> {
        let range = index(first)..index(last) + 1;
        let entries = self.homes[at].entries.get(range)?;
        let entries = entries.iter().take(3).cloned().collect();
        Some(Event::Own(Group { first, entries }))
    }
}
