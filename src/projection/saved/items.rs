//! The bytes of items: how each is written, read, and how long it is.

use std::sync::Arc;

use bytes::{Buf, BufMut};
use uuid::Uuid;

use super::blocks::Kind;
use super::veil::hidden_len;
use crate::domain::{Actor, ContactId, DialectId, Fingerprint, Owner, Position, Status, Tag};
use crate::projection::IdempotencyEntry;
use crate::projection::packed::{KeyKind, Moment, Row, U48};

const TAG_BYTES: usize = 16;
const STEP_BYTES: usize = 6 + 4;
const CHOSEN_BYTES: usize = TAG_BYTES + 4;
const RECEIPT_BYTES: usize = TAG_BYTES + 16 + 6 + 4;
const COMMAND_BYTES: usize = 8 + 6;
/// The bytes of a row before its hidden tags; the last two say how many they are.
pub(super) const ROW_BYTES: usize = 4 + 16 + 7 * 6 + 4 * 4 + 2 + 2;
/// The length that stands for no text.
const NO_TEXT: u32 = u32::MAX;
const STATUSES: [Status; 3] = [Status::Live, Status::Deleted, Status::Erased];
const KEY_KINDS: [KeyKind; 3] = [KeyKind::Own, KeyKind::Sequence, KeyKind::Chosen];

/// The length of the first item of a block; `None` where it is cut off.
pub(super) fn first_len(kind: Kind, block: &[u8]) -> Option<usize> {
    let length = match kind {
        Kind::Owners => owner_len(block)?,
        Kind::Actors => actor_len(block)?,
        Kind::Steps => STEP_BYTES,
        Kind::Chosen => CHOSEN_BYTES,
        Kind::Receipts => RECEIPT_BYTES,
        Kind::Commands => COMMAND_BYTES,
        Kind::Rows => {
            let tags = block.get(ROW_BYTES - 2..)?.first_chunk()?;
            ROW_BYTES + hidden_len(usize::from(u16::from_be_bytes(*tags)))
        }
        Kind::Marks | Kind::End => block.len(),
    };
    (length <= block.len()).then_some(length)
}

pub(super) fn put_owner(bytes: &mut Vec<u8>, owner: &Owner) {
    bytes.put_u8(owner.dialect().0);
    bytes.put_u8(u8::try_from(owner.ids().len()).unwrap_or(u8::MAX));
    owner.ids().for_each(|id| put_text(bytes, Some(id)));
}

fn owner_len(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes.get(1..)?;
    for _ in 0..rest.try_get_u8().ok()? {
        take_text(&mut rest)?;
    }
    Some(bytes.len() - rest.len())
}

pub(super) fn owner(mut bytes: &[u8]) -> Option<Owner> {
    let dialect = DialectId(bytes.try_get_u8().ok()?);
    let count = bytes.try_get_u8().ok()?;
    let ids: Option<Vec<&str>> = (0..count).map(|_| take_text(&mut bytes)?).collect();
    Owner::new(dialect, &ids?).ok()
}

pub(super) fn put_actor(bytes: &mut Vec<u8>, actor: &Actor) {
    let Actor {
        client_id,
        user_id,
        subject,
    } = actor;
    for text in [client_id, user_id, subject] {
        put_text(bytes, text.as_deref());
    }
}

fn actor_len(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    for _ in 0..3 {
        take_text(&mut rest)?;
    }
    Some(bytes.len() - rest.len())
}

pub(super) fn actor(mut bytes: &[u8]) -> Option<Actor> {
    let mut text = || Some(take_text(&mut bytes)?.map(Arc::from));
    Some(Actor {
        client_id: text()?,
        user_id: text()?,
        subject: text()?,
    })
}

fn put_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(NO_TEXT, |text| {
        u32::try_from(text.len()).unwrap_or(NO_TEXT - 1)
    });
    bytes.put_u32(length);
    bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// A text that may be none; `None` where it is cut off or no text.
fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a str>> {
    let length = bytes.try_get_u32().ok()?;
    if length == NO_TEXT {
        return Some(None);
    }
    let (text, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    std::str::from_utf8(text).ok().map(Some)
}

pub(super) fn put_step(bytes: &mut Vec<u8>, (at, before): (U48, u32)) {
    put_u48(bytes, at);
    bytes.put_u32(before);
}

pub(super) fn step(mut bytes: &[u8]) -> Option<(U48, u32)> {
    Some((take_u48(&mut bytes)?, bytes.try_get_u32().ok()?))
}

pub(super) fn put_chosen(bytes: &mut Vec<u8>, (tag, contact): (Tag, u32)) {
    bytes.extend_from_slice(&tag.0);
    bytes.put_u32(contact);
}

pub(super) fn chosen(mut bytes: &[u8]) -> Option<(Tag, u32)> {
    Some((Tag(take_16(&mut bytes)?), bytes.try_get_u32().ok()?))
}

pub(super) fn put_receipt(bytes: &mut Vec<u8>, (key, entry): (Tag, IdempotencyEntry)) {
    let IdempotencyEntry {
        fingerprint,
        first,
        attempts,
    } = entry;
    bytes.extend_from_slice(&key.0);
    bytes.extend_from_slice(&fingerprint.0);
    put_u48(bytes, U48::new(first.get()));
    bytes.put_u32(attempts);
}

pub(super) fn receipt(mut bytes: &[u8]) -> Option<(Tag, IdempotencyEntry)> {
    let key = Tag(take_16(&mut bytes)?);
    let entry = IdempotencyEntry {
        fingerprint: Fingerprint(take_16(&mut bytes)?),
        first: Position::new(take_u48(&mut bytes)?.get()),
        attempts: bytes.try_get_u32().ok()?,
    };
    Some((key, entry))
}

pub(super) fn put_command(bytes: &mut Vec<u8>, (hash, first): (u64, Position)) {
    bytes.put_u64(hash);
    put_u48(bytes, U48::new(first.get()));
}

pub(super) fn command(mut bytes: &[u8]) -> Option<(u64, Position)> {
    let hash = bytes.try_get_u64().ok()?;
    Some((hash, Position::new(take_u48(&mut bytes)?.get())))
}

/// Writes a row: its number first, its hidden tags last. Where they begin is known from the log
/// alone, not from the row.
pub(super) fn put_row(bytes: &mut Vec<u8>, number: u32, row: &Row, tags: usize, hidden: &[u8]) {
    let Row {
        id,
        version,
        created,
        modified,
        slot,
        key,
        owner,
        created_by,
        modified_by,
        history,
        tags: _,
        status,
        kind,
    } = row;
    bytes.put_u32(number);
    bytes.put_u128(id.0.as_u128());
    let moments = [
        created.position,
        created.time,
        modified.position,
        modified.time,
    ];
    let numbers = [*version].into_iter().chain(moments).chain([*slot, *key]);
    numbers.for_each(|number| put_u48(bytes, number));
    for number in [owner, created_by, modified_by, history] {
        bytes.put_u32(*number);
    }
    bytes.put_u8(index_of(&STATUSES, status));
    bytes.put_u8(index_of(&KEY_KINDS, kind));
    bytes.put_u16(u16::try_from(tags).unwrap_or_default());
    bytes.extend_from_slice(hidden);
}

/// The number that a row begins with.
pub(super) fn row_number(mut bytes: &[u8]) -> Option<u32> {
    bytes.try_get_u32().ok()
}

/// A row with its number, and what is behind it: its hidden tags.
pub(super) fn row(mut bytes: &[u8]) -> Option<(u32, Row, &[u8])> {
    let number = bytes.try_get_u32().ok()?;
    let id = ContactId(Uuid::from_u128(bytes.try_get_u128().ok()?));
    let version = take_u48(&mut bytes)?;
    let mut moment = || {
        Some(Moment {
            position: take_u48(&mut bytes)?,
            time: take_u48(&mut bytes)?,
        })
    };
    let (created, modified) = (moment()?, moment()?);
    let (slot, key) = (take_u48(&mut bytes)?, take_u48(&mut bytes)?);
    let mut link = || bytes.try_get_u32().ok();
    let row = Row {
        id,
        version,
        created,
        modified,
        slot,
        key,
        owner: link()?,
        created_by: link()?,
        modified_by: link()?,
        history: link()?,
        status: *STATUSES.get(usize::from(bytes.try_get_u8().ok()?))?,
        kind: *KEY_KINDS.get(usize::from(bytes.try_get_u8().ok()?))?,
        ..Row::default()
    };
    let tags = usize::from(bytes.try_get_u16().ok()?);
    (bytes.len() == hidden_len(tags)).then_some((number, row, bytes))
}

fn index_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let index = all.iter().position(|other| other == one);
    index
        .and_then(|index| u8::try_from(index).ok())
        .unwrap_or(u8::MAX)
}

fn put_u48(bytes: &mut Vec<u8>, number: U48) {
    bytes.put_uint(number.get(), 6);
}

fn take_u48(bytes: &mut &[u8]) -> Option<U48> {
    bytes.try_get_uint(6).ok().map(U48::new)
}

fn take_16(bytes: &mut &[u8]) -> Option<[u8; 16]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
