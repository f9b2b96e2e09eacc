//! Whether the disk has room for more, so that writes end before the disk does.
//!
//! The last megabytes of a full disk are for what must still be possible: starting, reading, erasing.
//! Writes are refused while less is free, and come back by themselves. Some room is held back in a
//! file that holds nothing (the ballast), and is given up for a start and for an erasure, not before:
//! another process that fills the disk would use that room as well.

use crate::domain::Closed;
use crate::storage::{Room, Space, StorageError};

/// The least free room with which an erasure is still recorded, in bytes.
const ERASURE_BYTES: u64 = 2 << 20;
/// The least ballast that is worth a file, in bytes.
const BALLAST_MIN: u64 = 1 << 20;

/// What is kept free of a file system of so many bytes, in bytes: from 4 to 64 MiB, less on a very
/// small one.
fn margin(total: u64) -> u64 {
    (total / 64).clamp((total / 16).min(4 << 20), 64 << 20)
}

/// The size of the ballast on a file system of so many bytes, in bytes.
fn ballast(total: u64) -> u64 {
    margin(total).min(32 << 20)
}

/// Gives the ballast up where the disk is so full that a start needs it.
///
/// # Errors
/// The operating system refused.
pub fn make_way(room: &dyn Room) -> Result<(), StorageError> {
    match room.space()? {
        Some(Space { total, free }) if free < margin(total) => room.give_back(),
        _ => Ok(()),
    }
}

/// What was seen of the disk.
#[derive(Debug, Default)]
pub struct DiskState {
    /// The room when it was last looked at.
    pub space: Option<Space>,
    /// Whether writes are refused.
    pub full: bool,
    /// The size of the ballast, in bytes.
    held: u64,
}

