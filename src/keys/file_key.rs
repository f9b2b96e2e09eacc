//! The key of a file of a view: it seals blocks of fixed size in place, and is destroyed with its file.
//!
//! What a view keeps on the disk of many contacts cannot be sealed with the key of each. So a file
//! has a random key of its own, which stands in the file's head, wrapped by the master key: whoever
//! has the directory without the master key reads nothing, and overwriting these few bytes makes
//! the whole file unreadable wherever its blocks may still lie. The key is drawn in memory and
//! reaches the disk only when its owner writes the head, so a file that was never finished is noise.
//!
//! A rotation of the master key leaves such heads behind: their files no longer open, and their
//! views are made again from the log.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{
    cipher::{NONCE_BYTES, TAG_BYTES, decrypt, encrypt},
    key::{KEY_BYTES, Key, random_key},
    random::fill_random,
    ring::KeyRing,
    wrapping::SLOT_BYTES,
};

/// The number of bytes that sealing a block adds: the nonce before it and the tag behind it.
pub const BLOCK_OVERHEAD_BYTES: usize = NONCE_LEN + TAG_BYTES;
/// The number of bytes of a wrapped key of a file.
pub const WRAPPED_KEY_BYTES: usize = SLOT_BYTES;

/// The key of one file.
pub struct FileKey {
    key: Key,
    cipher: LessSafeKey,
}

/// The reasons for which a file's key cannot be made or used to seal.
#[derive(Debug, thiserror::Error)]
pub enum FileKeyError {
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The cipher refused a block; none of our sizes comes near its limit.
    #[error("the cipher refused a block")]
    Refused,
}

impl From<getrandom::Error> for FileKeyError {
    fn from(error: getrandom::Error) -> Self {
        Self::Random(error)
    }
}

impl FileKey {
    /// Draws a fresh key.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn draw() -> Result<Self, FileKeyError> {
        Self::of(random_key()?)
    }

    fn of(key: Key) -> Result<Self, FileKeyError> {
        let unbound = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice());
        let cipher = LessSafeKey::new(unbound.map_err(|_| FileKeyError::Refused)?);
        Ok(Self { key, cipher })
    }

    /// Seals a block in place under a fresh nonce: the text stands behind the room for the nonce
    /// and before that for the tag. `number` is its place in the file; opening needs the same.
    ///
    /// # Errors
    /// [`FileKeyError`]; the block is then of no use.
    pub fn seal(&self, number: u64, block: &mut [u8]) -> Result<(), FileKeyError> {
        let mut fresh = [0; NONCE_LEN];
        fill_random(&mut fresh)?;
        let (nonce, text, tag) = parts(block).ok_or(FileKeyError::Refused)?;
        *nonce = fresh;
        let aad = Aad::from(number.to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(fresh);
        let sealed = self
            .cipher
            .seal_in_place_separate_tag(nonce, aad, text)
            .map_err(|_| FileKeyError::Refused)?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(())
    }

    /// Opens a block in place; `None` where a bit of it, or its place, is another.
    #[must_use]
    pub fn open<'a>(&self, number: u64, block: &'a mut [u8]) -> Option<&'a [u8]> {
        let (nonce, sealed) = block.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(number.to_be_bytes());
        let text = self.cipher.open_in_place(nonce, aad, sealed).ok()?;
        Some(text)
    }
}

type Parts<'a> = (
    &'a mut [u8; NONCE_LEN],
    &'a mut [u8],
    &'a mut [u8; TAG_BYTES],
);

fn parts(block: &mut [u8]) -> Option<Parts<'_>> {
    let (nonce, rest) = block.split_first_chunk_mut::<NONCE_LEN>()?;
    let (text, tag) = rest.split_last_chunk_mut::<TAG_BYTES>()?;
    Some((nonce, text, tag))
}

/// Wraps keys of files with the master key of the moment.
#[derive(Clone)]
pub struct FileKeys {
    master: Key,
    generation: u64,
}

