//! A file of sealed blocks, and the making of one.
//!
//! ```text
//! head     slot 0      "contactd find 1" · 0 · the file's key, wrapped (72) · sealed: blocks (4), bytes of the set (4)
//! blocks   slots 1..   each 4,096 bytes: nonce · packed block · tag
//! set      behind      the numbers of the contacts whose docs are here (a roaring bitmap), cut into sealed slots
//! ```
//!
//! Every slot is sealed together with its number, so a flipped bit, a torn write and a slot in the
//! wrong place are all seen when it is read. The head is written last: until then nobody has the
//! file's key but the process that draws it up, so a file that a crash has left without a head is
//! noise. Destroying a file overwrites its head, and with it the key.
//!
//! A block that cannot be read is reported to [`Health`] and counts as empty: whoever asks looks at
//! that before he believes an answer.

use std::sync::Arc;

use parking_lot::Mutex;
use quick_cache::{Weighter, sync::Cache};
use roaring::RoaringBitmap;

use super::block::{BODY_BYTES, Block, Packer, SLOT_BYTES};
use crate::keys::{BLOCK_OVERHEAD_BYTES, FileKey, FileKeyError, FileKeys, WRAPPED_KEY_BYTES};
use crate::projection::KeepError;
use crate::storage::{Files, StorageError};

const MAGIC: &[u8; 16] = b"contactd find 1\0";
/// Bytes that the head says of the file.
const FACTS_BYTES: usize = 8;
const SEALED_FACTS_BYTES: usize = FACTS_BYTES + BLOCK_OVERHEAD_BYTES;
/// Bytes before the text of a slot: the nonce.
const NONCE_BYTES: usize = 12;
/// Slots that are written together.
const WRITE_SLOTS: usize = 64;
/// Bytes of unpacked blocks that are kept at hand, of all files together.
const CACHE_BYTES: u64 = 32 << 20;

/// Whether everything that was read so far was whole.
#[derive(Debug, Default)]
pub struct Health(Mutex<Option<String>>);

impl Health {
    /// Notes that something cannot be read; the first reason stands.
    pub fn report(&self, reason: String) {
        self.0.lock().get_or_insert(reason);
    }

    /// The reason for which nothing here is to be believed, if there is one.
    pub fn fault(&self) -> Option<String> {
        self.0.lock().clone()
    }
}

/// The blocks of all files that were read last.
pub struct Blocks(Cache<(u64, u32), Arc<Block>, Weight>);

#[derive(Clone)]
struct Weight;

impl Weighter<(u64, u32), Arc<Block>> for Weight {
    fn weight(&self, _: &(u64, u32), block: &Arc<Block>) -> u64 {
        block.weight() as u64
    }
}

impl Default for Blocks {
    fn default() -> Self {
        let blocks = CACHE_BYTES as usize / SLOT_BYTES;
        Self(Cache::with_weighter(blocks, CACHE_BYTES, Weight))
    }
}

/// The place of the files: what each of them needs beside its own bytes.
#[derive(Clone)]
pub struct Place {
    /// The directory of the files.
    pub files: Arc<dyn Files>,
    /// Wraps the keys of the files.
    pub keys: FileKeys,
    /// The blocks that are at hand.
    pub cache: Arc<Blocks>,
    /// Told of every file that cannot be read.
    pub health: Arc<Health>,
}

/// The name of the file with this number.
pub fn name_of(number: u64) -> String {
    format!("search-{number}.blocks")
}

/// The number in a file's name; `None` for the name of any other file.
pub fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_prefix("search-")?.strip_suffix(".blocks")?;
    number.parse().ok()
}

/// Overwrites the key of a file, waits for the disk, and removes it. Absent is well.
///
/// # Errors
/// The disk refused; the key may still be there, so call again.
pub fn destroy(files: &dyn Files, number: u64) -> Result<(), StorageError> {
    let name = name_of(number);
    if !files.has(&name)? {
        return Ok(());
    }
    files.write_at(&name, 0, &[0; SLOT_BYTES])?;
    files.sync(&name)?;
    files.remove(&name)
}

/// Destroys every file of blocks in a directory.
///
/// # Errors
/// The disk refused; call again.
pub fn destroy_all(files: &dyn Files) -> Result<(), StorageError> {
    let names = files.list()?;
    let mut numbers = names.iter().filter_map(|name| number_of(name));
    numbers.try_for_each(|number| destroy(files, number))
}

/// A file of blocks.
pub struct Segment {
    place: Place,
    number: u64,
    name: String,
    key: FileKey,
    blocks: u32,
    set_bytes: u32,
}

