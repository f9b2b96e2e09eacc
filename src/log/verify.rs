//! Comparing the whole log and changing nothing.

use std::{fmt, sync::Arc};

use super::{
    compare::{Gap, compare},
    journal::Journal,
    open::{JOURNAL, OpenOptions, STORE, traces},
    read::Sources,
};
use crate::{
    domain::Position,
    storage::{Disk, SimDisk, StorageError},
};

/// Something wrong with the log. All but [`Lost`](Self::Lost) and
/// [`Differs`](Self::Differs) can be repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The store cannot be opened.
    Unreadable {
        /// The message of the store's library.
        reason: String,
    },
    /// The store lacks these, or holds them damaged.
    Store(Gap),
    /// The journal lacks these, or holds them damaged.
    Journal(Gap),
    /// The store ends in the beginning of a group that was never acknowledged.
    Unfinished(Gap),
    /// Events that no copy of the log holds.
    Lost(Gap),
    /// Both copies hold this one, whole, and not the same.
    Differs(Position),
}

impl Damage {
    /// The first position that the damage concerns.
    #[must_use]
    pub fn first(&self) -> Position {
        match self {
            Self::Unreadable { .. } => Position::new(1),
            Self::Store(gap) | Self::Journal(gap) | Self::Unfinished(gap) | Self::Lost(gap) => {
                gap.first
            }
            Self::Differs(position) => *position,
        }
    }

    /// Whether `repair` can make it good from another copy.
    #[must_use]
    pub fn is_repairable(&self) -> bool {
        !matches!(self, Self::Lost(_) | Self::Differs(_))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { reason } => write!(f, "the store will not open: {reason}"),
            Self::Store(gap) => write!(f, "the store {gap}"),
            Self::Journal(gap) => write!(f, "the journal {gap}"),
            Self::Unfinished(Gap { first, last, .. }) => write!(
                f,
                "the store ends in the first events, {} to {}, of a group that was never \
                 acknowledged",
                first.get(),
                last.get()
            ),
            Self::Lost(gap) => write!(f, "every copy {gap}"),
            Self::Differs(position) => {
                let position = position.get();
                write!(
                    f,
                    "the store and the journal differ from event {position} on"
                )
            }
        }
    }
}

/// The result of comparing the whole log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The last position that some copy can give.
    pub head: Position,
    /// The damage that was found, in the order of positions.
    pub damages: Vec<Damage>,
}

/// Compares every value, frame, checksum and position of both copies. A group
/// cut off by a crash shows as a gap at the end of one copy: the next start, or
/// `repair`, completes or removes it.
///
/// # Errors
/// The disk failed; damage is no error.
pub fn verify(
    disk: &dyn Disk,
    options: &OpenOptions,
    progress: &mut dyn FnMut(Position),
) -> Result<Verified, StorageError> {
    let files = disk.files(JOURNAL)?;
    let journal = Arc::new(Journal::open(files, options.segment_bytes_max)?);
    let compare = |store| {
        let sources = Sources {
            store,
            journal: journal.clone(),
            archive: options.archive.clone(),
        };
        compare(&sources, 1, traces(&journal, options), progress)
    };
    let mut compare = compare;
    let mut damages = Vec::new();
    let compare = match disk.open_store(STORE).and_then(&mut compare) {
        Err(StorageError::Damaged { reason, .. }) => {
            damages.push(Damage::Unreadable { reason });
            // An empty store in memory stands in for it.
            compare(SimDisk::new(0).open_store(STORE)?)?
        }
        other => other?,
    };
    if damages.is_empty() {
        damages.extend(compare.store.into_iter().map(Damage::Store));
    }
    damages.extend(compare.journal.into_iter().map(Damage::Journal));
    damages.extend(compare.unfinished.map(Damage::Unfinished));
    damages.extend(compare.lost.into_iter().map(Damage::Lost));
    let differs = compare.differs.map(Position::new);
    damages.extend(differs.map(Damage::Differs));
    damages.sort_by_key(Damage::first);
    Ok(Verified {
        head: Position::new(compare.head),
        damages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damage_says_where_it_is_and_whether_it_can_be_made_good() {
        let gap = Gap {
            first: Position::new(3),
            last: Position::new(5),
            damaged: false,
        };
        let reason = "no page".to_owned();
        for (damage, first, is_repairable, said) in [
            (
                Damage::Unreadable { reason },
                1,
                true,
                "the store will not open: no page",
            ),
            (
                Damage::Store(gap),
                3,
                true,
                "the store lacked events 3 to 5",
            ),
            (
                Damage::Journal(gap),
                3,
                true,
                "the journal lacked events 3 to 5",
            ),
            (
                Damage::Unfinished(gap),
                3,
                true,
                "the store ends in the first events, 3 to 5, of a group that was never acknowledged",
            ),
            (
                Damage::Lost(gap),
                3,
                false,
                "every copy lacked events 3 to 5",
            ),
            (
                Damage::Differs(Position::new(7)),
                7,
                false,
                "the store and the journal differ from event 7 on",
            ),
        ] {
            assert_eq!(damage.to_string(), said);
            assert_eq!(damage.first(), Position::new(first), "{said}");
            assert_eq!(damage.is_repairable(), is_repairable, "{said}");
        }
    }
}
