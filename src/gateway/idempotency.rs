//! What an idempotency key stands for: the request as it was understood.
//!
//! Owner and contact go in as they were decoded, so that neither another spelling of an id nor
//! another transport makes another request of it.

use sha2::{Digest, Sha256};

use super::Incoming;
use crate::dialect::{Refusal, Write};
use crate::domain::{IdempotencyKey, IdempotentRequest, Target};

/// The idempotency key of a write, where it has one.
///
/// # Errors
/// It can be no key.
pub(super) fn key_of(incoming: &Incoming<'_>) -> Result<Option<IdempotencyKey>, Refusal> {
    if !incoming.route.writes() {
        return Ok(None);
    }
    let header = incoming.headers.get("idempotency-key");
    let sent = incoming.durable_key.or_else(|| header?.to_str().ok());
    if sent.is_none() && header.is_none() {
        return Ok(None);
    }
    let key = sent.and_then(IdempotencyKey::parse);
    key.map(Some).ok_or(Refusal::BadIdempotencyKey)
}

/// The idempotency of a write under a key.
pub(super) fn idempotent_request(
    key: IdempotencyKey,
    incoming: &Incoming<'_>,
    body: &[u8],
    write: &Write,
) -> IdempotentRequest {
    let mut digest = Parts(Sha256::new());
    digest.text(incoming.dialect.rules().name);
    digest.text(incoming.route.operation.name());
    digest.count(write.owner.ids().count());
    write.owner.ids().for_each(|id| digest.text(id));
    digest.count(write.attempts.len());
    for attempt in &write.attempts {
        match &attempt.target {
            None => digest.text(""),
            Some(Target::Id(id)) => digest.text(&id.to_string()),
            Some(Target::Sequence(number)) => digest.text(&number.to_string()),
            Some(Target::Chosen { text, .. }) => digest.text(text),
        }
    }
    digest.count(incoming.query.pairs().count());
    for (name, value) in incoming.query.pairs() {
        digest.text(name);
        digest.text(value);
    }
    digest.bytes(body);
    IdempotentRequest {
        key,
        request: digest.0.finalize().into(),
    }
}

/// A hash over parts that can't run into each other.
struct Parts(Sha256);

impl Parts {
    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}
