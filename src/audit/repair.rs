//! Repairing an audit log from its own files and the log.
//!
//! Each bundle's entries stand in three places: the bundle, as hashes in the tile
//! beside it, and in the log. What the tree above vouches for is right, or else
//! what two of the three say. Nothing is written before everything chosen so
//! hashes to the signed root.
//!
//! A checkpoint that is lost is signed anew over what the log holds, but only if
//! every file that is left agrees: so the new one extends whatever was signed.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    checkpoint::Checkpoint,
    checkpoint_file::{CHECKPOINT, read_checkpoint, write_checkpoint},
    coord::{Coord, Kind},
    entries::Entries,
    findings::Findings,
    note::{KeyName, NOTE_BYTES_MAX, Note, Signer, VerifierKey},
    right_edge::{RightEdge, TILE_WIDTH, TileHashes, hashes_at},
    tile::{Named, Tiles, Writing, hash_bytes, push_entry},
    tree::{Frontier, Hash},
    witness::{Kept, kept},
};
use crate::{domain::Position, log::ReadError, storage::StorageError};

/// The result of a repair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// The files that were written again.
    pub files: BTreeSet<Coord>,
    /// The size of the checkpoint, where it was lost and signed anew. Compare it with one that
    /// was kept elsewhere.
    pub signed: Option<u64>,
    /// Damaged files of what witnesses cosigned, which were removed; ask the witnesses again.
    pub removed: Vec<String>,
}

/// The reasons for which the audit log cannot be repaired. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// A file cannot be read or written. Some may have been written; repair again.
    #[error(transparent)]
    File(#[from] StorageError),
    /// No copy of these entries is the one that was recorded.
    #[error(
        "events {first} to {last} cannot be repaired: no copy of them is the one that was \
         recorded; restore the data directory from a backup"
    )]
    Lost {
        /// The first of the bundle.
        first: Position,
        /// The last of it.
        last: Position,
    },
    /// The copies agree on something that was not signed.
    #[error(
        "the {size} events do not hash to what was signed for them, and no copy says which was \
         changed; restore the data directory from a backup"
    )]
    Root {
        /// The number of entries that the checkpoint covers.
        size: u64,
    },
    /// The checkpoint is whole, but in another name: signing it anew would begin another log.
    #[error(
        "the checkpoint is signed with this key, but in the name of {found}, not {wanted}; put \
         the identity of the data directory back from a backup, or give --audit-origin {found}"
    )]
    OtherName {
        /// The name it is signed in.
        found: KeyName,
        /// The name that was given.
        wanted: KeyName,
    },
    /// The checkpoint is whole, but another key has signed it: to sign it anew would begin another
    /// log.
    #[error(
        "the checkpoint is signed with another key; put audit.key back (from --audit-key or a \
         backup)"
    )]
    OtherKey,
    /// The checkpoint is lost, and the log ends before what was integrated.
    #[error(
        "the checkpoint is lost and the log ends at {head}, before events that were integrated; \
         restore the data directory from a backup"
    )]
    Behind {
        /// The last position of the log.
        head: Position,
    },
}

