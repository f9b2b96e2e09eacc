//! Import into a directory on a disk whose every operation is the last one, or is refused, in turn.

use indicatif::ProgressBar;

use super::super::super::client::block_on;
use super::super::super::data::Purpose;
use super::super::super::exit::Failure;
use super::super::super::faults::{SPREAD, assert_whole, contacts, open};
use super::super::format::{Format, Reading, Records};
use super::super::source::Source;
use super::import;
use super::judge::{Judge, Judged};
use super::report::Outcome;
use super::send::Sender;
use crate::storage::faulty::{FaultyDisk, Tried, end, every_fault};
use crate::storage::{Disk, SimDisk};

/// Records of the file that is imported: more than are sent at once.
const RECORDS: usize = 100;

fn records() -> Records {
    let lines =
        (0..RECORDS).map(|number| format!("{{\"name\":{{\"full\":\"Number {number}\"}}}}\n"));
    let text: String = lines.collect();
    let file = std::io::Cursor::new(text.into_bytes());
    Format::Ndjson.read(file, &Reading::default()).unwrap()
}

/// Imports the file; the number of records that were said to be imported, and how it ended.
fn imported(disk: &(impl Disk + Clone + 'static)) -> (usize, Result<(), Failure>) {
    let mut count = 0;
    let source = open(disk, Purpose::Begin).map(|local| Source::Directory(Box::new(local)));
    let ended = source.and_then(|source| {
        source.using(|source| {
            let bar = ProgressBar::hidden();
            block_on(import(source, None, records(), &bar, &mut |outcome| {
                count += usize::from(matches!(outcome, Outcome::Imported { .. }));
                assert!(!matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
                Ok(())
            }))
        })
    });
    (count, ended)
}

#[test]
fn a_near_miss_is_said_as_a_create_says_it() {
    let line = br#"{"name":{"full":"NM"},"email":"nm@x.de"}"#;
    let file = std::io::Cursor::new(line.to_vec());
    let mut records = Format::Ndjson.read(file, &Reading::default()).unwrap();
    let judged = Judge::default().judge(records.next().unwrap()).unwrap();
    let Judged::Good(create) = judged else {
        panic!("refused");
    };
    let said: Vec<String> = create.notes.iter().map(ToString::to_string).collect();
    let want = "email is kept, but is no property of a Card; write emails.<key>.address";
    assert_eq!(said, [want]);
}

#[test]
fn of_two_imports_at_once_one_has_imported_a_record() {
    let local = open(&SimDisk::new(1), Purpose::Begin).unwrap();
    let source = Source::Directory(Box::new(local));
    let record = || {
        let judged = Judge::default().judge(records().next().unwrap()).unwrap();
        match judged {
            Judged::Good(create) => create,
            Judged::Bad(outcome) => panic!("{outcome:?}"),
        }
    };
    let outcomes = source.using(|source| {
        block_on(async {
            let bar = ProgressBar::hidden();
            let one = Sender::open(source, None, &bar).await?;
            let other = Sender::open(source, None, &bar).await?;
            Ok((one.send(record()).await?, other.send(record()).await?))
        })
    });
    let (one, other) = outcomes.unwrap();
    assert!(matches!(one, Outcome::Imported { .. }), "{one:?}");
    assert!(matches!(other, Outcome::Known), "{other:?}");
}

#[test]
fn an_import_is_finished_by_another_and_nothing_twice_whatever_fault_it_met() {
    every_fault(
        "import",
        SPREAD,
        SimDisk::new,
        |disk: &FaultyDisk| imported(disk),
        |tried| {
            let Tried {
                disk,
                point,
                fault,
                ended: (said, ended),
            } = tried;
            let local = open(disk, Purpose::Begin).unwrap_or_else(|failure| {
                panic!("{fault:?} at {point}: {}", failure.message);
            });
            let there = contacts(&local).len();
            assert!(
                there >= said,
                "{fault:?} at {point}: {said} said, {there} there"
            );
            assert!(ended.is_err() || there == RECORDS, "{fault:?} at {point}");
            local.close();
            end(disk, point);
            imported(disk).1.unwrap();
            end(disk, point);
            let local = open(disk, Purpose::Use).unwrap();
            let all = contacts(&local);
            local.close();
            assert_eq!(all.len(), RECORDS, "{fault:?} at {point}");
            assert_whole(disk, &all);
        },
    );
}
