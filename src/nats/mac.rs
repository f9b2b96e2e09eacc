//! The message authentication code (MAC) of each published event: how this service knows its own
//! messages again.
//!
//! Whoever may publish to the event stream can write a message that looks like one of ours, or send
//! a copy of one. The MAC is a keyed hash (HMAC-SHA256) over the stream, the message's place in it
//! and what it holds. The key is drawn once for a data directory and kept beside its cursor, so that
//! neither a forgery nor a copy at another place has a MAC that holds. The nodes of a cluster derive one
//! from their secret, so that whoever leads knows what was published before.

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::keys::{CODE_BYTES, ClusterKey};

/// The header that holds the MAC, in hexadecimal digits.
pub const MAC_HEADER: &str = "Contact-Seal";

/// The length of a key in bytes: that of a block of SHA-256, which HMAC takes as it is (RFC 2104).
const KEY_BYTES: usize = 64;
/// What the key of a cluster's nodes is derived for.
const PURPOSE: &str = "published events";

/// A message in the event stream, as its MAC covers it.
#[derive(Clone, Copy)]
pub struct Authenticated<'a> {
    /// The time at which the stream was made, in nanoseconds since 1970, as text.
    pub created_nanos: &'a str,
    /// The message's sequence in the stream.
    pub sequence: u64,
    /// The subject of the message.
    pub subject: &'a str,
    /// The payload of the message.
    pub payload: &'a [u8],
}

/// The key of a directory's MACs, in hexadecimal digits where it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacKey([u8; KEY_BYTES]);

impl TryFrom<String> for MacKey {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        let mut key = [0; KEY_BYTES];
        hex::decode_to_slice(text, &mut key)?;
        Ok(Self(key))
    }
}

impl From<MacKey> for String {
    fn from(key: MacKey) -> Self {
        hex::encode(key.0)
    }
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey")
    }
}

impl MacKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// The key that all nodes of a cluster have for a log: each knows what another has published.
    pub fn of_cluster(key: &ClusterKey) -> Self {
        let mut own = [0; KEY_BYTES];
        for (half, bytes) in own.chunks_mut(CODE_BYTES).enumerate() {
            let code = key.code(PURPOSE, &[&[u8::from(half > 0)]]);
            bytes.copy_from_slice(&code);
        }
        Self(own)
    }

    /// The MAC of a message, in hexadecimal digits.
    pub fn mac(&self, message: &Authenticated<'_>) -> String {
        hex::encode(self.hmac(message).finalize().into_bytes())
    }

    /// Whether this is the MAC of that message.
    pub fn holds(&self, mac: &str, message: &Authenticated<'_>) -> bool {
        hex::decode(mac).is_ok_and(|mac| self.hmac(message).verify_slice(&mac).is_ok())
    }

    fn hmac(&self, message: &Authenticated<'_>) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as Mac>::new((&self.0).into());
        let sequence = message.sequence.to_be_bytes();
        let parts = [
            message.created_nanos.as_bytes(),
            &sequence,
            message.subject.as_bytes(),
            message.payload,
        ];
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_of_a_cluster_have_one_key_for_each_log() {
        let key = |secret, log| MacKey::of_cluster(&ClusterKey::new([secret; 32], log));
        assert!(key(1, "a") == key(1, "a"));
        assert!(key(1, "a") != key(2, "a") && key(1, "a") != key(1, "b"));
        let MacKey(bytes) = key(1, "a");
        assert_ne!(bytes[..CODE_BYTES], bytes[CODE_BYTES..]);
    }

    #[test]
    fn a_mac_holds_for_one_message_at_one_place_alone() {
        let key = MacKey::draw().expect("random numbers");
        let message = Authenticated {
            created_nanos: "5",
            sequence: 7,
            subject: "contacts.event.native.t.create.start",
            payload: b"{}",
        };
        let mac = key.mac(&message);
        assert!(key.holds(&mac, &message));
        let others = [
            Authenticated {
                sequence: 8,
                ..message
            },
            Authenticated {
                created_nanos: "57",
                ..message
            },
            Authenticated {
                subject: "contacts.event.native.u.create.start",
                ..message
            },
            Authenticated {
                payload: b"{ }",
                ..message
            },
        ];
        for other in others {
            assert!(!key.holds(&mac, &other));
        }
        for no_mac in ["", "xyz", &mac[..62]] {
            assert!(!key.holds(no_mac, &message), "{no_mac}");
        }
        assert!(
            !MacKey::draw()
                .expect("random numbers")
                .holds(&mac, &message)
        );
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = MacKey::draw().expect("random numbers");
        let text = serde_json::to_string(&key).expect("JSON");
        assert_eq!(text.len(), 130);
        assert_eq!(serde_json::from_str::<MacKey>(&text).ok(), Some(key));
    }
}
