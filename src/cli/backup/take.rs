//! Copying a data directory into a backup that is whole at every moment.
//!
//! What is added goes first, under names that do not count yet. Then the checkpoint changes, in one
//! rename: before it the backup is what it was, from it on it is the new one, for the sealed files
//! alone hold everything that it covers. The journal's files, which hold the events behind it, take
//! their names after that. Keys come before the checkpoint, so that no contact is there without its
//! key; keys that must go are overwritten at the end.

use crate::audit::{self, IntegrateError, VerifierKey};
use crate::cli::data::integrator_failure;
use crate::cli::exit::Failure;
use crate::cli::layout::{Layout, NODE_KEY};
use crate::domain::Position;
use crate::log::{Journal, SEGMENT_BYTES_DEFAULT};
use crate::storage::{Files, StorageError};

use super::check::check;
use super::files::{PUBLIC_KEY, SECRETS, copy, copy_keys, names, read, remove};

/// The end of the name of a journal file that does not count yet.
const STAGED: &str = ".new";

/// The contents of a backup that was just taken, as they are told to the operator.
pub struct Taken {
    /// The position of the last event that is in it.
    pub head: u64,
    /// The number of events that are sealed.
    pub signed: u64,
    /// Whether it holds the key that signs checkpoints.
    pub has_audit_key: bool,
    /// The number of files of keys that were there before and are destroyed.
    pub destroyed: usize,
}

/// Brings a backup up to date with a data directory, which a service may hold meanwhile. The caller
/// has seen that it is one of this log.
///
/// # Errors
/// A file cannot be read or written, or something is damaged. The backup is the earlier one or the
/// new one, and taking it again completes it.
pub fn take(
    source: &Layout,
    target: &Layout,
    key: &VerifierKey,
    with_keys: bool,
    progress: &mut dyn FnMut(Position),
) -> Result<Taken, Failure> {
    let identity = names(&*source.identity)?;
    remove(&*target.identity, NODE_KEY)?;
    for name in identity.iter().filter(|name| *name != NODE_KEY) {
        copy(&*source.identity, &*target.identity, name)?;
    }
    let staged = stage(&*source.journal, &*target.journal)?;
    let copied = audit::copy(&source.tiles(), &target.tiles(), key)?;
    let copied = copied.ok_or_else(|| integrator_failure(IntegrateError::NoCheckpoint))?;
    if with_keys {
        copy_keys(&*source.keys, &*target.keys)?;
        for name in SECRETS {
            copy(&*source.root, &*target.root, name)?;
        }
    }
    let public = format!("{key}\n");
    if read(&*target.root, PUBLIC_KEY)?.as_deref() != Some(public.as_bytes()) {
        target.root.write_atomic(PUBLIC_KEY, public.as_bytes())?;
    }
    copied.publish(&target.tiles())?;
    let signed = copied.checkpoint.size;
    show_journal(&*target.journal, &staged)?;
    drop_sealed(target, signed)?;
    let destroyed = destroy_keys(source, target, with_keys)?;
    let whole = check(target, key, &[], progress).map_err(|failure| {
        // What is sealed was whole when it was copied, and stands without the journal.
        let dropped = names(&*target.journal).and_then(|names| {
            names
                .iter()
                .try_for_each(|name| target.journal.remove(name))
        });
        let message = failure.message;
        let kept = match dropped {
            Ok(()) => format!("the backup has the first {signed} events alone now"),
            Err(error) => error.to_string(),
        };
        let advice = "run `contactd log verify` with the service stopped";
        Failure::new(failure.code, format!("{message}; {kept}; {advice}"))
    })?;
    Ok(Taken {
        head: whole.head,
        signed,
        has_audit_key: target.root.has(SECRETS[0])?,
        destroyed,
    })
}

/// Copies the journal's files under names that do not count yet; the names of all that are to count.
fn stage(source: &dyn Files, target: &dyn Files) -> Result<Vec<String>, StorageError> {
    for name in target.list()? {
        if name.ends_with(STAGED) {
            target.remove(&name)?;
        }
    }
    let mut staged = Vec::new();
    for name in names(source)? {
        // One that is gone meanwhile is sealed: the checkpoint that is copied next covers it.
        let Some(bytes) = read(source, &name)? else {
            continue;
        };
        if read(target, &name)?.as_ref() != Some(&bytes) {
            target.write_atomic(&format!("{name}{STAGED}"), &bytes)?;
        }
        staged.push(name);
    }
    Ok(staged)
}

/// Gives the journal's files their names, the oldest first, and removes those that are none of them.
fn show_journal(target: &dyn Files, staged: &[String]) -> Result<(), StorageError> {
    let there = target.list()?;
    for name in &there {
        let is_staged = name.strip_suffix(STAGED).unwrap_or(name);
        if !staged.iter().any(|staged| staged == is_staged) {
            target.remove(name)?;
        }
    }
    for name in staged {
        let new = format!("{name}{STAGED}");
        if there.contains(&new) {
            target.rename(&new, name)?;
        }
    }
    Ok(())
}

/// Drops the journal files of a backup whose every event is in its full bundles.
fn drop_sealed(target: &Layout, signed: u64) -> Result<(), StorageError> {
    let journal = Journal::open(target.journal.clone(), SEGMENT_BYTES_DEFAULT)?;
    let sealed = signed - signed % audit::TILE_WIDTH as u64;
    journal.drop_before(Position::new(sealed).next())?;
    Ok(())
}

/// Destroys the keys that the backup should not have: all of them, or those that are gone from the
/// data directory, which nobody would erase anything from any more. How many files.
fn destroy_keys(source: &Layout, target: &Layout, with_keys: bool) -> Result<usize, StorageError> {
    let is_kept = |files: &dyn Files, name: &str| {
        Ok::<_, StorageError>(with_keys && !name.ends_with(".tmp") && files.has(name)?)
    };
    let mut destroyed = 0;
    for name in target.keys.list()? {
        if !is_kept(&*source.keys, &name)? {
            target.keys.wipe(&name)?;
            destroyed += 1;
        }
    }
    for name in SECRETS {
        for name in [name.to_owned(), format!("{name}.tmp")] {
            if target.root.has(&name)? && !is_kept(&*source.root, &name)? {
                target.root.wipe(&name)?;
                destroyed += 1;
            }
        }
    }
    remove(&*target.root, &format!("{PUBLIC_KEY}.tmp"))?;
    Ok(destroyed)
}
