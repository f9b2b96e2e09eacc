//! Version 1 of the record.

use std::sync::Arc;

use minicbor::bytes::ByteSlice;
use minicbor::{Decode, Encode};
use uuid::Uuid;

use super::{DecodeError, Record, Sealed};
use crate::domain::{
    Actor, Card, ContactId, Content, Correlation, DialectId, EraseReason, Erasure, Event, EventId,
    Failure, FailureCode, FieldName, Fingerprint, Header, IdempotencyRecord, ListRange, Operation,
    Owner, Phase, Position, Tag, Timestamp, TraceParent, VendorKey,
};
use crate::keys::Slot;

/// The clear header. Numbers are for ever.
#[derive(Encode, Decode)]
#[cbor(map)]
struct HeaderV1<'a> {
    #[n(0)]
    position: u64,
    #[b(1)]
    id: &'a ByteSlice,
    #[n(2)]
    time_ms: u64,
    #[n(3)]
    dialect: u8,
    #[n(4)]
    operation: u8,
    #[n(5)]
    phase: u8,
    #[b(6)]
    owner: Vec<&'a str>,
    #[b(7)]
    contact: Option<&'a ByteSlice>,
    #[n(8)]
    sequence: Option<u64>,
    #[b(9)]
    chosen: Option<&'a ByteSlice>,
    #[n(10)]
    version: Option<u64>,
    #[b(11)]
    client_id: Option<&'a str>,
    #[b(12)]
    user_id: Option<&'a str>,
    #[b(13)]
    subject: Option<&'a str>,
    #[b(14)]
    correlation: &'a str,
    #[b(15)]
    causation: Option<&'a ByteSlice>,
    #[b(16)]
    traceparent: Option<&'a str>,
    #[b(17)]
    fields: Vec<&'a str>,
    #[b(18)]
    idempotency_key: Option<&'a ByteSlice>,
    #[b(19)]
    idempotency_fingerprint: Option<&'a ByteSlice>,
    #[n(20)]
    idempotency_attempts: Option<u32>,
    #[n(21)]
    failure: Option<u8>,
    #[b(22)]
    violations: Vec<ViolationV1<'a>>,
    #[n(23)]
    erase_reason: Option<u8>,
    #[b(24)]
    erase_reference: Option<&'a str>,
    #[n(25)]
    slot: Option<u64>,
    /// Whether a sealed content follows the header.
    #[n(26)]
    sealed: bool,
    #[n(27)]
    listed: Option<u32>,
    #[b(28)]
    list_cursor: Option<&'a ByteSlice>,
}

#[derive(Encode, Decode)]
struct ViolationV1<'a> {
    #[b(0)]
    field: &'a str,
    #[b(1)]
    code: &'a str,
}

/// The content of a contact before it is sealed.
#[derive(Encode, Decode)]
#[cbor(map)]
struct ContentV1<'a> {
    /// The Card as UTF-8 JSON.
    #[b(0)]
    card: &'a ByteSlice,
    #[b(1)]
    chosen_id: Option<&'a str>,
}

const START: u8 = 1;
const SUCCESS: u8 = 2;
const FAIL: u8 = 3;

/// Appends the clear header of an event, in CBOR, to `bytes`.
pub fn write_header(event: &Event, slot: Option<Slot>, sealed: bool, bytes: &mut Vec<u8>) {
    let Event { header, phase } = event;
    let (phase, idempotency, failure, erasure) = match phase {
        Phase::Start { idempotency } => (START, idempotency.as_ref(), None, None),
        Phase::Success { erasure } => (SUCCESS, None, None, erasure.as_ref()),
        Phase::Fail(failure) => (FAIL, None, Some(failure), None),
    };
    let (sequence, chosen) = match &header.key {
        None | Some(VendorKey::Own) => (None, None),
        Some(VendorKey::Sequence(number)) => (Some(*number), None),
        Some(VendorKey::Chosen(tag)) => (None, Some(bytes_of(&tag.0))),
    };
    let violations = failure.map_or_else(Vec::new, |failure| {
        let pairs = failure.violations.iter();
        pairs
            .map(|(field, code)| ViolationV1 { field, code })
            .collect()
    });
    let written = HeaderV1 {
        position: header.position.get(),
        id: bytes_of(header.id.0.as_bytes()),
        time_ms: header.time.millis(),
        dialect: header.owner.dialect().0,
        operation: number(&Operation::ALL, header.operation),
        phase,
        owner: header.owner.ids().collect(),
        contact: header.contact.as_ref().map(|id| bytes_of(id.0.as_bytes())),
        sequence,
        chosen,
        version: header.version,
        client_id: header.actor.client_id.as_deref(),
        user_id: header.actor.user_id.as_deref(),
        subject: header.actor.subject.as_deref(),
        correlation: header.correlation.as_str(),
        causation: header
            .causation
            .as_ref()
            .map(|id| bytes_of(id.0.as_bytes())),
        traceparent: header.traceparent.as_ref().map(TraceParent::as_str),
        fields: header.fields.iter().map(|name| &**name).collect(),
        idempotency_key: idempotency.map(|idempotency| bytes_of(&idempotency.key.0)),
        idempotency_fingerprint: idempotency
            .map(|idempotency| bytes_of(&idempotency.fingerprint.0)),
        idempotency_attempts: idempotency.map(|idempotency| idempotency.attempts),
        failure: failure.map(|failure| number(&FailureCode::ALL, failure.code)),
        violations,
        erase_reason: erasure.map(|erasure| number(&REASONS, erasure.reason)),
        erase_reference: erasure.and_then(|erasure| erasure.reference.as_deref()),
        slot: slot.map(Slot::get),
        sealed,
        listed: header.listed.map(|listed| listed.contacts),
        list_cursor: header
            .listed
            .as_ref()
            .and_then(|listed| listed.cursor.as_ref())
            .map(|id| bytes_of(id.0.as_bytes())),
    };
    write(&written, bytes);
}

