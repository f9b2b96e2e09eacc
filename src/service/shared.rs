//! What the writer and the readers share, and how a record is read and opened.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;
use tokio::sync::watch;

use super::ReadError;
use super::erasures::Erasures;
use super::guard::Guard;
use super::meters::Meters;
use super::opened::{Opened, Versions};
use super::parked::Parked;
use super::recent::Recent;
use crate::domain::{
    Card, Closed, ContactId, Content, DialectId, IdempotentRequest, LookupKey, LookupKind, Owner,
    Position, Registry, Rules, Tag,
};
use crate::keys::{CursorKey, Hasher, KeyRing, SealError};
use crate::log::Reader;
use crate::log::record::{self, Record};
use crate::projection::{ContactRow, Contacts, Entry, TenantKey};

/// The state that the writer and the readers share.
pub struct Shared {
    /// The inline view of contacts.
    pub contacts: RwLock<Contacts>,
    /// The numbers of contacts that cannot be read, though nobody erased them: those whose key was not
    /// there at the start, and those whose key was found damaged since.
    pub unreadable: RwLock<RoaringBitmap>,
    /// The reading end of the log.
    pub reader: Reader,
    /// The newest events, in memory.
    pub recent: Recent,
    /// The versions of contacts that were read last.
    pub versions: Versions,
    /// The keys that seal contacts' contents.
    pub keys: KeyRing,
    /// Makes keyed hashes of texts, for indexes.
    pub hasher: Hasher,
    /// Seals what cursors hold of a person.
    pub cursors: Arc<CursorKey>,
    /// The rules of every dialect.
    pub registry: Registry,
    /// The last position that is on the disk and in the inline view.
    pub head: watch::Sender<Position>,
    /// The last position up to which the log stands for good; alone, the head.
    pub settled: watch::Sender<Position>,
    /// The head as the views have heard of it.
    pub heard: watch::Sender<Position>,
    /// What is settled, as those who follow that were last woken for.
    pub(super) woken: AtomicU64,
    /// The erasures that wait until the log is settled up to them.
    pub erasures: Erasures,
    /// The replies that wait until the log is settled up to their group.
    pub parked: Parked,
    /// The reason for which the log takes no commands; `None` while it takes them.
    pub closed: Mutex<Option<Closed>>,
    /// Whether another service decides, and this one takes what it has decided.
    pub follows: AtomicBool,
    /// What the writer measures.
    pub meters: Meters,
    /// Watches over the disk and the clock, once somebody has set it up.
    pub guard: OnceLock<Arc<Guard>>,
}

/// The content of a record, once it was opened.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// The record never had a content.
    None,
    /// The record's content cannot be opened: its key was destroyed, is damaged, or is not in this
    /// directory.
    Gone,
    /// The content, in clear.
    Open(Box<Content>),
}

impl Shared {
    /// The state of a service that opens: nobody waits, nothing is measured, nothing is wrong.
    pub fn new(
        contacts: Contacts,
        reader: Reader,
        (keys, hasher): (KeyRing, Hasher),
        registry: Registry,
        settled: Position,
        follows: bool,
    ) -> Self {
        Self {
            head: watch::channel(contacts.position()).0,
            heard: watch::channel(contacts.position()).0,
            contacts: RwLock::new(contacts),
            unreadable: RwLock::default(),
            reader,
            recent: Recent::default(),
            versions: Versions::default(),
            keys,
            cursors: Arc::new(hasher.cursor_key()),
            hasher,
            registry,
            settled: watch::channel(settled).0,
            woken: AtomicU64::new(settled.get()),
            erasures: Erasures::default(),
            parked: Parked::default(),
            closed: Mutex::new(None),
            follows: AtomicBool::new(follows),
            meters: Meters::default(),
            guard: OnceLock::new(),
        }
    }

    /// The last position that is on the disk and in the inline view.
    pub fn head(&self) -> Position {
        *self.head.borrow()
    }

    /// The last position up to which the log stands for good.
    pub fn settled(&self) -> Position {
        *self.settled.borrow()
    }

    /// Whether another service decides.
    pub fn follows(&self) -> bool {
        self.follows.load(Ordering::Acquire)
    }

