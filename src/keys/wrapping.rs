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

use chacha20poly1305::{AeadInPlace, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{
    MasterKey, Slot,
    key::{ContactKey, KEY_BYTES, Key},
};

/// Bytes of a slot, and of the header before the first.
pub(super) const SLOT_BYTES: usize = 72;
/// Bytes of a nonce.
pub(super) const NONCE_BYTES: usize = 24;
/// Bytes of an authentication tag.
pub(super) const TAG_BYTES: usize = 16;
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
    cipher: XChaCha20Poly1305,
}

impl Wrapping {
    pub(super) fn new(master: &MasterKey, generation: u64) -> Self {
        Self {
            generation,
            cipher: XChaCha20Poly1305::new((&*master.0).into()),
        }
    }

    /// The master key's cipher, for other keys than those of contacts.
    pub(super) const fn cipher(&self) -> &XChaCha20Poly1305 {
        &self.cipher
    }

    /// The bytes of a slot that holds this key.
    pub(super) fn wrap(&self, slot: Slot, key: &Key) -> Result<SlotBytes, getrandom::Error> {
        let aad = self.aad(b"/slot", Some(slot));
        let mut key = Zeroizing::new(**key);
        let (nonce, tag) = encrypt(&self.cipher, &aad, key.as_mut_slice())?;
        let mut bytes = MISSING;
        join(&mut bytes, &[&nonce, key.as_slice(), &tag]);
        Ok(bytes)
    }

    /// The bytes of a slot that says that its key was given up.
    pub(super) fn mark_lost(&self, slot: Slot) -> Result<SlotBytes, getrandom::Error> {
        let aad = self.aad(b"/given up", Some(slot));
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
            let aad = self.aad(b"/given up", Some(slot));
            let authentic = decrypt(&self.cipher, &aad, nonce, &mut [], tag);
            return match authentic {
                true => Held::MarkedLost,
                false => Held::Damaged,
            };
        }
        let mut key = Zeroizing::new(*wrapped);
        let aad = self.aad(b"/slot", Some(slot));
        if decrypt(&self.cipher, &aad, nonce, key.as_mut_slice(), tag) {
            Held::Key(ContactKey::new(key))
        } else {
            Held::Damaged
        }
    }

    /// The header of a file of slots.
    pub(super) fn header(&self) -> Result<SlotBytes, getrandom::Error> {
        let (nonce, tag) = encrypt(&self.cipher, &self.aad(b"/header", None), &mut [])?;
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
            .then(|| decrypt(&self.cipher, &aad, nonce, &mut [], tag))
    }

    /// What is authenticated together with the bytes: what they are, and where they belong.
    fn aad(&self, what: &[u8], slot: Option<Slot>) -> Vec<u8> {
        let mut aad = [MAGIC.as_slice(), what, &self.generation.to_be_bytes()].concat();
        aad.extend(slot.into_iter().flat_map(|slot| slot.get().to_be_bytes()));
        aad
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

/// Puts parts one behind the other; what is left of `bytes` stays.
fn join(bytes: &mut SlotBytes, parts: &[&[u8]]) {
    let joined = parts.iter().flat_map(|part| part.iter());
    for (to, from) in bytes.iter_mut().zip(joined) {
        *to = *from;
    }
}
