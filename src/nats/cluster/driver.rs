//! Drives the node: whatever happens becomes an event, and each action is carried out in its order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::asks::Answering;
use super::disk::{Disk, Work};
use super::hearing::Hearing;
use super::link::{self, Link};
use super::noting;
use super::options::Options;
use super::order::{Asked, Orders, Placing};
use super::reader::{Reader, next};
use crate::cluster::{
    Action, Coder, Event, Node, NodeName, Place, Role, Said, Sizes, Spoken, Status,
};
use crate::domain::{Closed, Position};
use crate::gateway::stopped;
use crate::service::{NotOrdered, ReadError, Service, Signed};

/// The time between two looks at the clock.
const TICK: Duration = Duration::from_millis(100);
/// The least that a broker must take in one message, and the most that is sent in one.
const PAYLOAD_MIN: usize = 128 << 10;
const PAYLOAD_MAX: usize = 1 << 20;
/// Room for a message's headers.
const HEADERS_MAX: usize = 8 << 10;
/// Parts are what every broker takes, until it is known what this one takes; and a record is always
/// among what the stream keeps.
const SIZES: Sizes = Sizes {
    part_bytes_max: PAYLOAD_MIN - HEADERS_MAX,
    record_messages_max: 10_000,
    record_bytes_max: 128 << 20,
};
/// The most things that wait to be done with the log.
const WORK_MAX: usize = 1_024;
/// Messages that were read from the stream ahead of the node.
const READ_AHEAD: usize = 64;
/// The time after which a node says again what it has cosigned, for who did not hear it.
const COSIGNED_AGAIN: Duration = Duration::from_secs(5);
/// The longest that a node which stops may take to give the lead up, and to have what others handed to
/// it answered.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(10);

/// Takes part in the cluster until `stopping` becomes true, and what answers other nodes has ended by
/// itself: only who hears the others knows that what it answers has settled. `status` always has what
/// operators see.
///
/// # Errors
/// The log's own tree can't be read, so that nothing of it can be compared.
pub async fn run(
    service: Service,
    options: Options,
    ends: (Arc<Placing>, Orders),
    status: watch::Sender<Option<Status>>,
    stopping: watch::Receiver<bool>,
    answering: JoinSet<()>,
) -> Result<(), ReadError> {
    let (driver, inputs) = start(service, options, ends, status)?;
    driver.drive(inputs, answering, stopping).await;
    Ok(())
}

/// Everything that the driver waits for.
struct Inputs {
    happened: mpsc::Receiver<Event>,
    linked: mpsc::Receiver<Option<Link>>,
    asked: mpsc::Receiver<Asked>,
    head: watch::Receiver<Position>,
    signed: watch::Receiver<Signed>,
    /// The tasks on which all of it rests; they end with the driver.
    _tasks: JoinSet<()>,
}

fn start(
    service: Service,
    options: Options,
    (placing, orders): (Arc<Placing>, Orders),
    status: watch::Sender<Option<Status>>,
) -> Result<(Driver, Inputs), ReadError> {
    let audit = options.cosigning.audit().clone();
    let node = node(&service, &options)?;
    let (links, linked) = mpsc::channel(1);
    let (work, works) = mpsc::channel(WORK_MAX);
    let (modes, wanted) = mpsc::channel(WORK_MAX);
    let Orders {
        asked,
        settled,
        client,
        events,
        happened,
        set_aside,
        doubled,
    } = orders;
    let start = Uuid::now_v7();
    let own = (options.members.own().clone(), start);
    let hearing = Hearing::new(own, options.key.clone(), events.clone(), doubled);
    let disk = Disk {
        options: options.clone(),
        service: service.clone(),
        client: client.subscribe(),
        events: events.clone(),
    };
    let answering = Answering {
        service: service.clone(),
        audit,
        key: options.key.clone(),
        status: status.subscribe(),
    };
    let linking = link::keep(options.clone(), answering, links, hearing);
    let mut tasks = JoinSet::new();
    tasks.spawn(linking);
    tasks.spawn(disk.run(works));
    tasks.spawn(take_sides(service.clone(), placing, wanted, events.clone()));
    let inputs = Inputs {
        happened,
        linked,
        asked,
        head: service.follow(),
        signed: options.cosigning.audit().follow(),
        _tasks: tasks,
    };
    let driver = Driver {
        node,
        options,
        service,
        start,
        started: Instant::now(),
        link: None,
        client,
        reader: None,
        reply: None,
        drawn: None,
        settled,
        destroyed: None,
        events,
        work,
        modes,
        sending: JoinSet::new(),
        status,
        set_aside,
    };
    Ok((driver, inputs))
}

/// The node over the log that is on the disk.
fn node(service: &Service, options: &Options) -> Result<Node, ReadError> {
    let tree = (options.cosigning.audit()).tree_at(service, service.head())?;
    let coder = Coder::new(options.log_id.clone(), options.key.clone());
    let (members, own) = (options.members.clone(), Place::of(&tree));
    Ok(Node::new(members, coder, SIZES, own, Duration::ZERO)
        .reaching(options.reach)
        .having_erased(service.settled()))
}

