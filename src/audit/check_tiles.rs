//! The check_tiles from entries to the root, and who is to blame on the way.
//!
//! Every tile stands there twice: as its file, and as what the files below it
//! hash to. Where the two differ, the tile above says which is right; at the end
//! of the tree, where none is above, the signed root does. So a changed bit is
//! put down to the file it is in.

use super::{
    coord::{Coord, Kind},
    findings::{Damage, Findings},
    right_edge::{TILE_HEIGHT, TILE_WIDTH, level_count},
    tile::{Tiles, parse_bundle, parse_hashes},
    tree::{Frontier, Hash, fold_peaks},
};
use crate::{domain::Position, storage::StorageError};

/// The hashes of a tile as those below give them; `None` where those are lost.
type Computed = Vec<Option<Hash>>;

/// A tile as it is found: what the level below gives, and what its file says.
struct Found {
    coord: Coord,
    computed: Computed,
    file: Option<Vec<Hash>>,
}

/// A level of the tree during the check_tiles.
#[derive(Default)]
struct Level {
    /// What the level below has given since the last full tile.
    computed: Computed,
    /// The number of its tiles that were full.
    full: u64,
    /// The file of the tile that was asked last for what it says of the level below.
    above: Option<(Coord, Option<Vec<Hash>>)>,
    /// The tile at its end.
    tail: Option<Found>,
}

/// A check_tiles under way.
pub(super) struct TileCheck<'a> {
    tiles: &'a Tiles,
    size: u64,
    levels: Vec<Level>,
    /// Whether the narrower forms of files are looked at, which only older checkpoints need.
    narrower: bool,
    findings: &'a mut Findings,
}

impl<'a> TileCheck<'a> {
    pub(super) fn new(tiles: &'a Tiles, size: u64, findings: &'a mut Findings) -> Self {
        let levels = (0..level_count(size)).map(|_| Level::default()).collect();
        Self {
            tiles,
            size,
            levels,
            narrower: true,
            findings,
        }
    }

    /// Leaves out what only older checkpoints need.
    pub(super) fn only_newest(mut self) -> Self {
        self.narrower = false;
        self
    }

    /// Checks the next bundle, in their order from the first, and all that it makes full. Returns
    /// its leaves as the tree has them, where that is beyond doubt.
    pub(super) fn bundle(&mut self, index: u64) -> Result<Option<Vec<Hash>>, StorageError> {
        let Some(coord) = Coord::in_tree(Kind::Entries, index, self.size) else {
            return Ok(None);
        };
        let bytes = self.tiles.read(coord)?;
        let missing = bytes.is_none();
        let entries = bytes.and_then(|bytes| parse_bundle(bytes, coord.width()));
        let computed = match entries {
            Some(entries) => entries.iter().map(|e| Some(Hash::leaf(e))).collect(),
            None => {
                self.findings.add(Damage::File { coord, missing });
                vec![None; coord.width()]
            }
        };
        self.tile(0, index, computed)
    }

    /// Checks the tiles at the end of each level against the signed root.
    pub(super) fn finish(mut self, root: Hash) -> Result<(), StorageError> {
        for level in (1..self.levels.len()).filter_map(|level| u8::try_from(level).ok()) {
            if let Some(state) = self.levels.get_mut(usize::from(level))
                && !state.computed.is_empty()
            {
                let (index, computed) = (state.full, std::mem::take(&mut state.computed));
                self.tile(level, index, computed)?;
            }
        }
        let tails = self.levels.iter_mut().filter_map(|level| level.tail.take());
        let tails: Vec<_> = tails.collect();
        let chosen = choose_tails(&tails, root);
        if chosen.is_none() {
            self.findings.add(Damage::Root { size: self.size });
        }
        let chosen = chosen.unwrap_or_else(|| tails.iter().map(Found::by_file).collect());
        for (found, hashes) in tails.iter().zip(chosen) {
            self.blame(found, &hashes)?;
        }
        Ok(())
    }

    /// Checks a tile, and hands its hash to the level above.
    fn tile(
        &mut self,
        level: u8,
        index: u64,
        computed: Computed,
    ) -> Result<Option<Vec<Hash>>, StorageError> {
        let kind = Kind::Hashes { level };
        let Some(coord) = Coord::in_tree(kind, index, self.size) else {
            return Ok(None);
        };
        let bytes = self.tiles.read(coord)?;
        let missing = bytes.is_none();
        let file = bytes.and_then(|bytes| parse_hashes(&bytes, coord.width()));
        if file.is_none() {
            self.findings.add(Damage::File { coord, missing });
        }
        let found = Found {
            coord,
            computed,
            file,
        };
        if !coord.is_full() {
            let sure = found
                .known()
                .filter(|known| Some(known) == found.file.as_ref());
            if let Some(state) = self.levels.get_mut(usize::from(level)) {
                state.tail = Some(found);
            }
            return Ok(sure);
        }
        let chosen = found.choose(self.above(level.saturating_add(1), index)?);
        let root = chosen.as_ref().map(|hashes| Frontier::of(hashes).root());
        if let Some(chosen) = &chosen {
            self.blame(&found, chosen)?;
        }
        self.lift(level.saturating_add(1), root)?;
        Ok(chosen)
    }

    /// Appends to a level, whose tile may become full by it.
    fn lift(&mut self, level: u8, hash: Option<Hash>) -> Result<(), StorageError> {
        let Some(state) = self.levels.get_mut(usize::from(level)) else {
            return Ok(());
        };
        state.computed.push(hash);
        if state.computed.len() == TILE_WIDTH {
            let (index, computed) = (state.full, std::mem::take(&mut state.computed));
            state.full = state.full.saturating_add(1);
            self.tile(level, index, computed)?;
        }
        Ok(())
    }

