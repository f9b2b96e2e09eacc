//! Records of version 1 as an earlier release wrote them: today's code reads them, and writes
//! the same clear header.
//!
//! `record-v1-*.bin` may never change. With `CONTACTD_WRITE_GOLDEN` set, files
//! that are missing are written, and none is overwritten; `keys/` holds the keys
//! that the sealed contents are opened with, and guards nothing.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use contactd::{
    domain::{
        Actor, Card, ContactId, Content, Correlation, DialectId, EraseReason, Erasure, Event,
        EventId, Failure, FailureCode, Fingerprint, Header, IdempotencyRecord, ListRange,
        Operation, Owner, Phase, Position, Tag, Timestamp, TraceParent, VendorKey,
    },
    keys::{KeyRing, MasterKey, Slot},
    log::record,
    storage::{DirFiles, FileAt},
};
use serde_json::json;
use uuid::Uuid;

/// The `traceparent` of a caller's trace.
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What a file holds.
struct Golden {
    name: &'static str,
    event: Event,
    slot: Option<Slot>,
    content: Option<Content>,
}

fn header(operation: Operation) -> Header {
    Header {
        position: Position::new(70_001),
        id: EventId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0002)),
        time: Timestamp::from_millis(1_768_473_000_007),
        operation,
        owner: Owner::new(DialectId(2), &["eco-1", "part-1"]).expect("an owner"),
        contact: None,
        key: None,
        version: None,
        actor: Actor {
            client_id: Some("client-1".into()),
            user_id: Some("user-1".into()),
            subject: Some("subject-1".into()),
        },
        correlation: Correlation::parse("request-1").expect("a correlation"),
        causation: None,
        traceparent: None,
        fields: vec![Cow::Borrowed("fullName"), Cow::Borrowed("emailAddress")],
        listed: None,
    }
}

/// The header of an outcome about a contact.
fn about(operation: Operation, key: VendorKey, version: Option<u64>) -> Header {
    Header {
        contact: Some(ContactId(Uuid::from_u128(
            0x0198_0000_0000_7000_8000_0000_0000_0001,
        ))),
        key: Some(key),
        version,
        causation: Some(EventId(Uuid::from_u128(
            0x0198_0000_0000_7000_8000_0000_0000_0003,
        ))),
        ..header(operation)
    }
}

fn content(chosen_id: Option<&str>) -> Option<Content> {
    let card = json!({"name": {"full": "Ann Example"}, "example.com:any": [1, null, "ü"]});
    Some(Content {
        card: Card::from_value(card).expect("a card"),
        chosen_id: chosen_id.map(Into::into),
    })
}

fn success(name: &'static str, header: Header, content: Option<Content>) -> Golden {
    Golden {
        name,
        event: Event {
            header,
            phase: Phase::Success { erasure: None },
        },
        slot: Some(Slot::new(0)),
        content,
    }
}

fn clear(name: &'static str, header: Header, phase: Phase) -> Golden {
    Golden {
        name,
        event: Event { header, phase },
        slot: None,
        content: None,
    }
}

fn part_of_list() -> Header {
    let cursor = about(Operation::RetrieveList, VendorKey::Own, None).contact;
    Header {
        listed: Some(ListRange {
            contacts: 2,
            cursor,
        }),
        ..header(Operation::RetrieveList)
    }
}

