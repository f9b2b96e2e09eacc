//! Saved views: these bytes as a file, and as blocks whose checksums fit. A view that is read can be
//! written, and read again.
#![no_main]

use contactd::projection::{Contacts, VIEW_VERSION};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    drop(Contacts::from_snapshot(bytes));
    if let Ok(view) = Contacts::from_snapshot(&blocks(bytes)) {
        let again = Contacts::from_snapshot(&view.to_snapshot());
        assert!(again.is_ok_and(|again| again.mark() == view.mark()));
    }
});

/// A part of a view: each block is its kind, its length in a byte, and so many bytes.
fn blocks(mut bytes: &[u8]) -> Vec<u8> {
    let mut part = [b"contacts".as_slice(), &[VIEW_VERSION]].concat();
    while let Some(([kind, length], rest)) = bytes.split_first_chunk() {
        let (items, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        let begin = part.len();
        part.push(*kind);
        part.extend_from_slice(&(items.len() as u32).to_be_bytes());
        part.extend_from_slice(items);
        let checksum = crc32c::crc32c(&part[begin..]);
        part.extend_from_slice(&checksum.to_be_bytes());
        bytes = rest;
    }
    part
}