impl KeyRing {
    /// What wraps keys of files, under the master key that is in use now.
    #[must_use]
    pub fn file_keys(&self) -> FileKeys {
        let state = self.state.read();
        let wrapping = state.file.wrapping();
        FileKeys {
            master: wrapping.master().clone(),
            generation: wrapping.generation,
        }
    }
}

impl FileKeys {
    /// A file's key as it may stand on the disk. `file` names the file; unwrapping needs the same.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn wrap(&self, file: &str, key: &FileKey) -> Result<[u8; WRAPPED_KEY_BYTES], FileKeyError> {
        let mut wrapped = Zeroizing::new(*key.key);
        let (nonce, tag) = encrypt(&self.master, &self.aad(file), wrapped.as_mut_slice())?;
        let mut bytes = [0; WRAPPED_KEY_BYTES];
        let joined = nonce.iter().chain(wrapped.iter()).chain(tag.iter());
        for (to, from) in bytes.iter_mut().zip(joined) {
            *to = *from;
        }
        Ok(bytes)
    }

    /// The key that was wrapped; `None` where these are not the bytes of a key of this file under
    /// this master key.
    #[must_use]
    pub fn unwrap(&self, file: &str, bytes: &[u8; WRAPPED_KEY_BYTES]) -> Option<FileKey> {
        let (nonce, rest) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let (wrapped, tag) = rest.split_first_chunk::<KEY_BYTES>()?;
        let tag = tag.first_chunk::<TAG_BYTES>()?;
        let mut key = Zeroizing::new(*wrapped);
        let opens = decrypt(
            &self.master,
            &self.aad(file),
            nonce,
            key.as_mut_slice(),
            tag,
        );
        opens.then(|| FileKey::of(key).ok()).flatten()
    }

    fn aad(&self, file: &str) -> Vec<u8> {
        let generation = self.generation.to_be_bytes();
        [
            b"contactd file key 1".as_slice(),
            &generation,
            file.as_bytes(),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::MasterKey;
    use super::*;
    use crate::storage::DirFiles;

    fn ring(dir: &std::path::Path, master: &MasterKey) -> KeyRing {
        KeyRing::open(Arc::new(DirFiles::at(dir)), master).unwrap()
    }

    #[test]
    fn a_block_opens_in_its_place_under_its_key_and_nowhere_else() {
        let (key, other) = (FileKey::draw().unwrap(), FileKey::draw().unwrap());
        let mut block = vec![7; 64 + BLOCK_OVERHEAD_BYTES];
        key.seal(3, &mut block).unwrap();
        assert_eq!(key.open(3, &mut block.clone()), Some([7; 64].as_slice()));
        assert_eq!(key.open(4, &mut block.clone()), None);
        assert_eq!(other.open(3, &mut block.clone()), None);
        for bit in 0..block.len() * 8 {
            let mut flipped = block.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(3, &mut flipped), None, "{bit}");
        }
        assert_eq!(key.open(3, &mut block[..20]), None);
        assert!(key.seal(3, &mut [0; 20]).is_err());
    }

    #[test]
    fn a_wrapped_key_needs_its_file_and_its_master_key() {
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [one, two] = dirs.each_ref().map(|dir| {
            let master = MasterKey::generate().unwrap();
            ring(dir.path(), &master).file_keys()
        });
        let key = FileKey::draw().unwrap();
        let wrapped = one.wrap("a", &key).unwrap();
        let again = one.unwrap("a", &wrapped).unwrap();
        assert_eq!(*again.key, *key.key);
        assert!(one.unwrap("b", &wrapped).is_none());
        assert!(two.unwrap("a", &wrapped).is_none());
        let contains = wrapped
            .windows(KEY_BYTES)
            .any(|at| at == key.key.as_slice());
        assert!(!contains, "it is not there in clear");
    }
}