    /// What the file of a level says at this place of the level.
    fn above(&mut self, level: u8, place: u64) -> Result<Option<Hash>, StorageError> {
        let kind = Kind::Hashes { level };
        let (index, place) = (place >> TILE_HEIGHT, place % TILE_WIDTH as u64);
        let Some(coord) = Coord::in_tree(kind, index, self.size) else {
            return Ok(None);
        };
        let Some(state) = self.levels.get_mut(usize::from(level)) else {
            return Ok(None);
        };
        if state.above.as_ref().is_none_or(|(read, _)| *read != coord) {
            let bytes = self.tiles.read(coord)?;
            let hashes = bytes.and_then(|bytes| parse_hashes(&bytes, coord.width()));
            state.above = Some((coord, hashes));
        }
        let hashes = state.above.as_ref().and_then(|(_, hashes)| hashes.as_ref());
        Ok(hashes.and_then(|hashes| hashes.get(place as usize).copied()))
    }

    /// Notes what differs from the hashes that a tile was found to have.
    fn blame(&mut self, found: &Found, chosen: &[Hash]) -> Result<(), StorageError> {
        let coord = found.coord;
        if let Some(file) = &found.file
            && let Some(place) = file.iter().zip(chosen).position(|(a, b)| a != b)
        {
            let position = first_position(coord, place);
            self.findings.add(Damage::Tile { coord, position });
        }
        let pairs = found.computed.iter().zip(chosen).enumerate();
        for (place, _) in pairs.filter(|(_, (below, hash))| below.is_some_and(|b| b != **hash)) {
            let position = first_position(coord, place);
            self.findings.add(match coord.kind() {
                Kind::Hashes { level: 1.. } => Damage::Subtree { coord, position },
                _ => Damage::Entry { position },
            });
        }
        self.partial_files(coord, chosen)?;
        if coord.kind() == (Kind::Hashes { level: 0 }) {
            let bundle = Coord::in_tree(Kind::Entries, coord.index(), self.size);
            self.partial_files(bundle.unwrap_or(coord), chosen)?;
        }
        Ok(())
    }

    /// Checks the narrower forms of a file, which older checkpoints need.
    fn partial_files(&mut self, whole: Coord, chosen: &[Hash]) -> Result<(), StorageError> {
        if !self.narrower {
            return Ok(());
        }
        for width in self.tiles.partial_widths(whole)? {
            let Some(coord) = Coord::new(whole.kind(), whole.index(), width) else {
                continue;
            };
            let Some(expected) = chosen.get(..width).filter(|_| width < whole.width()) else {
                continue;
            };
            let hashes = match coord.kind() {
                Kind::Hashes { .. } => self.tiles.hashes(coord)?,
                Kind::Entries => self
                    .tiles
                    .entries(coord)?
                    .map(|entries| entries.iter().map(|e| Hash::leaf(e)).collect()),
            };
            if hashes.as_deref() != Some(expected) {
                let missing = false;
                self.findings.add(Damage::File { coord, missing });
            }
        }
        Ok(())
    }
}

impl Found {
    /// What the level below gives, where it gives all of it.
    fn known(&self) -> Option<Vec<Hash>> {
        self.computed.iter().copied().collect()
    }

    /// What the file says, or else what the level below gives.
    fn by_file(&self) -> Vec<Hash> {
        self.file
            .clone()
            .or_else(|| self.known())
            .unwrap_or_default()
    }

    /// The hashes whose root the level above has; where it has neither's, the file's.
    fn choose(&self, above: Option<Hash>) -> Option<Vec<Hash>> {
        let known = self.known();
        let fits = |hashes: &Vec<Hash>| Some(Frontier::of(hashes).root()) == above;
        let fitting = known.clone().filter(fits);
        fitting
            .or_else(|| self.file.clone().filter(fits))
            .or_else(|| self.file.clone())
            .or(known)
    }
}

/// For each tile at the end of its level, from the lowest, the one of its two forms with which
/// they hash to the root; `None` where no choice does.
fn choose_tails(tails: &[Found], root: Hash) -> Option<Vec<Vec<Hash>>> {
    let doubtful: Vec<_> = (0..tails.len())
        .filter(|place| tails.get(*place).is_some_and(|t| t.known() != t.file))
        .collect();
    (0_u32..1 << doubtful.len()).find_map(|choice| {
        let forms: Option<Vec<_>> = (0..tails.len())
            .zip(tails)
            .map(|(place, tail)| {
                let doubt = doubtful.iter().position(|doubt| *doubt == place);
                match doubt.is_some_and(|doubt| choice >> doubt & 1 == 1) {
                    true => tail.known(),
                    false => tail.file.clone(),
                }
            })
            .collect();
        let forms = forms?;
        let frontiers: Vec<_> = forms.iter().map(|hashes| Frontier::of(hashes)).collect();
        let peaks = frontiers.iter().flat_map(|f| f.peaks().iter().rev());
        (fold_peaks(peaks) == root).then_some(forms)
    })
}

/// The first position under a hash of a tile.
fn first_position(coord: Coord, place: usize) -> Position {
    let level = match coord.kind() {
        Kind::Entries => 0,
        Kind::Hashes { level } => level,
    };
    let first = coord.first_leaf();
    let before = (place as u64)
        .checked_shl(TILE_HEIGHT * u32::from(level))
        .unwrap_or(u64::MAX);
    Position::new(first.saturating_add(before)).next()
}
