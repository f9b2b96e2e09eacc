//! `contactd backup` and `contactd restore`: sealed files and journal, to another directory and back.
//!
//! A backup is taken beside a running service, for what it copies never changes or only grows. The
//! journal goes first, then the sealed files, so that what the journal drops meanwhile is sealed.
//! Contacts' keys go along only where they are asked for: what a backup holds can't be erased.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::data::{self, Data, Purpose};
use super::exit::{DAMAGED, Failure};
use super::options::DataOptions;
use super::progress::Progress;
use crate::audit::{self, Against, IntegrateError, Tiles};
use crate::domain::Position;
use crate::log::{self, Journal, Piece, SEGMENT_BYTES_DEFAULT};
use crate::service::mark_keys_lost;
use crate::storage::{DataDir, DirFiles, Files};

/// What a backup has of the data directory, beside the audit log's files and the keys.
const JOURNAL: &str = "journal";
const AUDIT: &str = "audit";
const IDENTITY: &str = "identity";
const KEYS: &str = "keys";
/// The key that signs checkpoints: without it a restored log could not go on.
const AUDIT_KEY: &str = "audit.key";
const TOKEN_KEY: &str = "token.key";

/// Options for making a backup.
#[derive(Args)]
pub struct BackupOptions {
    #[command(flatten)]
    data: DataOptions,
    /// The backup's directory; one that is there is brought up to date
    to: PathBuf,
    /// Copy the contacts' keys and the token key too: then what is in the backup can't be erased
    #[arg(long)]
    with_keys: bool,
}

/// Options for restoring a backup.
#[derive(Args)]
pub struct RestoreOptions {
    #[command(flatten)]
    data: DataOptions,
    /// The directory of the backup
    from: PathBuf,
}

/// Copies a data directory, which a service may hold meanwhile.
pub fn backup(options: &BackupOptions) -> Result<(), Failure> {
    let from = &options.data.data_dir;
    let to = &options.to;
    let key = data::verifier(&options.data)?;
    copy_dir(&from.join(IDENTITY), &to.join(IDENTITY))?;
    copy_dir(&from.join(JOURNAL), &to.join(JOURNAL))?;
    let checkpoint = audit::copy(
        &Tiles::at(&from.join(AUDIT)),
        &Tiles::at(&to.join(AUDIT)),
        &key,
    )
    .map_err(Failure::failed)?;
    copy_file(&from.join(AUDIT_KEY), &to.join(AUDIT_KEY))?;
    if options.with_keys {
        copy_dir(&from.join(KEYS), &to.join(KEYS))?;
        wipe_gone(&from.join(KEYS), &to.join(KEYS))?;
        copy_file(&from.join(TOKEN_KEY), &to.join(TOKEN_KEY))?;
    }
    let signed = checkpoint
        .ok_or_else(|| data::integrator_failure(IntegrateError::NoCheckpoint))?
        .size;
    let journaled = drop_sealed(&to.join(JOURNAL), signed)?;
    let progress = Progress::new("verifying the backup");
    let against = Against::default();
    let verified = audit::verify(&Tiles::at(&to.join(AUDIT)), &key, against, &mut |at, _| {
        progress.reach(Position::new(at));
    })
    .map_err(Failure::usage)?;
    drop(progress);
    if signed > 0 && !verified.is_whole() {
        return Err(Failure::new(
            DAMAGED,
            "the backup does not verify; run `contactd log verify`",
        ));
    }
    let head = journaled.max(signed);
    let keys = if options.with_keys { "with" } else { "without" };
    println!(
        "backed up {head} events, {signed} of them sealed, {keys} keys, to {}",
        to.display()
    );
    Ok(())
}

