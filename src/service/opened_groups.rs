//! Groups that another service has decided, opened before the writer takes them.
//!
//! Their contents are opened before anything is written, for a contact that cannot be opened cannot
//! be found by its e-mail address either: a key that is not here is asked for first. That is most of
//! the work, and needs no writer.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;

use super::ApplyError;
use super::group::Pending;
use super::shared::Shared;
use crate::domain::{Content, Position};
use crate::keys::{SealError, Slot};
use crate::log::Group;
use crate::log::record::{self, Record};

/// The fewest entries for which it is worth while to ask another processor.
const SHARE: usize = 128;

/// Groups that others have decided, opened: only the disk and the views lack them.
pub struct OpenedGroups {
    pub(super) first: Position,
    pub(super) pending: Vec<Pending>,
}

impl OpenedGroups {
    /// Opens groups, of which each stands behind the one before, on all processors.
    pub(super) fn open(shared: &Shared, groups: Vec<Group>) -> Result<Self, ApplyError> {
        let first = groups.first().map_or(Position::FIRST, |group| group.first);
        let mut next = first;
        for group in &groups {
            if group.first != next {
                return Err(ApplyError::NotNext { next });
            }
            next = group.next();
        }
        let entries: Vec<Bytes> = groups.into_iter().flat_map(|it| it.entries).collect();
        // The system is asked by a dozen calls, which cost more than few entries do.
        let threads = match entries.len() > SHARE {
            true => thread::available_parallelism().map_or(1, NonZero::get),
            false => 1,
        };
        let share = entries.len().div_ceil(threads).max(SHARE);
        let shares: Vec<(Position, &[Bytes])> = (0..)
            .step_by(share)
            .map(|before| first.plus(before))
            .zip(entries.chunks(share))
            .collect();
        let opened = match shares[..] {
            [] => Vec::new(),
            [(first, entries)] => vec![opened(shared, first, entries)],
            _ => thread::scope(|scope| {
                let begin = |(first, entries)| {
                    let open = move || opened(shared, first, entries);
                    let thread = thread::Builder::new().name("open".into());
                    // Where the system gives no thread it is done here.
                    thread.spawn_scoped(scope, open).map_err(|_| open())
                };
                let begun: Vec<_> = shares.iter().copied().map(begin).collect();
                let ended = begun.into_iter().map(|share| match share {
                    Ok(thread) => thread.join().unwrap_or_else(|_| Err(fault())),
                    Err(here) => here,
                });
                ended.collect()
            }),
        };
        let pending = joined(opened)?;
        Ok(Self { first, pending })
    }
}

/// All that was opened, in order; the slots of all keys that are missing, where some are.
fn joined(shares: Vec<Result<Vec<Pending>, ApplyError>>) -> Result<Vec<Pending>, ApplyError> {
    let (mut all, mut missing) = (Vec::new(), Vec::new());
    for share in shares {
        match share {
            Ok(pending) => all.extend(pending),
            Err(ApplyError::MissingKeys { slots }) => missing.extend(slots),
            Err(error) => return Err(error),
        }
    }
    if missing.is_empty() {
        return Ok(all);
    }
    missing.sort_unstable();
    missing.dedup();
    Err(ApplyError::MissingKeys { slots: missing })
}

fn fault() -> ApplyError {
    ApplyError::Failed("a thread that opens what others have decided ended by a fault".to_owned())
}

/// The events of entries from a position on, with what they wrote in clear.
fn opened(shared: &Shared, first: Position, entries: &[Bytes]) -> Result<Vec<Pending>, ApplyError> {
    let (mut pending, mut missing) = (Vec::new(), Vec::new());
    let mut position = first;
    for bytes in entries {
        let unreadable = |reason: String| ApplyError::Unreadable { position, reason };
        let record = record::decode(bytes).map_err(|error| unreadable(error.to_string()))?;
        if record.event.header.position != position {
            return Err(unreadable("it says another position".to_owned()));
        }
        let content = match content_of(shared, &record)? {
            Opened::Content(content) => Some(Arc::new(*content)),
            Opened::None => None,
            Opened::NoKey(slot) => {
                missing.push(slot);
                None
            }
        };
        let tags = content.as_ref().map_or_else(Arc::default, |content| {
            shared.tags(&record.event.header.owner, &content.card)
        });
        let Record { event, slot, .. } = record;
        pending.push(Pending {
            event: Arc::new(event),
            slot,
            tags,
            content,
            bytes: bytes.to_vec(),
        });
        position = position.next();
    }
    match missing.is_empty() {
        true => Ok(pending),
        false => Err(ApplyError::MissingKeys { slots: missing }),
    }
}

/// The content of a record after its key was looked for.
enum Opened {
    /// The content in clear.
    Content(Box<Content>),
    /// The record has none, or its key is destroyed already: its erasure stands further on.
    None,
    /// The key in the slot is not the one that sealed it.
    NoKey(Slot),
}

fn content_of(shared: &Shared, record: &Record) -> Result<Opened, ApplyError> {
    let (Some(sealed), Some(slot)) = (&record.sealed, record.slot) else {
        return Ok(Opened::None);
    };
    let position = record.event.header.position;
    match shared
        .keys
        .open_sealed(slot, &sealed.bound_to, &sealed.bytes)
    {
        Ok(plain) => match record::read_content(&plain) {
            Ok(content) => Ok(Opened::Content(Box::new(content))),
            Err(error) => Err(ApplyError::Unreadable {
                position,
                reason: error.to_string(),
            }),
        },
        Err(SealError::Erased { .. } | SealError::MarkedLost { .. }) => Ok(Opened::None),
        Err(
            SealError::MissingKey { .. } | SealError::DamagedKey { .. } | SealError::Damaged { .. },
        ) => Ok(Opened::NoKey(slot)),
        Err(error) => Err(ApplyError::Unreadable {
            position,
            reason: error.to_string(),
        }),
    }
}