/// Makes every file of an audit log what it was, as far as the log and the other files can say.
/// `head` is where the log ends. `progress` is told how many steps of how many are done.
///
/// # Errors
/// Something cannot be repaired; then nothing was written.
pub fn repair(
    tiles: &Tiles,
    signer: &Signer,
    log: &dyn Entries,
    head: Position,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Repaired, RepairError> {
    let key = signer.verifier();
    let trusted = read_checkpoint(tiles, &key, &mut Findings::default())?;
    if trusted.is_none() {
        refuse_other(tiles, &key)?;
    }
    let size = trusted
        .as_ref()
        .map_or(head.get(), |checkpoint| checkpoint.size);
    let steps = size.div_ceil(TILE_WIDTH as u64);
    let rebuild = Rebuild {
        tiles,
        log,
        size,
        is_signed: trusted.is_some(),
    };
    let mut progress = |done| progress(done, steps.saturating_mul(2));
    let root = rebuild.run(None, &mut progress)?;
    if trusted
        .as_ref()
        .is_some_and(|checkpoint| checkpoint.root != root)
    {
        return Err(RepairError::Root { size });
    }
    if trusted.is_none() {
        rebuild.check_end(head)?;
    }
    let mut repaired = Repaired {
        files: rebuild.write(&mut |done| progress(steps + done))?,
        ..Repaired::default()
    };
    if trusted.is_none() {
        let origin = key.name().clone();
        let note = Checkpoint { origin, size, root }.sign(signer);
        write_checkpoint(tiles, &note)?;
        repaired.signed = Some(size);
    }
    for kept in kept(tiles, &key)? {
        if let Kept::Damaged { name } = kept {
            tiles.files().remove(&name)?;
            repaired.removed.push(name);
        }
    }
    Ok(repaired)
}

/// The writer of what is to be repaired, and the set of what was.
type Target<'a, 'b> = (&'a mut Writing<'b>, &'a mut BTreeSet<Coord>);

pub(super) struct Rebuild<'a> {
    tiles: &'a Tiles,
    log: &'a dyn Entries,
    size: u64,
    /// Whether a signed root will say if what is chosen is right.
    is_signed: bool,
}

impl<'a> Rebuild<'a> {
    /// The tree that was signed, and is written anew only where it hashes to what was signed.
    pub(super) fn of_signed(
        tiles: &'a Tiles,
        log: &'a dyn Entries,
        checkpoint: &Checkpoint,
    ) -> Result<Self, RepairError> {
        let size = checkpoint.size;
        let rebuild = Self {
            tiles,
            log,
            size,
            is_signed: true,
        };
        if rebuild.run(None, &mut |_| {})? != checkpoint.root {
            return Err(RepairError::Root { size });
        }
        Ok(rebuild)
    }

    /// Writes every file that is not what it should be; which ones. On the disk when this returns.
    pub(super) fn write(
        &self,
        progress: &mut dyn FnMut(u64),
    ) -> Result<BTreeSet<Coord>, RepairError> {
        let (mut files, mut named) = (BTreeSet::new(), Named::default());
        let mut writing = Writing::new(self.tiles, &mut named);
        self.run(Some((&mut writing, &mut files)), progress)?;
        writing.sync()?;
        Ok(files)
    }

    /// Builds the tree from the best copy of every bundle; gives its root.
    fn run(
        &self,
        mut target: Option<Target<'_, '_>>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Hash, RepairError> {
        let mut right_edge = RightEdge::default();
        for index in 0..self.size.div_ceil(TILE_WIDTH as u64) {
            progress(index);
            let entries = self.choose(index)?;
            let mut bundle = Vec::new();
            for entry in &entries {
                push_entry(&mut bundle, entry);
                right_edge.push(Hash::leaf(entry));
                while let Some(tile) = right_edge.take_full() {
                    self.mend_tile(&tile, &mut target)?;
                }
            }
            if let Some(coord) = Coord::in_tree(Kind::Entries, index, self.size) {
                self.mend(coord, &bundle, &mut target)?;
                for narrow in self.narrower(coord)? {
                    let mut bundle = Vec::new();
                    for entry in entries.iter().take(narrow.width()) {
                        push_entry(&mut bundle, entry);
                    }
                    self.mend(narrow, &bundle, &mut target)?;
                }
            }
        }
        for tile in right_edge.partial() {
            self.mend_tile(&tile, &mut target)?;
        }
        Ok(right_edge.root())
    }

    /// The entries of a bundle, from the copy that is right.
    fn choose(&self, index: u64) -> Result<Vec<Bytes>, RepairError> {
        let kind = Kind::Hashes { level: 0 };
        let Some(coord) = Coord::in_tree(Kind::Entries, index, self.size) else {
            return Ok(Vec::new());
        };
        let tile = Coord::in_tree(kind, index, self.size);
        let tile = tile.map_or(Ok(None), |tile| self.tiles.hashes(tile))?;
        let above = self.above(index)?;
        let bundle = self.tiles.entries(coord)?;
        let bundle = bundle.map(|entries| (leaves(&entries), entries));
        let vouched = |leaves: &Vec<Hash>| {
            let fits = above.map(|above| Frontier::of(leaves).root() == above);
            fits.unwrap_or_else(|| Some(leaves) == tile.as_ref())
        };
        if let Some((leaves, entries)) = &bundle
            && vouched(leaves)
        {
            return Ok(entries.clone());
        }
        let logged = self
            .logged(coord)?
            .map(|entries| (leaves(&entries), entries));
        let same = logged.is_some()
            && bundle.as_ref().map(|(leaves, _)| leaves) == logged.as_ref().map(|(l, _)| l);
        // The signed root has the last word; without one, the log is believed only where nothing
        // else is left.
        let alone = self.is_signed || (bundle.is_none() && tile.is_none());
        logged
            .filter(|(leaves, _)| vouched(leaves) || same || alone)
            .or(bundle.filter(|_| self.is_signed))
            .map(|(_, entries)| entries)
            .ok_or_else(|| {
                let first = Position::new(coord.first_leaf()).next();
                let last = first.plus(coord.width() as u64).previous();
                RepairError::Lost { first, last }
            })
    }

    /// What the tile above says of a full bundle.
    fn above(&self, index: u64) -> Result<Option<Hash>, StorageError> {
        let width = TILE_WIDTH as u64;
        let kind = Kind::Hashes { level: 1 };
        let Some(coord) = Coord::in_tree(kind, index / width, self.size) else {
            return Ok(None);
        };
        let hashes = self.tiles.hashes(coord)?;
        Ok(hashes.and_then(|hashes| hashes.get((index % width) as usize).copied()))
    }

    /// The entries of a bundle as the log has them; `None` where no copy of it has all.
    ///
    /// # Errors
    /// A file cannot be read now: nobody can say what the log has.
    fn logged(&self, coord: Coord) -> Result<Option<Vec<Bytes>>, StorageError> {
        let mut entries = Vec::with_capacity(coord.width());
        while entries.len() < coord.width() {
            let from = coord.first_leaf() + entries.len() as u64;
            let wanted = coord.width() - entries.len();
            let some = match self.log.entries(Position::new(from).next(), wanted) {
                Ok(some) => some,
                Err(error) => {
                    return match error.downcast().map(|error| *error) {
                        Ok(ReadError::Storage(error)) => Err(error),
                        _ => Ok(None),
                    };
                }
            };
            if some.is_empty() || some.len() > wanted {
                return Ok(None);
            }
            entries.extend(some);
        }
        Ok(Some(entries))
    }

    fn mend_tile(
        &self,
        tile: &TileHashes,
        target: &mut Option<Target<'_, '_>>,
    ) -> Result<(), RepairError> {
        let kind = Kind::Hashes { level: tile.level };
        let Some(coord) = Coord::new(kind, tile.index, tile.hashes.len()) else {
            return Ok(());
        };
        self.mend(coord, &hash_bytes(&tile.hashes), target)?;
        for narrow in self.narrower(coord)? {
            let hashes = tile.hashes.get(..narrow.width()).unwrap_or_default();
            self.mend(narrow, &hash_bytes(hashes), target)?;
        }
        Ok(())
    }

    /// Writes a file that is not as it should be.
    fn mend(
        &self,
        coord: Coord,
        bytes: &[u8],
        target: &mut Option<Target<'_, '_>>,
    ) -> Result<(), RepairError> {
        if let Some((writing, files)) = target
            && self.tiles.read(coord)?.as_deref() != Some(bytes)
        {
            writing.write(coord, bytes)?;
            files.insert(coord);
        }
        Ok(())
    }

    /// The narrower forms of a file that are there.
    fn narrower(&self, whole: Coord) -> Result<Vec<Coord>, StorageError> {
        let widths = self.tiles.partial_widths(whole)?.into_iter();
        let narrower = widths.filter(|width| *width < whole.width());
        Ok(narrower
            .filter_map(|width| Coord::new(whole.kind(), whole.index(), width))
            .collect())
    }

    /// Checks, where no root is signed, that nothing was integrated beyond the log's end, and that
    /// what was integrated of the last bundle is what the log has there.
    fn check_end(&self, head: Position) -> Result<(), RepairError> {
        let last = hashes_at(self.size, 1);
        let tail = Coord::full(Kind::Entries, last);
        let width = (self.size % TILE_WIDTH as u64) as usize;
        let widths = self.tiles.partial_widths(tail)?;
        let beyond = widths.iter().any(|there| *there > width);
        if beyond || self.tiles.read(tail)?.is_some() {
            return Err(RepairError::Behind { head });
        }
        let Some(coord) = Coord::in_tree(Kind::Entries, last, self.size) else {
            return Ok(());
        };
        let chosen = self.choose(last)?;
        for narrow in self.narrower(coord)? {
            let integrated = self.tiles.entries(narrow)?;
            if integrated.is_some_and(|integrated| !chosen.starts_with(&integrated)) {
                let first = Position::new(coord.first_leaf()).next();
                let last = Position::new(self.size);
                return Err(RepairError::Lost { first, last });
            }
        }
        Ok(())
    }
}

fn leaves(entries: &[Bytes]) -> Vec<Hash> {
    entries.iter().map(|entry| Hash::leaf(entry)).collect()
}

/// Whether a checkpoint that is not to be believed is whole nevertheless: another log's, in a name
/// or with a key that this one has not.
fn refuse_other(tiles: &Tiles, key: &VerifierKey) -> Result<(), RepairError> {
    let bytes = tiles.read_name(CHECKPOINT, NOTE_BYTES_MAX)?;
    let note = std::str::from_utf8(&bytes.unwrap_or_default())
        .ok()
        .and_then(Note::parse);
    let read = note.and_then(|note| Some((Checkpoint::parse(note.text())?.origin, note)));
    let Some((found, note)) = read else {
        return Ok(());
    };
    let renamed = key.named(found.clone());
    if note.is_signed_by(&renamed) {
        let wanted = key.name().clone();
        return Err(RepairError::OtherName { found, wanted });
    }
    if note.is_signed_by_another(&renamed) {
        return Err(RepairError::OtherKey);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tempfile::TempDir;

    use super::super::{
        entries::EntriesError,
        integrator::tests::{Made, audit, files, integrator, key_file, restore, signer, tiles},
        verify::{Against, verify},
    };
    use super::*;

    /// A log that has lost every entry.
    struct Nothing;

    impl Entries for Nothing {
        fn entries(&self, _from: Position, _limit: usize) -> Result<Vec<Bytes>, EntriesError> {
            Err("gone".into())
        }
    }

    fn integrated(heads: &[u64]) -> TempDir {
        let dir = TempDir::new().unwrap();
        for head in heads {
            integrator(&dir)
                .integrate(Position::new(*head), &Made)
                .unwrap();
        }
        dir
    }

    fn mend(dir: &TempDir, log: &dyn Entries, head: u64) -> Result<Repaired, RepairError> {
        let head = Position::new(head);
        repair(&tiles(dir), &signer(dir), log, head, &mut |_, _| {})
    }

    fn is_whole(dir: &TempDir) -> bool {
        let key = signer(dir).verifier();
        let verified = verify(&tiles(dir), &key, Against::default(), &mut |_, _| {});
        verified.unwrap().is_whole()
    }

    #[test]
    fn a_checkpoint_in_another_name_is_not_signed_anew() {
        let dir = integrated(&[300]);
        let before = files(&audit(&dir));
        let name = KeyName::parse("contactd.local/another").unwrap();
        let other = Signer::read(&key_file(&dir, "audit.key"), name).unwrap();
        let head = Position::new(300);
        let refused = repair(&tiles(&dir), &other, &Made, head, &mut |_, _| {});
        assert!(matches!(refused, Err(RepairError::OtherName { .. })));
        let name = KeyName::parse("contactd.local/test").unwrap();
        let other = Signer::read_or_create(&key_file(&dir, "other.key"), name).unwrap();
        let refused = repair(
            &tiles(&dir),
            &other,
            &Made,
            Position::new(600),
            &mut |_, _| {},
        );
        assert!(matches!(refused, Err(RepairError::OtherKey)));
        assert_eq!(files(&audit(&dir)), before);
    }

    #[test]
    fn every_file_that_changes_or_goes_comes_back_as_it_was() {
        let dir = integrated(&[250, 256, 600, 650]);
        let whole = files(&audit(&dir));
        for (path, bytes) in &whole {
            for change in 0..3 {
                let mut changed = bytes.clone();
                changed[bytes.len() / 2] ^= 1;
                match change {
                    0 => fs::write(path, changed).unwrap(),
                    1 => fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
                    _ => fs::remove_file(path).unwrap(),
                }
                // A narrower file that is gone is not missed: the full one or a wider one is there.
                let narrower = path.to_string_lossy().contains("/000.p/")
                    || path.ends_with("002.p/88")
                    || path.ends_with("000.p/1");
                let done = mend(&dir, &Made, 650).unwrap();
                assert!(is_whole(&dir), "{path:?}");
                if !(narrower && change == 2) {
                    assert_eq!(files(&audit(&dir)), whole, "{path:?}");
                    assert_eq!(done.files.len() + done.signed.iter().len(), 1, "{path:?}");
                }
                restore(&audit(&dir), &whole);
            }
        }
        assert_eq!(mend(&dir, &Nothing, 0).unwrap(), Repaired::default());
    }

    #[test]
    fn tiles_come_back_without_a_log() {
        let dir = integrated(&[600]);
        let whole = files(&audit(&dir));
        let path = audit(&dir).join("tile/0/001");
        fs::write(&path, b"").unwrap();
        assert_eq!(mend(&dir, &Nothing, 0).unwrap().files.len(), 1);
        fs::remove_dir_all(audit(&dir).join("tile/1")).unwrap();
        fs::remove_dir_all(audit(&dir).join("tile/0/002.p")).unwrap();
        assert_eq!(mend(&dir, &Nothing, 0).unwrap().files.len(), 2);
        assert_eq!(files(&audit(&dir)), whole);
        fs::remove_dir_all(audit(&dir).join("tile")).unwrap();
        assert_eq!(mend(&dir, &Made, 600).unwrap().files.len(), 7);
        assert_eq!(files(&audit(&dir)), whole);
    }

    /// A log that cannot be read at one of the calls.
    struct Refusing {
        at: u64,
        calls: AtomicU64,
    }

    impl Entries for Refusing {
        fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError> {
            if self.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
                let (action, name) = ("read", "journal".to_owned());
                let cause = std::io::Error::other("not now");
                let error = StorageError::Io {
                    action,
                    name,
                    cause,
                };
                return Err(ReadError::Storage(error).into());
            }
            Made.entries(from, limit)
        }
    }

    #[test]
    fn a_log_that_cannot_be_read_for_a_moment_is_not_taken_for_lost() {
        let dir = integrated(&[600]);
        let whole = files(&audit(&dir));
        for name in ["tile/entries/001", "tile/0/001"] {
            let path = audit(&dir).join(name);
            let mut changed = whole[&path].clone();
            *changed.last_mut().unwrap() ^= 1;
            fs::write(path, changed).unwrap();
        }
        let damaged = files(&audit(&dir));
        // Once while what is right is chosen, and once while it is written.
        for at in 1..=2 {
            let calls = AtomicU64::new(0);
            let refused = mend(&dir, &Refusing { at, calls }, 600);
            assert!(matches!(refused, Err(RepairError::File(_))), "{refused:?}");
            assert_eq!(files(&audit(&dir)), damaged, "call {at}");
        }
        mend(&dir, &Made, 600).unwrap();
        assert_eq!(files(&audit(&dir)), whole);
    }

    #[test]
    fn a_bundle_that_no_copy_has_is_named_and_nothing_is_written() {
        let dir = integrated(&[600]);
        for name in ["tile/entries/001", "tile/0/000"] {
            fs::write(audit(&dir).join(name), b"").unwrap();
        }
        let before = files(&audit(&dir));
        let lost = mend(&dir, &Nothing, 0);
        let Err(RepairError::Lost { first, last }) = lost else {
            panic!("{lost:?}");
        };
        assert_eq!((first.get(), last.get()), (257, 512));
        assert_eq!(files(&audit(&dir)), before);
    }

    #[test]
    fn a_lost_checkpoint_is_signed_anew_only_if_it_extends_what_was_sealed() {
        struct Other;
        impl Entries for Other {
            fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError> {
                let entries = Made.entries(from, limit)?;
                let changed = |(at, entry)| if at == 590 { Bytes::new() } else { entry };
                Ok((from.get()..).zip(entries).map(changed).collect())
            }
        }
        let dir = integrated(&[600]);
        fs::write(audit(&dir).join("checkpoint"), b"lost").unwrap();
        let behind = mend(&dir, &Made, 590);
        assert!(matches!(behind, Err(RepairError::Behind { .. })));
        let other = mend(&dir, &Other, 610);
        assert!(matches!(other, Err(RepairError::Lost { .. })));
        // The integrated copy is believed, where there is one.
        assert_eq!(mend(&dir, &Other, 600).unwrap().signed, Some(600));
        assert!(is_whole(&dir));
        fs::write(audit(&dir).join("checkpoint"), b"lost").unwrap();
        assert_eq!(mend(&dir, &Made, 700).unwrap().signed, Some(700));
        assert!(is_whole(&dir));
        let mut integrator = integrator(&dir);
        integrator.integrate(Position::new(800), &Made).unwrap();
        assert!(is_whole(&dir));
    }
}
