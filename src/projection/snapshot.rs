//! The view of contacts as a file, so that opening need not fold the whole log.
//!
//! A snapshot is written whole, beside the old one, and checked by a CRC; one
//! that does not fit is no error but a reason to fold the log from the start.
//! Its bytes depend on the view alone: two views of the same log are equal
//! byte for byte.

use std::sync::Arc;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use thiserror::Error;
use uuid::Uuid;

use super::{ContactRow, Contacts, IdempotencyEntry};
use crate::domain::{
    Actor, ContactId, ContactState, DialectId, EventId, Fact, Fingerprint, Owner, Position, Status,
    Tag, Timestamp, VendorKey,
};
use crate::keys::Slot;

/// Changes with the meaning of the view: a snapshot of another version is not read, and the log is
/// folded from its start instead.
///
/// Version 2 has tags of e-mail addresses as [`crate::domain::fold::address`] spells them; those of
/// version 1 were only in lower case. It also finds commands by the correlation ids of clients.
pub const VIEW_VERSION: u8 = 2;

const MAGIC: &[u8; 8] = b"contacts";
const HEAD_BYTES: usize = MAGIC.len() + 1 + 4;

/// The reasons for which a snapshot is not used. Nothing is lost: the log holds all of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// The bytes are no snapshot, or one of another version.
    #[error("not a snapshot of this version")]
    Version,
    /// The checksum is wrong, or the bytes do not decode.
    #[error("a damaged snapshot")]
    Damaged,
}

#[derive(Encode, Decode)]
struct SnapshotV2 {
    #[n(0)]
    position: u64,
    #[n(1)]
    time: u64,
    #[n(2)]
    actors: Vec<ActorV1>,
    #[n(3)]
    owners: Vec<OwnerV1>,
    #[n(4)]
    entries: Vec<EntryV1>,
    #[n(5)]
    idempotency: Vec<IdempotencyV1>,
    #[n(6)]
    last: Option<ByteArray<16>>,
    #[n(7)]
    commands: Vec<(u64, u64)>,
}

#[derive(Clone, Encode, Decode)]
struct ActorV1 {
    #[n(0)]
    client_id: Option<String>,
    #[n(1)]
    user_id: Option<String>,
    #[n(2)]
    subject: Option<String>,
}

#[derive(Encode, Decode)]
struct OwnerV1 {
    #[n(0)]
    dialect: u8,
    #[n(1)]
    ids: Vec<String>,
}

#[derive(Encode, Decode)]
struct EntryV1 {
    #[n(0)]
    id: ByteArray<16>,
    #[n(1)]
    owner: u64,
    #[n(2)]
    sequence: Option<u64>,
    #[n(3)]
    chosen: Option<ByteArray<16>>,
    #[n(4)]
    version: u64,
    #[n(5)]
    status: u8,
    #[n(6)]
    created: (u64, u64),
    #[n(7)]
    modified: (u64, u64),
    #[n(8)]
    created_by: u64,
    #[n(9)]
    modified_by: u64,
    #[n(10)]
    slot: u64,
    #[n(11)]
    tags: Vec<ByteArray<16>>,
    #[n(12)]
    history: Vec<u64>,
}

#[derive(Encode, Decode)]
struct IdempotencyV1 {
    #[n(0)]
    key: ByteArray<16>,
    #[n(1)]
    fingerprint: ByteArray<16>,
    #[n(2)]
    first: u64,
    #[n(3)]
    attempts: u32,
}

