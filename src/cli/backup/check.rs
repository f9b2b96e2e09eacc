//! Whether what lies there can be restored: looked at as a restore does, and nothing changed.

use crate::audit::{self, Against, Archive, Checkpoint, VerifierKey};
use crate::cli::exit::{DAMAGED, Failure};
use crate::domain::Position;
use crate::log::{Journal, Piece, SEGMENT_BYTES_DEFAULT};

use crate::cli::layout::Layout;

/// A backup that can be restored.
pub struct Whole {
    /// The signed checkpoint, to which its bundles and tiles hash.
    pub checkpoint: Checkpoint,
    /// The last event that it holds.
    pub head: u64,
    /// Whether the journal holds every event that is in no full bundle.
    pub has_tail: bool,
}

/// Checks the sealed files and the journal.
///
/// # Errors
/// Something is damaged or cannot be read, or a kept checkpoint is not the beginning of it.
pub fn check(
    layout: &Layout,
    key: &VerifierKey,
    kept: &[Checkpoint],
    progress: &mut dyn FnMut(Position),
) -> Result<Whole, Failure> {
    let checkpoint = sealed(layout, key, kept, progress)?;
    journal(layout, checkpoint)
}

/// Checks the sealed files against their checkpoint, and it against those that were kept.
fn sealed(
    layout: &Layout,
    key: &VerifierKey,
    kept: &[Checkpoint],
    progress: &mut dyn FnMut(Position),
) -> Result<Checkpoint, Failure> {
    let against = Against {
        older: kept,
        only_newest: true,
        ..Against::default()
    };
    let verified = audit::verify(&layout.tiles(), key, against, &mut |at, _| {
        progress(Position::new(at));
    })?;
    if let Some(checkpoint) = &verified.checkpoint {
        let newest_kept = kept.iter().map(|kept| kept.size).max().unwrap_or_default();
        if newest_kept > checkpoint.size {
            return Err(Failure::usage(format!(
                "the backup is older than the kept checkpoint: it is sealed up to event {}, the \
                 checkpoint is of {newest_kept} events; restore a later backup",
                checkpoint.size
            )));
        }
    }
    match (verified.checkpoint, verified.damages.first()) {
        (Some(checkpoint), None) => Ok(checkpoint),
        (_, damage) => {
            let what = damage.map(|damage| format!(": {damage}"));
            Err(Failure::new(
                DAMAGED,
                format!("the backup does not verify{}", what.unwrap_or_default()),
            ))
        }
    }
}

/// Checks that the journal agrees with what is sealed, and goes on from there without a gap. What
/// was being appended while it was copied may be torn.
fn journal(layout: &Layout, checkpoint: Checkpoint) -> Result<Whole, Failure> {
    let sealed = Archive::covered_by(layout.tiles(), &checkpoint);
    let damaged = |position: u64, what: &str| {
        let message = format!("the backup does not verify: position {position}: {what}");
        Err(Failure::new(DAMAGED, message))
    };
    let journal = Journal::open(layout.journal.clone(), SEGMENT_BYTES_DEFAULT)?;
    let from = journal.base().unwrap_or(Position::FIRST);
    let (mut head, mut expected) = (checkpoint.size, from.get());
    let mut has_tail = from.get() <= checkpoint.size - checkpoint.size % 256 + 1;
    let (mut bundle, mut first) = (Vec::new(), 0);
    for piece in journal.scan(from) {
        let Piece::Entry(position, entry) = piece? else {
            continue;
        };
        let at = position.get();
        if at > checkpoint.size {
            if at != head + 1 {
                return damaged(head + 1, "it is not in the journal, and later ones are");
            }
            head = at;
        } else {
            let in_bundle = |first: u64| at.checked_sub(first).map(|place| place as usize);
            if first == 0 || in_bundle(first).is_none_or(|place| place >= bundle.len()) {
                bundle = sealed.read(position).map_err(Failure::failed)?;
                first = at;
            }
            let known = in_bundle(first).and_then(|place| bundle.get(place));
            if known != Some(&entry) {
                return damaged(at, "the journal has another event than the sealed files");
            }
        }
        has_tail &= at == expected;
        expected = at + 1;
    }
    has_tail &= expected > checkpoint.size;
    Ok(Whole {
        checkpoint,
        head,
        has_tail,
    })
}