    /// Notes that the log stands for good up to a position, as far as this disk has it: whoever is
    /// erased up to there is erased on this disk, then the replies go that waited. Where the disk
    /// refuses that, the log is closed, for nobody knows what the disk holds.
    /// Gives whether keys were destroyed.
    pub fn settle(&self, position: Position) -> bool {
        let position = position.min(self.head());
        let destroyed = match self.erasures.carry_out(&self.keys, position) {
            Ok(destroyed) => destroyed,
            Err(error) => {
                tracing::error!(%error, "a key could not be destroyed; no more commands are taken");
                self.fail();
                return false;
            }
        };
        self.move_settled(position);
        self.release();
        destroyed
    }

    /// Closes a log that failed, then gives up the replies that wait: whoever is told so finds the
    /// log closed.
    pub fn fail(&self) {
        *self.closed.lock() = Some(Closed::Failed);
        self.parked.give_up();
    }

    /// Notes that whoever is erased up to a position is so on a majority of disks, and lets the
    /// replies go that waited for that.
    pub fn confirm_erased(&self, position: Position) {
        self.erasures.confirm(position);
        self.release();
    }

    /// Lets the replies go that wait for nothing any more.
    pub fn release(&self) {
        self.parked
            .release(self.erasures.answerable(self.settled()));
    }

    /// Moves the head, and wakes nobody yet who follows it. Whoever sees it also sees what is settled
    /// with it.
    pub fn advance(&self, head: Position, settled: Position) {
        self.settled.send_if_modified(|before| {
            *before = settled.max(*before);
            false
        });
        self.head.send_if_modified(|before| {
            *before = head;
            false
        });
    }

    /// Wakes those who follow the head and what is settled, and the views last: other nodes wait for
    /// the first, and for the views nobody does, which have work for longer.
    pub fn wake_followers(&self) {
        self.head.send_modify(|_| ());
        let settled = self.settled().get();
        if self.woken.fetch_max(settled, Ordering::AcqRel) < settled {
            self.settled.send_modify(|_| ());
        }
        self.heard.send_replace(self.head());
    }

    fn move_settled(&self, settled: Position) {
        self.settled.send_if_modified(|before| {
            let is_news = settled > *before;
            *before = settled.max(*before);
            self.woken.fetch_max(before.get(), Ordering::AcqRel);
            is_news
        });
    }

    /// The reason for which the log takes no commands, or no erasures; `None` while it takes them.
    pub fn closed(&self, erases: bool) -> Option<Closed> {
        let failed = *self.closed.lock();
        failed.or_else(|| self.guard.get()?.refusal(erases))
    }

    /// The record at a position that a view names.
    pub fn record(&self, position: Position) -> Result<Record, ReadError> {
        let bytes = self.reader.get(position)?.ok_or(ReadError::Absent {
            position: position.get(),
        })?;
        Ok(record::decode(&bytes)?)
    }

    /// Opens the content of a record with the contact's key.
    pub fn open(&self, record: &Record) -> Result<Body, ReadError> {
        open(&self.keys, record)
    }

    /// The version of a contact that an event wrote, from memory where it was read lately; `None`
    /// where its content cannot be opened.
    pub fn version(&self, position: Position) -> Result<Option<Arc<Opened>>, ReadError> {
        self.versions.get(position, || {
            let record = self.record(position)?;
            let Body::Open(content) = self.open(&record)? else {
                return Ok(None);
            };
            Ok(Some(Opened {
                bytes: record.sealed.map_or(0, |sealed| sealed.bytes.len()),
                event: record.event,
                content: *content,
            }))
        })
    }

    /// Notes that a contact that nobody erased cannot be read.
    pub fn is_unreadable(&self, id: ContactId) {
        let number = self.contacts.read().entry(id).map(Entry::number);
        self.unreadable.write().extend(number);
    }

    /// The content that a live entry's last event wrote.
    pub fn content(&self, entry: &ContactRow) -> Result<Body, ReadError> {
        self.open(&self.record(entry.state.modified.position)?)
    }

