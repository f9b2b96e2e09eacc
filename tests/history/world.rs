//! The service under test beside its model: sends groups, compares answers and views.
//!
//! The writer asks its clock when it begins a group. Here the clock waits at a
//! gate, so that the requests sent meanwhile fall into that one group.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use contactd::{
    dialect::REGISTRY,
    domain::{
        Command, Contact as Redaction, Event, List, Order, Outcome, Phase, Position, Status,
        Target, Timestamp, Window,
    },
    keys::{Hasher, KeyRing, MasterKey},
    log::OpenOptions,
    service::{self, Alone, Clock, Committed, Found, Options, Service, SubmitError},
    storage::{Disk, FileAt, SimDisk},
};
use parking_lot::Mutex;

use super::{
    load::{OWNERS, Sent, owner},
    model::{Answer, Contact, Happened, Kind, Model, State, vendor_id},
};

type Submitted = Result<Committed, SubmitError>;

/// What opening gives; it fails where the disk does.
pub type Opened<T> = Result<T, Box<dyn Error>>;

/// A service over a simulated disk, which holds its keys as well.
pub struct World {
    pub disk: SimDisk,
    pub service: Service,
    pub model: Model,
    /// The requests sent under a key.
    keyed: Vec<Command>,
    sent: u64,
    gate: Arc<Mutex<()>>,
    runtime: tokio::runtime::Runtime,
}

impl World {
    /// A service without contacts.
    pub fn new(disk: SimDisk) -> Opened<Self> {
        Self::ordered(disk, Arc::new(Alone))
    }

    /// A service without contacts, in an order.
    pub fn ordered(disk: SimDisk, order: Arc<dyn service::Order>) -> Opened<Self> {
        let gate = Arc::default();
        Ok(Self {
            service: open(&disk, &gate, order)?,
            disk,
            model: Model::default(),
            keyed: Vec::new(),
            sent: 0,
            gate,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime"),
        })
    }

    /// Opens the service again over the same disk.
    pub fn reopen(&mut self) -> Opened<()> {
        self.service.stop();
        self.service = open(&self.disk, &self.gate, Arc::new(Alone))?;
        Ok(())
    }

    /// The commands of a group.
    pub fn commands(&mut self, group: &[Sent]) -> Vec<Command> {
        let mut commands = Vec::new();
        for sent in group {
            self.sent += 1;
            let command = match sent {
                Sent::New(ask) => ask.command(&self.model, self.sent),
                Sent::Again(which) => match self.keyed.get(which % (self.keyed.len() + 1)) {
                    Some(command) => command.clone(),
                    None => continue,
                },
            };
            if command.context.idempotency.is_some() {
                self.keyed.push(command.clone());
            }
            commands.push(command);
        }
        commands
    }

    /// Sends commands together; their answers, in order.
    pub fn send(&self, commands: &[Command]) -> Vec<Submitted> {
        let submit = |command: &Command| Box::pin(self.service.submit(command.clone()));
        let mut waiting: Vec<_> = commands.iter().map(submit).collect();
        let closed = self.gate.lock();
        // The first look at a request puts it into the queue.
        let mut look = Context::from_waker(Waker::noop());
        let looked: Vec<Poll<Submitted>> = waiting
            .iter_mut()
            .map(|answer| answer.as_mut().poll(&mut look))
            .collect();
        drop(closed);
        self.runtime.block_on(async {
            let mut answers = Vec::new();
            for (looked, answer) in looked.into_iter().zip(waiting) {
                answers.push(match looked {
                    Poll::Ready(answer) => answer,
                    Poll::Pending => answer.await,
                });
            }
            answers
        })
    }

