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

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use chacha20poly1305::{AeadInPlace, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{
    FileError, MasterKey, OpenError, Slot, SlotError,
    cache::ContactKey,
    durable,
    master::{KEY_BYTES, random_key},
};

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

/// An open file of slots, under the master key that opens it.
pub(super) struct SlotFile {
    file: File,
    path: PathBuf,
    generation: u64,
    cipher: XChaCha20Poly1305,
}

impl SlotFile {
    /// The path of a generation's file.
    pub(super) fn path_in(dir: &Path, generation: u64) -> PathBuf {
        dir.join(format!("slots-{generation}.bin"))
    }

    /// The generation that a file's name says; `None` for the name of any other file.
    pub(super) fn generation_of(name: &str) -> Option<u64> {
        let digits = name.strip_prefix("slots-")?.strip_suffix(".bin")?;
        digits.parse().ok()
    }

    /// Creates a file without slots; another of that name is replaced. It is on the disk, but its
    /// name may not be.
    pub(super) fn create(
        path: PathBuf,
        generation: u64,
        master: &MasterKey,
    ) -> Result<Self, OpenError> {
        let cipher = cipher(master);
        let header = header(&cipher, generation).map_err(OpenError::Random)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(FileError::at("create", &path))?;
        file.write_all_at(&header, 0)
            .and_then(|()| file.sync_all())
            .map_err(FileError::at("write", &path))?;
        Ok(Self {
            file,
            path,
            generation,
            cipher,
        })
    }

    /// Opens a generation's file.
    pub(super) fn open(
        path: PathBuf,
        generation: u64,
        master: &MasterKey,
    ) -> Result<Self, OpenError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(FileError::at("open", &path))?;
        let mut header = [0; SLOT_BYTES];
        match file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(OpenError::Damaged { path });
            }
            Err(error) => return Err(FileError::at("read", path)(error).into()),
        }
        let cipher = cipher(master);
        match opens_header(&cipher, generation, &header) {
            None => Err(OpenError::Damaged { path }),
            Some(false) => Err(OpenError::WrongMasterKey { path }),
            Some(true) => Ok(Self {
                file,
                path,
                generation,
                cipher,
            }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file another name; on the disk when this returns.
    pub(super) fn rename(&mut self, to: PathBuf) -> Result<(), FileError> {
        fs::rename(&self.path, &to).map_err(FileError::at("rename", &self.path))?;
        sync_name(&to)?;
        self.path = to;
        Ok(())
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// How many whole slots the file has.
    pub(super) fn count(&self) -> Result<u64, FileError> {
        let metadata = self.file.metadata();
        let length = metadata.map_err(FileError::at("read", &self.path))?.len();
        Ok((length / SLOT_BYTES as u64).saturating_sub(1))
    }

    /// Makes the file hold this many slots; new ones hold no key.
    pub(super) fn set_count(&self, count: u64) -> Result<(), FileError> {
        self.file
            .set_len(offset(Slot::new(count)))
            .and_then(|()| self.file.sync_all())
            .map_err(FileError::at("resize", &self.path))
    }

    /// The bytes of a slot; those of a missing one where the file has ended.
    pub(super) fn read(&self, slot: Slot) -> Result<SlotBytes, FileError> {
        let mut bytes = MISSING;
        match self.file.read_exact_at(&mut bytes, offset(slot)) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(MISSING),
            Err(error) => Err(FileError::at("read", &self.path)(error)),
        }
    }

    /// The slots before `end` that have not the form of a key, in order.
    pub(super) fn without_key(&self, end: u64) -> Result<Vec<Slot>, FileError> {
        let mut found = Vec::new();
        let mut chunk = vec![0; SLOT_BYTES * CHUNK_SLOTS as usize];
        let held = self.count()?.min(end);
        for first in (0..held).step_by(CHUNK_SLOTS as usize) {
            let count = (held - first).min(CHUNK_SLOTS) as usize;
            let bytes = chunk.get_mut(..count * SLOT_BYTES).unwrap_or_default();
            self.file
                .read_exact_at(bytes, offset(Slot::new(first)))
                .map_err(FileError::at("read", &self.path))?;
            let (slots, _) = bytes.as_chunks::<SLOT_BYTES>();
            let numbered = (first..).zip(slots);
            let keyless = numbered.filter(|(_, bytes)| !has_form_of_key(bytes));
            found.extend(keyless.map(|(number, _)| Slot::new(number)));
        }
        found.extend((held..end).map(Slot::new));
        Ok(found)
    }

    /// Writes the bytes of slots from `first` on. They are on the disk after [`Self::sync`].
    pub(super) fn write(&self, first: Slot, bytes: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all_at(bytes, offset(first))
            .map_err(FileError::at("write", &self.path))
    }

    pub(super) fn sync(&self) -> Result<(), FileError> {
        self.file
            .sync_data()
            .map_err(FileError::at("sync", &self.path))
    }

    /// Overwrites a slot for good; on the disk when this returns.
    pub(super) fn erase(&self, slot: Slot) -> Result<(), FileError> {
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

/// Waits until the name of a file of slots is on the disk.
pub(super) fn sync_name(path: &Path) -> Result<(), FileError> {
    let dir = durable::parent(path);
    durable::sync_dir(&dir).map_err(FileError::at("sync", dir))
}
