//! Clients that call without end, over HTTP, over NATS, and by durable commands, all on the same few
//! contacts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use parking_lot::Mutex;

use super::chance::Chance;
use super::history::{Answer, Asked, Call, History, Way};
use super::wire::{Api, Request, Told};

/// The calls on one slot, after which a new one takes its place: what is judged stays small.
const CALLS_OF_A_SLOT: u64 = 40;
/// The time between two calls of a client.
const PACE: Duration = Duration::from_millis(50);
/// The time for which a client sends a call again whose answer did not come.
const STUBBORN: Duration = Duration::from_secs(30);
/// The answers that a client keeps to ask for them again.
const KEPT: usize = 20;

/// A place for contacts.
#[derive(Clone, Debug)]
pub struct Slot {
    pub number: u64,
    kind: Kind,
    begun: bool,
    /// The last contact in it that was heard of, and its version then.
    id: Option<String>,
    version: u64,
    calls: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One contact of our own API.
    Plain,
    /// Whoever has an address, written by upserts.
    Upserted,
    /// An address that one contact of Thena's may have.
    Unique,
}

/// The slots that are in use, and those that were.
pub struct Slots {
    open: Vec<Slot>,
    closed: Vec<Slot>,
    next: u64,
}

impl Default for Slots {
    fn default() -> Self {
        use Kind::{Plain, Unique, Upserted};
        let mut slots = Self {
            open: Vec::new(),
            closed: Vec::new(),
            next: 1,
        };
        for kind in [Plain, Upserted, Unique, Plain, Unique, Plain] {
            let slot = slots.fresh(kind);
            slots.open.push(slot);
        }
        slots
    }
}

impl Slots {
    fn fresh(&mut self, kind: Kind) -> Slot {
        let number = self.next;
        self.next += 1;
        Slot {
            number,
            kind,
            begun: false,
            id: None,
            version: 0,
            calls: 0,
        }
    }

    /// Somewhere to call, as it was before this call.
    fn pick(&mut self, chance: &mut Chance) -> Slot {
        let index = chance.below(self.open.len() as u64) as usize;
        if self.open[index].calls >= CALLS_OF_A_SLOT {
            let fresh = self.fresh(self.open[index].kind);
            let old = std::mem::replace(&mut self.open[index], fresh);
            self.closed.push(old);
        }
        let slot = &mut self.open[index];
        let before = slot.clone();
        slot.begun = true;
        slot.calls += 1;
        before
    }

    /// Notes what an answer says of a slot.
    fn learn(&mut self, number: u64, answer: &Answer) {
        let Some(slot) = self.open.iter_mut().find(|slot| slot.number == number) else {
            return;
        };
        match answer {
            Answer::Written { seen, .. } | Answer::Found(Some(seen)) => {
                slot.id = Some(seen.id.clone());
                slot.version = seen.version.unwrap_or(slot.version);
            }
            // Nobody will know the id of a contact whose create has no answer.
            Answer::Unknown | Answer::Refused | Answer::Stored
                if slot.kind == Kind::Plain && slot.id.is_none() =>
            {
                slot.calls = CALLS_OF_A_SLOT;
            }
            // A few more look at what is gone.
            Answer::Deleted if slot.kind == Kind::Plain => slot.calls += CALLS_OF_A_SLOT / 2,
            _ => {}
        }
    }

    /// Every slot that was ever called.
    pub fn all(&self) -> Vec<Slot> {
        self.closed.iter().chain(&self.open).cloned().collect()
    }
}

impl Slot {
    fn api(&self) -> Api {
        match self.kind {
            Kind::Plain | Kind::Upserted => Api::Native,
            Kind::Unique => Api::Thena,
        }
    }

    fn email(&self) -> Option<String> {
        (self.kind != Kind::Plain).then(|| format!("s{}@example.com", self.number))
    }

    /// The read over HTTP that shows who is in it.
    pub fn look(&self, number: u64) -> Option<Request> {
        let asked = match (self.kind, &self.id) {
            (Kind::Plain, Some(id)) => Asked::Get { id: id.clone() },
            (Kind::Plain, None) => return None,
            _ => Asked::Find,
        };
        Some(self.request(asked, number))
    }