    /// The rules of a dialect that this process speaks.
    pub fn rules(&self, dialect: DialectId) -> Option<&'static Rules> {
        self.registry.get(dialect)
    }

    /// The tags of everything that a contact can be found by beside its ids.
    pub fn tags(&self, owner: &Owner, card: &Card) -> Arc<[Tag]> {
        let keys = self
            .rules(owner.dialect())
            .map_or_else(Vec::new, |rules| rules.keys_of(card));
        lookup_tags(&self.hasher, owner, &keys)
    }

    /// The tag of a lookup key in a tenant.
    pub fn lookup_tag(&self, owner: &Owner, key: &LookupKey) -> Tag {
        lookup_tag(&self.hasher, tenant_of(owner), key)
    }

    /// The tag of a lookup key in a tenant of a dialect.
    pub fn tenant_tag(&self, tenant: &TenantKey, key: &LookupKey) -> Tag {
        lookup_tag(&self.hasher, (tenant.0, &tenant.1), key)
    }

    /// The tag of an id that a client chose in a tenant.
    pub fn chosen_tag(&self, owner: &Owner, text: &str) -> Tag {
        self.chosen_tag_in(tenant_of(owner), text)
    }

    /// The tag of an id that a client chose, in a tenant of a dialect.
    pub fn chosen_tag_in(&self, tenant: (DialectId, &str), text: &str) -> Tag {
        tag(&self.hasher, tenant, b"chosen", &[text.as_bytes()])
    }

    /// The tag of an idempotency key in its scope of tenant, dialect and client.
    pub fn idempotency_tag(&self, owner: &Owner, client: &str, request: &IdempotentRequest) -> Tag {
        let parts = [client.as_bytes(), request.key.as_str().as_bytes()];
        tag(&self.hasher, tenant_of(owner), b"receipt", &parts)
    }
}

/// Opens a record's content with the contact's key. Where that is damaged beyond repair, or what
/// was encrypted with it is, the content is gone: one contact stops nobody else's page.
pub fn open(keys: &KeyRing, record: &Record) -> Result<Body, ReadError> {
    bearing_damage(record, open_strictly(keys, record))
}

/// Likewise, for whoever opens one record after the other.
pub fn open_in_passing(keys: &KeyRing, record: &Record) -> Result<Body, ReadError> {
    let (Some(sealed), Some(slot)) = (&record.sealed, record.slot) else {
        return Ok(Body::None);
    };
    let opened = keys.open_in_passing(slot, &sealed.bound_to, &sealed.bytes);
    bearing_damage(record, of_opened(opened))
}

fn bearing_damage(record: &Record, opened: Result<Body, ReadError>) -> Result<Body, ReadError> {
    match opened {
        Err(ReadError::Sealed(
            error @ (SealError::DamagedKey { .. } | SealError::Damaged { .. }),
        )) => {
            let position = record.event.header.position;
            tracing::warn!(%position, %error, "a contact's content cannot be read");
            Ok(Body::Gone)
        }
        opened => opened,
    }
}

/// Like [`open`], but damage is an error: for whoever looks for it.
pub fn open_strictly(keys: &KeyRing, record: &Record) -> Result<Body, ReadError> {
    let (Some(sealed), Some(slot)) = (&record.sealed, record.slot) else {
        return Ok(Body::None);
    };
    of_opened(keys.open_sealed(slot, &sealed.bound_to, &sealed.bytes))
}

fn of_opened(opened: Result<Vec<u8>, SealError>) -> Result<Body, ReadError> {
    match opened {
        Ok(plain) => Ok(Body::Open(Box::new(record::read_content(&plain)?))),
        Err(
            SealError::Erased { .. } | SealError::MissingKey { .. } | SealError::MarkedLost { .. },
        ) => Ok(Body::Gone),
        Err(error) => Err(error.into()),
    }
}

/// The tags of lookup keys, in order.
pub fn lookup_tags(hasher: &Hasher, owner: &Owner, keys: &[LookupKey]) -> Arc<[Tag]> {
    let mut tags: Vec<Tag> = keys
        .iter()
        .map(|key| lookup_tag(hasher, tenant_of(owner), key))
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags.into()
}

fn tenant_of(owner: &Owner) -> (DialectId, &str) {
    (owner.dialect(), owner.tenant())
}

fn lookup_tag(hasher: &Hasher, tenant: (DialectId, &str), key: &LookupKey) -> Tag {
    let kind: &[u8] = match key.kind {
        LookupKind::Email => b"email",
        LookupKind::ExternalId => b"external-id",
    };
    tag(hasher, tenant, kind, &[key.text.as_bytes()])
}

fn tag(hasher: &Hasher, (dialect, tenant): (DialectId, &str), kind: &[u8], parts: &[&[u8]]) -> Tag {
    let dialect = [dialect.0];
    let mut all = vec![kind, &dialect, tenant.as_bytes()];
    all.extend_from_slice(parts);
    hasher.tag(&all)
}
