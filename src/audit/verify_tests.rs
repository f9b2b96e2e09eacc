//! What verifying says of changed files, and that it says it of every bit.

use std::{collections::BTreeMap, fs, path::PathBuf};

use bytes::Bytes;
use tempfile::TempDir;

use super::super::{
    coord::Coord,
    entries::EntriesError,
    integrator::tests::{Made, audit, files, integrator, made, restore, signer, tiles},
    tile::hash_bytes,
    tree::Frontier,
};
use super::*;

/// A integrated log and its files.
struct Log {
    dir: TempDir,
    key: VerifierKey,
    whole: BTreeMap<PathBuf, Vec<u8>>,
}

/// A log that was integrated up to each of these positions in turn.
fn log(heads: &[u64]) -> Log {
    let dir = TempDir::new().unwrap();
    for head in heads {
        integrator(&dir)
            .integrate(Position::new(*head), &Made)
            .unwrap();
    }
    let (key, whole) = (signer(&dir).verifier(), files(&audit(&dir)));
    Log { dir, key, whole }
}

impl Log {
    fn verify(&self, against: Against<'_>) -> Verified {
        verify(&tiles(&self.dir), &self.key, against, &mut |_, _| {}).unwrap()
    }

    /// What is found when one file has other bytes, or is gone.
    fn damages_with(&self, name: &str, bytes: Option<Vec<u8>>) -> Vec<Damage> {
        let path = audit(&self.dir).join(name);
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let verified = self.verify(Against::default());
        restore(&audit(&self.dir), &self.whole);
        verified.damages
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.whole[&audit(&self.dir).join(name)].clone()
    }
}

/// A bundle of made entries, one of them changed.
fn bundle_with(range: std::ops::RangeInclusive<u64>, changed: u64) -> Vec<u8> {
    let mut bundle = Vec::new();
    for position in range {
        let mut entry = made(position).to_vec();
        if position == changed {
            entry[0] ^= 1;
        }
        super::super::tile::push_entry(&mut bundle, &entry);
    }
    bundle
}

#[test]
fn a_log_as_it_was_sealed_is_whole() {
    for heads in [&[0][..], &[1], &[3, 256], &[10, 300, 310, 700]] {
        let log = log(heads);
        let older = Checkpoint::open(
            &String::from_utf8(log.bytes("checkpoint")).unwrap(),
            &log.key,
        );
        let against = Against {
            older: &[older.unwrap().0],
            log: Some(&Made),
            ..Against::default()
        };
        let verified = log.verify(against);
        assert_eq!(verified.damages, [], "{heads:?}");
        let size = heads.last().copied().unwrap_or_default();
        assert_eq!(verified.checkpoint.unwrap().size, size);
    }
}

#[test]
fn the_one_that_lies_is_named() {
    let log = log(&[600, 650]);
    let position = |position| Position::new(position);
    let changed = |range, at| Some(bundle_with(range, at));
    let entry = |at| {
        vec![Damage::Entry {
            position: position(at),
        }]
    };
    let found = log.damages_with("tile/entries/001", changed(257..=512, 300));
    assert_eq!(found, entry(300));
    let found = log.damages_with("tile/entries/002.p/138", changed(513..=650, 650));
    assert_eq!(found, entry(650));
    for (name, place, first) in [
        ("tile/0/001", 43, 300),
        ("tile/0/002.p/138", 0, 513),
        ("tile/1/000.p/2", 1, 257),
    ] {
        let mut bytes = log.bytes(name);
        bytes[place * 32] ^= 1;
        let coord = Coord::parse(name).unwrap();
        let tile = Damage::Tile {
            coord,
            position: position(first),
        };
        assert_eq!(log.damages_with(name, Some(bytes)), [tile]);
        let gone = Damage::File {
            coord,
            missing: true,
        };
        assert_eq!(log.damages_with(name, None), [gone]);
    }
    let coord = Coord::parse("tile/entries/002.p/88").unwrap();
    let found = log.damages_with("tile/entries/002.p/88", changed(513..=600, 600));
    assert_eq!(
        found,
        [Damage::File {
            coord,
            missing: false
        }]
    );
}