/// The plain bytes of a content, to be sealed.
pub fn write_content(content: &Content) -> Vec<u8> {
    let card = content.card.json();
    let mut bytes = Vec::with_capacity(card.len() + 16);
    let written = ContentV1 {
        card: bytes_of(card.as_bytes()),
        chosen_id: content.chosen_id.as_deref(),
    };
    write(&written, &mut bytes);
    bytes
}

/// Reads a record: `rest` is what follows the version byte of `all`.
pub fn read(all: &[u8], rest: &[u8]) -> Result<Record, DecodeError> {
    let mut decoder = minicbor::Decoder::new(rest);
    let header: HeaderV1<'_> = decoder.decode().map_err(|error| DecodeError::Header {
        what: error.to_string(),
    })?;
    let header_end = 1 + decoder.position();
    let (bound_to, sealed_bytes) = all
        .split_at_checked(header_end)
        .ok_or_else(|| damaged("a header longer than the record"))?;
    if header.sealed == sealed_bytes.is_empty() {
        return Err(damaged("a sealed content is missing, or not announced"));
    }
    let slot = header.slot.map(Slot::new);
    let is_sealed = header.sealed;
    let event = event(header)?;
    let sealed = is_sealed.then(|| Sealed {
        bound_to: bound_to.to_vec(),
        bytes: sealed_bytes.to_vec(),
    });
    Ok(Record {
        event,
        slot,
        sealed,
    })
}

/// Reads the plain bytes of a content.
pub fn read_content(plain: &[u8]) -> Result<Content, DecodeError> {
    let content: ContentV1<'_> = minicbor::decode(plain).map_err(|_| damaged("no content"))?;
    let card = Card::from_stored(content.card).map_err(|_| damaged("no Card"))?;
    Ok(Content {
        card,
        chosen_id: content.chosen_id.map(Box::from),
    })
}

/// Today's event of a header of version 1.
fn event(header: HeaderV1<'_>) -> Result<Event, DecodeError> {
    let key = match (header.sequence, header.chosen, header.contact) {
        (Some(number), None, Some(_)) => Some(VendorKey::Sequence(number)),
        (None, Some(tag), Some(_)) => Some(VendorKey::Chosen(Tag(sixteen(tag)?))),
        (None, None, Some(_)) => Some(VendorKey::Own),
        (None, None, None) => None,
        _ => return Err(damaged("two vendor keys, or one without a contact")),
    };
    let phase = phase(&header)?;
    let listed = listed(&header)?;
    let owned = |text: &str| Arc::<str>::from(text);
    let header = Header {
        position: Position::new(header.position),
        id: EventId(uuid(header.id)?),
        time: Timestamp::from_millis(header.time_ms),
        operation: of_number(&Operation::ALL, header.operation)?,
        owner: Owner::new(DialectId(header.dialect), &header.owner)
            .map_err(|_| damaged("no owner"))?,
        contact: header.contact.map(uuid).transpose()?.map(ContactId),
        key,
        version: header.version,
        actor: Actor {
            client_id: header.client_id.map(owned),
            user_id: header.user_id.map(owned),
            subject: header.subject.map(owned),
        },
        correlation: Correlation::parse(header.correlation)
            .ok_or_else(|| damaged("no correlation"))?,
        causation: header.causation.map(uuid).transpose()?.map(EventId),
        traceparent: header.traceparent.and_then(TraceParent::parse),
        fields: header.fields.iter().map(|name| field(name)).collect(),
        listed,
    };
    Ok(Event { header, phase })
}