/// Tells the writer to judge or not to, in the order in which that is wanted.
async fn take_sides(
    service: Service,
    placing: Arc<Placing>,
    mut wanted: mpsc::Receiver<bool>,
    events: mpsc::Sender<Event>,
) {
    while let Some(leads) = wanted.recv().await {
        let done = if leads {
            service.lead(placing.clone()).await
        } else {
            service.stand_back().await
        };
        match done {
            Ok(()) if leads => drop(events.send(Event::Led).await),
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%error, "the writer does not do what the cluster wants");
            }
        }
    }
}

/// Runs the state machine of the cluster: tells it what happens, and does what it wants done.
pub struct Driver {
    pub(super) node: Node,
    pub(super) options: Options,
    pub(super) service: Service,
    /// Tells this process from another one under the node's name.
    start: Uuid,
    started: Instant,
    link: Option<Link>,
    /// The connection, for those who ask other nodes.
    client: watch::Sender<Option<Client>>,
    reader: Option<Reader>,
    /// The writer's waiting question.
    pub(super) reply: Option<oneshot::Sender<Result<(), NotOrdered>>>,
    /// The keys of which the writer said that they are put on this disk, sealed, and the position of
    /// their group's first event.
    pub(super) drawn: Option<(Position, Bytes)>,
    settled: Arc<AtomicU64>,
    /// The position up to which keys were destroyed just now.
    destroyed: Option<Position>,
    events: mpsc::Sender<Event>,
    work: mpsc::Sender<Work>,
    modes: mpsc::Sender<bool>,
    /// What is on its way to the bus.
    sending: JoinSet<()>,
    status: watch::Sender<Option<Status>>,
    set_aside: watch::Sender<Option<Position>>,
}

impl Driver {
    async fn drive(
        mut self,
        mut inputs: Inputs,
        mut answering: JoinSet<()>,
        mut stopping: watch::Receiver<bool>,
    ) {
        self.options.cosigning.follow();
        let mut tick = tokio::time::interval(TICK);
        let mut again = tokio::time::interval(COSIGNED_AGAIN);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ends = None;
        loop {
            let ready = self.node.takes_messages();
            tokio::select! {
                _ = tick.tick() => self.tick().await,
                Some(event) = inputs.happened.recv() => self.tell(event).await,
                Some(asked) = inputs.asked.recv() => self.asked(asked).await,
                Some(link) = inputs.linked.recv() => self.linked(link).await,
                read = next(&mut self.reader), if ready => self.read(read).await,
                Ok(()) = inputs.head.changed() => {
                    let position = *inputs.head.borrow_and_update();
                    self.tell(Event::Applied(position)).await;
                }
                Ok(()) = inputs.signed.changed() => self.cosign(),
                _ = again.tick() => self.cosign(),
                Some(_) = self.sending.join_next() => {}
                Some(_) = answering.join_next() => {}
                () = stopped(&mut stopping), if ends.is_none() => {
                    ends = Some(Instant::now() + LEAVE_TIME_MAX);
                    self.tell(Event::Yield).await;
                }
            }
            let done = self.node.role() != Role::Leading && answering.is_empty();
            if ends.is_some_and(|ends| done || Instant::now() >= ends) {
                return self.leave().await;
            }
        }
    }

    /// Looks at the clock. A leader that takes no writes, for its disk is full or its clock is not
    /// believed, lets another take them.
    async fn tick(&mut self) {
        if self.service.closed().is_some() {
            self.tell(Event::Yield).await;
        }
        self.tell(Event::Tick).await;
    }

