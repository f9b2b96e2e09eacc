//! The key that seals what a cursor holds of a person: a client keeps cursors, and sends them in
//! addresses, which others log.
//!
//! The nonce is made of the text, so that the same place in a list is the same cursor, and no
//! random bytes are needed. What a cursor shows by that is whether it is the same as another.

use ring::hmac;
use zeroize::Zeroizing;

use super::cipher::{NONCE_BYTES, TAG_BYTES, decrypt, encrypt_under};
use super::key::{KEY_BYTES, Key};

/// What tells these texts from others that are sealed.
const PURPOSE: &[u8] = b"contactd/cursor/v1";

/// A key that seals cursors.
pub struct CursorKey {
    nonces: hmac::Key,
    texts: Key,
}

impl CursorKey {
    /// The key that follows from a secret.
    #[must_use]
    pub fn of(secret: &[u8; KEY_BYTES]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derive = |what: &[u8]| hmac::sign(&secret, &[PURPOSE, what].concat());
        let nonces = hmac::Key::new(hmac::HMAC_SHA256, derive(b"/nonce").as_ref());
        let mut texts = Zeroizing::new([0; KEY_BYTES]);
        texts.copy_from_slice(derive(b"/text").as_ref());
        Self { nonces, texts }
    }

    /// Seals a text: nonce, text and tag.
    #[must_use]
    pub fn seal(&self, text: &str) -> Vec<u8> {
        let code = hmac::sign(&self.nonces, text.as_bytes());
        let sealed = code.as_ref().first_chunk().and_then(|nonce| {
            let mut sealed = text.as_bytes().to_vec();
            let tag = encrypt_under(&self.texts, nonce, PURPOSE, &mut sealed)?;
            Some([nonce, sealed.as_slice(), &tag].concat())
        });
        // Only a text of 256 GiB is refused; nothing here comes near it.
        sealed.unwrap_or_default()
    }

    /// Opens what [`seal`](Self::seal) sealed; `None` for anything else.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let mut text = text.to_vec();
        decrypt(&self.texts, PURPOSE, nonce, &mut text, tag).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_opened_with_its_own_key_and_unchanged_alone() {
        let key = CursorKey::of(&[7; KEY_BYTES]);
        let sealed = key.seal("Ann Example");
        assert_eq!(key.open(&sealed).as_deref(), Some(&b"Ann Example"[..]));
        assert_eq!(key.seal("Ann Example"), sealed);
        assert_ne!(key.seal("Ann Exampl")[..NONCE_BYTES], sealed[..NONCE_BYTES]);
        assert!(!sealed.windows(3).any(|part| part == b"Ann"));
        assert_eq!(CursorKey::of(&[8; KEY_BYTES]).open(&sealed), None);
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert_eq!(key.open(&other), None, "{at}");
            assert_eq!(key.open(&sealed[..at]), None, "{at}");
        }
        assert_eq!(key.open(&key.seal("")).as_deref(), Some(&b""[..]));
    }
}