#[test]
fn entries_and_hashes_changed_together_are_found() {
    let log = log(&[600]);
    let leaves: Vec<_> = (257..=512_u64)
        .map(|p| Hash::leaf(&if p == 300 { Bytes::new() } else { made(p) }))
        .collect();
    let mut bundle = Vec::new();
    for position in 257..=512_u64 {
        let entry = if position == 300 {
            Bytes::new()
        } else {
            made(position)
        };
        super::super::tile::push_entry(&mut bundle, &entry);
    }
    fs::write(audit(&log.dir).join("tile/0/001"), hash_bytes(&leaves)).unwrap();
    let found = log.damages_with("tile/entries/001", Some(bundle.clone()));
    let coord = Coord::parse("tile/1/000.p/2").unwrap();
    let position = Position::new(257);
    assert_eq!(found, [Damage::Subtree { coord, position }]);
    // Up to the root: nothing but the signature disagrees.
    fs::write(audit(&log.dir).join("tile/0/001"), hash_bytes(&leaves)).unwrap();
    fs::write(audit(&log.dir).join("tile/entries/001"), bundle).unwrap();
    let mut above = log.bytes("tile/1/000.p/2");
    above[32..].copy_from_slice(&Frontier::of(&leaves).root().0);
    let found = log.damages_with("tile/1/000.p/2", Some(above));
    assert_eq!(found, [Damage::Root { size: 600 }]);
}

#[test]
fn the_log_is_compared_with_what_was_sealed() {
    struct Changed;
    impl Entries for Changed {
        fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError> {
            let entries = Made.entries(from, limit)?;
            let changed = |(at, entry)| if at == 300 { Bytes::new() } else { entry };
            match from.get() > 520 {
                true => Err("gone".into()),
                false => Ok((from.get()..).zip(entries).map(changed).collect()),
            }
        }
    }
    let log = log(&[600]);
    let against = Against {
        log: Some(&Changed),
        ..Against::default()
    };
    let found = log.verify(against);
    assert_eq!(found.first(), Some(Position::new(300)));
    assert!(
        matches!(found.damages[..], [Damage::Log { .. }, Damage::Log { position }] if position.get() > 520)
    );
}

#[test]
fn a_log_rewritten_and_signed_anew_is_found_by_who_kept_a_checkpoint() {
    struct Rewritten;
    impl Entries for Rewritten {
        fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError> {
            let entries = Made.entries(from, limit)?;
            let changed = |(at, entry)| if at == 450 { Bytes::new() } else { entry };
            Ok((from.get()..).zip(entries).map(changed).collect())
        }
    }
    let dir = TempDir::new().unwrap();
    let mut older = Vec::new();
    let mut honest = integrator(&dir);
    for head in [100, 400, 500, 600] {
        honest.integrate(Position::new(head), &Made).unwrap();
        older.push(honest.checkpoint().clone());
    }
    fs::remove_dir_all(audit(&dir)).unwrap();
    let mut forged = integrator(&dir);
    forged.integrate(Position::new(600), &Rewritten).unwrap();
    let key = signer(&dir).verifier();
    let verify = |older: &[Checkpoint]| {
        let against = Against {
            older,
            ..Against::default()
        };
        verify(&tiles(&dir), &key, against, &mut |_, _| {}).unwrap()
    };
    assert!(verify(&[]).is_whole());
    assert!(verify(&older[..2]).is_whole());
    let found = verify(&older);
    let agreed = Position::new(400);
    let older_damage = |size| Damage::Older { size, agreed };
    assert_eq!(found.damages, [older_damage(500), older_damage(600)]);
    assert_eq!(found.first(), Some(Position::new(401)));
    // A log that was cut: right up to where it ends.
    fs::remove_dir_all(audit(&dir)).unwrap();
    integrator(&dir)
        .integrate(Position::new(450), &Made)
        .unwrap();
    let found = verify(&older);
    assert_eq!(found.first(), Some(Position::new(451)));
}

#[test]
fn no_bit_may_change_and_no_byte_be_lost() {
    let log = log(&[250, 256, 300]);
    let mut tried = 0;
    for (path, bytes) in &log.whole {
        let name = path
            .strip_prefix(audit(&log.dir))
            .unwrap()
            .display()
            .to_string();
        for at in (0..bytes.len()).step_by(17) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(path, flipped).unwrap();
            assert!(
                !log.verify(Against::default()).is_whole(),
                "{name} bit at {at}"
            );
            if at % 5 == 0 {
                fs::write(path, &bytes[..at]).unwrap();
                assert!(
                    !log.verify(Against::default()).is_whole(),
                    "{name} cut at {at}"
                );
            }
            tried += 1;
        }
        fs::write(path, bytes).unwrap();
    }
    assert!(tried > 1_000, "{tried}");
    assert!(log.verify(Against::default()).is_whole());
}

#[test]
fn progress_goes_from_nothing_to_all() {
    let log = log(&[600]);
    let mut seen = Vec::new();
    let mut progress = |done, all| seen.push((done, all));
    let against = Against::default();
    verify(&tiles(&log.dir), &log.key, against, &mut progress).unwrap();
    assert_eq!(seen, [(0, 600), (256, 600), (512, 600), (600, 600)]);
}
