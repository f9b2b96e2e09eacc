//! Hashes that stand for texts: in unique indexes and in idempotency records.
//!
//! They are keyed, so that who reads the log cannot try a list of e-mail
//! addresses against it. The key is the data directory's own and is no contact's:
//! an erasure leaves it as it is.
//!
//! Under another key nothing that the log holds would be recognised, and nothing
//! would say so. So a check value of the key is kept apart from it, and a key that
//! is gone is made anew only where somebody asks for that.

use std::{path::PathBuf, sync::Arc};

use ring::hmac;
use zeroize::Zeroizing;

use super::{
    KeyFileError,
    cursor_key::CursorKey,
    key::{KEY_BYTES, Key},
    master::{read_key, read_or_create_key},
};
use crate::{
    domain::{Fingerprint, Tag},
    storage::{FileAt, Files, StorageError},
};

/// The file that holds the key, in the directory of keys.
const FILE: &str = "index.key";
/// What the check value is the hash of.
const CHECK_LABEL: &[u8] = b"contactd/index-key/v1";
/// A check value in hex digits, with a line's end.
const CHECK_BYTES: usize = 33;
/// A check value that is the key's in so many of its bytes is the key's: that of another key has
/// as many with a chance of less than 1 in 10^15.
const ALIKE_MIN: usize = 20;
const TAG_LABEL: &[u8] = b"contactd/tag/v1";
const CODE_LABEL: &[u8] = b"contactd/code/v1";
const CURSOR_LABEL: &[u8] = b"contactd/cursor/v1";
const FINGERPRINT_LABEL: &[u8] = b"contactd/fingerprint/v1";

/// HMAC-SHA-256 under this directory's key, cut to 16 bytes.
pub struct Hasher {
    /// The key with what every hash begins with. ring does not clear it; it is in memory as long as
    /// the process is.
    key: hmac::Key,
}

/// The reasons for which texts cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum IndexKeyError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Key(KeyFileError),
    /// The key's file holds no key any more.
    #[error(
        "{} is damaged; put it back from a backup made with keys, or move it away and let \
         `contactd log repair` make another, which recognises no idempotency key and no chosen id \
         of before",
        path.display()
    )]
    Damaged {
        /// The path of the key file.
        path: PathBuf,
    },
    /// The key is gone.
    #[error(
        "{} is gone; put it back from a backup made with keys, or let `contactd log repair` make \
         another, which recognises no idempotency key and no chosen id of before",
        path.display()
    )]
    Missing {
        /// The path of the file or directory.
        path: PathBuf,
    },
    /// The key is another than the log was written with.
    #[error(
        "{} is not the key that {} was made of, or one of them is damaged: put it back from a \
         backup made with keys. If that is the key which is there, it is right: then remove {}, \
         which is made anew",
        path.display(), check.display(), check.display()
    )]
    Foreign {
        /// The path of the key file.
        path: PathBuf,
        /// The file of the check value.
        check: PathBuf,
    },
    /// The check value has changed, and still is the key's in most of its bytes.
    #[error(
        "{} is damaged, and {} is the right key; `contactd log repair` makes the former anew",
        check.display(), path.display()
    )]
    DamagedCheck {
        /// The path of the key file.
        path: PathBuf,
        /// The file of the check value.
        check: PathBuf,
    },
}

impl From<KeyFileError> for IndexKeyError {
    fn from(error: KeyFileError) -> Self {
        match error {
            KeyFileError::Malformed { path } => Self::Damaged { path },
            error => Self::Key(error),
        }
    }
}

impl From<StorageError> for IndexKeyError {
    fn from(error: StorageError) -> Self {
        Self::Key(KeyFileError::File(error))
    }
}

