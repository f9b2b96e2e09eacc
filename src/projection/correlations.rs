//! How a correlation id that a client chose is found again: by a hash of it.

use sha2::{Digest, Sha256};

use crate::domain::Correlation;

/// The hash under which a correlation id is found.
pub fn hash_of(correlation: &Correlation) -> u64 {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(correlation.as_str()).into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
