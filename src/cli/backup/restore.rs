//! Making a data directory of a backup: whole, or one that does not start.
//!
//! The backup is looked at first, and a bad one leaves the target as it is. From the first write to
//! the last a file in the target says that it is not whole; nothing opens it meanwhile, and the next
//! restore into it begins anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use uuid::Uuid;

use super::super::output::out;
use crate::audit::{self, Against, Archive, Checkpoint, KeyName, Signer, VerifierKey};
use crate::cli::counted::counted;
use crate::cli::data::{Data, PUT_BACK, Purpose};
use crate::cli::exit::{DAMAGED, Failure};
use crate::cli::identity;
use crate::cli::layout::{AUDIT, AUDIT_KEY, Layout, NODE_KEY, RESTORING};
use crate::cli::log::read_checkpoint;
use crate::cli::options::DataOptions;
use crate::cli::progress::Progress;
use crate::domain::Position;
use crate::keys::KeyRing;
use crate::log::{self, OpenOptions, STORE};
use crate::service::{VIEWS, mark_keys_lost};
use crate::storage::{DataDir, Disk, FileAt, StorageError, close_to_others, files_below};

use super::check::{Whole, check};
use super::files::{PUBLIC_KEY, SECRETS, copy, copy_keys, names, read};

/// Options for restoring a backup.
#[derive(Args)]
pub struct RestoreOptions {
    #[command(flatten)]
    data: DataOptions,
    /// The directory of the backup
    from: PathBuf,
    /// A checkpoint that was kept: a backup that is older, or of another history, is refused; may be repeated
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
}

/// Makes a data directory of a backup.
pub fn restore(options: &RestoreOptions) -> Result<(), Failure> {
    let to = &options.data.data_dir;
    must_be_free(to)?;
    let source = Layout::at(&options.from);
    let Some(log_id) = source.log_id()? else {
        let dir = options.from.display();
        return Err(Failure::usage(format!("{dir} is no backup")));
    };
    if !source.keys.has(identity::INDEX_KEY)? {
        identity::may_hash_anew(identity::member_in(source.identity.clone())?)?;
    }
    let backup_key = key_of(&source, &options.from)?;
    let kept = options.checkpoint.iter();
    let kept = kept.map(|path| read_checkpoint(path, &backup_key));
    let kept = kept.collect::<Result<Vec<_>, _>>()?;
    let progress = Progress::new("looking at the backup");
    let whole = check(&source, &backup_key, &kept, &mut |at| progress.reach(at))?;
    drop(progress);
    let signs_anew = signs_anew(&options.data, &source, &log_id, &backup_key)?;

    let dir = Arc::new(DataDir::open(to)?);
    close_to_others(to)?;
    fill(&source, &*dir, &backup_key)?;
    let data = Data::take(dir, &options.data, Purpose::Restore)?;
    if signs_anew {
        audit::sign_anew(&data.tiles(), &whole.checkpoint, &data.signer)?;
    }
    let progress = Progress::new("restoring");
    let ordinary = data.log_options()?;
    let restored = finish(
        &*data.dir,
        &data.keys,
        &whole,
        &ordinary,
        &data.signer,
        &mut |at| progress.reach(at),
    )?;
    drop(progress);
    let mended = data.mend_index_key()?;
    data.layout.root.remove(RESTORING)?;
    say(options, &whole, &restored, &data.signer, signs_anew);
    if let Some(said) = mended {
        out!("{said}");
    }
    Ok(())
}

/// Refuses a target that holds anything but what a restore left that was cut off.
fn must_be_free(to: &Path) -> Result<(), Failure> {
    // Where the directory is a link, what counts is the directory that it leads to.
    let to = std::fs::canonicalize(to).unwrap_or_else(|_| to.to_owned());
    if to.join("lock").is_file() {
        // Whoever holds it is told so first.
        drop(DataDir::open(&to)?);
    }
    let dir = to.display();
    let not_empty = || Failure::usage(format!("{dir} is not empty; restore into a new directory"));
    if to.join(RESTORING).is_file() {
        return Ok(());
    }
    let files = files_below(&to).map_err(|_| not_empty())?;
    let is_free = files.unwrap_or_default().iter().all(|name| name == "lock");
    is_free.then_some(()).ok_or_else(not_empty)
}

/// The public key that a backup's checkpoint is signed with, as the backup says. One of before there
/// was such a file has the private key.
fn key_of(source: &Layout, from: &Path) -> Result<VerifierKey, Failure> {
    if let Some(bytes) = read(&*source.root, PUBLIC_KEY)? {
        let key = VerifierKey::parse(String::from_utf8_lossy(&bytes).trim_end());
        return key.ok_or_else(|| {
            let path = from.join(PUBLIC_KEY);
            Failure::new(DAMAGED, format!("{} holds no verifier key", path.display()))
        });
    }
    let origin = audit::stated_origin(&source.tiles())?;
    let has_key = source.root.has(AUDIT_KEY)?;
    let (Some(origin), true) = (origin, has_key) else {
        let dir = from.display();
        return Err(Failure::new(
            DAMAGED,
            format!(
                "{dir} has no checkpoint, or nothing to verify it with: neither {PUBLIC_KEY} nor \
                 {AUDIT_KEY}; restore another backup"
            ),
        ));
    };
    let file = source.audit_key();
    let signer = Signer::read(&file, origin).map_err(Failure::usage)?;
    Ok(signer.verifier())
}

