//! Opening: the log is made whole, the view is folded, the writer starts.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::afresh::{Afresh, Words};
use super::clock::{Clock, Sequencer};
use super::in_order::in_order;
use super::missing_keys;
use super::order::Order;
use super::saved_view::{self, Keeper, Saved, VIEWS};
use super::service::Service;
use super::shared::{self, Body, Shared};
use super::views::Views;
use super::writer::Writer;
use super::{OpenError, ReadError};
use crate::domain::{Event, Phase, Position, Registry, Status, Tag, Texts};
use crate::keys::{Hasher, KeyRing, Slot, SlotError, SlotsRepaired};
use crate::log::record::{self, Record};
use crate::log::{self, Journal, Reader, Repair};
use crate::projection::{Contacts, Home, Parts, SearchIndex};
use crate::storage::{Disk, Files};

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
    /// Gives each group its place; `None` where another service decides, until this one is told to.
    pub order: Option<Arc<dyn Order>>,
}

impl Options {
    /// The last position that is settled at the start. Of a log that others keep too, that is what
    /// was signed.
    fn settled(&self, head: Position) -> Position {
        match &self.order {
            Some(order) => order.settled(head),
            None => self.log.at_least,
        }
    }
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
    let (opened, saved, without_key) = log_and_view(disk, &keys, &options.log, progress)?;
    let log::Opened {
        appender,
        reader,
        journal,
        report,
    } = opened;
    let Saved { mut parts, view } = saved;
    let folder = Folder {
        reader: &reader,
        keys: &keys,
        hasher: &hasher,
        registry: options.registry,
    };
    let (since, since_slot) = (view.position(), view.next_slot());
    let home = home(disk.files(VIEWS)?, &keys);
    let contacts = folder.contacts(view, &mut parts, &home, progress)?;
    let repaired_keys = match options.order {
        Some(_) => keys.resume(contacts.next_slot(), since_slot)?,
        None => keys.resume_ahead(contacts.next_slot(), since_slot)?,
    };
    let unreadable = missing_keys::unreadable(&contacts, &without_key);
    let missing_keys = unreadable.len() as usize;
    let (head, time) = (contacts.position(), contacts.time());
    let settled = options.settled(head);
    let erasures = unsure_erasures(&contacts, &keys, since.min(settled));
    let (secrets, follows) = ((keys, hasher), options.order.is_none());
    let registry = options.registry;
    let shared = Shared::new(contacts, reader, secrets, registry, settled, follows);
    let shared = Arc::new(Shared {
        unreadable: unreadable.into(),
        ..shared
    });
    shared.erasures.put_off(&shared.keys, &erasures, settled);
    shared.erasures.carry_out(&shared.keys, settled)?;
    let catch_up = Views::start(&shared, home);
    let catch_up = Arc::new(catch_up.map_err(OpenError::Thread)?);
    let keeper = Keeper::start(shared.clone(), parts).map_err(OpenError::Thread)?;
    let (sender, queue) = mpsc::channel(options.queue_limit);
    let writer = Writer {
        shared: shared.clone(),
        appender,
        sequencer: Sequencer::new(options.clock, time),
        queue,
        held: None,
        catch_up: catch_up.clone(),
        order: options.order,
        parked_max: options.queue_limit,
    };
    let thread = writer.start().map_err(OpenError::Thread)?;
    let queue = (sender, options.queue_limit);
    Ok(Opening {
        service: Service::new(shared, queue, thread, catch_up, keeper),
        repairs: report,
        missing_keys,
        repaired_keys,
        journal,
    })
}

/// Opens the log and finds the slots without a key, and reads the saved view beside that on another
/// processor.
fn log_and_view(
    disk: &dyn Disk,
    keys: &KeyRing,
    options: &log::OpenOptions,
    progress: &mut dyn FnMut(Position),
) -> Result<(log::Opened, Saved, Vec<Slot>), OpenError> {
    let views = disk.files(VIEWS)?;
    thread::scope(|scope| {
        let load = || saved_view::load(views, keys);
        let load = thread::Builder::new()
            .name("load".into())
            .spawn_scoped(scope, load)
            .map_err(OpenError::Thread)?;
        let opened = log::open(disk, options, progress)?;
        let without_key = keys.without_key(keys.end()).map_err(SlotError::from)?;
        let ended = || ReadError::Fault("the thread that reads the view ended".to_owned());
        let saved = load.join().map_err(|_| ended())??;
        let saved = saved.of_log(&opened.reader, keys)?;
        Ok((opened, saved, without_key))
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
        views.wipe(&name)?;
    }
    let folder = Folder {
        reader: &opened.reader,
        keys,
        hasher,
        registry,
    };
    // Two threads write here, each through files of its own.
    let mut afresh = Afresh::begin(&home(disk.files(VIEWS)?, keys))?;
    let mut parts = Parts::open(views)?;
    let contacts = folder.fold(Contacts::default(), &mut parts, Some(&mut afresh), progress)?;
    keys.check(contacts.next_slot())?;
    parts.save(&contacts.delta(), keys)?;
    parts.merge(&|| true)?;
    afresh.keep()?;
    Ok(contacts.position())
}

/// The place of catch-up views.
fn home(files: Arc<dyn Files>, keys: &KeyRing) -> Home {
    Home {
        files,
        keys: keys.file_keys(),
        numbers: Arc::new(AtomicU64::new(1)),
    }
}

/// A log that is so long: if nothing is kept of the contacts, the other views are made with them.
const AFRESH_EVENTS: Position = Position::new(4_096);

/// Events between two looks at how far the folding has come.
const LOOK_EVENTS: u64 = 4_096;

/// Everything that folding needs beside the view.
struct Folder<'a> {
    reader: &'a Reader,
    keys: &'a KeyRing,
    hasher: &'a Hasher,
    registry: Registry,
}

