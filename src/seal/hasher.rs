//! Hashes that stand for texts: in unique indexes, receipts, request fingerprints.
//!
//! They are keyed, so that who reads the log cannot try a list of e-mail
//! addresses against it. The key is the data directory's own and is no contact's:
//! an erasure leaves it as it is.

use std::path::Path;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    KeyFileError,
    master::{KEY_BYTES, read_or_create_key},
};
use crate::domain::{Fingerprint, Tag};

/// The file that holds the key, in the directory of keys.
const FILE: &str = "index.key";
/// A block of SHA-256.
const BLOCK_BYTES: usize = 64;
const TAG_LABEL: &[u8] = b"contactd/tag/v1";
const FINGERPRINT_LABEL: &[u8] = b"contactd/fingerprint/v1";

/// HMAC-SHA-256 under this directory's key, cut to 16 bytes.
pub struct Hasher {
    key: Zeroizing<[u8; KEY_BYTES]>,
}

impl Hasher {
    /// Reads the key from the directory of keys, and creates it where there is none.
    ///
    /// # Errors
    /// The file cannot be read or created, or holds no key.
    pub fn open(keys_dir: &Path) -> Result<Self, KeyFileError> {
        read_or_create_key(&keys_dir.join(FILE)).map(|key| Self { key })
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

    /// Each part goes in behind its length, so that no two sequences are the same bytes.
    fn hash(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 16] {
        // HMAC fills its key up with zeros to a block; filled up here, its length cannot be wrong.
        let mut block = Zeroizing::new([0; BLOCK_BYTES]);
        for (to, from) in block.iter_mut().zip(self.key.iter()) {
            *to = *from;
        }
        let mut mac = <Hmac<Sha256> as Mac>::new((&*block).into());
        for part in std::iter::once(&label).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut cut = [0; 16];
        for (to, from) in cut.iter_mut().zip(mac.finalize().into_bytes()) {
            *to = from;
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hasher(byte: u8) -> Hasher {
        Hasher {
            key: Zeroizing::new([byte; KEY_BYTES]),
        }
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
        let first = Hasher::open(dir.path()).unwrap().tag(&[b"x"]);
        assert_eq!(Hasher::open(dir.path()).unwrap().tag(&[b"x"]), first);
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
