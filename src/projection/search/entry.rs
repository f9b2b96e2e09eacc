//! The keys of the index: every fact of it is one small key in one sorted set.
//!
//! ```text
//! doc       1 · contact (4) · part (2) · what is known of it        ended     2 · scope (4) · position (8) · contact
//! created   3 · scope (4) · contact                                  updated   4 · scope (4) · position (8) · contact
//! named     5 · scope (4) · name · 0 0 · contact                     id        6 · id (16) · contact
//! token     7 · token · 0 0 · contact                                scope     8 · scope (4) · dialect (1) · tenant
//! ```
//!
//! Numbers are big-endian, so that keys sort as numbers do; a zero in a text is written `0 255`, so
//! that they sort as texts do. A contact stands as its number, four bytes at the end, in every kind
//! but the last; in a doc behind the kind.

use std::borrow::Cow;
use std::sync::Arc;

use super::block::Block;
use super::orders::{Key, Ordinal, ScopeId};
use crate::domain::find::Wanted;
use crate::domain::{ContactId, DialectId, SortKey};

const DOC: u8 = 1;
const ENDED: u8 = 2;
const CREATED: u8 = 3;
const UPDATED: u8 = 4;
const NAMED: u8 = 5;
const ID: u8 = 6;
const TOKEN: u8 = 7;
const SCOPE: u8 = 8;
/// Bytes of a contact's number.
const ORDINAL_BYTES: usize = size_of::<Ordinal>();

/// The beginning of all parts of a contact's doc.
pub fn doc(ordinal: Ordinal) -> Vec<u8> {
    join(&[&[DOC], &ordinal.to_be_bytes()])
}

/// Adds one part of a contact's doc.
pub fn push_doc_part(keys: &mut Block, ordinal: Ordinal, part: u16, bytes: &[u8]) {
    keys.push_parts(&[&[DOC], &ordinal.to_be_bytes(), &part.to_be_bytes(), bytes]);
}

/// The part of a doc that one of its keys holds; `None` for a key that is too short for one.
pub fn doc_bytes(key: &[u8]) -> Option<&[u8]> {
    key.get(1 + ORDINAL_BYTES + size_of::<u16>()..)
}

/// The beginning of every part of every doc.
pub const fn docs() -> [u8; 1] {
    [DOC]
}

/// The beginning of a scope's contacts in an order.
pub fn order(scope: ScopeId, by: SortKey) -> Vec<u8> {
    join(&[&[kind(by)], &scope.to_be_bytes()])
}

/// The beginning of a scope's ended contacts.
pub fn ended(scope: ScopeId) -> Vec<u8> {
    join(&[&[ENDED], &scope.to_be_bytes()])
}

/// A contact's place in an order of its scope. For the place before which a page ends or from which
/// on it begins, the contact of a position is of no matter.
pub fn place(scope: ScopeId, key: &Key, ordinal: Ordinal) -> Vec<u8> {
    made(|keys| match key {
        Key::Created(ordinal) => push_created(keys, scope, *ordinal),
        Key::Updated(position) => push_updated(keys, scope, *position, ordinal),
        Key::Named(name, at) => push_named(keys, scope, name, *at),
    })
}

/// Adds a contact's place in the order of creation.
pub fn push_created(keys: &mut Block, scope: ScopeId, ordinal: Ordinal) {
    keys.push_parts(&[&[CREATED], &scope.to_be_bytes(), &ordinal.to_be_bytes()]);
}

/// Adds a contact's place in the order of changes.
pub fn push_updated(keys: &mut Block, scope: ScopeId, position: u64, ordinal: Ordinal) {
    let (scope, position) = (scope.to_be_bytes(), position.to_be_bytes());
    keys.push_parts(&[&[UPDATED], &scope, &position, &ordinal.to_be_bytes()]);
}

/// Adds a contact's place in the order of names.
pub fn push_named(keys: &mut Block, scope: ScopeId, name: &str, ordinal: Ordinal) {
    let (scope, ordinal) = (scope.to_be_bytes(), ordinal.to_be_bytes());
    keys.push_parts(&[&[NAMED], &scope, &escaped(name), &[0, 0], &ordinal]);
}

/// Adds an ended contact's place among its scope's.
pub fn push_ended(keys: &mut Block, scope: ScopeId, position: u64, ordinal: Ordinal) {
    let (scope, position) = (scope.to_be_bytes(), position.to_be_bytes());
    keys.push_parts(&[&[ENDED], &scope, &position, &ordinal.to_be_bytes()]);
}

/// An ended contact's place among its scope's.
pub fn ended_place(scope: ScopeId, position: u64, ordinal: Ordinal) -> Vec<u8> {
    made(|keys| push_ended(keys, scope, position, ordinal))
}

/// The place in an order that a key stands for.
pub fn place_of(key: &[u8]) -> Option<(Key, Ordinal)> {
    let ordinal = ordinal(key)?;
    let (kind, rest) = key.split_first()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let place = match *kind {
        CREATED => Key::Created(ordinal),
        ENDED | UPDATED => Key::Updated(u64::from_be_bytes(*rest.first_chunk()?)),
        NAMED => {
            let name = rest.get(..rest.len().checked_sub(2 + ORDINAL_BYTES)?)?;
            Key::Named(Arc::from(unescaped(name)?), ordinal)
        }
        _ => return None,
    };
    Some((place, ordinal))
}

/// The beginning of the contact's number that belongs to an id.
pub fn id(id: ContactId) -> Vec<u8> {
    join(&[&[ID], id.0.as_bytes()])
}

/// Adds the number that belongs to an id.
pub fn push_id(keys: &mut Block, contact: ContactId, ordinal: Ordinal) {
    keys.push_parts(&[&[ID], contact.0.as_bytes(), &ordinal.to_be_bytes()]);
}