    /// Lets the model judge the commands, and compares the answers.
    pub fn check_answers(&mut self, commands: &[Command], answers: Vec<Submitted>) {
        let expected: Vec<Answer> = commands.iter().map(|c| self.model.submit(c)).collect();
        for ((expected, answer), command) in expected.iter().zip(answers).zip(commands) {
            let what = format!("{command:?}\n expected {expected:?}\n got {answer:?}");
            match (expected, answer) {
                (Answer::KeyReused, Err(SubmitError::KeyReused)) => {}
                (Answer::Fresh(events), Ok(done)) => {
                    self.check(command, events, &done, true, &what)
                }
                (Answer::Again(events), Ok(done)) => {
                    self.check(command, events, &done, false, &what)
                }
                _ => panic!("{what}"),
            }
        }
    }

    fn check(
        &mut self,
        command: &Command,
        events: &[u64],
        done: &Committed,
        fresh: bool,
        what: &str,
    ) {
        assert_eq!(Some(&done.position.get()), events.last(), "{what}");
        assert_eq!(done.outcomes.len(), events.len(), "{what}");
        let asked = command.attempts.iter().zip(&done.outcomes);
        for (at, (attempt, outcome)) in events.iter().zip(asked) {
            let happened = self.model.event(*at).clone();
            let contact = happened
                .contact
                .map(|index| &mut self.model.contacts[index]);
            match (&happened.kind, outcome, contact) {
                (
                    Kind::Refused(code, wrong),
                    Outcome::Refused {
                        failure,
                        violations,
                    },
                    contact,
                ) => {
                    assert_eq!(failure.code, *code, "{what}");
                    // What was wrong with a change is not known again without the contact.
                    let gone = contact.is_none_or(|contact| contact.state == State::Erased);
                    let forgotten = !fresh && gone && attempt.action.is_ok();
                    assert!(violations == wrong || forgotten, "{what}");
                }
                (Kind::Written { .. }, Outcome::Erased { id }, Some(contact)) if !fresh => {
                    assert_eq!(
                        (contact.state, contact.id),
                        (State::Erased, Some(*id)),
                        "{what}"
                    );
                }
                (
                    Kind::Written { version, card },
                    Outcome::Written { contact: shown, .. },
                    Some(contact),
                ) => {
                    assert!(fresh || contact.state != State::Erased, "{what}");
                    let id = *contact.id.get_or_insert(shown.id);
                    assert_eq!(vendor_id(contact, id), shown.vendor_id, "{what}");
                    assert_eq!((id, *version, *at), identity(shown), "{what}");
                    assert_eq!(contact.created_by, client_of(&shown.created_by), "{what}");
                    assert_eq!(*card, card_of(shown), "{what}");
                }
                (
                    Kind::Removed { .. },
                    Outcome::Removed {
                        operation,
                        id,
                        position,
                    },
                    Some(contact),
                ) => {
                    let got = (*operation, Some(*id), position.get());
                    assert_eq!((happened.operation, contact.id, *at), got, "{what}");
                }
                _ => panic!("{what}"),
            }
        }
    }

    /// Every list and every contact is as the model has it.
    pub fn check_views(&self) {
        for number in 0..OWNERS.len() {
            let owner = owner(number);
            let all = List {
                owner: owner.clone(),
                filter: None,
                order: Order::Created,
                window: Window::After {
                    contact: None,
                    limit: 1_000,
                },
            };
            let listed = self.service.list(&all).expect("it can be read").contacts;
            let live: Vec<&Contact> = self.model.live(&owner).collect();
            assert_eq!(live.len(), listed.len(), "{owner:?}");
            for (contact, shown) in live.into_iter().zip(&listed) {
                same(contact, shown);
            }
        }
        for contact in &self.model.contacts {
            let target = Target::Id(contact.id.expect("it was learnt"));
            let found = self
                .service
                .get(&contact.owner, &target)
                .expect("it can be read");
            match (contact.state, found) {
                (State::Live, Found::Live(shown)) => same(contact, &shown),
                (State::Deleted, Found::Deleted) | (State::Erased, Found::Gone) => {}
                (_, found) => panic!("{contact:?} is {found:?}"),
            }
            let entry = self
                .service
                .entry(&contact.owner, &target)
                .expect("an entry");
            let status = match entry.state.status {
                Status::Live => State::Live,
                Status::Deleted => State::Deleted,
                Status::Erased => State::Erased,
            };
            let got = (
                status,
                entry.state.version,
                entry.state.modified.position.get(),
            );
            assert_eq!(got, (contact.state, contact.version, contact.changed_at));
        }
    }

