//! Saved views: these bytes as a file, and behind a header whose checksum fits. A view that is read
//! can be written, and read again.
#![no_main]

use contactd::projection::{Contacts, VIEW_VERSION};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    drop(Contacts::from_snapshot(bytes));
    let checksum = crc32c::crc32c(bytes).to_be_bytes();
    let whole = [b"contacts".as_slice(), &[VIEW_VERSION], &checksum, bytes].concat();
    if let Ok(view) = Contacts::from_snapshot(&whole) {
        let again = Contacts::from_snapshot(&view.to_snapshot());
        assert!(again.is_ok_and(|again| again.position() == view.position()));
    }
});
