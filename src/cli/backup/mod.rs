//! `contactd backup` and `contactd restore`: sealed files and journal, to another directory and back.
//!
//! A backup is taken beside a running service, for what it copies never changes or only grows. It is
//! written into nothing but an empty directory or an earlier backup of the same log, and can be
//! restored at every moment. Keys go along only where they are asked for: what a backup holds can't
//! be erased, and whoever has the key that signs can sign.

mod check;
mod files;
mod restore;
mod take;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::Args;

use super::data;
use super::exit::Failure;
use super::layout::Layout;
use super::options::DataOptions;
use super::output::out;
use super::progress::Progress;
use crate::audit::{IntegrateError, VerifierKey, is_beginning, last_checkpoint};
use crate::storage::{close_to_others, files_below};
use files::is_known;

pub use restore::{RestoreOptions, restore};

/// Options for making a backup.
#[derive(Args)]
pub struct BackupOptions {
    #[command(flatten)]
    data: DataOptions,
    /// The backup's directory; one that is there is brought up to date
    to: PathBuf,
    /// Copy every key too, audit.key and token.key among them: then what is in the backup can't be
    /// erased. Without it, keys that the backup holds are destroyed
    #[arg(long)]
    with_keys: bool,
}

/// Copies a data directory, which a service may hold meanwhile.
pub fn backup(options: &BackupOptions) -> Result<(), Failure> {
    let from = &options.data.data_dir;
    let to: PathBuf = options.to.components().collect();
    let key = data::verifier(&options.data)?;
    let (source, target) = (Layout::at(from), Layout::at(&to));
    if last_checkpoint(&source.tiles(), &key)?.is_none() {
        return Err(data::integrator_failure(IntegrateError::NoCheckpoint));
    }
    if must_be_ours(from, &to, &source, &target, &key)? {
        close_to_others(&to)?;
    }
    let progress = Progress::new("copying and verifying");
    let taken = take::take(&source, &target, &key, options.with_keys, &mut |at| {
        progress.reach(at);
    })?;
    drop(progress);
    let keys = if options.with_keys { "with" } else { "without" };
    out!(
        "backed up {} events, {} of them sealed, {keys} keys, to {}",
        taken.head,
        taken.signed,
        to.display()
    );
    out!("{}", said_of_keys(options.with_keys, taken.has_audit_key));
    if taken.destroyed > 0 {
        out!(
            "{} files of keys that the backup had from before were overwritten and removed",
            taken.destroyed
        );
    }
    Ok(())
}

const fn said_of_keys(with_keys: bool, has_audit_key: bool) -> &'static str {
    match (with_keys, has_audit_key) {
        (true, true) => {
            "it holds the contacts' keys, token.key and audit.key, which signs checkpoints: keep it as \
             safe as the data directory"
        }
        (true, false) => {
            "it holds the contacts' keys and token.key: keep it as safe as the data directory, and \
             audit.key apart"
        }
        (false, _) => {
            "audit.key, which signs checkpoints, is not in it either: keep a copy apart, for a \
             restore without it signs with a new key"
        }
    }
}

/// Whether a path, which need not be there yet, leads into a directory.
fn is_inside(path: &Path, dir: &Path) -> bool {
    let Ok(dir) = dir.canonicalize() else {
        return false;
    };
    let mut known = path.ancestors().filter_map(|part| {
        let part = if part.as_os_str().is_empty() {
            Path::new(".")
        } else {
            part
        };
        part.canonicalize().ok()
    });
    known.next().is_some_and(|known| known.starts_with(dir))
}

/// Whether the place of a backup is there already. It must be empty, or a backup of which this log
/// is the continuation; nothing is touched here.
fn must_be_ours(
    from: &Path,
    to: &Path,
    source: &Layout,
    target: &Layout,
    key: &VerifierKey,
) -> Result<bool, Failure> {
    let dir = to.display();
    if is_inside(to, from) {
        return Err(Failure::usage(format!(
            "{dir} is inside the data directory, where it would be lost with it; name another place"
        )));
    }
    let Some(mut files) = files_below(to)? else {
        return Ok(false);
    };
    let refused = |why: &str| {
        let message = format!("{dir} {why}; nothing was touched: name an empty directory");
        Err(Failure::usage(message))
    };
    if let Some(file) = files.iter().find(|file| !is_known(file)) {
        return refused(&format!("holds {file}, which no backup has"));
    }
    // What the very first write leaves when it is cut off.
    files.retain(|file| file != "identity/" && file != "identity/log-id.tmp");
    if files.is_empty() {
        return Ok(true);
    }
    if target.log_id()?.is_none() || target.log_id()? != source.log_id()? {
        return refused("is a backup of another log, or none");
    }
    match last_checkpoint(&target.tiles(), key)? {
        // A first backup that was cut off.
        None => Ok(true),
        Some(Err(error)) => refused(&format!(
            "is a backup whose checkpoint is not of this log: {error}"
        )),
        Some(Ok(older)) => match is_beginning(&source.tiles(), key, &older) {
            Ok(true) => Ok(true),
            Ok(false) => refused(&format!(
                "is a backup of {} events that are not the beginning of this log: it is newer, or of \
                 a log that went on apart after a restore",
                older.size
            )),
            Err(error) => Err(error.into()),
        },
    }
}