    fn request(&self, asked: Asked, number: u64) -> Request {
        let mut headers = vec![("traceparent", traceparent(number))];
        if let Asked::Update { expects, .. } | Asked::Delete { expects, .. } = &asked
            && let Some(version) = expects
        {
            headers.push(("if-match", format!("\"{version}\"")));
        }
        Request {
            api: self.api(),
            asked,
            email: self.email(),
            number,
            headers,
        }
    }

    /// What a client asks of it next; nothing where there is nothing to ask yet.
    fn next(&self, way: Way, chance: &mut Chance) -> Option<Asked> {
        let Some(id) = self.id.clone() else {
            return match self.kind {
                Kind::Plain => (!self.begun && way != Way::Durable).then_some(Asked::Create),
                Kind::Upserted if way == Way::Http => Some(Asked::Upsert),
                Kind::Upserted => (way == Way::Rpc).then_some(Asked::Find),
                Kind::Unique => Some(Asked::Create),
            };
        };
        let expects = match chance.below(4) {
            0 | 1 => Some(self.version.max(1)),
            2 => Some(self.version.saturating_sub(1).max(1)),
            _ => None,
        };
        let write = way == Way::Durable || chance.below(100) < 60;
        if !write {
            let by_id = self.kind == Kind::Plain || (way == Way::Rpc && self.kind == Kind::Unique);
            return Some(if by_id {
                Asked::Get { id }
            } else {
                Asked::Find
            });
        }
        let deletes = if self.kind == Kind::Plain { 4 } else { 25 };
        Some(match (self.kind, chance.below(100)) {
            (_, n) if n < deletes => Asked::Delete { id, expects },
            (Kind::Upserted, n) if n < 65 && way == Way::Http => Asked::Upsert,
            (Kind::Unique, n) if n < 65 => Asked::Create,
            _ => Asked::Update { id, expects },
        })
    }
}

/// The trace context that a call and its events bear.
pub fn traceparent(number: u64) -> String {
    format!("00-{number:032x}-{number:016x}-01")
}