impl Segment {
    /// Opens a file, and gives the set of contacts whose docs are in it.
    ///
    /// # Errors
    /// It is absent, was damaged, or is another master key's.
    pub fn open(place: &Place, number: u64) -> Result<(Self, RoaringBitmap), KeepError> {
        let name = name_of(number);
        place.files.keep_open(&name)?;
        let head = place.files.read_at(&name, 0, SLOT_BYTES)?;
        let damaged = || KeepError::Damaged(name.clone());
        let (key, facts) = open_head(&place.keys, &name, &head).ok_or_else(damaged)?;
        let Facts { blocks, set_bytes } = facts;
        let segment = Self {
            place: place.clone(),
            number,
            name: name.clone(),
            key,
            blocks,
            set_bytes,
        };
        let mut bytes = Vec::new();
        let slots = (set_bytes as usize).div_ceil(BODY_BYTES) as u64;
        for slot in 0..slots {
            bytes.extend(segment.read(u64::from(blocks) + 1 + slot)?);
        }
        bytes.truncate(set_bytes as usize);
        let set = RoaringBitmap::deserialize_from(bytes.as_slice()).map_err(|_| damaged())?;
        Ok((segment, set))
    }

    /// The number in the file's name.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of blocks.
    pub const fn len(&self) -> u32 {
        self.blocks
    }

    /// A block, from memory where it is at hand.
    pub fn block(&self, index: u32) -> Arc<Block> {
        let key = (self.number, index);
        if let Some(block) = self.place.cache.0.get(&key) {
            return block;
        }
        let block = self.scan(index);
        self.place.cache.0.insert(key, block.clone());
        block
    }

    /// A block, which is not kept at hand: for whoever reads all of them once.
    pub fn scan(&self, index: u32) -> Arc<Block> {
        let block = self.read(u64::from(index) + 1).and_then(|body| {
            let damaged = || KeepError::Damaged(self.name.clone());
            Block::unpack(&body).ok_or_else(damaged)
        });
        Arc::new(block.unwrap_or_else(|error| {
            self.place.health.report(error.to_string());
            Block::default()
        }))
    }

    /// Writes a block anew where it lies, under a fresh nonce. It is on the disk after
    /// [`sync`](Self::sync).
    ///
    /// # Errors
    /// The disk refused, or the block has grown.
    pub fn rewrite(&self, index: u32, block: Block) -> Result<(), KeepError> {
        let slot = u64::from(index) + 1;
        let body = block.pack();
        let body = body.ok_or_else(|| KeepError::Damaged(self.name.clone()))?;
        let bytes = sealed(&self.key, slot, &body)?;
        let written = self.place.files.write_at(&self.name, offset(slot), &bytes);
        self.place.cache.0.remove(&(self.number, index));
        Ok(written?)
    }

    /// Reports that what was read of it makes no sense.
    pub fn is_damaged(&self) {
        let error = KeepError::Damaged(self.name.clone());
        self.place.health.report(error.to_string());
    }

    /// Waits until what was written is on the disk.
    ///
    /// # Errors
    /// The disk refused.
    pub fn sync(&self) -> Result<(), KeepError> {
        Ok(self.place.files.sync(&self.name)?)
    }

    /// Destroys the file with its key; see [`destroy`].
    ///
    /// # Errors
    /// The disk refused; call again.
    pub fn destroy(&self) -> Result<(), KeepError> {
        Ok(destroy(&*self.place.files, self.number)?)
    }

    fn read(&self, slot: u64) -> Result<Vec<u8>, KeepError> {
        let mut bytes = self
            .place
            .files
            .read_at(&self.name, offset(slot), SLOT_BYTES)?;
        let text = self.key.open(slot, &mut bytes);
        let text = text.ok_or_else(|| KeepError::Damaged(self.name.clone()))?;
        Ok(text.to_vec())
    }

    /// Gives the file its head, the last that is written of it: from now on whoever has the master
    /// key can read it. It is on the disk, whole, when this returns.
    ///
    /// # Errors
    /// The disk refused.
    pub fn publish(&self) -> Result<(), KeepError> {
        self.sync()?;
        let mut facts = vec![0; NONCE_BYTES];
        facts.extend(self.blocks.to_be_bytes());
        facts.extend(self.set_bytes.to_be_bytes());
        facts.resize(SEALED_FACTS_BYTES, 0);
        self.key.seal(0, &mut facts)?;
        let wrapped = self.place.keys.wrap(&self.name, &self.key)?;
        let mut head = [MAGIC.as_slice(), &wrapped, &facts].concat();
        head.resize(SLOT_BYTES, 0);
        self.place.files.write_at(&self.name, 0, &head)?;
        self.sync()
    }
}

/// The sizes that the head gives: blocks, and bytes of the set of contacts.
struct Facts {
    blocks: u32,
    set_bytes: u32,
}

