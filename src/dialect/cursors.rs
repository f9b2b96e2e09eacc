//! Sealing of what a cursor holds of a person: a client keeps cursors, and sends them in addresses,
//! which others log.
//!
//! A dialect knows no keys. Whoever serves it seals.

use std::fmt;
use std::sync::Arc;

/// A way to seal a text that comes back.
pub trait Seal: Send + Sync {
    /// A text that only [`Seal::open`] reads.
    fn seal(&self, text: &str) -> Vec<u8>;

    /// The text that was sealed; `None` for anything else.
    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>>;
}

/// The seal of a service's cursors. Clones share it.
#[derive(Clone)]
pub struct Cursors(pub Arc<dyn Seal>);

/// A seal that anybody opens, for requests that nobody serves.
struct Open;

impl Seal for Open {
    fn seal(&self, text: &str) -> Vec<u8> {
        text.into()
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        Some(sealed.into())
    }
}

impl Default for Cursors {
    fn default() -> Self {
        Self(Arc::new(Open))
    }
}

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursors")
    }
}
