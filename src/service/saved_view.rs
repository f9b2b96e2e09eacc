//! The view of contacts in the data directory: read at the start, saved as the log goes on.
//!
//! A thread beside the writer saves what has changed: every so many contacts, every so many events,
//! and every half minute in which something happened. It copies that while the writer waits, and
//! writes it while nobody does. So a start folds seconds of the log, and a stop saves what a few
//! seconds have changed, however many contacts there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLockUpgradableReadGuard};

use super::shared::Shared;
use crate::domain::{EventId, Position};
use crate::keys::KeyRing;
use crate::log::{Reader, record};
use crate::projection::{Contacts, Delta, Mark, PartError, Parts};
use crate::storage::{Files, StorageError};

/// The directory of views: everything in it can be made again from the log.
pub const VIEWS: &str = "views";

/// The time between two looks at how much has changed.
const INTERVAL: Duration = Duration::from_secs(1);
/// What has changed is saved at the latest after this time.
const SAVED_AFTER: Duration = Duration::from_secs(30);
/// Changed contacts that are copied at a time: while they are, the writer waits some milliseconds.
const CHANGED_MAX: u64 = 1 << 15;
/// Events that a start should have to fold at most, where few of them change a contact.
const EVENTS_MAX: u64 = 1 << 17;

/// A view that was saved, and the parts that it was read from.
pub struct Saved {
    pub parts: Parts,
    pub view: Contacts,
}

/// Reads the view that was saved, as far as it can be read. Nothing is changed, so that the log can be
/// opened at the same time.
///
/// # Errors
/// The directory cannot be read.
pub fn load(views: Arc<dyn Files>, keys: &KeyRing) -> Result<Saved, StorageError> {
    let mut parts = Parts::open(views)?;
    let view = parts.load(keys)?;
    Ok(Saved { parts, view })
}

impl Saved {
    /// As much of the view as is of this log. Files that are of no use are removed.
    ///
    /// # Errors
    /// The directory cannot be read, or a file not be removed.
    pub fn of_log(mut self, reader: &Reader, keys: &KeyRing) -> Result<Self, StorageError> {
        let is_of_log = |mark: &Mark| id_at(reader, mark.position) == mark.last;
        if self.parts.keep_those(is_of_log) {
            self.view = self.parts.load(keys)?;
        }
        self.parts.sweep()?;
        Ok(self)
    }
}

fn id_at(reader: &Reader, position: Position) -> Option<EventId> {
    let bytes = reader.get(position).ok()??;
    let record = record::decode(&bytes).ok()?;
    Some(record.event.header.id)
}

/// Whether so much of a view has changed that it is saved.
pub fn is_due(view: &Contacts) -> bool {
    view.unsaved() >= CHANGED_MAX || unsaved_events(view) >= EVENTS_MAX
}

fn unsaved_events(view: &Contacts) -> u64 {
    let saved = view.saved().position;
    view.position().get().saturating_sub(saved.get())
}

/// The thread that saves the view of a running service.
pub struct Keeper {
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Keeper {
    /// Begins to save what changes.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(shared: Arc<Shared>, parts: Parts) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let stopping = Arc::<AtomicBool>::default();
        let mut work = Work {
            shared,
            parts,
            unwritten: None,
            saved_at: Instant::now(),
            stopping: stopping.clone(),
            ended: false,
        };
        let thread = std::thread::Builder::new().name("view-contacts".into());
        let thread = thread.spawn(move || work.run(&stopped))?;
        Ok(Self {
            stopping,
            thread: Mutex::new(Some((stop, thread))),
        })
    }

