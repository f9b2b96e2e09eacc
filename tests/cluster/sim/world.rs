//! A cluster in one thread: nodes that are driven as the service drives them, and everything around
//! them that fails by chance.

mod acts;
mod checks;
mod ways;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use contactd::audit::Hash;
use contactd::cluster::{
    Action, Body, Coder, Event, Members, Message, MessageId, Node, NodeName, Place, Role, Said,
    Sent, Sizes, Spoken,
};
use contactd::domain::Position;
use contactd::keys::ClusterKey;
use contactd::log::Group;

use super::chance::Chance;
use super::disk::{Disk, Entry};
use super::stream::Stream;

/// Parts are so small that many groups have several, and records so close that the stream always
/// keeps one.
const SIZES: Sizes = Sizes {
    part_bytes_max: 150,
    record_messages_max: 7,
    record_bytes_max: 10_000,
};

/// A rule that is left out, to see that something breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    Nothing,
    TermAndRoot,
    RootsOfAMajority,
    Majority,
    VoidIsSkipped,
    OrderBeforeDisk,
    KeysBeforeOrder,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub nodes: usize,
    pub steps: usize,
    /// The number of steps in a thousand in which the stream loses its end.
    pub losses: u64,
    /// Whether a loss may be that of the whole stream.
    pub wipes: bool,
    pub left_out: LeftOut,
}

/// What one node's process has beside its disk.
struct Process {
    node: Node,
    /// The sequence that its reader delivers next.
    reads: u64,
    work: Option<Work>,
    leads: bool,
    /// The group that its writer waits for.
    judged: Option<Group>,
    parked: Vec<(Position, Vec<Bytes>)>,
    paused: bool,
}

enum Work {
    Apply(Vec<Group>),
    Judged(Group),
}

/// A message on its way.
enum Packet {
    Publish {
        from: usize,
        expect: u64,
        sent: Sent,
    },
    Stored {
        to: usize,
        id: MessageId,
        sequence: u64,
    },
    Refused {
        to: usize,
        id: MessageId,
    },
    Spoken {
        to: usize,
        bytes: Bytes,
    },
    Looked {
        to: usize,
        created: u64,
        last: u64,
        looked_at: u64,
        found: Option<MessageId>,
    },
}

pub struct World {
    plan: Plan,
    chance: Chance,
    now: Duration,
    names: Vec<NodeName>,
    key: ClusterKey,
    coder: Coder,
    stream: Stream,
    disks: Vec<Disk>,
    processes: Vec<Option<Process>>,
    packets: Vec<Packet>,
    next_id: u64,
    /// What was answered, by position.
    pub answered: BTreeMap<Position, Bytes>,
    /// The one root that each signed size has.
    signed: BTreeMap<Position, Hash>,
    /// The one log of which all are beginnings, while the stream loses nothing.
    truth: Vec<Bytes>,
    quiet: bool,
    pub broken: Option<String>,
}

impl World {
    pub fn new(seed: u64, plan: Plan) -> Self {
        let names: Vec<NodeName> = (0..plan.nodes)
            .map(|number| format!("n{number}").parse().expect("a name"))
            .collect();
        let key = ClusterKey::new([1; 32], "log");
        let mut world = Self {
            plan,
            chance: Chance::of(seed),
            now: Duration::from_secs(1),
            coder: Coder::new("log".into(), key.clone()),
            key,
            stream: Stream::default(),
            disks: names.iter().map(|_| Disk::default()).collect(),
            processes: names.iter().map(|_| None).collect(),
            names,
            packets: Vec::new(),
            next_id: 1,
            answered: BTreeMap::new(),
            signed: BTreeMap::new(),
            truth: Vec::new(),
            quiet: false,
            broken: None,
        };
        for at in 0..plan.nodes {
            world.start(at);
        }
        world
    }

    fn start(&mut self, at: usize) {
        let members = Members::new(self.names.clone(), &self.names[at]).expect("a cluster");
        let place = self.disks[at].place();
        let node = Node::new(members, self.coder.clone(), SIZES, place, self.now);
        self.processes[at] = Some(Process {
            node,
            reads: 1,
            work: None,
            leads: false,
            judged: None,
            parked: Vec::new(),
            paused: false,
        });
        self.look(at, 0);
    }

    /// Runs the plan, then lets all faults end; whether something was answered after that.
    pub fn run(&mut self) -> bool {
        for _ in 0..self.plan.steps {
            self.step();
            if self.broken.is_some() {
                return true;
            }
        }
        let before = self.answered.len();
        self.quiet = true;
        for at in 0..self.plan.nodes {
            match &mut self.processes[at] {
                Some(process) => process.paused = false,
                None => self.start(at),
            }
        }
        for _ in 0..20 * self.plan.steps {
            self.step();
            if self.broken.is_some() || self.answered.len() > before + 3 {
                return true;
            }
        }
        false
    }

    /// The number of nodes that serve nothing.
    pub fn halted(&self) -> usize {
        let halted = |process: &&Process| process.node.role() == Role::Halted;
        self.processes.iter().flatten().filter(halted).count()
    }

    fn fail(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.chance.below(30) as u64);
        let at = self.chance.below(self.plan.nodes);
        if !self.quiet {
            self.faults(at);
        }
        match self.chance.below(10) {
            0 | 1 => self.tell(at, Event::Tick),
            2..=4 => self.read(at),
            5 => self.finish_work(at),
            6 => self.judge(at),
            _ => {}
        }
        for _ in 0..self.chance.below(4) {
            if !self.packets.is_empty() {
                let index = self.chance.below(self.packets.len());
                let packet = self.packets.swap_remove(index);
                self.deliver(packet);
            }
        }
    }

    fn faults(&mut self, at: usize) {
        if self.chance.happens(4) {
            self.crash(at);
        }
        if self.processes[at].is_none() && self.chance.happens(100) {
            self.start(at);
        }
        if self.chance.happens(10)
            && let Some(process) = &mut self.processes[at]
        {
            process.paused = !process.paused;
        }
        if self.chance.happens(3) {
            self.now += Duration::from_secs(3);
        }
        if self.chance.happens(2) {
            self.tell(at, Event::Yield);
        }
        if self.chance.happens(self.plan.losses) {
            if self.plan.wipes && self.chance.happens(300) {
                self.stream.forget_all();
            } else {
                let count = 1 + self.chance.below(6);
                self.stream.lose(count);
            }
        }
    }

    /// The process dies: what was on its way to the disk may be there or not.
    fn crash(&mut self, at: usize) {
        if let Some(process) = self.processes[at].take()
            && self.chance.happens(500)
        {
            match process.work {
                Some(Work::Apply(groups)) => self.append(at, &groups),
                Some(Work::Judged(group)) => self.append(at, &[group]),
                None => {}
            }
        }
    }
}

fn last_of(group: &Group) -> Position {
    group.next().previous()
}