fn open_head(keys: &FileKeys, name: &str, head: &[u8]) -> Option<(FileKey, Facts)> {
    let rest = head.strip_prefix(MAGIC.as_slice())?;
    let (wrapped, rest) = rest.split_first_chunk::<WRAPPED_KEY_BYTES>()?;
    let key = keys.unwrap(name, wrapped)?;
    let mut facts = rest.get(..SEALED_FACTS_BYTES)?.to_vec();
    let facts = key.open(0, &mut facts)?;
    let (blocks, facts) = facts.split_first_chunk()?;
    let facts = Facts {
        blocks: u32::from_be_bytes(*blocks),
        set_bytes: u32::from_be_bytes(*facts.first_chunk()?),
    };
    Some((key, facts))
}

fn offset(slot: u64) -> u64 {
    slot.saturating_mul(SLOT_BYTES as u64)
}

fn sealed(key: &FileKey, slot: u64, body: &[u8]) -> Result<Vec<u8>, FileKeyError> {
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.resize(NONCE_BYTES, 0);
    bytes.extend_from_slice(body);
    bytes.resize(SLOT_BYTES, 0);
    key.seal(slot, &mut bytes)?;
    Ok(bytes)
}

/// A file that is being drawn up: its key is nowhere but here.
pub struct Draft {
    segment: Segment,
    packer: Packer,
    /// Sealed slots that are not written yet.
    waiting: Vec<u8>,
    /// The number of the next slot.
    slot: u64,
    unsynced: usize,
}

impl Draft {
    /// Begins a file.
    ///
    /// # Errors
    /// The disk refused, or the system gives no random bytes.
    pub fn new(place: &Place, number: u64) -> Result<Self, KeepError> {
        let name = name_of(number);
        let key = FileKey::draw()?;
        place.files.create(&name)?;
        place.files.keep_open(&name)?;
        let segment = Segment {
            place: place.clone(),
            number,
            name,
            key,
            blocks: 0,
            set_bytes: 0,
        };
        Ok(Self {
            segment,
            packer: Packer::default(),
            waiting: Vec::new(),
            slot: 1,
            unsynced: 0,
        })
    }

    /// Adds a key, which sorts behind all before.
    ///
    /// # Errors
    /// The disk refused; the draft is of no more use.
    pub fn push(&mut self, key: &[u8]) -> Result<(), KeepError> {
        if self.packer.push(key) {
            return Ok(());
        }
        self.end_block()?;
        if self.packer.push(key) {
            return Ok(());
        }
        // No key that we make is longer than a block.
        Err(KeepError::Damaged(self.segment.name.clone()))
    }

    /// The number in the file's name.
    pub const fn number(&self) -> u64 {
        self.segment.number
    }

    /// Bytes that were written and not waited for since the last sync.
    pub const fn unsynced(&self) -> usize {
        self.unsynced
    }

    /// Notes that a sync was waited for.
    pub const fn synced(&mut self) {
        self.unsynced = 0;
    }

    /// The directory and the name of the file, for whoever waits for its sync.
    pub fn file(&self) -> (Arc<dyn Files>, String) {
        (self.segment.place.files.clone(), self.segment.name.clone())
    }

    /// Makes a segment of it, whose docs are of these contacts. It can be read by this process
    /// alone until [`Segment::publish`].
    ///
    /// # Errors
    /// The disk refused; the draft is of no more use.
    pub fn finish(mut self, set: &RoaringBitmap) -> Result<Segment, KeepError> {
        if !self.packer.is_empty() {
            self.end_block()?;
        }
        let mut bytes = Vec::with_capacity(set.serialized_size());
        let damaged = |_| KeepError::Damaged(self.segment.name.clone());
        set.serialize_into(&mut bytes).map_err(damaged)?;
        for chunk in bytes.chunks(BODY_BYTES) {
            self.end_slot(chunk)?;
        }
        self.write()?;
        self.segment.set_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Ok(self.segment)
    }

    fn end_block(&mut self) -> Result<(), KeepError> {
        self.segment.blocks += 1;
        let body = self.packer.take();
        self.end_slot(&body)
    }

    fn end_slot(&mut self, body: &[u8]) -> Result<(), KeepError> {
        let bytes = sealed(&self.segment.key, self.slot, body)?;
        self.slot += 1;
        self.waiting.extend_from_slice(&bytes);
        if self.waiting.len() >= WRITE_SLOTS * SLOT_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), KeepError> {
        let slots = (self.waiting.len() / SLOT_BYTES) as u64;
        let at = offset(self.slot - slots);
        let files = &self.segment.place.files;
        files.write_at(&self.segment.name, at, &self.waiting)?;
        self.unsynced += self.waiting.len();
        self.waiting.clear();
        Ok(())
    }
}
