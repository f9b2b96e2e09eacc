//! What the view of contacts costs: memory a contact, the slowest fold, saving it and reading it.
//!
//! `cargo bench --bench view -- [CONTACTS]`. Contacts are made and nothing else, each with an e-mail
//! address; either all are of one owner, or each is of its own, as in MATTR's API. The view is saved
//! as a service saves it, every 32,768 contacts, to a directory on the disk.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot measure has nothing to do but stop"
)]

mod common;

use std::time::{Duration, Instant};

use contactd::domain::{
    ContactId, DialectId, Event, EventId, Header, Operation, Owner, Phase, Position, Tag,
    Timestamp, VendorKey,
};
use contactd::keys::{OpenSeeds, Slot};
use contactd::projection::{Contacts, Parts};
use contactd::storage::DirFiles;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Contacts that are made unless the command says otherwise.
const CONTACTS: u64 = 1_000_000;
/// Contacts after which the view is saved.
const SAVED_EVERY: u64 = 1 << 15;

fn main() {
    common::print_profile();
    let asked = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let contacts = asked.unwrap_or(CONTACTS);
    println!("{contacts} contacts; memory is what the process has more than before");
    for (name, owners) in [("one owner", 1), ("an owner each", contacts)] {
        measure(name, contacts, owners);
    }
}

/// Folds, saves and reads, and prints what each took.
fn measure(name: &str, contacts: u64, owners: u64) {
    let before = resident_bytes();
    let mut view = Contacts::default();
    let (mut folding, mut slowest) = (Duration::ZERO, Duration::ZERO);
    for number in 0..contacts {
        let took = fold(&mut view, number, owners);
        folding += took;
        slowest = slowest.max(took);
    }
    let memory = resident_bytes().saturating_sub(before) / contacts;
    drop(view);
    println!(
        "{name}: {memory} bytes a contact; fold {:.2} us, slowest {:.2} ms",
        folding.as_secs_f64() * 1e6 / contacts as f64,
        slowest.as_secs_f64() * 1e3,
    );
    save_and_read(name, contacts, owners);
}

/// Saves the view as it is folded, reads it, and prints what that took.
fn save_and_read(name: &str, contacts: u64, owners: u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let files = std::sync::Arc::new(DirFiles::open(dir.path()).expect("a directory"));
    let mut parts = Parts::open(files.clone()).expect("it opens");
    let mut view = Contacts::default();
    let (mut longest, mut saving) = (Duration::ZERO, Duration::ZERO);
    for number in 0..contacts {
        fold(&mut view, number, owners);
        if number % SAVED_EVERY == SAVED_EVERY - 1 || number + 1 == contacts {
            let begun = Instant::now();
            let delta = view.delta();
            view.set_saved();
            longest = longest.max(begun.elapsed());
            parts.save(&delta, &OpenSeeds).expect("it is saved");
            parts.merge(&|| true).expect("they are merged");
            saving += begun.elapsed();
        }
    }
    drop(view);
    let begun = Instant::now();
    let mut parts = Parts::open(files).expect("it opens");
    let read = parts.load(&OpenSeeds).expect("it is read");
    assert_eq!(u64::from(read.count()), contacts);
    println!(
        "{name}: saved in {saving:.1?}, the view held for {longest:.1?} at most; {} parts read in \
         {:.1?}",
        parts.count(),
        begun.elapsed(),
    );
}

/// Folds a create; how long that took.
fn fold(view: &mut Contacts, number: u64, owners: u64) -> Duration {
    let event = create(number, number % owners);
    let begun = Instant::now();
    let folded = view.fold(&event, Some(Slot::new(number)), &[tag(number)]);
    folded.expect("it folds");
    begun.elapsed()
}

/// The SUCCESS of a create.
fn create(number: u64, owner: u64) -> Event {
    let id = Uuid::from_u128(u128::from(number) + 1);
    let owner = Uuid::from_u128(u128::from(owner)).to_string();
    let ids = ["87880d7e-a4d0-462e-8383-3f1e5e16865d", &owner];
    Event {
        header: Header {
            contact: Some(ContactId(id)),
            key: Some(VendorKey::Own),
            version: Some(1),
            ..Header::new(
                Position::new(number + 1),
                EventId(id),
                Timestamp::from_millis(1_800_000_000_000 + number),
                Operation::Create,
                Owner::new(DialectId(1), &ids).expect("an owner"),
            )
        },
        phase: Phase::Success { erasure: None },
    }
}

/// A tag as random as a keyed hash is.
fn tag(number: u64) -> Tag {
    let mix = |number: u64| {
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    };
    let both = u128::from(mix(number)) << 64 | u128::from(mix(!number));
    Tag(both.to_be_bytes())
}

/// The memory that the process has.
fn resident_bytes() -> u64 {
    let page = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.map_or(0, |pages: u64| pages * page)
}