impl DiskState {
    /// Looks at the free room once more.
    pub fn look(&mut self, room: &dyn Room) {
        let space = match room.space() {
            Ok(Some(space)) => space,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the room on the disk is not known");
                return;
            }
        };
        self.space = Some(space);
        let Space { total, free } = space;
        let (margin, ballast) = (margin(total), ballast(total));
        let missing = ballast.saturating_sub(self.held);
        // Once full, a little more must be free, or it would be full again at once.
        let enough = if self.full {
            margin.saturating_add(margin / 4).saturating_add(missing)
        } else {
            margin
        };
        let full = free < enough;
        if full != self.full {
            self.full = full;
            if full {
                tracing::error!(
                    free,
                    needed = margin,
                    "the disk is almost full: writes are refused, reads and erasures go on"
                );
            } else {
                tracing::info!(free, "the disk has room again: writes are taken");
            }
        }
        if !self.full && self.held < ballast && free >= margin.saturating_add(missing) {
            self.give_back(room);
            self.hold_back(room, ballast);
        } else if self.full && self.held == 0 {
            // What is left now may not be there for the next start.
            self.hold_back(room, free.min(ballast));
        }
    }

    fn hold_back(&mut self, room: &dyn Room, bytes: u64) {
        if bytes >= BALLAST_MIN && room.hold_back(bytes).is_ok() {
            self.held = bytes;
        }
    }

    fn give_back(&mut self, room: &dyn Room) {
        if self.held > 0 && room.give_back().is_ok() {
            self.held = 0;
        }
    }

    /// Tells why a command is not taken, if so; an erasure is, as long as there is room to record it, for which
    /// the ballast is given up.
    pub fn refusal(&mut self, room: &dyn Room, erases: bool) -> Option<Closed> {
        if !self.full {
            return None;
        }
        if !erases {
            return Some(Closed::DiskFull);
        }
        self.give_back(room);
        let free = match room.space() {
            Ok(space) => space.map(|space| space.free),
            Err(_) => return Some(Closed::DiskFull),
        };
        let has_room = free.is_none_or(|free| free >= ERASURE_BYTES);
        (!has_room).then_some(Closed::DiskFull)
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A disk of so much room, of which so much is free or held, and how often some was held back.
    struct Disk(Mutex<(u64, u64)>, Mutex<u32>);

    impl Disk {
        fn new(free: u64) -> Self {
            Self(Mutex::new((free, 0)), Mutex::new(0))
        }

        fn set_free(&self, free: u64) {
            self.0.lock().0 = free;
        }
    }

    impl Room for Disk {
        fn space(&self) -> Result<Option<Space>, StorageError> {
            let total = 1_024 * MIB;
            let free = self.0.lock().0;
            Ok(Some(Space { total, free }))
        }
        fn used(&self) -> Result<u64, StorageError> {
            Ok(0)
        }
        fn hold_back(&self, bytes: u64) -> Result<(), StorageError> {
            let mut disk = self.0.lock();
            *disk = (disk.0 - bytes, bytes);
            *self.1.lock() += 1;
            Ok(())
        }
        fn give_back(&self) -> Result<(), StorageError> {
            let mut disk = self.0.lock();
            *disk = (disk.0 + disk.1, 0);
            Ok(())
        }
    }

    #[test]
    fn writes_end_before_the_disk_does_and_come_back_with_the_room() {
        let disk = Disk::new(100 * MIB);
        let mut state = DiskState::default();
        state.look(&disk);
        assert_eq!(state.held, 16 * MIB, "some room is held back");
        assert_eq!(state.refusal(&disk, false), None);
        disk.set_free(15 * MIB);
        state.look(&disk);
        assert_eq!(state.refusal(&disk, false), Some(Closed::DiskFull));
        disk.set_free(0);
        state.look(&disk);
        assert_eq!(state.held, 16 * MIB, "nobody needs it yet");
        assert_eq!(state.refusal(&disk, true), None, "an erasure does");
        assert_eq!(disk.0.lock().0, 16 * MIB);
        assert_eq!(state.refusal(&disk, false), Some(Closed::DiskFull));
        // What the erasure has left is held for the next one, or the next start.
        disk.set_free(10 * MIB);
        state.look(&disk);
        assert_eq!(*disk.0.lock(), (0, 10 * MIB));
        assert_eq!(state.refusal(&disk, true), None);
        disk.set_free(0);
        state.look(&disk);
        assert_eq!(
            state.refusal(&disk, true),
            Some(Closed::DiskFull),
            "now there is none"
        );
        for (free, refused) in [(30, true), (19, true), (22, false), (17, false), (15, true)] {
            disk.set_free(free * MIB);
            state.look(&disk);
            assert_eq!(
                state.full,
                refused,
                "{free} MiB free, {} held",
                state.held / MIB
            );
        }
    }

    #[test]
    fn the_ballast_is_held_once_and_only_where_it_leaves_enough() {
        let disk = Disk::new(31 * MIB);
        let mut state = DiskState::default();
        state.look(&disk);
        assert_eq!(state.held, 0, "nothing would be left");
        for (free, full) in [
            (32, false),
            (16, false),
            (15, true),
            (19, true),
            (20, false),
        ] {
            disk.set_free(free * MIB);
            state.look(&disk);
            state.look(&disk);
            assert_eq!((state.full, state.held), (full, 16 * MIB), "{free} MiB");
            assert_eq!(*disk.1.lock(), 1, "{free} MiB");
        }
    }

    #[test]
    fn a_start_is_given_the_ballast_where_less_than_the_margin_is_free() {
        let disk = Disk::new(100 * MIB);
        DiskState::default().look(&disk);
        for (free, given) in [(17, false), (16, false), (15, true)] {
            disk.set_free(free * MIB);
            make_way(&disk).unwrap();
            assert_eq!(disk.0.lock().1 == 0, given, "{free} MiB");
        }
    }

    #[test]
    fn a_small_disk_keeps_a_small_part() {
        assert_eq!(margin(16 * MIB), MIB);
        assert_eq!(margin(64 * MIB), 4 * MIB);
        assert_eq!(margin(1 << 40), 64 * MIB);
        assert_eq!(ballast(1 << 40), 32 * MIB);
    }
}
