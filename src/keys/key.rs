//! The bytes of a key, whatever it is for.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::random::fill_random;

/// Bytes in a key, of every kind there is here.
pub(super) const KEY_BYTES: usize = 32;

/// A key. Its bytes are cleared when it is dropped.
pub(super) type Key = Zeroizing<[u8; KEY_BYTES]>;

/// A contact's key, unwrapped, and shared by those who use it at the moment.
pub(super) type ContactKey = Arc<Key>;

/// Draws a key from the operating system's random bytes.
pub(super) fn random_key() -> Result<Key, getrandom::Error> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    fill_random(key.as_mut_slice())?;
    Ok(key)
}
