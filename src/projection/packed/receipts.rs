//! The idempotency keys that were used, and what was answered under them. None is ever forgotten.

use super::chunks::Chunks;
use super::number::U48;
use super::table::{Table, hash_of};
use crate::domain::{Fingerprint, Position, Tag};

/// The answer that was given under an idempotency key, as positions in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyEntry {
    /// The request that the key stands for.
    pub fingerprint: Fingerprint,
    /// The position of the START of its first attempt.
    pub first: Position,
    /// The number of attempts in the request.
    pub attempts: u32,
}

impl IdempotencyEntry {
    /// The positions of the attempts' outcomes, in order.
    pub fn outcomes(self) -> impl Iterator<Item = Position> {
        let first = self.first;
        (0..u64::from(self.attempts)).map(move |index| first.plus(2 * index + 1))
    }
}

#[derive(Clone, Copy, Debug)]
struct Receipt {
    key: Tag,
    fingerprint: Fingerprint,
    first: U48,
    attempts: u32,
}

/// What was answered under each idempotency key, in the order of the log.
#[derive(Debug, Default)]
pub struct Receipts {
    receipts: Chunks<Receipt>,
    by_key: Table,
}

impl Receipts {
    /// The number of receipts, which is the number of the next one.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.receipts.len()
    }

    /// Whether no more receipts can be numbered.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.receipts.is_full()
    }

    /// Notes what was answered under a key; the last that is noted counts.
    pub fn push(&mut self, key: Tag, entry: IdempotencyEntry) {
        let IdempotencyEntry {
            fingerprint,
            first,
            attempts,
        } = entry;
        let number = self.receipts.push(Receipt {
            key,
            fingerprint,
            first: U48::new(first.get()),
            attempts,
        });
        let receipts = &self.receipts;
        let key_of = |number| receipts.get(number).map(|receipt: &Receipt| receipt.key);
        let is_meant = |other| key_of(other) == Some(key);
        if !self.by_key.replace(hash_of(key), number, is_meant) {
            let hash = |number| key_of(number).map_or(0, hash_of);
            self.by_key.insert(hash_of(key), number, hash);
        }
    }

    /// The answer that was given under an idempotency key.
    #[must_use]
    pub fn get(&self, key: Tag) -> Option<IdempotencyEntry> {
        let is_meant = |number| self.receipts.get(number).is_some_and(|it| it.key == key);
        let number = self.by_key.find(hash_of(key), is_meant)?;
        self.receipts.get(number).map(|receipt| entry_of(receipt).1)
    }

    /// Every receipt from a number on, with its key.
    pub fn from(&self, first: u32) -> impl Iterator<Item = (Tag, IdempotencyEntry)> {
        let receipts = self.receipts.iter_from(first);
        receipts.map(|(_, receipt)| entry_of(receipt))
    }
}

fn entry_of(receipt: &Receipt) -> (Tag, IdempotencyEntry) {
    let Receipt {
        key,
        fingerprint,
        first,
        attempts,
    } = *receipt;
    let first = Position::new(first.get());
    let entry = IdempotencyEntry {
        fingerprint,
        first,
        attempts,
    };
    (key, entry)
}