/// Whether the restored log will be signed with another key or under another name than the backup.
/// Under the same name only a key that is made anew may take the place of the old one.
fn signs_anew(
    options: &DataOptions,
    source: &Layout,
    log_id: &[u8],
    backup_key: &VerifierKey,
) -> Result<bool, Failure> {
    let name = match &options.audit_origin {
        Some(origin) => KeyName::parse(origin),
        None => Uuid::try_parse_ascii(log_id)
            .ok()
            .and_then(|id| KeyName::parse(&format!("contactd.local/{id}"))),
    };
    let Some(name) = name else {
        return Err(Failure::usage(
            "the backup's log-id is no UUID, or --audit-origin no name of a key",
        ));
    };
    let file = match &options.audit_key {
        Some(path) => FileAt::at(path),
        None => source.audit_key(),
    };
    if options.audit_key.is_none() && !file.exists()? {
        return Ok(true);
    }
    let key = Signer::read(&file, name)
        .map_err(Failure::usage)?
        .verifier();
    if key != *backup_key && key.name() == backup_key.name() {
        return Err(Failure::new(
            DAMAGED,
            format!("the backup's checkpoint is signed with another key; {PUT_BACK}"),
        ));
    }
    Ok(key != *backup_key)
}

/// Copies a backup's files into a data directory, which says from now on that it is not whole.
///
/// # Errors
/// A file cannot be read or written.
pub fn fill(source: &Layout, to: &dyn Disk, key: &VerifierKey) -> Result<(), Failure> {
    to.files("")?.create(RESTORING)?;
    let target = Layout::made(to)?;
    clear(&target, to)?;
    for name in SECRETS {
        copy(&*source.root, &*target.root, name)?;
    }
    copy_keys(&*source.keys, &*target.keys)?;
    for (from, to) in [
        (&source.identity, &target.identity),
        (&source.journal, &target.journal),
    ] {
        // Another disk is another node's: it makes a key of its own.
        for name in names(&**from)?.into_iter().filter(|name| name != NODE_KEY) {
            copy(&**from, &**to, &name)?;
        }
    }
    let copied = audit::copy(&source.tiles(), &target.tiles(), key)?;
    let unsealed = || Failure::new(DAMAGED, "the backup has no checkpoint");
    Ok(copied.ok_or_else(unsealed)?.publish(&target.tiles())?)
}

/// Removes what a restore has left that was cut off.
fn clear(target: &Layout, to: &dyn Disk) -> Result<(), StorageError> {
    for name in [
        STORE.to_owned(),
        format!("{STORE}.new"),
        format!("{STORE}.damaged"),
    ] {
        to.remove_store(&name)?;
    }
    let views = to.files(VIEWS)?;
    target.audit.remove_dir("tile")?;
    target.audit.sync_dir("")?;
    for files in [
        &target.audit,
        &target.identity,
        &target.journal,
        &target.keys,
        &views,
    ] {
        for name in files.list()? {
            files.remove(&name)?;
        }
    }
    for name in target.root.list()? {
        if name != RESTORING && name != "lock" {
            target.root.remove(&name)?;
        }
    }
    Ok(())
}

/// A log that was restored.
pub struct Restored {
    /// The position of its last event.
    pub head: Position,
    /// The number of contacts whose keys the backup does not have.
    pub missing_keys: usize,
}

/// Makes the log of the copied files, compares it with what is sealed, and gives up keys that are
/// not there.
///
/// # Errors
/// A file cannot be read or written, or the copies do not agree.
pub fn finish(
    dir: &dyn Disk,
    keys: &KeyRing,
    whole: &Whole,
    ordinary: &OpenOptions,
    signer: &Signer,
    progress: &mut dyn FnMut(Position),
) -> Result<Restored, Failure> {
    let tiles = audit::Tiles::new(dir.files(AUDIT)?);
    if !whole.has_tail {
        // The sealed files alone hold the last events: the journal is completed from them.
        let sealed = Archive::covered_by(tiles.clone(), &whole.checkpoint);
        let options = OpenOptions {
            archive: Arc::new(sealed),
            ..ordinary.clone()
        };
        log::open(dir, &options, progress)?;
    }
    let opened = log::open(dir, ordinary, progress)?;
    let against = Against {
        log: Some(&opened.reader),
        ..Against::default()
    };
    let verified = audit::verify(&tiles, &signer.verifier(), against, &mut |_, _| {})?;
    if !verified.is_whole() {
        return Err(Failure::new(
            DAMAGED,
            "the backup does not verify; take another",
        ));
    }
    // A backup with keys may lack those that were destroyed while it was taken.
    let (missing_keys, _) = mark_keys_lost(&opened.reader, keys, &mut |_| {})?;
    Ok(Restored {
        head: opened.reader.head(),
        missing_keys,
    })
}

/// Tells what is there now, and what it is not.
fn say(
    options: &RestoreOptions,
    whole: &Whole,
    restored: &Restored,
    signer: &Signer,
    signs_anew: bool,
) {
    let Checkpoint { size, root, .. } = &whole.checkpoint;
    out!(
        "restored {} events; the tree of the first {size} has the root hash {root}",
        restored.head
    );
    if restored.missing_keys > 0 {
        out!(
            "the backup has no keys of {}: events replay, verify and count, but their personal \
             data is not readable",
            counted(restored.missing_keys as u64, "contact")
        );
    }
    let key = signer.verifier();
    if !signs_anew {
        out!(
            "checkpoints go on under the same name and key: if the log that was backed up has gone on \
             meanwhile, there are two continuations of it now. Compare with the newest checkpoint \
             that was kept (`contactd restore --checkpoint FILE`), or restore under a name of its own \
             (--audit-origin NAME)"
        );
    } else if options.data.audit_origin.is_some() {
        out!("checkpoints are signed as {key} from now on: start with the same --audit-origin");
    } else {
        out!(
            "the backup has no audit.key: checkpoints are signed with a new key from now on, {key}; to \
             go on under the old key, restore again with --audit-key FILE"
        );
    }
}
