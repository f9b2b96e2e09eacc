//! Wrapping contacts' keys with the master key: the bytes of a slot and of a header.
//!
//! ```text
//! header, 72 bytes   "contactd slots 1" · generation (8) · nonce (24) · tag (16) · 0 (4) · CRC-32C (4)
//! slot n, 72 bytes   nonce (24) · wrapped key (32) · tag (16)      at 72 x (n + 1)
//! ```
//!
//! Numbers are big-endian. A key is wrapped by XChaCha20-Poly1305 under the master key, and
//! authenticated together with the generation and the slot's number: the tag is the slot's
//! checksum, and nobody without the master key can compute it. The header's tag is over nothing:
//! it tells a wrong master key from damage. A slot of zeros holds no key, and one of the erased
//! pattern never will again. A slot whose wrapped key is zeros says, by a tag over nothing, that
//! its key was given up on purpose: who has not the master key cannot make it say so.

use zeroize::Zeroizing;

use super::{
    MasterKey, Slot,
    cipher::{NONCE_BYTES, TAG_BYTES, decrypt, encrypt},
    key::{ContactKey, KEY_BYTES, Key},
};

/// Bytes of a slot, and of the header before the first.
pub(super) const SLOT_BYTES: usize = 72;
/// What an erased slot is overwritten with.
pub(super) const ERASED: SlotBytes = [0xE5; SLOT_BYTES];
/// What a slot is that never held a key.
pub(super) const MISSING: SlotBytes = [0; SLOT_BYTES];
const MAGIC: &[u8; 16] = b"contactd slots 1";

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
pub(super) fn has_form_of_key(bytes: &SlotBytes) -> bool {
    *bytes != ERASED && *bytes != MISSING && !is_marked_lost(bytes)
}

/// A wrapped key is zeros by chance as seldom as a key is guessed.
fn is_marked_lost(bytes: &SlotBytes) -> bool {
    let mut wrapped = bytes.iter().skip(NONCE_BYTES).take(KEY_BYTES);
    wrapped.all(|byte| *byte == 0)
}

/// A master key at work on one generation of slots.
pub(super) struct Wrapping {
    pub generation: u64,
    master: Key,
}

impl Wrapping {
    pub(super) fn new(master: &MasterKey, generation: u64) -> Self {
        Self {
            generation,
            master: master.0.clone(),
        }
    }

    /// The master key, for other keys than those of contacts.
    pub(super) const fn master(&self) -> &Key {
        &self.master
    }

    /// The bytes of a slot that holds this key.
    pub(super) fn wrap(&self, slot: Slot, key: &Key) -> Result<SlotBytes, getrandom::Error> {
        let aad = self.aad(b"/slot", Some(slot));
        let mut key = Zeroizing::new(**key);
        let (nonce, tag) = encrypt(&self.master, &aad, key.as_mut_slice())?;
        let mut bytes = MISSING;
        join(&mut bytes, &[&nonce, key.as_slice(), &tag]);
        Ok(bytes)
    }

    /// The bytes of a slot that says that its key was given up.
    pub(super) fn mark_lost(&self, slot: Slot) -> Result<SlotBytes, getrandom::Error> {
        let aad = self.aad(b"/given up", Some(slot));
        let (nonce, tag) = encrypt(&self.master, &aad, &mut [])?;
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
        let Some(tag) = tag.first_chunk::<TAG_BYTES>() else {
            return Held::Damaged;
        };
        if is_marked_lost(bytes) {
            let aad = self.aad(b"/given up", Some(slot));
            let authentic = decrypt(&self.master, &aad, nonce, &mut [], tag);
            return match authentic {
                true => Held::MarkedLost,
                false => Held::Damaged,
            };
        }
        let mut key = Zeroizing::new(*wrapped);
        let aad = self.aad(b"/slot", Some(slot));
        if decrypt(&self.master, &aad, nonce, key.as_mut_slice(), tag) {
            Held::Key(ContactKey::new(key))
        } else {
            Held::Damaged
        }
    }

    /// The header of a file of slots.
    pub(super) fn header(&self) -> Result<SlotBytes, getrandom::Error> {
        let (nonce, tag) = encrypt(&self.master, &self.aad(b"/header", None), &mut [])?;
        let generation = self.generation.to_be_bytes();
        let mut bytes = MISSING;
        join(&mut bytes, &[MAGIC, &generation, &nonce, &tag, &[0; 4]]);
        if let Some((before, checksum)) = bytes.split_last_chunk_mut::<4>() {
            *checksum = crc32c::crc32c(before).to_be_bytes();
        }
        Ok(bytes)
    }

    /// Whether the master key opens a header; `None` where the header is damaged.
    pub(super) fn opens(&self, header: &SlotBytes) -> Option<bool> {
        let (before, checksum) = header.split_last_chunk::<4>()?;
        let rest = before.strip_prefix(MAGIC.as_slice())?;
        let rest = rest.strip_prefix(self.generation.to_be_bytes().as_slice())?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (tag, _) = rest.split_first_chunk::<TAG_BYTES>()?;
        let aad = self.aad(b"/header", None);
        (crc32c::crc32c(before).to_be_bytes() == *checksum)
            .then(|| decrypt(&self.master, &aad, nonce, &mut [], tag))
    }

    /// What is authenticated together with the bytes: what they are, and where they belong.
    fn aad(&self, what: &[u8], slot: Option<Slot>) -> Vec<u8> {
        let mut aad = [MAGIC.as_slice(), what, &self.generation.to_be_bytes()].concat();
        aad.extend(slot.into_iter().flat_map(|slot| slot.get().to_be_bytes()));
        aad
    }
}

/// Puts parts one behind the other; what is left of `bytes` stays.
fn join(bytes: &mut SlotBytes, parts: &[&[u8]]) {
    let joined = parts.iter().flat_map(|part| part.iter());
    for (to, from) in bytes.iter_mut().zip(joined) {
        *to = *from;
    }
}