/// What all clients share.
pub struct Load {
    /// Headers that every request has, such as a token.
    pub headers: Vec<(&'static str, String)>,
    pub history: History,
    pub slots: Mutex<Slots>,
    pub epoch: Instant,
    numbers: AtomicU64,
    stop: AtomicBool,
    /// Answers that no call may get.
    pub wrong: Mutex<Vec<String>>,
    /// The number of answers that were asked for again and were the same.
    pub repeats: AtomicU64,
}

/// The ways that a client's requests may take. Where one gives no answer, it takes the next.
#[derive(Clone)]
pub enum Line {
    /// To services at these URLs.
    Http(reqwest::Client, Vec<String>),
    Rpc(Vec<async_nats::Client>),
    Durable(Vec<Context>),
}

impl Load {
    pub fn new(headers: Vec<(&'static str, String)>) -> Arc<Self> {
        Arc::new(Self {
            headers,
            history: History::default(),
            slots: Mutex::default(),
            epoch: Instant::now(),
            numbers: AtomicU64::new(1),
            stop: AtomicBool::new(false),
            wrong: Mutex::default(),
            repeats: AtomicU64::new(0),
        })
    }

    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// One client; it has one call under way at most.
pub struct Client {
    load: Arc<Load>,
    line: Line,
    patience: Duration,
    chance: Chance,
    kept: Vec<(Request, Told)>,
    /// The number of requests without an answer.
    turns: usize,
}

impl Client {
    pub fn new(load: Arc<Load>, line: Line, patience: Duration, seed: u64) -> Self {
        Self {
            load,
            line,
            patience,
            chance: Chance(seed),
            kept: Vec::new(),
            turns: seed as usize,
        }
    }

    /// Calls until it is told to stop.
    pub async fn run(mut self) {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.load.stopped() {
            pace.tick().await;
            if self.chance.below(12) == 0 {
                self.repeat().await;
            }
            let slot = self.load.slots.lock().pick(&mut self.chance);
            if let Some(asked) = slot.next(self.way(), &mut self.chance) {
                let request = slot.request(asked, self.load.number());
                self.call(slot.number, request).await;
            }
        }
    }

    fn way(&self) -> Way {
        match self.line {
            Line::Http(..) => Way::Http,
            Line::Rpc(_) => Way::Rpc,
            Line::Durable(_) => Way::Durable,
        }
    }

    /// Makes one call, and notes it with what came of it.
    pub async fn call(&mut self, slot: u64, mut request: Request) -> Answer {
        let way = self.way();
        request.headers.extend(self.load.headers.iter().cloned());
        let keyed = way != Way::Durable && !request.asked.is_read() && self.chance.below(2) == 0;
        if keyed {
            let key = format!("key-{}", request.number);
            request.headers.push(("idempotency-key", key));
        }
        let begun = self.load.epoch.elapsed();
        let since = Instant::now();
        let (mut answer, mut told) = self.send(&request).await;
        let mut again = false;
        while keyed && answer == Answer::Unknown && since.elapsed() < STUBBORN {
            again = true;
            tokio::time::sleep(PACE).await;
            (answer, told) = self.send(&request).await;
        }
        // It is about this attempt alone.
        if again && answer == Answer::Refused {
            answer = Answer::Unknown;
        }
        self.load.slots.lock().learn(slot, &answer);
        let position = told.as_ref().and_then(|told| told.position);
        let judged = answer.is_judged();
        // A client that found its call refused does not hammer.
        if !judged {
            tokio::time::sleep(PACE * 4).await;
        }
        if let Some(told) = told.filter(|_| keyed && judged) {
            if self.kept.len() == KEPT {
                self.kept.remove(0);
            }
            self.kept.push((request.clone(), told));
        }
        self.load.history.add(Call {
            number: request.number,
            slot,
            way,
            asked: request.asked,
            begun,
            ended: self.load.epoch.elapsed(),
            answer: answer.clone(),
            position,
        });
        answer
    }

    async fn send(&mut self, request: &Request) -> (Answer, Option<Told>) {
        let (answer, told) = self.sent(request).await;
        if !answer.is_judged() {
            self.turns += 1;
        }
        (answer, told)
    }

    async fn sent(&self, request: &Request) -> (Answer, Option<Told>) {
        let turns = self.turns;
        let told = match &self.line {
            Line::Durable(streams) => {
                let streams = &streams[turns % streams.len()];
                let stored = request.durably(streams, self.patience).await;
                let answer = if stored {
                    Answer::Stored
                } else {
                    Answer::Unknown
                };
                return (answer, None);
            }
            Line::Http(client, urls) => request.over_http(client, &urls[turns % urls.len()]).await,
            Line::Rpc(buses) => {
                let bus = &buses[turns % buses.len()];
                request.over_rpc(bus, self.patience).await
            }
        };
        let Some(told) = told else {
            return (Answer::Unknown, None);
        };
        let answer = request.read(&told).unwrap_or_else(|wrong| {
            self.load.wrong.lock().push(format!("{request:?}: {wrong}"));
            Answer::Unknown
        });
        (answer, Some(told))
    }

    /// Sends a call again that was answered: the answer must be the same.
    async fn repeat(&mut self) {
        if self.kept.is_empty() {
            return;
        }
        let index = self.chance.below(self.kept.len() as u64) as usize;
        let (request, first) = self.kept[index].clone();
        let (answer, told) = self.send(&request).await;
        if !answer.is_judged() {
            return;
        }
        self.load.repeats.fetch_add(1, Ordering::Relaxed);
        if told.as_ref() != Some(&first) {
            let wrong = format!("{request:?}: first {first:?}, then {told:?}");
            self.load.wrong.lock().push(wrong);
        }
    }
}

/// A contact that nobody else calls: whether writes are taken.
pub fn probe(number: u64) -> Request {
    Request {
        api: Api::Native,
        asked: Asked::Create,
        email: None,
        number,
        headers: vec![("traceparent", traceparent(number))],
    }
}