fn phase(header: &HeaderV1<'_>) -> Result<Phase, DecodeError> {
    match header.phase {
        START => Ok(Phase::Start {
            idempotency: idempotency(header)?,
        }),
        SUCCESS => Ok(Phase::Success {
            erasure: erasure(header)?,
        }),
        FAIL => {
            let code = header
                .failure
                .ok_or_else(|| damaged("no reason of a FAIL"))?;
            Ok(Phase::Fail(Failure {
                code: of_number(&FailureCode::ALL, code)?,
                violations: header
                    .violations
                    .iter()
                    .map(|v| (field(v.field), field(v.code)))
                    .collect(),
            }))
        }
        _ => Err(damaged("no phase")),
    }
}

fn idempotency(header: &HeaderV1<'_>) -> Result<Option<IdempotencyRecord>, DecodeError> {
    match (
        header.idempotency_key,
        header.idempotency_fingerprint,
        header.idempotency_attempts,
    ) {
        (Some(key), Some(fingerprint), Some(attempts)) => Ok(Some(IdempotencyRecord {
            key: Tag(sixteen(key)?),
            fingerprint: Fingerprint(sixteen(fingerprint)?),
            attempts,
        })),
        (None, None, None) => Ok(None),
        _ => Err(damaged("half an idempotency record")),
    }
}

fn listed(header: &HeaderV1<'_>) -> Result<Option<ListRange>, DecodeError> {
    match (header.listed, header.list_cursor) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(damaged("a list's cursor without its length")),
        (Some(contacts), cursor) => Ok(Some(ListRange {
            contacts,
            cursor: cursor.map(uuid).transpose()?.map(ContactId),
        })),
    }
}

fn erasure(header: &HeaderV1<'_>) -> Result<Option<Erasure>, DecodeError> {
    let Some(reason) = header.erase_reason else {
        return Ok(None);
    };
    Ok(Some(Erasure {
        reason: of_number(&REASONS, reason)?,
        reference: header.erase_reference.map(Box::from),
    }))
}

/// The reasons of an erasure, in the order of their numbers in records, from 1.
const REASONS: [EraseReason; 4] = [
    EraseReason::Request,
    EraseReason::Retention,
    EraseReason::Legal,
    EraseReason::Other,
];

/// The number of a value in its list, from 1.
fn number<T: PartialEq>(all: &[T], value: T) -> u8 {
    let index = all.iter().position(|other| *other == value);
    index
        .and_then(|index| u8::try_from(index + 1).ok())
        .unwrap_or(0)
}

/// Finds the value with a number in its list, from 1.
fn of_number<T: Copy>(all: &[T], number: u8) -> Result<T, DecodeError> {
    usize::from(number)
        .checked_sub(1)
        .and_then(|index| all.get(index).copied())
        .ok_or_else(|| damaged("a number outside its list"))
}

/// Writing to memory cannot fail; an unfinished header would not decode.
fn write(value: &impl Encode<()>, bytes: &mut Vec<u8>) {
    let result = minicbor::encode(value, bytes);
    debug_assert!(result.is_ok(), "writing to memory cannot fail");
}

fn bytes_of(bytes: &[u8]) -> &ByteSlice {
    bytes.into()
}

/// Names that most events have, which are then not made anew for each.
const COMMON_FIELDS: [&str; 12] = [
    "kind",
    "name",
    "emails",
    "phones",
    "organizations",
    "addresses",
    "notes",
    "titles",
    "firstName",
    "lastName",
    "email",
    "phone",
];

fn field(name: &str) -> FieldName {
    let common = COMMON_FIELDS.iter().find(|common| **common == name);
    common.map_or_else(
        || FieldName::Owned(name.to_owned()),
        |it| FieldName::Borrowed(it),
    )
}

fn uuid(bytes: &ByteSlice) -> Result<Uuid, DecodeError> {
    sixteen(bytes).map(Uuid::from_bytes)
}

fn sixteen(bytes: &ByteSlice) -> Result<[u8; 16], DecodeError> {
    <[u8; 16]>::try_from(&**bytes).map_err(|_| damaged("an id that has not 16 bytes"))
}

fn damaged(what: &str) -> DecodeError {
    DecodeError::Header {
        what: what.to_owned(),
    }
}
