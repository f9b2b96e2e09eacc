//! A data directory on the simulated disk, as the tests of faults begin with one.
//!
//! What a command does to a directory is tried with every fault at every one of its file operations,
//! or at a spread of them. All of them, with the number of operations of each:
//!
//!     FAULT_POINTS=100000 cargo test --release --lib cli:: -- --nocapture

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::client::block_on;
use super::data::{Data, Purpose};
use super::exit::{DAMAGED, Failure};
use super::local::Local;
use super::log::look;
use super::options::DataOptions;
use crate::dialect::ApiOperation;
use crate::domain::Position;
use crate::log::{self, JOURNAL, OpenOptions, STORE};
use crate::storage::{Disk, SimDisk};

/// The operations of a command that meet the faults where not all are asked for.
pub const SPREAD: u64 = 5;
/// The longest that a view may take to be made again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Contacts of the directory that the tests begin with; the last is erased.
pub const CONTACTS: u64 = 150;
/// Journal files of some groups each, so that damage can be in one that is not the last.
const SEGMENT_BYTES: u64 = 30_000;
/// Groups of so many events, so that the store has several values.
const GROUP_EVENTS: usize = 16;

/// Options that name no file: every key is in the directory.
pub fn options() -> DataOptions {
    DataOptions {
        data_dir: PathBuf::new(),
        master_key: None,
        audit_key: None,
        audit_origin: None,
    }
}

/// Takes a directory, as a command does.
pub fn take(disk: &(impl Disk + Clone + 'static), purpose: Purpose) -> Result<Data, Failure> {
    Data::take(Arc::new(disk.clone()), &options(), purpose)
}

/// Opens a directory for requests, as a command does.
pub fn open(disk: &(impl Disk + Clone + 'static), purpose: Purpose) -> Result<Local, Failure> {
    Local::over(take(disk, purpose)?)
}

/// Sends a request; the status of its answer, and its body.
pub fn send(local: &Local, operation: ApiOperation, id: Option<&str>, body: &str) -> (u16, Value) {
    let params: Vec<_> = id
        .map(|id| ("id".to_owned(), id.to_owned()))
        .into_iter()
        .collect();
    let headers = HeaderMap::new();
    let sent = local.send(operation, &params, "", &headers, body.as_bytes());
    let reply = block_on(sent).unwrap().reply;
    let body = serde_json::from_slice(&reply.body).unwrap_or_default();
    (reply.status.as_u16(), body)
}

/// The contacts that can be read, each name with its id.
pub fn contacts(local: &Local) -> BTreeMap<String, String> {
    let ask = || block_on(local.ask(ApiOperation::List, &[], "limit=1000")).unwrap();
    let mut reply = ask();
    // It may just be seen that a file of the search is torn; the view is made again meanwhile.
    let begun = Instant::now();
    while reply.status == 503 && begun.elapsed() < PATIENCE {
        std::thread::yield_now();
        reply = ask();
    }
    assert_eq!(
        reply.status,
        200,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let page: Value = serde_json::from_slice(&reply.body).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let contacts = page["data"].as_array().unwrap().iter();
    let contacts: Vec<_> = contacts
        .map(|contact| (text(&contact["card"]["name"]["full"]), text(&contact["id"])))
        .collect();
    let named: BTreeMap<_, _> = contacts.iter().cloned().collect();
    assert_eq!(named.len(), contacts.len(), "no name comes twice");
    named
}

/// A directory that was served and stopped in order, with its contacts.
pub fn served() -> (&'static SimDisk, &'static BTreeMap<String, String>) {
    static SERVED: OnceLock<(SimDisk, BTreeMap<String, String>)> = OnceLock::new();
    let (disk, contacts) = SERVED.get_or_init(|| {
        let disk = SimDisk::new(1);
        let local = open(&disk, Purpose::Begin).unwrap();
        let mut last = None;
        for number in 1..=CONTACTS {
            let card = format!(r#"{{"name":{{"full":"Number {number}"}}}}"#);
            let (status, made) = send(&local, ApiOperation::Create, None, &card);
            assert_eq!(status, 201, "{made}");
            last = made["id"].as_str().map(str::to_owned);
        }
        let reason = r#"{"reason":"request"}"#;
        let (status, body) = send(&local, ApiOperation::Erase, last.as_deref(), reason);
        assert_eq!(status, 200, "{body}");
        let contacts = contacts(&local);
        local.close();
        cut_in_pieces(&disk);
        (disk, contacts)
    });
    (disk, contacts)
}

/// Writes the log of a directory again in small groups and small journal files.
fn cut_in_pieces(disk: &SimDisk) {
    let opened = log::open(disk, &OpenOptions::default(), &mut |_| {}).unwrap();
    let all = opened.reader.scan(Position::FIRST, opened.reader.head());
    let events: Vec<Bytes> = all.map(|event| event.unwrap().1).collect();
    drop(opened);
    disk.remove_store(STORE).unwrap();
    let journal = disk.files(JOURNAL).unwrap();
    for name in journal.list().unwrap() {
        journal.remove(&name).unwrap();
    }
    let options = OpenOptions {
        segment_bytes_max: SEGMENT_BYTES,
        ..OpenOptions::default()
    };
    let mut opened = log::open(disk, &options, &mut |_| {}).unwrap();
    for group in events.chunks(GROUP_EVENTS) {
        opened.appender.append(group).unwrap();
    }
    assert!(journal.list().unwrap().len() > 2, "several journal files");
}

/// Every copy of a directory is whole, and its contacts are these.
pub fn assert_whole(disk: &SimDisk, expected: &BTreeMap<String, String>) {
    let found = look(&take(disk, Purpose::Look).unwrap(), &[]).unwrap();
    assert_eq!(found.wrong, [""; 0]);
    let local = open(disk, Purpose::Use).unwrap();
    assert_eq!(contacts(&local), *expected);
    local.close();
}

/// A directory as a fault has left it serves these contacts, or is refused with what to do. The disk
/// itself stays as it is.
pub fn assert_served_or_refused(disk: &SimDisk, expected: &BTreeMap<String, String>) {
    match open(&disk.copy(0), Purpose::Use) {
        Ok(local) => {
            assert_eq!(contacts(&local), *expected);
            local.close();
        }
        Err(Failure { code, message }) => {
            assert_eq!(code, DAMAGED, "{message}");
            assert!(
                message.contains("`contactd log "),
                "says what to do: {message}"
            );
        }
    }
}
