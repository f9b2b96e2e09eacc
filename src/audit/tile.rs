//! Tiles and entry bundles (C2SP tlog-tiles): their bytes and their files.
//!
//! A file is written once and never changes. It is synced before a checkpoint
//! that needs it is signed; many are written and then each is synced once, with
//! the directories that name them.

use std::{collections::BTreeSet, fmt, io, path::Path, sync::Arc};

use bytes::{Buf, Bytes};

use super::{
    checkpoint::parse_decimal,
    coord::Coord,
    right_edge::TILE_WIDTH,
    tree::{HASH_BYTES, Hash},
};
use crate::storage::{DirFiles, Files, StorageError};

/// The longest entry, in bytes: what the `u16` before it can say.
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// No file here is longer: a bundle of the longest entries.
const FILE_BYTES_MAX: usize = TILE_WIDTH * (2 + ENTRY_BYTES_MAX);

/// Appends an entry to a bundle, which may not be longer than [`ENTRY_BYTES_MAX`]; whether it fits.
pub(super) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> bool {
    let Ok(length) = u16::try_from(entry.len()) else {
        return false;
    };
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    true
}

/// The entries of a bundle; `None` unless there are `count` and nothing else.
#[must_use]
pub fn parse_bundle(mut bytes: Bytes, count: usize) -> Option<Vec<Bytes>> {
    let mut entries = Vec::with_capacity(count.min(TILE_WIDTH));
    while !bytes.is_empty() && entries.len() < count {
        let length = usize::from(bytes.try_get_u16().ok()?);
        if length > bytes.len() {
            return None;
        }
        entries.push(bytes.split_to(length));
    }
    (bytes.is_empty() && entries.len() == count).then_some(entries)
}

/// The hashes of a tile; `None` unless there are `count` and nothing else.
pub(super) fn parse_hashes(bytes: &[u8], count: usize) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    let whole = rest.is_empty() && hashes.len() == count;
    whole.then(|| hashes.iter().copied().map(Hash).collect())
}

/// The bytes of a tile.
pub(super) fn hash_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The directory of tiles and bundles.
#[derive(Clone)]
pub struct Tiles {
    files: Arc<dyn Files>,
}

impl fmt::Debug for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tiles({})", self.files.path("").display())
    }
}

impl Tiles {
    /// The tiles in a directory of files.
    #[must_use]
    pub fn new(files: Arc<dyn Files>) -> Self {
        Self { files }
    }

    /// The tiles below a path of the operating system, which may be absent or a copy.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self::new(Arc::new(DirFiles::at(path)))
    }

    /// The directory, for files that are no tiles.
    pub(super) fn files(&self) -> &dyn Files {
        &*self.files
    }

    /// Whether there is a file of a path below `/audit/`.
    pub(super) fn has(&self, coord: Coord) -> Result<bool, StorageError> {
        self.files.has(&coord.to_string())
    }

    /// The bytes of a file as they are; `None` where there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is longer than any can be.
    pub fn read(&self, coord: Coord) -> Result<Option<Bytes>, StorageError> {
        self.read_name(coord, FILE_BYTES_MAX)
    }

    /// The bytes of a file by its path below `/audit/`; `None` where there is none.
    pub(super) fn read_name(
        &self,
        name: impl fmt::Display,
        bytes_max: usize,
    ) -> Result<Option<Bytes>, StorageError> {
        let name = name.to_string();
        match self.files.read_at(&name, 0, bytes_max.saturating_add(1)) {
            Ok(bytes) if bytes.len() > bytes_max => Err(StorageError::Io {
                action: "read",
                name: self.files.path(&name).to_string_lossy().into_owned(),
                cause: io::ErrorKind::FileTooLarge.into(),
            }),
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first `coord.width()` hashes of a tile, from that file, or from the full one where the
    /// partial one is gone; `None` where there is neither or its length is wrong.
    pub(super) fn hashes(&self, coord: Coord) -> Result<Option<Vec<Hash>>, StorageError> {
        if let Some(bytes) = self.read(coord)? {
            return Ok(parse_hashes(&bytes, coord.width()));
        }
        let full = self.read(Coord::full(coord.kind(), coord.index()))?;
        let hashes = full.and_then(|bytes| parse_hashes(&bytes, TILE_WIDTH));
        Ok(hashes.map(|mut hashes| {
            hashes.truncate(coord.width());
            hashes
        }))
    }

    /// The first `coord.width()` entries of a bundle, likewise.
    pub(super) fn entries(&self, coord: Coord) -> Result<Option<Vec<Bytes>>, StorageError> {
        if let Some(bytes) = self.read(coord)? {
            return Ok(parse_bundle(bytes, coord.width()));
        }
        let full = self.read(Coord::full(coord.kind(), coord.index()))?;
        let entries = full.and_then(|bytes| parse_bundle(bytes, TILE_WIDTH));
        Ok(entries.map(|mut entries| {
            entries.truncate(coord.width());
            entries
        }))
    }

    /// The widths of a tile's partial files that are there, sorted.
    pub(super) fn partial_widths(&self, coord: Coord) -> Result<Vec<usize>, StorageError> {
        let names = self.files.list_in(&coord.partials().to_string())?;
        let widths = names.iter().filter_map(|name| parse_decimal(name));
        let widths = widths.filter_map(|width| usize::try_from(width).ok());
        let mut widths: Vec<_> = widths
            .filter(|width| (1..TILE_WIDTH).contains(width))
            .collect();
        widths.sort_unstable();
        Ok(widths)
    }

    /// Removes a file; absent is well.
    pub(super) fn remove(&self, coord: Coord) -> Result<(), StorageError> {
        match self.files.remove(&coord.to_string()) {
            Err(error) if error.is_absent() => Ok(()),
            removed => removed,
        }
    }

    /// Removes the partial forms of a tile or bundle; absent is well.
    pub(super) fn remove_partials(&self, coord: Coord) -> Result<(), StorageError> {
        self.files.remove_dir(&coord.partials().to_string())
    }
}

/// Directories whose own names are known to be on the disk, so that a new file in one of them costs
/// one sync of a directory and not one of each above it. `""` is the directory of tiles itself.
#[derive(Debug, Default)]
pub(super) struct Named(BTreeSet<String>);

/// Directories that are remembered.
const NAMED_MAX: usize = 1_024;

/// Files that are being written, and what must be synced for them to be on the disk.
pub(super) struct Writing<'a> {
    files: &'a dyn Files,
    named: &'a mut Named,
    written: Vec<String>,
    dirs: BTreeSet<String>,
}

