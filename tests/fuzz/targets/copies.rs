//! The two copies of the log as bytes from anywhere: a journal file of these bytes, then values of
//! the store. Opening and verifying end, with events or an error, and what is opened can be read.
#![no_main]

use contactd::domain::Position;
use contactd::log::{self, OpenOptions};
use contactd::storage::{Disk, SimDisk};
use libfuzzer_sys::fuzz_target;

const FIRST_FILE: &str = "00000000000000000001";

fuzz_target!(|bytes: &[u8]| {
    let Some((flags, rest)) = bytes.split_first() else {
        return;
    };
    let disk = SimDisk::new(1);
    let options = OpenOptions::default();
    if let Ok(mut opened) = log::open(&disk, &options, &mut |_| {}) {
        let _ = opened.appender.append(&[b"first".as_slice(), b"second"]);
    }
    if flags & 1 == 0 {
        let keep = flags & 2 == 0;
        disk.tamper_file(log::JOURNAL, FIRST_FILE, |file| {
            if !keep {
                file.clear();
            }
            file.extend_from_slice(rest);
        });
    } else {
        let (key, value) = rest.split_at(rest.len().min(10));
        disk.tamper_store(log::STORE, |values| {
            values.insert(key.to_vec().into(), value.to_vec().into());
        });
    }
    drop(log::verify(&disk, &options, &mut |_| {}));
    let Ok(opened) = log::open(&disk, &options, &mut |_| {}) else {
        return;
    };
    let mut next = 1;
    for found in opened.reader.scan(Position::FIRST, opened.reader.head()) {
        let (position, _) = found.expect("what is opened can be read");
        assert_eq!(position.get(), next);
        next += 1;
    }
    drop(opened);
    assert!(disk.has_store(log::STORE).expect("it is there"));
});