    /// Saves what has changed and ends. It blocks; a merge under way is given up. Call it when the
    /// writer has stopped.
    pub fn stop(&self) {
        let Some((stop, thread)) = self.thread.lock().take() else {
            return;
        };
        self.stopping.store(true, Ordering::Relaxed);
        // A thread that has ended hears nothing.
        stop.send(()).ok();
        if thread.join().is_err() {
            tracing::error!("saving the view of contacts ended by a fault");
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    parts: Parts,
    /// What was taken out of the view and could not be written.
    unwritten: Option<Delta>,
    saved_at: Instant,
    stopping: Arc<AtomicBool>,
    /// Whether a part was found that cannot be read. The next start drops it with those behind it.
    ended: bool,
}

impl Work {
    /// Saves now and then until it is told to stop, or the service is dropped.
    fn run(&mut self, stopped: &Receiver<()>) {
        while self.turn(stopped.recv_timeout(INTERVAL)) {}
    }

    /// Does what there is to do after a wait, which ended as given; whether to go on.
    fn turn(&mut self, waited: Result<(), RecvTimeoutError>) -> bool {
        match waited {
            Err(RecvTimeoutError::Timeout) => {
                if self.is_due() {
                    self.save();
                    self.merge();
                }
                true
            }
            Ok(()) => {
                if self.unwritten.is_some() {
                    self.save();
                }
                self.save();
                self.merge();
                false
            }
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    fn is_due(&self) -> bool {
        if self.ended {
            return false;
        }
        let view = self.shared.contacts.read();
        let late = self.saved_at.elapsed() >= SAVED_AFTER;
        is_due(&view) || late && unsaved_events(&view) > 0
    }

    fn save(&mut self) {
        if self.ended {
            return;
        }
        let delta = self.unwritten.take().unwrap_or_else(|| {
            let view = self.shared.contacts.upgradable_read();
            let delta = view.delta();
            RwLockUpgradableReadGuard::upgrade(view).set_saved();
            delta
        });
        self.saved_at = Instant::now();
        if let Err(error) = self.parts.save(&delta, &self.shared.keys) {
            tracing::warn!(%error, "the view was not saved; a start would fold more of the log");
            self.unwritten = Some(delta);
        }
    }

    /// Keeps the parts few. When it stops it does no more than what takes no time.
    fn merge(&mut self) {
        let go_on = || !self.stopping.load(Ordering::Relaxed);
        match self.parts.merge(&go_on) {
            Ok(()) => {}
            Err(PartError::Storage(error)) if error.is_passing() => {
                tracing::warn!(%error, "the parts of the saved view were not merged");
            }
            Err(error) => {
                tracing::error!(%error, "the view is saved no more; the next start folds the log");
                self.ended = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::REGISTRY;
    use crate::domain::{
        Action, Attempt, BatchMode, Card, Command, Context, Correlation, Event, Fingerprint,
        Header, IdempotencyRecord, Operation, Owner, Phase, Precondition, Tag, Timestamp,
    };
    use crate::keys::{Hasher, MasterKey};
    use crate::log::OpenOptions;
    use crate::service::{self, Options, Service};
    use crate::storage::{Disk, Faults, FileAt, SimDisk};

    fn open(disk: &SimDisk) -> Service {
        let files = disk.files("keys").unwrap();
        let master = MasterKey::read_or_create(&FileAt::new(files.clone(), "master.key"));
        let keys = KeyRing::open(files.clone(), &master.unwrap()).unwrap();
        let check = FileAt::new(files.clone(), "index-check");
        let hasher = Hasher::open_or_create(&files, &check).unwrap();
        let options = Options {
            registry: REGISTRY,
            queue_limit: 8,
            clock: service::system_clock(),
            log: OpenOptions::default(),
            order: Some(Arc::new(service::Alone)),
        };
        let opened = service::open(disk, keys, hasher, options, &mut |_| {});
        opened.unwrap().service
    }

    /// Makes a contact whose address must be unique.
    async fn create(service: &Service, address: &str) {
        let rules = REGISTRY.iter().find(|rules| rules.unique_email).unwrap();
        let card = serde_json::json!({"emails": {"e": {"address": address}}});
        let create = Action::Create {
            card: Card::from_value(card).unwrap(),
            chosen_id: None,
        };
        let command = Command {
            owner: Owner::new(rules.dialect, &["a"]).unwrap(),
            context: Context {
                actor: Default::default(),
                correlation: Correlation::parse(address).unwrap(),
                traceparent: None,
                idempotency: None,
            },
            batch: BatchMode::ItemByItem,
            attempts: vec![Attempt {
                operation: Operation::Create,
                target: None,
                precondition: Precondition::NONE,
                fields: Vec::new(),
                action: Ok(create),
            }],
        };
        service.submit(command).await.unwrap();
    }

    /// Saves a service's view to a directory of its own, beside the thread that does so.
    fn work(service: &Service, disk: &SimDisk) -> Work {
        Work {
            shared: service.shared.clone(),
            parts: Parts::open(disk.files("other").unwrap()).unwrap(),
            unwritten: None,
            saved_at: Instant::now(),
            stopping: Arc::default(),
            ended: false,
        }
    }

    /// Work whose view was saved in two parts, a contact each.
    async fn saved_twice(service: &Service, disk: &SimDisk) -> Work {
        let mut work = work(service, disk);
        for address in ["a@b.example", "b@b.example"] {
            create(service, address).await;
            work.save();
        }
        work
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_later() {
        let (disk, other) = (SimDisk::new(1), SimDisk::new(2));
        let service = open(&disk);
        let mut work = work(&service, &other);
        create(&service, "a@b.example").await;
        work.save();
        other.set_full(true);
        create(&service, "b@b.example").await;
        work.save();
        assert!(work.unwritten.is_some());
        create(&service, "c@b.example").await;
        work.save();
        other.set_full(false);
        work.save();
        assert!(work.unwritten.is_none());
        work.save();
        work.merge();
        assert_eq!(work.parts.position(), service.head());
        let loaded = work.parts.load(&service.shared.keys).unwrap();
        assert!(loaded.to_snapshot() == service.snapshot());
    }

    #[tokio::test]
    async fn what_has_changed_is_saved_after_half_a_minute() {
        let (disk, other) = (SimDisk::new(1), SimDisk::new(2));
        let service = open(&disk);
        let mut work = work(&service, &other);
        let now = Instant::now();
        let long_ago = now.checked_sub(SAVED_AFTER).unwrap();
        let is_due = |work: &mut Work, saved_at| {
            work.saved_at = saved_at;
            work.is_due()
        };
        assert!(!is_due(&mut work, long_ago), "nothing has happened");
        create(&service, "a@b.example").await;
        assert!(!is_due(&mut work, now) && is_due(&mut work, long_ago));
        work.save();
        assert!(work.saved_at >= now && !is_due(&mut work, long_ago));
    }

    #[tokio::test]
    async fn what_is_due_is_saved_as_the_service_runs_and_all_of_it_at_a_stop() {
        let (disk, other) = (SimDisk::new(1), SimDisk::new(2));
        let service = open(&disk);
        let mut work = work(&service, &other);
        create(&service, "a@b.example").await;
        assert!(work.turn(Err(RecvTimeoutError::Timeout)));
        assert_eq!(work.parts.count(), 0);
        work.saved_at = Instant::now().checked_sub(SAVED_AFTER).unwrap();
        assert!(work.turn(Err(RecvTimeoutError::Timeout)));
        assert_eq!(work.parts.position(), service.head());
        create(&service, "b@b.example").await;
        assert!(!work.turn(Err(RecvTimeoutError::Disconnected)));
        assert!(work.parts.position() < service.head());
        assert!(!work.turn(Ok(())));
        assert_eq!(work.parts.position(), service.head());
    }

    /// Folds the START of so many commands that changed nothing.
    fn fold_starts(view: &mut Contacts, count: u64) {
        let rules = REGISTRY.iter().next().unwrap();
        for _ in 0..count {
            let position = view.position().next();
            let header = Header::new(
                position,
                EventId(uuid::Uuid::from_u128(position.get().into())),
                Timestamp::from_millis(position.get()),
                Operation::Create,
                Owner::new(rules.dialect, &["a"]).unwrap(),
            );
            let phase = Phase::Start {
                idempotency: Some(IdempotencyRecord {
                    key: Tag(position.get().to_be_bytes().repeat(2).try_into().unwrap()),
                    fingerprint: Fingerprint([1; 16]),
                    attempts: 1,
                }),
            };
            view.fold(&Event { header, phase }, None, &[]).unwrap();
        }
    }

    #[test]
    fn many_events_are_due_though_none_of_them_changes_a_contact() {
        let mut view = Contacts::default();
        fold_starts(&mut view, EVENTS_MAX - 1);
        assert!(!is_due(&view));
        fold_starts(&mut view, 1);
        assert!(view.unsaved() == 0 && is_due(&view));
    }

    /// So many idempotency keys that a merge of both parts asks whether to go on.
    #[test]
    fn a_stop_ends_a_merge_and_nothing_else_does() {
        let (disk, other) = (SimDisk::new(1), SimDisk::new(2));
        let service = open(&disk);
        let mut work = work(&service, &other);
        let mut view = Contacts::default();
        for _ in 0..2 {
            fold_starts(&mut view, 40_000);
            let saved = work.parts.save(&view.delta(), &service.shared.keys);
            saved.unwrap();
            view.set_saved();
        }
        for (stopping, parts) in [(true, 2), (false, 1)] {
            work.stopping.store(stopping, Ordering::Relaxed);
            work.merge();
            assert_eq!(work.parts.count(), parts);
        }
    }

    #[tokio::test]
    async fn a_part_that_is_damaged_ends_the_saving() {
        let (disk, other) = (SimDisk::new(1), SimDisk::new(2));
        let service = open(&disk);
        let mut work = saved_twice(&service, &other).await;
        let names = other.files("other").unwrap().list().unwrap();
        other.tamper_file("other", &names[0], |bytes| bytes[40] ^= 1);
        work.merge();
        assert!(work.ended && !work.is_due());
        create(&service, "c@b.example").await;
        work.save();
        assert_eq!(work.parts.count(), 2);
    }

    #[tokio::test]
    async fn a_merge_that_finds_no_room_is_tried_again_and_one_that_fails_is_not() {
        let (disk, other) = (SimDisk::new(1), SimDisk::new(2));
        let service = open(&disk);
        let mut work = saved_twice(&service, &other).await;
        other.set_full(true);
        work.merge();
        assert!(!work.ended);
        other.set_full(false);
        other.plan(Faults {
            fail_at: Some(1),
            ..Faults::default()
        });
        work.merge();
        assert!(work.ended && work.parts.count() == 2);
    }

    #[tokio::test]
    async fn a_stop_saves_everything_and_a_kill_costs_no_more_than_folding() {
        let disk = SimDisk::new(1);
        let mut view = Vec::new();
        for address in ["a@b.example", "b@b.example", "c@b.example"] {
            let service = open(&disk);
            assert!(view.is_empty() || service.snapshot() == view, "{address}");
            create(&service, address).await;
            view = service.snapshot();
            if address != "b@b.example" {
                service.stop();
                let mut names = disk.files(VIEWS).unwrap().list().unwrap();
                names.retain(|name| name.starts_with("contacts-"));
                assert_eq!(names.len(), 1, "small parts are merged: {names:?}");
            }
            disk.kill();
        }
        let service = open(&disk);
        assert!(service.snapshot() == view);
        assert_eq!(
            service.shared.contacts.read().saved().position,
            service.head()
        );
    }
}
