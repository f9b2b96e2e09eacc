//! A simulated node's disk, with what its service was seen to have on it.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use contactd::audit::{Frontier, Hash};
use contactd::cluster::Place;
use contactd::dialect::REGISTRY;
use contactd::domain::{Operation, Phase, Position, Timestamp};
use contactd::keys::{Hasher, KeyRing, MasterKey, Slot};
use contactd::log::{OpenOptions, record};
use contactd::service::{self, Service};
use contactd::storage::{Disk, FileAt, SimDisk};

/// The bytes of a slot in the files of keys.
const SLOT_BYTES: usize = 72;
/// What stands where a key was destroyed.
const OVERWRITTEN: u8 = 0xE5;

pub type Opened<T> = Result<T, Box<dyn Error>>;

/// What is left of a node when its process dies.
pub struct Home {
    pub disk: SimDisk,
    /// The events that its service said are on the disk.
    pub entries: Vec<Bytes>,
    /// The tree after each event.
    trees: Vec<Frontier>,
    /// The slots of those whom these events erase, and by which.
    pub erased: BTreeMap<Slot, Position>,
    /// The last position of which its service was told that it has settled.
    pub settled: Position,
    /// The wall clock, in milliseconds.
    pub clock: Arc<AtomicU64>,
    /// The position that the log must reach before it counts, where it was begun anew.
    pub reach: Option<Position>,
}

impl Home {
    pub fn new(seed: u64) -> Self {
        Self {
            disk: SimDisk::new(seed),
            entries: Vec::new(),
            trees: Vec::new(),
            erased: BTreeMap::new(),
            settled: Position::ZERO,
            clock: Arc::new(AtomicU64::new(1_800_000_000_000)),
            reach: None,
        }
    }

    /// Gives another node the key of index hashes, which is the log's.
    pub fn share_index(&self, other: &Self) -> Opened<()> {
        self.keys()?;
        let files = self.disk.files("keys")?;
        let key = FileAt::new(files, "index.key").read(200)?;
        let to = other.disk.files("keys")?;
        to.create_whole("index.key", &key.ok_or("no key")?)?;
        Ok(())
    }

    pub fn keys(&self) -> Opened<(KeyRing, Hasher)> {
        let files = self.disk.files("keys")?;
        let master = MasterKey::read_or_create(&FileAt::new(files.clone(), "master.key"))?;
        let keys = KeyRing::open(files.clone(), &master)?;
        let check = FileAt::new(files.clone(), "index-check");
        Ok((keys, Hasher::open_or_create(&files, &check)?))
    }

    /// Opens the service, which follows.
    pub fn open(&self) -> Opened<Service> {
        let (keys, hasher) = self.keys()?;
        let clock = self.clock.clone();
        let options = service::Options {
            registry: REGISTRY,
            queue_limit: 16,
            clock: Box::new(move || Timestamp::from_millis(clock.load(Ordering::Relaxed))),
            log: OpenOptions::default(),
            order: None,
        };
        Ok(service::open(&self.disk, keys, hasher, options, &mut |_| {})?.service)
    }

    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub fn place(&self) -> Place {
        Place::of(&self.tree(self.len()).expect("its own end"))
    }

    pub fn tree(&self, size: u64) -> Option<Frontier> {
        match size.checked_sub(1) {
            None => Some(Frontier::default()),
            Some(last) => self.trees.get(usize::try_from(last).ok()?).cloned(),
        }
    }

    pub fn entry(&self, position: Position) -> Option<&Bytes> {
        self.entries.get(index(position))
    }

    /// Notes an event that is on the disk.
    pub fn see(&mut self, entry: Bytes) {
        let mut tree = self.tree(self.len()).expect("its own end");
        tree.push(Hash::leaf(&entry));
        self.erased.extend(erasure(&entry));
        self.trees.push(tree);
        self.entries.push(entry);
    }

    /// Whether its disk has, or had, a key in a slot.
    pub fn has_key(&self, slot: Slot) -> bool {
        self.any_copy(slot, |bytes| bytes.iter().any(|byte| *byte != 0))
    }

    /// Whether a slot is that of somebody whose erasure has settled, as its service was told.
    pub fn has_erased(&self, slot: Slot) -> bool {
        let at = self.erased.get(&slot);
        at.is_some_and(|position| *position <= self.settled)
    }

    /// Whether its disk still has the key of somebody whose erasure has settled.
    pub fn remembers(&self) -> bool {
        let mut erased = self.erased.keys().filter(|slot| self.has_erased(**slot));
        erased.any(|slot| self.has_left(*slot))
    }

    /// Whether its disk has anything in a slot that is not overwritten.
    pub fn has_left(&self, slot: Slot) -> bool {
        self.any_copy(slot, |bytes| bytes.iter().any(|byte| *byte != OVERWRITTEN))
    }

    /// Whether its disk has a key in a slot.
    pub fn holds_key(&self, slot: Slot) -> bool {
        let is_key = |bytes: &[u8]| bytes.iter().any(|byte| ![0, OVERWRITTEN].contains(byte));
        self.any_copy(slot, is_key)
    }

    /// The bytes of a slot that holds a key.
    pub fn key_bytes(&self, slot: Slot) -> Option<Vec<u8>> {
        let keys = self.disk.files("keys").ok()?;
        let offset = (slot.get() + 1) * SLOT_BYTES as u64;
        let bytes = keys.read_at("slots-1.bin", offset, SLOT_BYTES).ok()?;
        let is_key = bytes.iter().any(|byte| ![0, OVERWRITTEN].contains(byte));
        (is_key && bytes.len() == SLOT_BYTES).then_some(bytes)
    }

    /// Puts the bytes of a key into a slot, whatever was there.
    pub fn put_key_bytes(&self, slot: Slot, key: &[u8]) {
        for name in ["slots-1.bin", "slots-1.copy.bin"] {
            self.disk.tamper_file("keys", name, |bytes| {
                let at = (index_of(slot) + 1) * SLOT_BYTES;
                bytes[at..at + SLOT_BYTES].copy_from_slice(key);
            });
        }
    }

    /// Whether this holds of the bytes of a slot in one of the files that have it.
    fn any_copy(&self, slot: Slot, holds: impl Fn(&[u8]) -> bool) -> bool {
        let Ok(keys) = self.disk.files("keys") else {
            return false;
        };
        let names = keys.list().unwrap_or_default();
        let mut copies = names.iter().filter(|name| name.starts_with("slots-"));
        copies.any(|name| {
            let offset = (slot.get() + 1) * SLOT_BYTES as u64;
            let bytes = keys.read_at(name, offset, SLOT_BYTES).unwrap_or_default();
            bytes.len() == SLOT_BYTES && holds(&bytes)
        })
    }
}

/// The slot whose key an event destroys, if it does, and where it stands.
pub fn erasure(entry: &Bytes) -> Option<(Slot, Position)> {
    let record = record::decode(entry).expect("a record");
    let erases = record.event.header.operation == Operation::Erase;
    let done = matches!(record.event.phase, Phase::Success { .. });
    let slot = record.slot.filter(|_| erases && done)?;
    Some((slot, record.event.header.position))
}

fn index_of(slot: Slot) -> usize {
    usize::try_from(slot.get()).expect("small")
}

pub fn index(position: Position) -> usize {
    usize::try_from(position.get()).expect("small") - 1
}
