//! The file of slots: its bytes, and nothing of who uses them.
//!
//! ```text
//! header, 72 bytes   "contactd slots 1" · generation (8) · nonce (24) · tag (16) · 0 (4) · CRC-32C (4)
//! slot n, 72 bytes   nonce (24) · wrapped key (32) · tag (16)      at 72 x (n + 1)
//! ```
//!
//! Numbers are big-endian; keys are wrapped by XChaCha20-Poly1305 under the
//! master key, authenticated together with the generation and the slot's number.
//! The header's tag is over nothing: it tells a wrong master key from damage.
//! A slot of zeros holds no key and one of the erased pattern never will again.
//! A slot whose wrapped key is zeros says, by a tag over nothing, that its key
//! was given up on purpose: who has not the master key cannot make it say so.

use std::{path::PathBuf, sync::Arc};

use chacha20poly1305::{AeadInPlace, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{
    MasterKey, OpenError, Slot, SlotError,
    key::{ContactKey, KEY_BYTES, random_key},
};
use crate::storage::{Files, StorageError};

/// Bytes of a slot, and of the header before the first.
pub(super) const SLOT_BYTES: usize = 72;
/// Bytes of a nonce.
pub(super) const NONCE_BYTES: usize = 24;
/// Bytes of an authentication tag.
pub(super) const TAG_BYTES: usize = 16;
/// Slots that are read or written at a time.
pub(super) const CHUNK_SLOTS: u64 = 4_096;
const MAGIC: &[u8; 16] = b"contactd slots 1";
const ERASED: SlotBytes = [0xE5; SLOT_BYTES];
const MISSING: SlotBytes = [0; SLOT_BYTES];

/// The bytes of a slot.
pub(super) type SlotBytes = [u8; SLOT_BYTES];

/// What a slot holds.
pub(super) enum Held {
    Key(ContactKey),
    Erased,
    Missing,
    MarkedLost,
    Damaged,
}

/// Whether the bytes of a slot are of the form of a key, which says nothing of whether they open.
fn has_form_of_key(bytes: &SlotBytes) -> bool {
    *bytes != ERASED && *bytes != MISSING && !is_marked_lost(bytes)
}

/// A wrapped key is zeros by chance as seldom as a key is guessed.
fn is_marked_lost(bytes: &SlotBytes) -> bool {
    let mut wrapped = bytes.iter().skip(NONCE_BYTES).take(KEY_BYTES);
    wrapped.all(|byte| *byte == 0)
}

/// The name of a generation's file.
pub(super) fn name_of(generation: u64) -> String {
    format!("slots-{generation}.bin")
}

/// The name of a file of slots that does not count yet: the next start destroys it.
pub(super) fn temporary(generation: u64) -> String {
    name_of(generation) + ".tmp"
}

/// The generation that a file's name says; `None` for the name of any other file.
pub(super) fn generation_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("slots-")?.strip_suffix(".bin")?;
    digits.parse().ok()
}

/// A file of slots, under the master key that opens it.
pub(super) struct SlotFile {
    files: Arc<dyn Files>,
    name: String,
    generation: u64,
    cipher: XChaCha20Poly1305,
}

impl SlotFile {
    /// Creates a file without slots; another of that name is replaced. On the disk when this
    /// returns.
    pub(super) fn create(
        files: Arc<dyn Files>,
        name: String,
        generation: u64,
        master: &MasterKey,
    ) -> Result<Self, OpenError> {
        let cipher = cipher(master);
        let header = header(&cipher, generation).map_err(OpenError::Random)?;
        files.write_atomic(&name, &header)?;
        Ok(Self {
            files,
            name,
            generation,
            cipher,
        })
    }

    /// Opens a generation's file.
    pub(super) fn open(
        files: Arc<dyn Files>,
        generation: u64,
        master: &MasterKey,
    ) -> Result<Self, OpenError> {
        let name = name_of(generation);
        let cipher = cipher(master);
        let header = files.read_at(&name, 0, SLOT_BYTES)?;
        let header = header.first_chunk::<SLOT_BYTES>();
        let path = files.path(&name);
        match header.and_then(|header| opens_header(&cipher, generation, header)) {
            None => Err(OpenError::Damaged { path }),
            Some(false) => Err(OpenError::WrongMasterKey { path }),
            Some(true) => Ok(Self {
                files,
                name,
                generation,
                cipher,
            }),
        }
    }

    /// Where the file lies, for messages.
    pub(super) fn path(&self) -> PathBuf {
        self.files.path(&self.name)
    }