    /// Every event is as the model has it, and every START has its outcome behind it.
    pub fn check_events(&self) {
        let all = self
            .service
            .events_after(Position::ZERO, usize::MAX, &|_| true);
        let records = all.expect("they can be read").records;
        assert_eq!(records.len() as u64, self.model.head());
        let mut last: Option<Event> = None;
        for (index, (record, happened)) in records.into_iter().zip(&self.model.events).enumerate() {
            let event = record.event;
            assert_eq!(event.header.position.get(), index as u64 + 1);
            if let Some(last) = &last {
                assert!(last.header.id < event.header.id && last.header.time <= event.header.time);
            }
            match (&event.phase, &last) {
                (Phase::Start { .. }, _) => assert_eq!(event.header.causation, None),
                (_, Some(start)) => {
                    assert!(matches!(start.phase, Phase::Start { .. }));
                    assert_eq!(event.header.causation, Some(start.header.id));
                }
                (_, None) => panic!("an outcome without its START"),
            }
            self.check_event(&event, happened);
            last = Some(event);
        }
        assert!(last.is_none_or(|event| !matches!(event.phase, Phase::Start { .. })));
    }

    fn check_event(&self, event: &Event, happened: &Happened) {
        let what = format!("{event:?}\n{happened:?}");
        let header = &event.header;
        let contact = happened
            .contact
            .and_then(|index| self.model.contacts[index].id);
        assert_eq!(header.contact, contact, "{what}");
        assert_eq!(header.operation, happened.operation, "{what}");
        assert_eq!(header.owner, happened.owner, "{what}");
        assert_eq!(header.fields, happened.fields, "{what}");
        let version = match (&happened.kind, &event.phase) {
            (Kind::Start { keyed }, Phase::Start { idempotency }) => {
                assert_eq!(idempotency.is_some(), *keyed, "{what}");
                None
            }
            (Kind::Refused(code, _), Phase::Fail(failure)) => {
                assert_eq!(failure.code, *code, "{what}");
                None
            }
            (Kind::Written { version, .. }, Phase::Success { erasure: None }) => Some(*version),
            (Kind::Removed { version }, Phase::Success { erasure }) => {
                let erased = happened.operation == contactd::domain::Operation::Erase;
                assert_eq!(erasure.is_some(), erased, "{what}");
                Some(*version)
            }
            _ => panic!("{what}"),
        };
        assert_eq!(header.version, version, "{what}");
    }

    /// Opens again, from the snapshot and without it: the view is the same, and so are the
    /// answers to everything that was sent under a key.
    pub fn check_restarts(&mut self) {
        let view = self.service.snapshot();
        self.reopen().expect("it opens");
        assert!(self.service.snapshot() == view, "the saved view is another");
        self.check_keyed();
        let view = self.service.snapshot();
        self.service.stop();
        let views = self.disk.files(service::VIEWS).expect("there are views");
        for name in views.list().expect("they can be listed") {
            views.remove(&name).expect("it can be removed");
        }
        self.reopen().expect("it opens");
        assert!(
            self.service.snapshot() == view,
            "the view folded anew is another"
        );
        self.check_keyed();
        self.check_rebuild();
        self.check_views();
        self.check_events();
    }

