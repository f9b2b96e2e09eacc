//! Records of the log, and the contents in them.
#![no_main]

use contactd::log::record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    drop(record::decode(bytes));
    drop(record::read_content(bytes));
});
