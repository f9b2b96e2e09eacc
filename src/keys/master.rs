//! The master key: the one key that the keys of all contacts are wrapped with.

use zeroize::Zeroizing;

use super::{
    KeyFileError,
    key::{KEY_BYTES, Key, random_key},
};
use crate::storage::FileAt;

/// A key in hex digits.
const HEX_BYTES: usize = 2 * KEY_BYTES;
/// A key file holds at most the key's hex digits, its checksum's behind a space, and a line's end.
const FILE_BYTES_MAX: usize = HEX_BYTES + 1 + 8 + 2;

/// A key that wraps keys. Its bytes are cleared when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey(pub(super) Key);

impl MasterKey {
    /// A fresh random key.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn generate() -> Result<Self, KeyFileError> {
        random_key().map(Self).map_err(KeyFileError::Random)
    }

    /// Reads a key from a file: 32 bytes, or 64 hex digits with or without a line's end. What we
    /// write has a checksum behind the digits, for a wrong key is not always seen to be wrong.
    ///
    /// # Errors
    /// The file cannot be read, or holds no key.
    pub fn read(file: &FileAt) -> Result<Self, KeyFileError> {
        parse(file, file.read_existing(FILE_BYTES_MAX + 1)?).map(Self)
    }

    /// Reads the key in a file, and creates a file with a fresh one where there is none.
    ///
    /// # Errors
    /// The file cannot be read or created, or holds no key.
    pub fn read_or_create(file: &FileAt) -> Result<Self, KeyFileError> {
        read_or_create_key(file).map(Self)
    }

    /// Writes the key to a file, in the place of the one that was there, whose bytes are
    /// overwritten.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn replace(&self, file: &FileAt) -> Result<(), KeyFileError> {
        Ok(file.replace(encode(&self.0).as_bytes())?)
    }
}

/// Reads the key in a file, and creates a file with a fresh one, and its directory, where there
/// is none.
pub(super) fn read_or_create_key(file: &FileAt) -> Result<Key, KeyFileError> {
    if let Some(key) = read_key(file)? {
        return Ok(key);
    }
    let key = random_key().map_err(KeyFileError::Random)?;
    if file.create_whole(encode(&key).as_bytes())? {
        return Ok(key);
    }
    // Another process was quicker: its key is the one.
    MasterKey::read(file).map(|key| key.0)
}

/// The key in a file; `None` where there is no file.
pub(super) fn read_key(file: &FileAt) -> Result<Option<Key>, KeyFileError> {
    let bytes = file.read(FILE_BYTES_MAX + 1)?;
    bytes.map(|bytes| parse(file, bytes)).transpose()
}

fn parse(file: &FileAt, bytes: Vec<u8>) -> Result<Key, KeyFileError> {
    let bytes = Zeroizing::new(bytes);
    let key = (bytes.len() <= FILE_BYTES_MAX).then(|| decode(&bytes));
    key.flatten()
        .ok_or_else(|| KeyFileError::Malformed { path: file.path() })
}

fn decode(bytes: &[u8]) -> Option<Key> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if bytes.len() == KEY_BYTES {
        // Nothing but hex digits is what a cut has left of a longer file.
        let cut = bytes.iter().all(u8::is_ascii_hexdigit);
        key.copy_from_slice(bytes);
        return (!cut).then_some(key);
    }
    let (digits, checksum) = bytes.trim_ascii_end().split_at_checked(HEX_BYTES)?;
    hex::decode_to_slice(digits, key.as_mut_slice()).ok()?;
    let whole = checksum.is_empty() || checksum == checksum_of(&key).as_bytes();
    whole.then_some(key)
}

fn encode(key: &Key) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX));
    text.push_str(&Zeroizing::new(hex::encode(key.as_slice())));
    text.push_str(&checksum_of(key));
    text.push('\n');
    text
}

/// A key's CRC-32C, as it stands behind the digits.
fn checksum_of(key: &Key) -> String {
    format!(" {:08x}", crc32c::crc32c(key.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_created_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = FileAt::at(&dir.path().join("keys/master.key"));
        assert!(matches!(MasterKey::read(&path), Err(KeyFileError::File(_))));
        let created = MasterKey::read_or_create(&path).unwrap();
        let again = MasterKey::read_or_create(&path).unwrap();
        assert_eq!(created.0, again.0);
        assert_ne!(created.0.as_slice(), [0; KEY_BYTES]);
    }

    #[test]
    fn a_longer_file_than_a_key_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let file = FileAt::at(&path);
        let key = MasterKey::read_or_create(&file).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        for (end, is_key) in [("\n", true), ("\n\n", false), ("\n# ours", false)] {
            std::fs::write(&path, format!("{written}{end}")).unwrap();
            for read in [MasterKey::read(&file), MasterKey::read_or_create(&file)] {
                assert_eq!(read.is_ok_and(|read| read == key), is_key, "{end:?}");
            }
        }
    }

    #[test]
    fn a_key_may_be_raw_or_hex_and_nothing_else() {
        let raw = [b'x'; KEY_BYTES];
        let hex = "78".repeat(KEY_BYTES);
        for good in [
            raw.to_vec(),
            hex.clone().into(),
            format!("{hex}\r\n").into(),
        ] {
            assert_eq!(decode(&good).unwrap().as_slice(), raw);
        }
        for bad in [&b""[..], &raw[1..], &hex.as_bytes()[1..], &[b'x'; 64]] {
            assert!(decode(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_bit_or_a_byte_less_of_what_we_wrote_is_no_other_key() {
        let key = MasterKey::generate().unwrap().0;
        let written = encode(&key);
        let written = written.as_bytes();
        assert_eq!(decode(written).as_ref(), Some(&key));
        for bit in 0..written.len() * 8 {
            let mut flipped = written.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_none_or(|other| other == key), "{bit}");
        }
        for length in 0..written.len() {
            let cut = decode(&written[..length]);
            assert!(cut.is_none_or(|other| other == key), "{length}");
        }
    }
}