impl<'a> Writing<'a> {
    pub(super) fn new(tiles: &'a Tiles, named: &'a mut Named) -> Self {
        Self {
            files: tiles.files(),
            named,
            written: Vec::new(),
            dirs: BTreeSet::new(),
        }
    }

    /// Writes a file. It is on the disk after [`sync`](Self::sync).
    pub(super) fn write(&mut self, coord: Coord, bytes: &[u8]) -> Result<(), StorageError> {
        let name = coord.to_string();
        self.files.write(&name, bytes)?;
        // Who created a directory may have ended before syncing the one above: each is synced once.
        let mut path = name.as_str();
        loop {
            let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
            self.dirs.insert(dir.to_owned());
            if dir.is_empty() || self.named.0.contains(dir) {
                break;
            }
            path = dir;
        }
        self.written.push(name);
        Ok(())
    }

    /// Waits until every file and its name are on the disk.
    pub(super) fn sync(self) -> Result<(), StorageError> {
        for name in &self.written {
            self.files.sync(name)?;
        }
        for dir in &self.dirs {
            self.files.sync_dir(dir)?;
        }
        if self.named.0.len() + self.dirs.len() > NAMED_MAX {
            self.named.0.clear();
        }
        self.named.0.extend(self.dirs);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::coord::Kind, *};
    use proptest::prelude::*;

    #[test]
    fn a_partial_file_that_is_gone_is_read_from_the_full_one() {
        let dir = tempfile::tempdir().unwrap();
        let tiles = Tiles::at(dir.path());
        let mut bundle = Vec::new();
        for n in 0..=255_u8 {
            assert!(push_entry(&mut bundle, &vec![n; usize::from(n)]));
        }
        let full = Coord::full(Kind::Entries, 0);
        let partial = Coord::new(Kind::Entries, 0, 7).unwrap();
        let mut named = Named::default();
        let mut writing = Writing::new(&tiles, &mut named);
        writing.write(full, &bundle).unwrap();
        writing.write(partial, b"torn").unwrap();
        writing.sync().unwrap();
        assert_eq!(tiles.partial_widths(full).unwrap(), [7]);
        assert_eq!(tiles.entries(partial).unwrap(), None);
        tiles.remove_partials(full).unwrap();
        tiles.remove_partials(full).unwrap();
        assert_eq!(tiles.entries(partial).unwrap().unwrap().len(), 7);
        tiles.remove(full).unwrap();
        assert_eq!(tiles.read(full).unwrap(), None);
    }

    proptest! {
        #[test]
        fn a_bundle_is_read_whole_or_not_at_all(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bundle = Vec::new();
            for entry in &entries {
                push_entry(&mut bundle, entry);
            }
            let read = parse_bundle(bundle.clone().into(), entries.len()).unwrap();
            prop_assert_eq!(&read, &entries);
            let longer = [&bundle[..], b"x"].concat();
            prop_assert!(parse_bundle(longer.into(), entries.len()).is_none());
            if !bundle.is_empty() {
                bundle.truncate(cut.index(bundle.len()));
                prop_assert!(parse_bundle(bundle.into(), entries.len()).is_none());
            }
        }
    }
}