impl Contacts {
    /// The view as bytes, with a checksum at the end.
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let result = minicbor::encode(self.snapshot(), &mut body);
        debug_assert!(result.is_ok(), "writing to memory cannot fail");
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.push(VIEW_VERSION);
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    /// The view in a snapshot's bytes.
    ///
    /// # Errors
    /// [`SnapshotError`] where the log must be folded from its start instead.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (head, body) = bytes
            .split_at_checked(HEAD_BYTES)
            .ok_or(SnapshotError::Version)?;
        let (magic, crc) = head.split_at(MAGIC.len() + 1);
        if magic.strip_prefix(MAGIC) != Some(&[VIEW_VERSION]) {
            return Err(SnapshotError::Version);
        }
        if crc != crc32c::crc32c(body).to_be_bytes() {
            return Err(SnapshotError::Damaged);
        }
        let snapshot: SnapshotV2 = minicbor::decode(body).map_err(|_| SnapshotError::Damaged)?;
        Self::of(snapshot).ok_or(SnapshotError::Damaged)
    }

    fn snapshot(&self) -> SnapshotV2 {
        let mut actors = Table::default();
        let mut owners = Table::default();
        let entries = self
            .all_after(None)
            .map(|entry| {
                let ContactRow {
                    state,
                    created_by,
                    modified_by,
                    slot,
                    tags,
                } = entry;
                let (sequence, chosen) = match &state.key {
                    VendorKey::Own => (None, None),
                    VendorKey::Sequence(number) => (Some(*number), None),
                    VendorKey::Chosen(tag) => (None, Some(tag.0.into())),
                };
                EntryV1 {
                    id: state.id.0.into_bytes().into(),
                    owner: owners.index(&state.owner),
                    sequence,
                    chosen,
                    version: state.version,
                    status: status_number(state.status),
                    created: (state.created.position.get(), state.created.time.millis()),
                    modified: (state.modified.position.get(), state.modified.time.millis()),
                    created_by: actors.index(&**created_by),
                    modified_by: actors.index(&**modified_by),
                    slot: slot.get(),
                    tags: tags.iter().map(|tag| tag.0.into()).collect(),
                    history: self.history(state.id).iter().map(|p| p.get()).collect(),
                }
            })
            .collect();
        let mut idempotency: Vec<_> = self.idempotency_entries().collect();
        idempotency.sort_unstable_by_key(|(key, _)| *key);
        SnapshotV2 {
            position: self.position().get(),
            time: self.time().millis(),
            actors: actors.values.iter().map(actor_v1).collect(),
            owners: owners.values.iter().map(owner_v1).collect(),
            entries,
            idempotency: idempotency.into_iter().map(idempotency_v1).collect(),
            last: self.last().map(|id| id.0.into_bytes().into()),
            commands: self
                .all_commands()
                .map(|(hash, first)| (hash, first.get()))
                .collect(),
        }
    }

    fn of(snapshot: SnapshotV2) -> Option<Self> {
        let mut view = Self::default();
        view.resume(
            Position::new(snapshot.position),
            Timestamp::from_millis(snapshot.time),
            snapshot.last.map(|id| EventId(Uuid::from_bytes(id.into()))),
        );
        let owners: Vec<Owner> = snapshot
            .owners
            .iter()
            .map(|owner| {
                let ids: Vec<&str> = owner.ids.iter().map(String::as_str).collect();
                Owner::new(DialectId(owner.dialect), &ids).ok()
            })
            .collect::<Option<_>>()?;
        let actors: Vec<Arc<Actor>> = snapshot
            .actors
            .into_iter()
            .map(|actor| view.share(&actor_of(actor)))
            .collect();
        for mut entry in snapshot.entries {
            let history = std::mem::take(&mut entry.history);
            let entry = entry_of(entry, &owners, &actors)?;
            let history = history.into_iter().map(Position::new).collect();
            view.restore_history(entry.state.id, history);
            view.restore(entry);
        }
        for entry in snapshot.idempotency {
            let key = Tag(entry.key.into());
            let entry = IdempotencyEntry {
                fingerprint: Fingerprint(entry.fingerprint.into()),
                first: Position::new(entry.first),
                attempts: entry.attempts,
            };
            view.restore_idempotency(key, entry);
        }
        for (hash, first) in snapshot.commands {
            view.restore_command(hash, Position::new(first));
        }
        Some(view)
    }
}

/// Values by number, each once, in the order in which they are met.
struct Table<T> {
    values: Vec<T>,
    indexes: std::collections::HashMap<T, u64>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            indexes: std::collections::HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Table<T> {
    fn index(&mut self, value: &T) -> u64 {
        if let Some(index) = self.indexes.get(value) {
            return *index;
        }
        let index = self.values.len() as u64;
        self.values.push(value.clone());
        self.indexes.insert(value.clone(), index);
        index
    }
}

fn actor_v1(actor: &Actor) -> ActorV1 {
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    ActorV1 {
        client_id: text(&actor.client_id),
        user_id: text(&actor.user_id),
        subject: text(&actor.subject),
    }
}

fn actor_of(actor: ActorV1) -> Actor {
    Actor {
        client_id: actor.client_id.map(Into::into),
        user_id: actor.user_id.map(Into::into),
        subject: actor.subject.map(Into::into),
    }
}

fn owner_v1(owner: &Owner) -> OwnerV1 {
    OwnerV1 {
        dialect: owner.dialect().0,
        ids: owner.ids().map(str::to_owned).collect(),
    }
}

fn idempotency_v1((key, entry): (Tag, IdempotencyEntry)) -> IdempotencyV1 {
    IdempotencyV1 {
        key: key.0.into(),
        fingerprint: entry.fingerprint.0.into(),
        first: entry.first.get(),
        attempts: entry.attempts,
    }
}

fn entry_of(entry: EntryV1, owners: &[Owner], actors: &[Arc<Actor>]) -> Option<ContactRow> {
    let fact = |(position, time)| Fact {
        position: Position::new(position),
        time: Timestamp::from_millis(time),
    };
    let actor = |index: u64| actors.get(usize::try_from(index).ok()?).cloned();
    let key = match (entry.sequence, entry.chosen) {
        (None, None) => VendorKey::Own,
        (Some(number), None) => VendorKey::Sequence(number),
        (None, Some(tag)) => VendorKey::Chosen(Tag(tag.into())),
        (Some(_), Some(_)) => return None,
    };
    Some(ContactRow {
        state: ContactState {
            id: ContactId(Uuid::from_bytes(entry.id.into())),
            owner: owners.get(usize::try_from(entry.owner).ok()?)?.clone(),
            key,
            version: entry.version,
            status: status_of(entry.status)?,
            created: fact(entry.created),
            modified: fact(entry.modified),
        },
        created_by: actor(entry.created_by)?,
        modified_by: actor(entry.modified_by)?,
        slot: Slot::new(entry.slot),
        tags: entry.tags.into_iter().map(|tag| Tag(tag.into())).collect(),
    })
}

const STATUSES: [Status; 3] = [Status::Live, Status::Deleted, Status::Erased];

fn status_number(status: Status) -> u8 {
    let index = STATUSES.iter().position(|other| *other == status);
    index
        .and_then(|index| u8::try_from(index).ok())
        .unwrap_or(0)
}

fn status_of(number: u8) -> Option<Status> {
    STATUSES.get(usize::from(number)).copied()
}