    /// The directory of keys, for messages.
    pub(super) fn dir(&self) -> PathBuf {
        self.files.path("")
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Gives the file another name; on the disk when this returns.
    pub(super) fn rename(&mut self, to: String) -> Result<(), StorageError> {
        self.files.rename(&self.name, &to)?;
        self.name = to;
        Ok(())
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// How many whole slots the file has.
    pub(super) fn count(&self) -> Result<u64, StorageError> {
        let length = self.files.len(&self.name)?;
        Ok((length / SLOT_BYTES as u64).saturating_sub(1))
    }

    /// Makes the file hold this many slots; new ones hold no key.
    pub(super) fn set_count(&self, count: u64) -> Result<(), StorageError> {
        self.files.truncate(&self.name, offset(Slot::new(count)))
    }

    /// The bytes of a slot; those of a missing one where the file has ended.
    pub(super) fn read(&self, slot: Slot) -> Result<SlotBytes, StorageError> {
        let bytes = self.files.read_at(&self.name, offset(slot), SLOT_BYTES)?;
        Ok(bytes.first_chunk().copied().unwrap_or(MISSING))
    }

    /// The slots before `end` that have not the form of a key, in order.
    pub(super) fn without_key(&self, end: u64) -> Result<Vec<Slot>, StorageError> {
        let mut found = Vec::new();
        let held = self.count()?.min(end);
        for first in (0..held).step_by(CHUNK_SLOTS as usize) {
            let count = (held - first).min(CHUNK_SLOTS) as usize;
            let at = offset(Slot::new(first));
            let bytes = self.files.read_at(&self.name, at, count * SLOT_BYTES)?;
            let (slots, _) = bytes.as_chunks::<SLOT_BYTES>();
            let numbered = (first..).zip(slots);
            let keyless = numbered.filter(|(_, bytes)| !has_form_of_key(bytes));
            found.extend(keyless.map(|(number, _)| Slot::new(number)));
        }
        found.extend((held..end).map(Slot::new));
        Ok(found)
    }

    /// Writes the bytes of slots from `first` on. They are on the disk after [`Self::sync`].
    pub(super) fn write(&self, first: Slot, bytes: &[u8]) -> Result<(), StorageError> {
        self.files.write_at(&self.name, offset(first), bytes)
    }

    pub(super) fn sync(&self) -> Result<(), StorageError> {
        self.files.sync(&self.name)
    }

    /// Overwrites a slot for good; on the disk when this returns.
    pub(super) fn erase(&self, slot: Slot) -> Result<(), StorageError> {
        self.write(slot, &ERASED)?;
        self.sync()
    }

    /// Writes fresh keys in the slots from `first` up to `end`; on the disk when this returns
    /// them, in order.
    pub(super) fn fill(&self, first: u64, end: u64) -> Result<Vec<ContactKey>, SlotError> {
        let mut keys = Vec::new();
        let mut bytes = Vec::new();
        for number in first..end {
            let key = random_key().map_err(SlotError::Random)?;
            let slot = self.wrap(Slot::new(number), key.clone());
            bytes.extend_from_slice(&slot.map_err(SlotError::Random)?);
            keys.push(ContactKey::new(key));
        }
        self.write(Slot::new(first), &bytes)?;
        self.sync()?;
        Ok(keys)
    }

    /// The bytes of a slot that holds this key.
    pub(super) fn wrap(
        &self,
        slot: Slot,
        mut key: Zeroizing<[u8; KEY_BYTES]>,
    ) -> Result<SlotBytes, getrandom::Error> {
        let aad = slot_aad(self.generation, slot);
        let (nonce, tag) = encrypt(&self.cipher, &aad, key.as_mut_slice())?;
        let mut bytes = MISSING;
        join(&mut bytes, &[&nonce, key.as_slice(), &tag]);
        Ok(bytes)
    }

    /// The bytes of a slot that says that its key was given up.
    pub(super) fn mark_lost(&self, slot: Slot) -> Result<SlotBytes, getrandom::Error> {
        let aad = marked_lost_aad(self.generation, slot);
        let (nonce, tag) = encrypt(&self.cipher, &aad, &mut [])?;
        let mut bytes = MISSING;
        join(&mut bytes, &[&nonce, &[0; KEY_BYTES], &tag]);
        Ok(bytes)
    }

    /// What a slot of these bytes holds.
    pub(super) fn unwrap(&self, slot: Slot, bytes: &SlotBytes) -> Held {
        match *bytes {
            ERASED => return Held::Erased,
            MISSING => return Held::Missing,
            _ => {}
        }
        let Some((nonce, rest)) = bytes.split_first_chunk::<NONCE_BYTES>() else {
            return Held::Damaged;
        };
        let Some((wrapped, tag)) = rest.split_first_chunk::<KEY_BYTES>() else {
            return Held::Damaged;
        };
        if is_marked_lost(bytes) {
            let aad = marked_lost_aad(self.generation, slot);
            let authentic = decrypt(&self.cipher, &aad, nonce, &mut [], tag);
            return if authentic {
                Held::MarkedLost
            } else {
                Held::Damaged
            };
        }
        let mut key = Zeroizing::new(*wrapped);
        let aad = slot_aad(self.generation, slot);
        if decrypt(&self.cipher, &aad, nonce, key.as_mut_slice(), tag) {
            Held::Key(ContactKey::new(key))
        } else {
            Held::Damaged
        }
    }
}

/// Encrypts in place under a random nonce; gives nonce and tag.
pub(super) fn encrypt(
    cipher: &XChaCha20Poly1305,
    aad: &[u8],
    text: &mut [u8],
) -> Result<([u8; NONCE_BYTES], Tag), getrandom::Error> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce)?;
    cipher
        .encrypt_in_place_detached(XNonce::from_slice(&nonce), aad, text)
        .map(|tag| (nonce, tag))
        // Only a text of 256 GiB is refused; nothing here comes near it.
        .map_err(|_| getrandom::Error::UNEXPECTED)
}

