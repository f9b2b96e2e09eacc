//! Opening: the log is made whole, the view is folded, the writer starts.

use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, watch};

use super::clock::{Clock, Sequencer};
use super::key_copy::KeyCopy;
use super::meters::Meters;
use super::missing_keys;
use super::recent::Recent;
use super::saved_view::{self, SNAPSHOT, VIEWS};
use super::service::Service;
use super::shared::{self, Body, Shared};
use super::views::Views;
use super::writer::Writer;
use super::{OpenError, ReadError};
use crate::domain::{Event, Phase, Position, Registry, Status, Tag};
use crate::keys::{Hasher, KeyRing, SlotError, SlotsRepaired};
use crate::log::record::{self, Record};
use crate::log::{self, Journal, Reader, Repair};
use crate::projection::Contacts;
use crate::storage::Disk;

/// Options for opening a service.
pub struct Options {
    /// The rules of every dialect that the service speaks.
    pub registry: Registry,
    /// The number of commands that may wait for the writer.
    pub queue_limit: usize,
    /// The clock that gives events their times.
    pub clock: Clock,
    /// Options for opening the log.
    pub log: log::OpenOptions,
}

/// An open service, with what opening it showed.
pub struct Opening {
    /// The service, which takes commands from now on.
    pub service: Service,
    /// The repairs that the log needed.
    pub repairs: Vec<Repair>,
    /// The number of contacts that nobody erased and whose key is missing, so that their content
    /// cannot be read.
    pub missing_keys: usize,
    /// What was wrong with one copy of the keys, and was completed from the other.
    pub repaired_keys: SlotsRepaired,
    /// The journal, for the audit log, which drops the files that it has copied.
    pub journal: Arc<Journal>,
}

/// Opens a service. `progress` is told the position that has been looked at.
///
/// # Errors
/// [`OpenError`] where the log can't be made whole or the view can't be folded.
pub fn open(
    disk: &dyn Disk,
    keys: KeyRing,
    hasher: Hasher,
    options: Options,
    progress: &mut dyn FnMut(Position),
) -> Result<Opening, OpenError> {
    let log::Opened {
        appender,
        reader,
        journal,
        report,
    } = log::open(disk, &options.log, progress)?;
    let views = disk.files(VIEWS)?;
    let saved = saved_view::read(&*views, &reader);
    let folder = Folder {
        reader: &reader,
        keys: &keys,
        hasher: &hasher,
        registry: options.registry,
    };
    let saved = saved.unwrap_or_default();
    let (since, since_slot) = (saved.position(), saved.next_slot());
    let contacts = folder.fold(saved, progress)?;
    let repaired_keys = keys.resume(contacts.next_slot(), since_slot)?;
    finish_erasures(&contacts, &keys, since)?;
    let missing_keys = missing_keys::count(&contacts, &keys).map_err(SlotError::from)?;
    let sequencer = Sequencer::new(options.clock, contacts.time());
    let (head, _) = watch::channel(contacts.position());
    let shared = Arc::new(Shared {
        contacts: RwLock::new(contacts),
        reader,
        recent: Recent::default(),
        keys,
        hasher,
        registry: options.registry,
        head,
        closed: Mutex::new(None),
        meters: Meters::default(),
        guard: OnceLock::new(),
    });
    let catch_up = Views::start(&shared).map_err(OpenError::Thread)?;
    let (sender, queue) = mpsc::channel(options.queue_limit);
    let writer = Writer {
        shared: shared.clone(),
        appender,
        key_copy: KeyCopy::start(shared.clone()).map_err(OpenError::Thread)?,
        sequencer,
        queue,
        views,
        is_saved: true,
    };
    let thread = std::thread::Builder::new()
        .name("writer".into())
        .spawn(move || writer.run())
        .map_err(OpenError::Thread)?;
    Ok(Opening {
        service: Service::new(shared, sender, options.queue_limit, thread, catch_up),
        repairs: report,
        missing_keys,
        repaired_keys,
        journal,
    })
}

/// Drops every view and folds it from the log again; gives the position it reached.
///
/// # Errors
/// As [`open`].
pub fn rebuild_views(
    disk: &dyn Disk,
    keys: &KeyRing,
    hasher: &Hasher,
    registry: Registry,
    options: &log::OpenOptions,
    progress: &mut dyn FnMut(Position),
) -> Result<Position, OpenError> {
    let opened = log::open(disk, options, &mut |_| {})?;
    let views = disk.files(VIEWS)?;
    for name in views.list()? {
        views.remove(&name)?;
    }
    let folder = Folder {
        reader: &opened.reader,
        keys,
        hasher,
        registry,
    };
    let contacts = folder.fold(Contacts::default(), progress)?;
    keys.check(contacts.next_slot())?;
    views.write_atomic(SNAPSHOT, &contacts.to_snapshot())?;
    Ok(contacts.position())
}

/// Everything that folding needs beside the view.
struct Folder<'a> {
    reader: &'a Reader,
    keys: &'a KeyRing,
    hasher: &'a Hasher,
    registry: Registry,
}

impl Folder<'_> {
    fn fold(
        &self,
        mut view: Contacts,
        progress: &mut dyn FnMut(Position),
    ) -> Result<Contacts, ReadError> {
        let from = view.position().next();
        for entry in self.reader.scan(from, self.reader.head()) {
            let (position, bytes) = entry?;
            let record = record::decode(&bytes)?;
            let tags = self.tags(&record)?;
            view.fold(&record.event, record.slot, &tags);
            if position.get().is_multiple_of(4_096) {
                progress(position);
            }
        }
        progress(view.position());
        Ok(view)
    }

    /// Only contacts that can be found by something are opened to fold them.
    fn tags(&self, record: &Record) -> Result<Arc<[Tag]>, ReadError> {
        let Event { header, phase } = &record.event;
        let owner = &header.owner;
        let rules = self.registry.get(owner.dialect());
        let indexed = rules.filter(|rules| rules.lookup_keys.is_some());
        match (indexed, phase) {
            (Some(rules), Phase::Success { .. }) => Ok(match shared::open(self.keys, record)? {
                Body::Open(content) => {
                    shared::lookup_tags(self.hasher, owner, &rules.keys_of(&content.card))
                }
                Body::None | Body::Gone => Arc::default(),
            }),
            _ => Ok(Arc::default()),
        }
    }
}

/// Destroys the keys whose erasure is in the log, but was cut off before the key was gone. Those
/// erased after `since`, where the view was saved by an orderly stop, are destroyed again: the
/// process that did it may have ended because the disk failed to sync.
fn finish_erasures(contacts: &Contacts, keys: &KeyRing, since: Position) -> Result<(), SlotError> {
    let erased = contacts
        .all_after(None)
        .filter(|entry| entry.state.status == Status::Erased);
    let unsure =
        erased.filter(|entry| entry.state.modified.position > since || !keys.is_erased(entry.slot));
    let slots: Vec<_> = unsure.map(|entry| entry.slot).collect();
    keys.erase_all(&slots)
}