impl Hasher {
    fn of(key: &Key) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()),
        }
    }

    /// Reads the key from the directory of keys. `check` is the file of its check value; where
    /// there is none, as in a directory of before there were any, the key is believed.
    ///
    /// # Errors
    /// The key is gone, is another, or cannot be read.
    pub fn open(keys: &Arc<dyn Files>, check: &FileAt) -> Result<Self, IndexKeyError> {
        let file = FileAt::new(keys.clone(), FILE);
        let Some(key) = read_key(&file)? else {
            return Err(IndexKeyError::Missing { path: file.path() });
        };
        let hasher = Self::of(&key);
        // One that is too long is not read whole: it is wrong however it goes on.
        match check.read(CHECK_BYTES + 1)? {
            Some(there) if there != hasher.check_value().as_bytes() => {
                let (path, check) = (file.path(), check.path());
                Err(if hasher.is_alike(&there) {
                    IndexKeyError::DamagedCheck { path, check }
                } else {
                    IndexKeyError::Foreign { path, check }
                })
            }
            _ => Ok(hasher),
        }
    }

    /// Reads the key, and creates it with its check value where there is none.
    ///
    /// # Errors
    /// The key is another, or a file cannot be read or written.
    pub fn open_or_create(keys: &Arc<dyn Files>, check: &FileAt) -> Result<Self, IndexKeyError> {
        let file = FileAt::new(keys.clone(), FILE);
        if read_key(&file)?.is_none() {
            // Before the key: a crash in between must not leave a key that is taken for a foreign one.
            check.remove()?;
            read_or_create_key(&file)?;
        }
        let hasher = Self::open(keys, check)?;
        hasher.keep_check(check)?;
        Ok(hasher)
    }

    /// Writes the check value, unless there is one; on the disk when this returns.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn keep_check(&self, check: &FileAt) -> Result<(), StorageError> {
        if !check.exists()? {
            check.create_whole(self.check_value().as_bytes())?;
        }
        Ok(())
    }

    /// Writes the check value in the place of one that is damaged; on the disk when this returns.
    ///
    /// # Errors
    /// The key is another, or a file cannot be read or written.
    pub fn mend_check(keys: &Arc<dyn Files>, check: &FileAt) -> Result<(), IndexKeyError> {
        check.remove()?;
        Ok(Self::open(keys, check)?.keep_check(check)?)
    }

    /// The key that seals cursors. It lives as long as the log: it is the same after every restart, and
    /// on each node of a cluster.
    #[must_use]
    pub fn cursor_key(&self) -> CursorKey {
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        secret.copy_from_slice(self.mac(CURSOR_LABEL, &[]).as_ref());
        CursorKey::of(&secret)
    }

    fn is_alike(&self, there: &[u8]) -> bool {
        let own = self.check_value();
        let pairs = there.iter().zip(own.as_bytes());
        pairs.filter(|(there, own)| there == own).count() >= ALIKE_MIN
    }

    fn check_value(&self) -> String {
        hex::encode(self.hash(CHECK_LABEL, &[])) + "\n"
    }

    /// The tag of a sequence of parts. Begin with a part that says what for: the same text in
    /// two uses must not have the same tag.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> Tag {
        Tag(self.hash(TAG_LABEL, parts))
    }

    /// The fingerprint of a request, given in parts.
    #[must_use]
    pub fn fingerprint(&self, parts: &[&[u8]]) -> Fingerprint {
        Fingerprint(self.hash(FINGERPRINT_LABEL, parts))
    }

    /// The code by which a process shows another one that it has this key.
    #[must_use]
    pub fn code(&self, parts: &[&[u8]]) -> [u8; 16] {
        self.hash(CODE_LABEL, parts)
    }

    /// Each part goes in behind its length, so that no two sequences are the same bytes.
    fn mac(&self, label: &[u8], parts: &[&[u8]]) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(&self.key);
        for part in std::iter::once(&label).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.sign()
    }

    fn hash(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 16] {
        let mut cut = [0; 16];
        for (to, from) in cut.iter_mut().zip(self.mac(label, parts).as_ref()) {
            *to = *from;
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::DirFiles;
    use proptest::prelude::*;
    use std::{fs, path::Path};

    fn keys_in(dir: &Path) -> Arc<dyn Files> {
        Arc::new(DirFiles::at(dir))
    }

    fn hasher(byte: u8) -> Hasher {
        Hasher::of(&Zeroizing::new([byte; KEY_BYTES]))
    }

    #[test]
    fn a_tag_is_the_one_that_the_log_already_holds() {
        // Computed with Python's `hmac` from the description above. It may never change.
        let tag = hasher(7).tag(&[b"email", b"a@example.org"]);
        assert_eq!(hex::encode(tag.0), "b2bbf5804e62a5b7b98e7c38a631d14e");
    }

    #[test]
    fn the_key_and_the_use_matter() {
        let parts: &[&[u8]] = &[b"x"];
        assert_ne!(hasher(1).tag(parts), hasher(2).tag(parts));
        assert_ne!(hasher(1).tag(parts).0, hasher(1).fingerprint(parts).0);
    }

    #[test]
    fn the_key_lasts() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, path) = (keys_in(dir.path()), dir.path().join("identity/check"));
        let (keys, check) = (&keys, FileAt::at(&path));
        let tag = |hasher: Hasher| hasher.tag(&[b"x"]);
        let opened = Hasher::open(keys, &check);
        assert!(matches!(opened, Err(IndexKeyError::Missing { .. })));
        let first = tag(Hasher::open_or_create(keys, &check).unwrap());
        assert_eq!(tag(Hasher::open(keys, &check).unwrap()), first);
        assert_eq!(tag(Hasher::open_or_create(keys, &check).unwrap()), first);
        // A directory of before there were check values gets one.
        fs::remove_file(&path).unwrap();
        let older = Hasher::open(keys, &check).unwrap();
        older.keep_check(&check).unwrap();
        assert!(path.exists());
        assert_eq!(tag(older), first);
    }

    #[test]
    fn another_key_is_seen_and_one_that_is_gone_is_made_only_when_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, path) = (keys_in(dir.path()), dir.path().join("check"));
        let (keys, check) = (&keys, FileAt::at(&path));
        Hasher::open_or_create(keys, &check).unwrap();
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.len(), CHECK_BYTES);
        for wrong in [&whole[..4], &[], &whole.to_ascii_uppercase().repeat(2)[7..]] {
            fs::write(&path, wrong).unwrap();
            let opened = Hasher::open(keys, &check);
            assert!(matches!(opened, Err(IndexKeyError::Foreign { .. })));
        }
        fs::write(&path, &whole).unwrap();
        keys.remove(FILE).unwrap();
        read_or_create_key(&FileAt::new(keys.clone(), FILE)).unwrap();
        for open in [Hasher::open, Hasher::open_or_create] {
            let opened = open(keys, &check);
            assert!(matches!(opened, Err(IndexKeyError::Foreign { .. })));
        }
        keys.remove(FILE).unwrap();
        Hasher::open_or_create(keys, &check).unwrap();
        assert!(Hasher::open(keys, &check).is_ok());
        assert_ne!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_check_value_that_is_damaged_is_told_from_one_of_another_key() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, path) = (keys_in(dir.path()), dir.path().join("check"));
        let (keys, check) = (&keys, FileAt::at(&path));
        Hasher::open_or_create(keys, &check).unwrap();
        let whole = fs::read(&path).unwrap();
        let bits = (0..whole.len() * 8).map(|bit| {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        });
        let others = [whole[..32].to_vec(), [&whole[..], b"\n"].concat()];
        for wrong in bits.chain(others) {
            fs::write(&path, &wrong).unwrap();
            let opened = Hasher::open(keys, &check);
            assert!(matches!(opened, Err(IndexKeyError::DamagedCheck { .. })));
            Hasher::mend_check(keys, &check).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
        for cut in [0, 31] {
            let key = fs::read(dir.path().join(FILE)).unwrap();
            fs::write(dir.path().join(FILE), &key[..cut]).unwrap();
            for open in [Hasher::open, Hasher::open_or_create] {
                assert!(matches!(
                    open(keys, &check),
                    Err(IndexKeyError::Damaged { .. })
                ));
            }
            fs::write(dir.path().join(FILE), &key).unwrap();
        }
    }

    proptest! {
        #[test]
        fn other_parts_have_another_tag(
            a in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..4),
            b in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..4),
        ) {
            let tag = |parts: &[Vec<u8>]| {
                let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                hasher(1).tag(&parts)
            };
            prop_assert_eq!(tag(&a) == tag(&b), a == b);
        }
    }
}