impl Folder<'_> {
    /// The view of contacts, with all that the log has; the other views are made with it where it has
    /// to be made of a whole log.
    fn contacts(
        &self,
        view: Contacts,
        parts: &mut Parts,
        home: &Home,
        progress: &mut dyn FnMut(Position),
    ) -> Result<Contacts, OpenError> {
        let mut afresh = match view.position() {
            Position::ZERO if self.reader.head() >= AFRESH_EVENTS => Some(Afresh::begin(home)?),
            _ => None,
        };
        let contacts = self.fold(view, parts, afresh.as_mut(), progress)?;
        if let Some(Err(error)) = afresh.map(Afresh::keep) {
            tracing::warn!(%error, "views are made by themselves, for they could not be made together");
        }
        Ok(contacts)
    }

    /// Folds the log from where a view ends, and saves what that changes as it goes.
    fn fold(
        &self,
        mut view: Contacts,
        parts: &mut Parts,
        mut afresh: Option<&mut Afresh>,
        progress: &mut dyn FnMut(Position),
    ) -> Result<Contacts, OpenError> {
        let from = view.position().next();
        let mut saves = true;
        let has_others = afresh.is_some();
        let work = |_, bytes: Bytes| {
            let record = record::decode(&bytes).map_err(ReadError::from)?;
            let (tags, words) = self.extract(&record, has_others)?;
            // What is sealed goes where it was made: to let go of another thread's memory is dear.
            let Record { event, slot, .. } = record;
            Ok((event, slot, tags, words))
        };
        let fold = |(event, slot, tags, words): (Event, Option<Slot>, Arc<[Tag]>, Words)| {
            let position = event.header.position;
            view.fold(&event, slot, &tags)
                .map_err(|cause| OpenError::Fold { position, cause })?;
            if let Some(others) = &mut afresh {
                others.fold(event, words);
            }
            if position.get().is_multiple_of(LOOK_EVENTS) {
                progress(position);
                if saves && saved_view::is_due(&view) {
                    saves = self.save(&mut view, parts);
                }
            }
            Ok::<_, OpenError>(())
        };
        in_order(self.reader, (from, self.reader.head()), work, fold)?;
        progress(view.position());
        Ok(view)
    }

    /// Saves what folding has changed so far; whether that was possible. What was not saved is
    /// folded once more by the next start.
    fn save(&self, view: &mut Contacts, parts: &mut Parts) -> bool {
        let saved = parts.save(&view.delta(), self.keys);
        let saved = saved.map(|()| view.set_saved());
        match saved.and_then(|()| parts.merge(&|| true)) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the view was not saved while it was folded");
                false
            }
        }
    }

    /// The tags of what a record's contact can be found by, and its words for the search view.
    fn extract(&self, record: &Record, with_words: bool) -> Result<(Arc<[Tag]>, Words), ReadError> {
        let Event { header, phase } = &record.event;
        let owner = &header.owner;
        let rules = self.registry.get(owner.dialect());
        let (Some(rules), Phase::Success { .. }) = (rules, phase) else {
            return Ok((Arc::default(), None));
        };
        let Body::Open(content) = shared::open_in_passing(self.keys, record)? else {
            return Ok((Arc::default(), None));
        };
        let card = &content.card;
        let texts = Texts::of(card);
        let keys = rules.keys_with(card, texts.emails.iter().map(|it| &**it));
        let tags = shared::lookup_tags(self.hasher, owner, &keys);
        let words = || SearchIndex::words(self.registry, &record.event, card, &texts);
        Ok((tags, with_words.then(words)))
    }
}

/// The erasures that are in the log, but were cut off before the key was gone. One that the saved view
/// knows and that was settled, up to `since`, was on the disk before either was. Those after it are
/// done again: the process that did them may have ended because the disk failed to sync.
fn unsure_erasures(contacts: &Contacts, keys: &KeyRing, since: Position) -> Vec<(Position, Slot)> {
    let erased = contacts
        .all_after(None)
        .filter(|entry| entry.status() == Status::Erased);
    let unsure = erased.filter(|entry| entry.modified() > since || !keys.is_erased(entry.slot()));
    unsure
        .map(|entry| (entry.modified(), entry.slot()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::REGISTRY;
    use crate::service::tests::{create, keys, opened};
    use crate::storage::SimDisk;

    #[tokio::test]
    async fn a_view_that_is_saved_while_it_is_folded_need_not_be_folded_again() {
        let (disk, other) = (SimDisk::new(1), SimDisk::new(2));
        let service = opened(&disk).service;
        create(&service, "a").await;
        service.stop();
        let (keys, hasher) = keys(&disk);
        let folder = Folder {
            reader: service.reader(),
            keys: &keys,
            hasher: &hasher,
            registry: REGISTRY,
        };
        let mut parts = Parts::open(other.files(VIEWS).unwrap()).unwrap();
        let folded = folder.fold(Contacts::default(), &mut parts, None, &mut |_| {});
        let mut view = folded.unwrap();
        other.set_full(true);
        assert!(!folder.save(&mut view, &mut parts));
        assert_eq!((view.unsaved(), parts.position()), (1, Position::ZERO));
        other.set_full(false);
        assert!(folder.save(&mut view, &mut parts));
        assert_eq!((view.unsaved(), parts.position()), (0, service.head()));
    }
}
