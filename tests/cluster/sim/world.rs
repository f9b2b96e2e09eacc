//! A cluster, one step after another: nodes that are driven as the service drives them, and
//! everything around them that fails by chance.

mod acts;
mod checks;
mod commands;
mod disks;
mod forks;
mod ways;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use contactd::audit::Hash;
use contactd::cluster::{
    Action, Body, Coder, Event, Members, Message, MessageId, Node, NodeName, Place, Role, Said,
    Sizes, Spoken,
};
use contactd::domain::{ContactId, Position};
use contactd::keys::{ClusterKey, KeyRing};
use contactd::log::Group;
use contactd::service::NotOrdered;

use super::chance::Chance;
use super::home::Home;
use super::process::{Process, Sent, Work};
use super::stream::Stream;

/// Parts are so small that many groups have several, and records so close that the stream always
/// keeps one.
const SIZES: Sizes = Sizes {
    part_bytes_max: 500,
    record_messages_max: 7,
    record_bytes_max: 10_000,
};

/// What must hold after each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// All logs are beginnings of one, and equal logs have equal views.
    OneLogPrefix,
    /// What was answered is in the log, and what was refused is not.
    AnsweredCounts,
    /// What is answered is on a majority of disks.
    AnsweredOnMajority,
    /// A position is given once, and a command is done once.
    PositionOnce,
    /// A group counts on the state on which it was judged alone.
    JudgedOnWhatStands,
    /// What is signed has settled, so that a size has one root.
    SignedIsSettled,
    /// What a log has can be opened: its key is on a majority of disks first, and stays.
    KeyBeforeUse,
    /// Whoever is erased stays erased.
    ErasedStaysErased,
    /// Beside the eight: a process opens what its disk has, takes what was ordered, and goes on.
    GoesOn,
}

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
    SettledBeforeSigned,
    ErasedTakesNoKey,
    UnknownIsSaid,
    MajorityBeforeAside,
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

/// A message on its way.
enum Packet {
    Publish {
        from: usize,
        expect: u64,
        sent: contactd::cluster::Sent,
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
    homes: Vec<Home>,
    processes: Vec<Option<Process>>,
    packets: Vec<Packet>,
    runtime: tokio::runtime::Runtime,
    /// Keys of nobody, for events without content.
    no_keys: KeyRing,
    next_id: u64,
    /// Contacts that were heard of.
    known: Vec<ContactId>,
    /// Commands whose outcome is not known; they are sent again under their keys.
    unknown: Vec<Sent>,
    /// The position of each command that was answered.
    done: BTreeMap<u64, Position>,
    /// Groups that never count, say those who judged them.
    refused: Vec<Bytes>,
    /// The root of the tree on which a group was judged, by its first event.
    judged_on: BTreeMap<Bytes, Hash>,
    /// What was answered, by position.
    pub answered: BTreeMap<Position, Bytes>,
    /// The one root that each signed size has.
    signed: BTreeMap<Position, Hash>,
    /// The one log of which all are beginnings, while the stream loses nothing.
    truth: Vec<Bytes>,
    /// The ends of work that did not go on the disk.
    outcomes: Vec<(usize, Event)>,
    quiet: bool,
    pub broken: Option<(Invariant, String)>,
}

impl World {
    pub fn new(seed: u64, plan: Plan) -> Self {
        let names: Vec<NodeName> = (0..plan.nodes)
            .map(|number| format!("n{number}").parse().expect("a name"))
            .collect();
        let key = ClusterKey::new([1; 32], "log");
        let homes = (0..names.len() as u64).map(|number| Home::new(seed * 16 + number));
        let homes: Vec<Home> = homes.collect();
        for other in &homes[1..] {
            homes[0].share_index(other).expect("a disk without faults");
        }
        let (no_keys, _) = Home::new(0).keys().expect("a disk without faults");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let mut world = Self {
            plan,
            chance: Chance::of(seed),
            now: Duration::from_secs(1),
            coder: Coder::new("log".into(), key.clone()),
            key,
            stream: Stream::default(),
            homes,
            processes: names.iter().map(|_| None).collect(),
            names,
            packets: Vec::new(),
            runtime: runtime.expect("a runtime"),
            no_keys,
            next_id: 1,
            known: Vec::new(),
            unknown: Vec::new(),
            done: BTreeMap::new(),
            refused: Vec::new(),
            judged_on: BTreeMap::new(),
            answered: BTreeMap::new(),
            signed: BTreeMap::new(),
            truth: Vec::new(),
            outcomes: Vec::new(),
            quiet: false,
            broken: None,
        };
        for at in 0..plan.nodes {
            world.start(at);
        }
        world
    }

    /// A wall clock jumps, or goes on.
    fn turn_clock(&mut self, at: usize) {
        let by = self.chance.below(10_000) as u64;
        let clock = &self.homes[at].clock;
        if self.chance.happens(300) {
            clock.fetch_sub(by, Ordering::Relaxed);
        } else {
            clock.fetch_add(by, Ordering::Relaxed);
        }
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

    /// Goes on without faults while a node is halted, for a while: most find their way by themselves.
    pub fn rest(&mut self) {
        for _ in 0..4 * self.plan.steps {
            if self.halted() == 0 || self.broken.is_some() {
                return;
            }
            self.step();
        }
    }

    /// The nodes as they are, a line each.
    pub fn describe(&self) -> String {
        let nodes = self.processes.iter().zip(&self.homes).map(|(process, home)| {
            let place = home.place().position;
            let Some(Process { node, work, reads, .. }) = process else {
                return format!("gone at {place}");
            };
            let (status, ordered) = (node.status(), node.ordered());
            let (role, term, settled) = (status.role, status.term, status.settled);
            let why = status.halted.unwrap_or_default();
            let ordered = ordered.map(|place| place.position);
            let reach = status.reach;
            format!("{role:?} {why} of term {term} at {place}, reach {reach:?}, ordered {ordered:?}, settled {settled}, reads {reads:?}, {work:?}")
        });
        let nodes: Vec<String> = nodes.collect();
        format!(
            "{}; the stream ends at {}",
            nodes.join("; "),
            self.stream.last()
        )
    }

    /// The number of nodes that serve nothing.
    pub fn halted(&self) -> usize {
        let halted = |process: &&Process| process.node.role() == Role::Halted;
        self.processes.iter().flatten().filter(halted).count()
    }

    /// The reasons that those have.
    pub fn reasons(&self) -> impl Iterator<Item = String> {
        let running = self.processes.iter().flatten();
        running.filter_map(|process| process.node.status().halted)
    }

    fn fail(&mut self, what: Invariant, why: String) {
        self.broken.get_or_insert((what, why));
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
            6 => self.ask(at),
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
        if self.chance.happens(10) {
            self.turn_clock(at);
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
        if self.chance.happens(3)
            && let Some(process) = &mut self.processes[at]
        {
            process.reads = None;
        }
        if self.chance.happens(2) {
            let event = if self.chance.happens(500) {
                Event::Yield
            } else {
                Event::HandOver
            };
            self.tell(at, event);
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
}

fn last_of(group: &Group) -> Position {
    group.next().previous()
}
