//! What becomes of a sync on the simulated disk, and the chance that decides what a crash keeps.

/// Whether a sync did its work, and what its caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    /// The power went at this sync; the data may have made it just before.
    Halted {
        kept: bool,
    },
    /// The sync failed; its data are on the disk, or no later sync saves them.
    Failed {
        kept: bool,
    },
}

/// Whether what was to be synced is on the disk.
pub(super) fn done(fate: Fate) -> bool {
    match fate {
        Fate::Done => true,
        Fate::Halted { kept } | Fate::Failed { kept } => kept,
    }
}

/// A small generator of our own (splitmix64), so that a seed means the same
/// history whatever crate of random numbers there is.
#[derive(Debug)]
pub(super) struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// A number from 0 to `most`, both often: nothing kept and all kept are the
    /// cases that matter most.
    pub fn up_to(&mut self, most: usize) -> usize {
        match self.next() % 4 {
            0 => 0,
            1 => most,
            _ => (self.next() % (most as u64 + 1)) as usize,
        }
    }
}
