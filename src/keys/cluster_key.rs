//! The secret that the nodes of a cluster share: it seals what one tells another of keys, and shows
//! that a message comes from a node.
//!
//! What is said between nodes passes a broker that others may listen to. So what must be secret is
//! sealed with XChaCha20-Poly1305, and what must be true bears an HMAC-SHA-256. Each purpose has a
//! key of its own, derived (HKDF, RFC 5869) from the secret, the log's id and the purpose: what was
//! said of one log, or for one purpose, is nothing for another.

use ring::hmac;
use zeroize::Zeroizing;

use super::{
    KeyFileError, MasterKey,
    cipher::{NONCE_BYTES, TAG_BYTES, decrypt, encrypt},
    key::{KEY_BYTES, Key},
};
use crate::storage::FileAt;

/// The number of bytes of a message authentication code.
pub const CODE_BYTES: usize = 32;

const SALT: &[u8] = b"contactd/cluster/v1";

/// The secret of a cluster, for one log. Its bytes are cleared when it is dropped.
#[derive(Clone)]
pub struct ClusterKey {
    secret: Key,
    log: String,
}

impl ClusterKey {
    /// The secret of a cluster for the log of this id; an empty one is for what is said before a
    /// node knows which log it will have.
    #[must_use]
    pub fn new(secret: [u8; KEY_BYTES], log: &str) -> Self {
        Self {
            secret: Zeroizing::new(secret),
            log: log.to_owned(),
        }
    }

    /// Reads the secret from a file: 32 bytes, or 64 hex digits with or without a line's end.
    ///
    /// # Errors
    /// The file cannot be read, or holds no secret.
    pub fn read(file: &FileAt, log: &str) -> Result<Self, KeyFileError> {
        let MasterKey(secret) = MasterKey::read(file)?;
        Ok(Self {
            secret,
            log: log.to_owned(),
        })
    }

    /// This secret, for another log.
    #[must_use]
    pub fn of_log(&self, log: &str) -> Self {
        Self {
            secret: self.secret.clone(),
            log: log.to_owned(),
        }
    }

    /// Seals a text for a purpose: nonce, text and tag.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn seal(&self, purpose: &str, text: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let mut text = Zeroizing::new(text.to_vec());
        let (nonce, tag) = encrypt(&self.derive(purpose), purpose.as_bytes(), &mut text)?;
        Ok([nonce.as_slice(), text.as_slice(), tag.as_slice()].concat())
    }

    /// Opens what [`seal`](Self::seal) sealed for the same purpose; `None` for anything else.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let aad = purpose.as_bytes();
        decrypt(&self.derive(purpose), aad, nonce, &mut text, tag).then_some(text)
    }

    /// The code of a message in parts, for a purpose.
    #[must_use]
    pub fn code(&self, purpose: &str, parts: &[&[u8]]) -> [u8; CODE_BYTES] {
        let mut code = [0; CODE_BYTES];
        code.copy_from_slice(mac(&*self.derive(purpose), &[&framed(parts)]).as_ref());
        code
    }

    /// Whether a code is that of these parts. It takes as long for a wrong one as for a right one.
    #[must_use]
    pub fn vouches(&self, purpose: &str, parts: &[&[u8]], code: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.derive(purpose));
        hmac::verify(&key, &framed(parts), code).is_ok()
    }

    /// The key of a purpose: HKDF's extract, and the one step of its expand that a key takes.
    fn derive(&self, purpose: &str) -> Key {
        let extracted = mac(SALT, &[&*self.secret]);
        let info = [self.log.as_bytes(), b"\0", purpose.as_bytes(), &[1]];
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        key.copy_from_slice(mac(extracted.as_ref(), &info).as_ref());
        key
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign()
}

/// Parts one behind the other, each with its length, so that no two messages are the same bytes.
fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part);
    }
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(log: &str) -> ClusterKey {
        ClusterKey::new([7; KEY_BYTES], log)
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_and_log_alone() {
        let sealed = key("a").seal("keys", b"a text").unwrap();
        assert_eq!(
            key("a").open("keys", &sealed).unwrap().as_slice(),
            b"a text"
        );
        assert!(key("a").open("identity", &sealed).is_none());
        assert!(key("b").open("keys", &sealed).is_none());
        assert!(
            ClusterKey::new([8; KEY_BYTES], "a")
                .open("keys", &sealed)
                .is_none()
        );
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(key("a").open("keys", &flipped).is_none(), "{bit}");
        }
        for length in 0..sealed.len() {
            assert!(key("a").open("keys", &sealed[..length]).is_none());
        }
    }

    #[test]
    fn a_code_is_of_its_parts_purpose_and_log_alone() {
        let code = key("a").code("beat", &[b"ab", b"c"]);
        assert!(key("a").vouches("beat", &[b"ab", b"c"], &code));
        assert!(
            !key("a").vouches("beat", &[b"a", b"bc"], &code),
            "the parts are others"
        );
        assert!(!key("a").vouches("term", &[b"ab", b"c"], &code));
        assert!(!key("b").vouches("beat", &[b"ab", b"c"], &code));
        assert!(!key("a").vouches("beat", &[b"ab", b"c"], &code[1..]));
    }

    #[test]
    fn the_derivation_is_that_of_rfc_5869() {
        use ring::hkdf::{HKDF_SHA256, Salt};
        let extracted = Salt::new(HKDF_SHA256, SALT).extract(&[7; KEY_BYTES]);
        let info = [b"a\0keys".as_slice()];
        let expanded = extracted.expand(&info, HKDF_SHA256).unwrap();
        let mut derived = [0; KEY_BYTES];
        expanded.fill(&mut derived).unwrap();
        assert_eq!(key("a").derive("keys").as_slice(), derived);
    }
}
