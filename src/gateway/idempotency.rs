//! What an idempotency key stands for: the request as it was understood.
//!
//! Owner and contact go in as they were decoded, so that neither another spelling of an id nor
//! another transport makes another request of it.

use sha2::{Digest, Sha256};

use super::Incoming;
use crate::dialect::{Refusal, Write};
use crate::domain::{IdempotencyKey, IdempotentRequest, Target};

/// The header that holds the key of a request over HTTP.
pub(super) const HEADER: &str = "idempotency-key";

/// The idempotency key of a write, where it has one.
///
/// # Errors
/// It can be no key.
pub(super) fn key_of(incoming: &Incoming<'_>) -> Result<Option<IdempotencyKey>, Refusal> {
    if !incoming.route.operation.writes() {
        return Ok(None);
    }
    let header = incoming.headers.get(HEADER);
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
    digest.text(incoming.dialect.rules.name);
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

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::dialect::{ApiOperation, Dialect, Query, mattr, native};
    use crate::domain::{Attempt, ContactId, Correlation, Owner, Precondition};

    /// A write as it was understood, in the parts that make it what it is.
    #[derive(Clone, Copy)]
    struct Understood {
        dialect: &'static Dialect,
        operation: ApiOperation,
        owner: &'static [&'static str],
        targets: &'static [Option<u128>],
        query: &'static str,
        body: &'static [u8],
    }

    const DELETE: Understood = Understood {
        dialect: &native::DIALECT,
        operation: ApiOperation::Delete,
        owner: &["acme"],
        targets: &[Some(1)],
        query: "a=b",
        body: b"{}",
    };

    fn digest(it: Understood) -> [u8; 32] {
        let mut routes = it.dialect.routes.iter();
        let route = routes.find(|route| route.operation == it.operation);
        let incoming = Incoming {
            dialect: it.dialect,
            route: route.expect("a route"),
            params: &[],
            owner_ids: None,
            query: &Query::parse(it.query),
            headers: &HeaderMap::new(),
            durable_key: None,
            correlation: Correlation::parse("x").expect("a token"),
            span: None,
        };
        let attempt = |target: &Option<u128>| match target {
            None => Attempt::create(Vec::new(), Err(Vec::new())),
            Some(number) => {
                let id = ContactId(uuid::Uuid::from_u128(*number));
                Attempt::delete(Target::Id(id), Precondition::NONE)
            }
        };
        let owner = Owner::new(it.dialect.rules.dialect, it.owner).expect("ids");
        let write = Write::each(&owner, it.targets.iter().map(attempt).collect());
        let key = IdempotencyKey::parse("once").expect("a key");
        idempotent_request(key, &incoming, it.body, &write).request
    }

    #[test]
    fn a_key_stands_for_every_part_of_its_request() {
        let others = [
            Understood {
                dialect: &mattr::DIALECT,
                ..DELETE
            },
            Understood {
                operation: ApiOperation::Update,
                ..DELETE
            },
            Understood {
                owner: &["acne"],
                ..DELETE
            },
            Understood {
                owner: &["acme", "x"],
                ..DELETE
            },
            Understood {
                targets: &[Some(2)],
                ..DELETE
            },
            Understood {
                targets: &[None],
                ..DELETE
            },
            Understood {
                targets: &[Some(1), Some(1)],
                ..DELETE
            },
            Understood {
                query: "",
                ..DELETE
            },
            Understood {
                query: "a=c",
                ..DELETE
            },
            Understood {
                query: "ab=",
                ..DELETE
            },
            Understood {
                query: "a=b&a=b",
                ..DELETE
            },
            Understood {
                body: b"",
                ..DELETE
            },
            DELETE,
        ];
        let all: std::collections::BTreeSet<_> = others.map(digest).into();
        assert_eq!(all.len(), others.len(), "each is another request");
        assert_eq!(digest(DELETE), digest(DELETE));
    }
}