/// Decrypts in place; whether nonce, text, tag and `aad` belong together under this key.
pub(super) fn decrypt(
    cipher: &XChaCha20Poly1305,
    aad: &[u8],
    nonce: &[u8; NONCE_BYTES],
    text: &mut [u8],
    tag: &[u8],
) -> bool {
    tag.len() == TAG_BYTES
        && cipher
            .decrypt_in_place_detached(XNonce::from_slice(nonce), aad, text, Tag::from_slice(tag))
            .is_ok()
}

fn cipher(master: &MasterKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*master.0).into())
}

fn offset(slot: Slot) -> u64 {
    let before = slot.get().saturating_add(1);
    before.saturating_mul(SLOT_BYTES as u64)
}

fn slot_aad(generation: u64, slot: Slot) -> Vec<u8> {
    let numbers = [generation.to_be_bytes(), slot.get().to_be_bytes()];
    [MAGIC.as_slice(), b"/slot", &numbers.concat()].concat()
}

fn marked_lost_aad(generation: u64, slot: Slot) -> Vec<u8> {
    let numbers = [generation.to_be_bytes(), slot.get().to_be_bytes()];
    [MAGIC.as_slice(), b"/given up", &numbers.concat()].concat()
}

fn header_aad(generation: u64) -> Vec<u8> {
    [MAGIC.as_slice(), b"/header", &generation.to_be_bytes()].concat()
}

fn header(cipher: &XChaCha20Poly1305, generation: u64) -> Result<SlotBytes, getrandom::Error> {
    let (nonce, tag) = encrypt(cipher, &header_aad(generation), &mut [])?;
    let mut bytes = MISSING;
    join(
        &mut bytes,
        &[MAGIC, &generation.to_be_bytes(), &nonce, &tag, &[0; 4]],
    );
    if let Some((before, checksum)) = bytes.split_last_chunk_mut::<4>() {
        *checksum = crc32c::crc32c(before).to_be_bytes();
    }
    Ok(bytes)
}

/// Whether the key opens a header; `None` where the header is damaged.
fn opens_header(cipher: &XChaCha20Poly1305, generation: u64, header: &SlotBytes) -> Option<bool> {
    let (before, checksum) = header.split_last_chunk::<4>()?;
    let rest = before.strip_prefix(MAGIC.as_slice())?;
    let rest = rest.strip_prefix(generation.to_be_bytes().as_slice())?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
    let (tag, _) = rest.split_first_chunk::<TAG_BYTES>()?;
    (crc32c::crc32c(before).to_be_bytes() == *checksum)
        .then(|| decrypt(cipher, &header_aad(generation), nonce, &mut [], tag))
}

/// Puts parts one behind the other; what is left of `bytes` stays.
fn join(bytes: &mut SlotBytes, parts: &[&[u8]]) {
    let joined = parts.iter().flat_map(|part| part.iter());
    for (to, from) in bytes.iter_mut().zip(joined) {
        *to = *from;
    }
}