/// Makes a data directory of a backup.
pub fn restore(options: &RestoreOptions) -> Result<(), Failure> {
    let to = &options.data.data_dir;
    if fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        if to.join("lock").is_file() {
            // Whoever holds it is told so first.
            drop(DataDir::open(to)?);
        }
        let dir = to.display();
        return Err(Failure::usage(format!(
            "{dir} is not empty; restore into a new directory"
        )));
    }
    if !options.from.join(IDENTITY).is_dir() {
        let dir = options.from.display();
        return Err(Failure::usage(format!("{dir} is no backup")));
    }
    copy_dir(&options.from, to)?;
    let data = Data::open(&options.data, Purpose::Mend)?;
    let log_options = data.log_options()?;
    let progress = Progress::new("restoring");
    let opened = log::open(&data.dir, &log_options, &mut |at| progress.reach(at))?;
    drop(progress);
    let head = opened.reader.head();
    let against = Against {
        log: Some(&opened.reader),
        ..Against::default()
    };
    let verified = audit::verify(
        &data.tiles(),
        &data.signer.verifier(),
        against,
        &mut |_, _| {},
    )
    .map_err(Failure::usage)?;
    let Some(checkpoint) = verified.checkpoint.as_ref().filter(|_| verified.is_whole()) else {
        return Err(Failure::new(
            DAMAGED,
            "the backup does not verify; take another",
        ));
    };
    // A backup with keys may lack those that were destroyed while it was taken.
    let (missing_keys, _) = mark_keys_lost(&opened.reader, &data.keys, &mut |_| {})?;
    println!(
        "restored {head} events; the tree of the first {} has the root hash {}",
        checkpoint.size, checkpoint.root
    );
    if missing_keys > 0 {
        println!(
            "the backup has no keys of {missing_keys} contacts: events replay, verify and count, but \
             their personal data is not readable"
        );
    }
    if let Some(said) = data.mend_index_key()? {
        println!("{said}");
    }
    Ok(())
}

/// Drops the journal files of a backup whose every event is in its sealed files; where it ends.
fn drop_sealed(dir: &Path, signed: u64) -> Result<u64, Failure> {
    let files = DirFiles::open(dir)?;
    let journal = Journal::open(std::sync::Arc::new(files), SEGMENT_BYTES_DEFAULT)?;
    let sealed = signed - signed % 256;
    journal.drop_before(Position::new(sealed).next())?;
    let from = journal.base().unwrap_or(Position::FIRST);
    let mut last = 0;
    for piece in journal.scan(from) {
        match piece? {
            Piece::Entry(position, _) => last = position.get(),
            // What was being appended while it was copied.
            Piece::Damaged(_) => {}
        }
    }
    Ok(last)
}

/// Copies a directory's files that the copy lacks, and what others have grown by.
fn copy_dir(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| Failure::usage(format!("cannot copy {path}: {error}"))
    };
    fs::create_dir_all(to).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let path = entry.map_err(failed(from))?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        let target = to.join(name);
        if path.is_dir() {
            copy_dir(&path, &target)?;
        } else {
            copy_file(&path, &target)?;
        }
    }
    Ok(())
}

/// Destroys files of keys that only the copy has: a rotation has replaced them, and nobody would
/// erase anything from them any more.
fn wipe_gone(from: &Path, to: &Path) -> Result<(), Failure> {
    let files = DirFiles::at(to);
    for name in files.list()? {
        if !from.join(&name).exists() {
            files.wipe(&name)?;
        }
    }
    Ok(())
}

/// Copies a file; one that has vanished meanwhile is passed over.
fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    match try_copy_file(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::usage(format!(
            "cannot copy {}: {error}",
            from.display()
        ))),
    }
}

fn try_copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let journal = from.parent().is_some_and(|dir| dir.ends_with(JOURNAL));
    let length = fs::metadata(from)?.len();
    // A journal file only grows: one of the same length is the same.
    if journal && fs::metadata(to).is_ok_and(|copy| copy.len() == length) {
        return Ok(());
    }
    fs::copy(from, to)?;
    fs::File::open(to)?.sync_all()
}