    /// Nothing is wrong with the events, and a rebuild makes the same view.
    pub fn check_rebuild(&mut self) {
        let view = self.service.snapshot();
        self.service.stop();
        let (keys, hasher) = open_keys(&self.disk).expect("the keys open");
        let options = log_options();
        let checked = service::check_records(&self.disk, &keys, &options, &mut |_| {});
        assert_eq!(checked.expect("it can be read").wrong, Vec::<String>::new());
        let progress = &mut |_| {};
        service::rebuild_views(&self.disk, &keys, &hasher, REGISTRY, &options, progress)
            .expect("it can be read");
        drop(keys);
        self.reopen().expect("it opens");
        assert!(
            self.service.snapshot() == view,
            "the rebuilt view is another"
        );
    }

    /// What was sent under a key is sent again, one by one.
    fn check_keyed(&mut self) {
        for command in self.keyed.clone() {
            let commands = [command];
            let answers = self.send(&commands);
            self.check_answers(&commands, answers);
        }
    }
}

fn open(disk: &SimDisk, gate: &Arc<Mutex<()>>, order: Arc<dyn service::Order>) -> Opened<Service> {
    let gate = gate.clone();
    let time = AtomicU64::new(1_800_000_000_000);
    // The clock goes back now and then.
    let clock = move || {
        drop(gate.lock());
        let tick = time.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_millis(tick - tick % 3 * 2)
    };
    open_in(disk, Box::new(clock), Some(order))
}

/// Opens a service under a clock.
pub fn open_under(disk: &SimDisk, clock: Clock) -> Opened<Service> {
    open_in(disk, clock, Some(Arc::new(Alone)))
}

/// The number of commands that may wait.
pub const QUEUE_LIMIT: usize = 2_000;

/// Opens a service under a clock, in an order.
pub fn open_in(
    disk: &SimDisk,
    clock: Clock,
    order: Option<Arc<dyn service::Order>>,
) -> Opened<Service> {
    let (keys, hasher) = open_keys(disk)?;
    let options = Options {
        registry: REGISTRY,
        queue_limit: QUEUE_LIMIT,
        clock,
        log: log_options(),
        order,
    };
    let opened = service::open(disk, keys, hasher, options, &mut |_| {})?;
    Ok(opened.service)
}

fn open_keys(disk: &SimDisk) -> Opened<(KeyRing, Hasher)> {
    let files = disk.files("keys")?;
    let master = MasterKey::read_or_create(&FileAt::new(files.clone(), "master.key"))?;
    let keys = KeyRing::open(files.clone(), &master)?;
    let check = FileAt::new(files.clone(), "index-check");
    Ok((keys, Hasher::open_or_create(&files, &check)?))
}

/// Journal files of a few groups each, so that histories cross their edges.
fn log_options() -> OpenOptions {
    OpenOptions {
        segment_bytes_max: 20_000,
        ..OpenOptions::default()
    }
}

fn same(contact: &Contact, shown: &Redaction) {
    let id = contact.id.expect("it was learnt");
    assert_eq!((id, contact.version, contact.changed_at), identity(shown));
    assert_eq!(contact.card, card_of(shown));
    assert_eq!(contact.created_by, client_of(&shown.created_by));
    assert_eq!(contact.changed_by, client_of(&shown.modified_by));
    assert_eq!(vendor_id(contact, id), shown.vendor_id);
    assert_eq!(contact.owner, shown.owner);
}

fn identity(shown: &Redaction) -> (contactd::domain::ContactId, u64, u64) {
    (shown.id, shown.version, shown.position.get())
}

/// The card without the `uid` that the service gave it.
fn card_of(shown: &Redaction) -> serde_json::Map<String, serde_json::Value> {
    let mut card = shown.card.properties().clone();
    let uid = card.shift_remove("uid");
    assert_eq!(uid, Some(format!("urn:uuid:{}", shown.id).into()));
    card
}

fn client_of(actor: &contactd::domain::Actor) -> String {
    actor.client_id.as_deref().unwrap_or_default().to_owned()
}