/// The beginning of all ids.
pub const fn ids() -> [u8; 1] {
    [ID]
}

/// Adds a contact that has a token.
pub fn push_token(keys: &mut Block, text: &str, ordinal: Ordinal) {
    keys.push_parts(&[&[TOKEN], &escaped(text), &[0, 0], &ordinal.to_be_bytes()]);
}

/// The beginning of the contacts that have a wanted token.
pub fn wanted(wanted: &Wanted) -> Vec<u8> {
    match wanted {
        Wanted::Beginning(text) => join(&[&[TOKEN], &escaped(text)]),
        Wanted::Exactly(text) => join(&[&[TOKEN], &escaped(text), &[0, 0]]),
    }
}

/// The beginning of all contacts of all tokens.
pub const fn tokens() -> [u8; 1] {
    [TOKEN]
}

/// The token of a key that says who has it.
pub fn token_of(key: &[u8]) -> Option<String> {
    let text = key.strip_prefix(&[TOKEN])?;
    unescaped(text.get(..text.len().checked_sub(2 + ORDINAL_BYTES)?)?)
}

/// A tenant of a dialect with its number.
pub fn scope(number: ScopeId, dialect: DialectId, tenant: &str) -> Vec<u8> {
    join(&[
        &[SCOPE],
        &number.to_be_bytes(),
        &[dialect.0],
        tenant.as_bytes(),
    ])
}

/// The beginning of all scopes.
pub const fn scopes() -> [u8; 1] {
    [SCOPE]
}

/// The tenant that a scope's key names.
pub fn scope_of(key: &[u8]) -> Option<(ScopeId, DialectId, &str)> {
    let rest = key.strip_prefix(&[SCOPE])?;
    let (number, rest) = rest.split_first_chunk()?;
    let (dialect, tenant) = rest.split_first()?;
    let tenant = std::str::from_utf8(tenant).ok()?;
    Some((ScopeId::from_be_bytes(*number), DialectId(*dialect), tenant))
}

/// The contact that a key is about; none for a scope's.
pub fn ordinal(key: &[u8]) -> Option<Ordinal> {
    let number = match key.split_first()? {
        (&DOC, rest) => rest.first_chunk()?,
        (&SCOPE, _) => return None,
        (_, rest) => rest.last_chunk()?,
    };
    Some(Ordinal::from_be_bytes(*number))
}

/// The first key behind all that begin so.
pub fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while end.pop_if(|last| *last == u8::MAX).is_some() {}
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

const fn kind(by: SortKey) -> u8 {
    match by {
        SortKey::Created => CREATED,
        SortKey::Updated => UPDATED,
        SortKey::Name => NAMED,
    }
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The one key that is added.
fn made(push: impl FnOnce(&mut Block)) -> Vec<u8> {
    let mut keys = Block::default();
    push(&mut keys);
    keys.get(0).unwrap_or_default().to_vec()
}

fn escaped(text: &str) -> Cow<'_, [u8]> {
    if !text.as_bytes().contains(&0) {
        return text.as_bytes().into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        bytes.push(byte);
        if byte == 0 {
            bytes.push(u8::MAX);
        }
    }
    bytes.into()
}

fn unescaped(bytes: &[u8]) -> Option<String> {
    // No byte of UTF-8 is 255.
    let bytes = bytes.iter().copied().filter(|byte| *byte != u8::MAX);
    String::from_utf8(bytes.collect()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        "[\u{0}ab\u{1}é]{0,4}"
    }

    proptest! {
        #[test]
        fn keys_sort_as_what_they_say(one in (text(), 0..3_u32), other in (text(), 0..3_u32)) {
            let named = |(name, ordinal): &(String, u32)| {
                let key = Key::Named(name.as_str().into(), *ordinal);
                (place(7, &key, *ordinal), key)
            };
            let ((one_bytes, one_key), (other_bytes, other_key)) = (named(&one), named(&other));
            prop_assert_eq!(one_bytes.cmp(&other_bytes), one_key.cmp(&other_key));
            prop_assert_eq!(place_of(&one_bytes), Some((one_key, one.1)));
            let token = |(text, ordinal): &(String, u32)| made(|keys| push_token(keys, text, *ordinal));
            prop_assert_eq!(token(&one).cmp(&token(&other)), one.cmp(&other));
            prop_assert_eq!(token_of(&token(&one)), Some(one.0));
        }

        #[test]
        fn wanted_tokens_and_no_others_begin_so(have in text(), want in text()) {
            for wanted in [Wanted::Beginning(want.clone()), Wanted::Exactly(want.clone())] {
                let key = made(|keys| push_token(keys, &have, 5));
                let prefix = super::wanted(&wanted);
                prop_assert_eq!(key.starts_with(&prefix), wanted.has(&have));
                prop_assert_eq!(key.starts_with(&prefix), key >= prefix && key < behind(&prefix));
            }
        }
    }

    #[test]
    fn every_kind_names_its_contact() {
        let uuid = ContactId(uuid::Uuid::from_u128(9));
        let keys = [
            made(|keys| push_doc_part(keys, 5, 0, b"x")),
            place(1, &Key::Created(5), 5),
            place(1, &Key::Updated(77), 5),
            ended_place(1, 77, 5),
            made(|keys| push_id(keys, uuid, 5)),
            made(|keys| push_token(keys, "a", 5)),
        ];
        assert!(keys.iter().all(|key| ordinal(key) == Some(5)));
        let scope = scope(3, DialectId(2), "acme");
        assert_eq!(ordinal(&scope), None);
        assert_eq!(scope_of(&scope), Some((3, DialectId(2), "acme")));
        assert_eq!(behind(&[1, 255]), [2]);
    }
}