/// Each kind of event, and each kind of vendor key.
fn all() -> Vec<Golden> {
    use Operation::{Create, Delete, Erase, Retrieve, RetrieveList, Update};
    let keyed = Phase::Start {
        idempotency: Some(IdempotencyRecord {
            key: Tag([7; 16]),
            fingerprint: Fingerprint([8; 16]),
            attempts: 3,
        }),
    };
    let start = || Phase::Start { idempotency: None };
    let done = || Phase::Success { erasure: None };
    let failed = |code, violations| Phase::Fail(Failure { code, violations });
    let traced = Header {
        traceparent: TraceParent::parse(TRACE),
        ..header(Create)
    };
    let chosen = VendorKey::Chosen(Tag([9; 16]));
    let wrong = vec![
        (Cow::Borrowed("fullName"), Cow::Borrowed("required")),
        (Cow::Borrowed("0.email"), Cow::Borrowed("format")),
    ];
    let own = || VendorKey::Own;
    let mut erase = success("erase-success", about(Erase, own(), Some(3)), None);
    erase.event.phase = Phase::Success {
        erasure: Some(Erasure {
            reason: EraseReason::Legal,
            reference: Some("case-7".into()),
        }),
    };
    vec![
        clear("create-start", traced, start()),
        clear("create-start-keyed", header(Create), keyed),
        success(
            "create-success",
            about(Create, own(), Some(1)),
            content(None),
        ),
        success(
            "create-success-number",
            about(Create, VendorKey::Sequence(4_711), Some(1)),
            content(None),
        ),
        success(
            "create-success-chosen",
            about(Create, chosen, Some(1)),
            content(Some("0A1B2C3D4E5F60718293A4B5C6D7E8F9")),
        ),
        clear(
            "create-fail",
            header(Create),
            failed(FailureCode::Invalid, wrong),
        ),
        clear("update-start", about(Update, own(), None), start()),
        success(
            "update-success",
            about(Update, own(), Some(2)),
            content(None),
        ),
        clear(
            "update-fail",
            about(Update, own(), None),
            failed(FailureCode::VersionMismatch, Vec::new()),
        ),
        success("delete-success", about(Delete, own(), Some(3)), None),
        erase,
        clear("retrieve-success", about(Retrieve, own(), None), done()),
        clear("retrieve-list-success", header(RetrieveList), done()),
        clear("retrieve-list-success-part", part_of_list(), done()),
    ]
}

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn path(name: &str) -> PathBuf {
    dir().join(format!("record-v1-{name}.bin"))
}

/// The golden keys, copied: opening them may write.
fn keys() -> (tempfile::TempDir, KeyRing) {
    let copy = tempfile::tempdir().expect("a directory");
    for entry in fs::read_dir(dir().join("keys")).expect("the keys are there") {
        let from = entry.expect("it can be listed").path();
        let name = from.file_name().expect("a name");
        fs::copy(&from, copy.path().join(name)).expect("it can be copied");
    }
    let ring = open_ring(copy.path());
    (copy, ring)
}

fn open_ring(dir: &Path) -> KeyRing {
    let master = MasterKey::read_or_create(&FileAt::at(&dir.join("master.key"))).expect("a key");
    KeyRing::open(Arc::new(DirFiles::at(dir)), &master).expect("the keys open")
}

/// Writes what is missing, where it is asked to.
#[test]
fn golden_files_are_written_on_demand() {
    if std::env::var_os("CONTACTD_WRITE_GOLDEN").is_none() {
        return;
    }
    let keys_dir = dir().join("keys");
    if !keys_dir.exists() {
        let ring = open_ring(&keys_dir);
        ring.resume(Slot::new(0), Slot::new(0))
            .expect("no slot is used");
        ring.draw(Slot::new(0)).expect("a key is drawn");
        ring.store(Slot::new(1)).expect("a key is stored");
    }
    let ring = open_ring(&keys_dir);
    for golden in all() {
        if !path(golden.name).exists() {
            let content = golden.content.as_ref();
            let bytes = record::encode(&golden.event, golden.slot, content, &ring);
            fs::write(path(golden.name), bytes.expect("it is encoded")).expect("it is written");
        }
    }
}

#[test]
fn records_of_earlier_releases_are_read_as_they_were_meant() {
    let (_dir, ring) = keys();
    for golden in all() {
        let bytes = fs::read(path(golden.name)).expect(golden.name);
        let read = record::decode(&bytes).expect(golden.name);
        assert_eq!(read.event, golden.event, "{}", golden.name);
        assert_eq!(read.slot, golden.slot, "{}", golden.name);
        let opened = read.sealed.zip(read.slot).map(|(sealed, slot)| {
            let plain = ring.open_sealed(slot, &sealed.bound_to, &sealed.bytes);
            record::read_content(&plain.expect(golden.name)).expect(golden.name)
        });
        assert_eq!(opened, golden.content, "{}", golden.name);
    }
}

#[test]
fn the_clear_header_is_written_as_it_was() {
    let (_dir, ring) = keys();
    for golden in all() {
        let bytes = fs::read(path(golden.name)).expect(golden.name);
        let read = record::decode(&bytes).expect(golden.name);
        let header = read.sealed.map_or(bytes, |sealed| sealed.bound_to);
        let content = golden.content.as_ref();
        let written = record::encode(&golden.event, golden.slot, content, &ring);
        let written = written.expect(golden.name);
        assert_eq!(&written[..header.len()], &header[..], "{}", golden.name);
        let rest = content.is_some();
        assert_eq!(written.len() > header.len(), rest, "{}", golden.name);
    }
}