    /// Gives the node an event, and does what it wants done.
    pub(super) async fn tell(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            for action in self.node.on(self.started.elapsed(), event) {
                self.act(action).await;
            }
            next = self.destroyed.take().map(Event::Erased);
        }
        let now = self.node.status();
        noting::note(self.status.borrow().as_ref(), &now);
        self.status.send_if_modified(|status| {
            let is_news = status
                .as_ref()
                .is_none_or(|before| now.is_news_after(before));
            *status = Some(now);
            is_news
        });
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Publish { expect, sent } => {
                self.with_link(|link| async move { link.order.publish(expect, sent).await })
            }
            Action::Look { at } => self.with_link(|link| async move { link.order.look(at).await }),
            Action::Say(said) => self.say(None, said).await,
            Action::Tell { to, said } => self.say(Some(to), said).await,
            Action::ReadFrom(sequence) => self.read_from(sequence),
            Action::Apply(groups) => self.give(Work::Apply(groups)).await,
            Action::Fetch { upto } => self.give(Work::Fetch(upto)).await,
            Action::FindTree(position) => self.give(Work::FindTree(position)).await,
            Action::ReadOwn { first, last } => self.give(Work::ReadOwn(first, last)).await,
            Action::KeepKeys { first, sealed } => self.give(Work::KeepKeys(first, sealed)).await,
            Action::Lead => {
                self.options.cosigning.lead();
                self.side(true).await;
            }
            Action::Follow => {
                self.options.cosigning.follow();
                self.side(false).await;
            }
            Action::KeepCosigned {
                from,
                key,
                note,
                leads,
            } => {
                let keep = self.options.cosigning.clone().keep(from, key, note, leads);
                self.sending.spawn(keep);
            }
            Action::Forget { key } => {
                self.sending
                    .spawn(self.options.cosigning.clone().forget(key));
            }
            Action::Ordered => self.answer(Ok(())),
            Action::NotOrdered { certain: true } => {
                self.answer(Err(NotOrdered::Refused(Closed::Follows)));
            }
            Action::NotOrdered { certain: false } => self.answer(Err(NotOrdered::Unknown)),
            Action::CutOff => self.answer(Err(NotOrdered::Refused(Closed::CutOff))),
            Action::Settle(position) => self.settle(position),
            Action::Erased(position) => self.service.confirm_erased(position),
            Action::Compare => self.give(Work::Compare).await,
            Action::MakeAnew => {
                tracing::warn!("the stream that orders is made anew from this node's log");
                self.with_link(|link| async move { link.order.make_anew().await });
            }
            Action::SetAside { reach } => {
                tracing::error!(%reach, "the cluster has another log than this one");
                self.set_aside.send_replace(Some(reach));
            }
            Action::Whole => tracing::info!("this node's log counts for a majority again"),
            Action::Halt(why) => {
                tracing::error!(%why, "this node serves nothing any more; somebody must look");
            }
        }
    }

    /// Has the writer judge, or not.
    async fn side(&self, leads: bool) {
        if self.modes.send(leads).await.is_err() {
            tracing::error!("nobody tells the writer any more");
        }
    }

    /// Cosigns the newest checkpoint, and has that said.
    fn cosign(&mut self) {
        let (cosigning, events) = (self.options.cosigning.clone(), self.events.clone());
        self.sending.spawn(async move {
            if let Some(event) = cosigning.cosign().await {
                drop(events.send(event).await);
            }
        });
    }

    /// Begins something on the bus whose event comes later, or never.
    fn with_link<F>(&mut self, begin: impl FnOnce(Link) -> F)
    where
        F: Future<Output = Option<Event>> + Send + 'static,
    {
        if let Some(link) = &self.link {
            let (event, events) = (begin(link.clone()), self.events.clone());
            self.sending.spawn(async move {
                if let Some(event) = event.await {
                    drop(events.send(event).await);
                }
            });
        }
    }

    async fn give(&self, work: Work) {
        if self.work.send(work).await.is_err() {
            tracing::error!("nobody works on this node's log any more");
        }
    }

    fn settle(&mut self, position: Position) {
        self.settled.fetch_max(position.get(), Ordering::AcqRel);
        if self.service.settle(position) {
            self.destroyed = Some(position);
        }
    }

    /// Says something to one node, or to all others.
    async fn say(&self, to: Option<NodeName>, said: Said) {
        let Some(link) = &self.link else {
            return;
        };
        let names = &link.order.names;
        let subject = to.map_or_else(|| names.say(), |node| names.tell(&node));
        let spoken = Spoken {
            from: self.options.members.own().clone(),
            start: Some(self.start),
            term: self.node.status().term,
            said,
        };
        let bytes = spoken.encode(&self.options.key);
        let said = link.client.publish(subject, bytes).await;
        if let Err(error) = said {
            tracing::debug!(%error, "something was not said to the other nodes");
        }
    }

    fn read_from(&mut self, sequence: u64) {
        let Some(link) = &self.link else {
            self.reader = None;
            return;
        };
        let (sender, reads) = mpsc::channel(READ_AHEAD);
        let order = link.order.clone();
        let task = self.sending.spawn(async move {
            if let Err(error) = order.read(sequence, sender).await {
                tracing::debug!(%error, "the order is read anew");
            }
        });
        self.reader = Some(Reader { reads, task });
    }

    /// Takes what was read. Where the reading has ended it goes on behind what the node has.
    async fn read(&mut self, read: Option<Event>) {
        match read {
            Some(read) => self.tell(read).await,
            None => {
                tokio::time::sleep(TICK).await;
                self.read_from(self.node.reads_from());
            }
        }
    }

    async fn linked(&mut self, link: Option<Link>) {
        self.client
            .send_replace(link.as_ref().map(|link| link.client.clone()));
        if let Some(link) = &link {
            let payload_bytes_max = link.client.server_info().max_payload;
            let part_bytes_max = payload_bytes_max.clamp(PAYLOAD_MIN, PAYLOAD_MAX) - HEADERS_MAX;
            self.tell(Event::Linked { part_bytes_max }).await;
        }
        self.link = link;
        self.read_from(self.node.reads_from());
        let at = self.node.reads_from() - 1;
        self.act(Action::Look { at }).await;
    }

    /// Lets go out what was said last, and takes no more questions.
    async fn leave(&mut self) {
        self.answer(Err(NotOrdered::Unknown));
        if let Some(link) = &self.link {
            drop(link.client.flush().await);
        }
    }
}
