//! A data directory, taken by this process: its lock, its keys, its log's id.

use std::sync::Arc;

use uuid::Uuid;

use super::counted::counted;
use super::exit::{DAMAGED, Failure};
use super::identity;
use super::layout::{IDENTITY, KEYS, LOG_ID, Layout};
use super::options::DataOptions;
use super::output::err;
use super::progress::Progress;
use crate::audit::{
    self, Archive, IntegrateError, Integrator, Signer, SignerError, Tiles, VerifierKey, signed_size,
};
use crate::dialect::REGISTRY;
use crate::domain::Position;
use crate::keys::{Hasher, IndexKeyError, KeyFileError, KeyRing, MasterKey};
use crate::log::{OpenOptions, lost_end};
use crate::service::{self, Alone, Audit, Opening, Options, Order, VIEWS};
use crate::storage::{DataDir, Disk, FileAt, Files, StorageError};

/// What tells the key of index hashes from every other, beside the log's id.
const INDEX_CHECK: &str = "index-check";
/// What to do where the checkpoint's key is not here.
pub const PUT_BACK: &str = "put audit.key back (from --audit-key or a backup)";

/// What a directory is opened for, which says what may be made where it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To record events: a directory that has not begun is begun.
    Begin,
    /// To use what is there.
    Use,
    /// To look at what is there, even where its keys are gone.
    Look,
    /// To make it usable again: keys that are gone for good are made anew.
    Mend,
    /// To finish a restore, whose backup may have no keys: they are made anew.
    Restore,
}

/// A data directory that this process holds.
pub struct Data {
    /// The data directory, locked for this process.
    pub dir: Arc<dyn Disk>,
    /// Its parts, of which nothing is made by looking.
    pub layout: Layout,
    /// The keys that seal contacts' contents.
    pub keys: KeyRing,
    /// Tells this log from every other: a UUID.
    pub log_id: Uuid,
    /// The key that signs checkpoints.
    pub signer: Signer,
    /// Whether no event can have been recorded in it.
    is_new: bool,
}

/// A service over a data directory.
pub struct Running {
    /// Held as long as the service runs.
    pub dir: Arc<dyn Disk>,
    /// The open service, with what opening it showed.
    pub opening: Opening,
    /// The audit log of the service.
    pub audit: Audit,
    /// Tells this log from every other.
    pub log_id: Uuid,
}

impl Running {
    /// Stops in order: the writer finishes what it took, then the rest is sealed. It blocks.
    pub fn stop(self) {
        self.opening.service.stop();
        self.audit.stop();
        drop(self.dir);
    }
}

impl Data {
    /// Takes a data directory.
    pub fn open(options: &DataOptions, purpose: Purpose) -> Result<Self, Failure> {
        let layout = Layout::at(&options.data_dir);
        if purpose != Purpose::Begin {
            must_exist(&layout)?;
        }
        Self::take(held(options)?, options, purpose)
    }

    /// Takes what is in a data directory that this process holds already.
    pub fn take(
        dir: Arc<dyn Disk>,
        options: &DataOptions,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let layout = Layout::on(&*dir)?;
        let is_new = !layout.has_begun()?;
        // On a full disk the room that is held back is for this.
        service::make_way(&*dir.room())?;
        let master = master(&layout, options, purpose, is_new)?;
        let keys = KeyRing::open(dir.files(KEYS)?, &master)?;
        let log_id = log_id(&layout, is_new)?;
        // A key that signed nothing may be made where nothing was signed.
        let may_make = (is_new && purpose == Purpose::Begin) || purpose == Purpose::Restore;
        let signer = signer(&layout, options, log_id, may_make)?;
        if !matches!(purpose, Purpose::Look | Purpose::Restore) {
            must_be_of_log(&layout, &signer.verifier())?;
        }
        if matches!(purpose, Purpose::Begin | Purpose::Use) && !is_new {
            must_be_signed(&layout)?;
        }
        Ok(Self {
            dir,
            layout,
            keys,
            log_id,
            signer,
            is_new,
        })
    }

    /// What makes tags of texts, with the key that the log was written with; where no event can
    /// have been recorded the key is made.
    pub fn hasher(&self) -> Result<Hasher, Failure> {
        let (keys, check) = self.index_key()?;
        Ok(if self.is_new {
            Hasher::open_or_create(&keys, &check)?
        } else {
            Hasher::open(&keys, &check)?
        })
    }

    /// Makes the key of index hashes anew where it is gone for good, or its check value where that
    /// is damaged; says so. Views go before it
    /// comes, for they hold hashes under the old one, overwritten as everything that a key sealed.
    pub fn mend_index_key(&self) -> Result<Option<&'static str>, Failure> {
        let (keys, check) = self.index_key()?;
        match Hasher::open(&keys, &check) {
            Ok(_) => return Ok(None),
            Err(IndexKeyError::Missing { .. }) => {
                identity::may_hash_anew(identity::member(&*self.dir)?)?;
            }
            Err(IndexKeyError::DamagedCheck { .. }) => {
                Hasher::mend_check(&keys, &check)?;
                return Ok(Some(
                    "identity/index-check was damaged, and was made anew of keys/index.key",
                ));
            }
            Err(error) => return Err(error.into()),
        }
        self.wipe_views()?;
        Hasher::open_or_create(&keys, &check)?;
        Ok(Some(
            "there was no key of index hashes, and a new one was made: idempotency keys given \
             before, ids that clients chose, and e-mail addresses of contacts that cannot be read \
             are not recognised",
        ))
    }

    /// Overwrites and removes the views: the next start makes them again from the log.
    pub fn wipe_views(&self) -> Result<(), StorageError> {
        let views = self.dir.files(VIEWS)?;
        for name in views.list()? {
            views.wipe(&name)?;
        }
        Ok(())
    }

    /// The directory of the key of index hashes, and the file of its check value.
    fn index_key(&self) -> Result<(Arc<dyn Files>, FileAt), StorageError> {
        let check = FileAt::new(self.dir.files(IDENTITY)?, INDEX_CHECK);
        Ok((self.dir.files(KEYS)?, check))
    }

    /// The audit log's files.
    pub fn tiles(&self) -> Tiles {
        self.layout.tiles()
    }

    /// Options for opening the log: with the audit log as a third copy, and not shorter than was
    /// signed.
    pub fn log_options(&self) -> Result<OpenOptions, Failure> {
        let key = self.signer.verifier();
        let tiles = self.tiles();
        let archive = Archive::open(tiles.clone(), &key)?;
        let signed = signed_size(&tiles, &key)?;
        Ok(OpenOptions {
            archive: Arc::new(archive),
            at_least: Position::new(signed),
            ..OpenOptions::default()
        })
    }

    /// Opens the service, saying what had to be repaired.
    pub fn serve(self, queue_limit: usize, accept_clock: bool) -> Result<Running, Failure> {
        identity::must_be_alone(&*self.dir)?;
        self.serve_in(Some(Arc::new(Alone)), queue_limit, accept_clock)
    }

    /// Opens the service as [`serve`](Self::serve) does, in an order; without one it follows
    /// another, until it is told to lead.
    pub fn serve_in(
        self,
        order: Option<Arc<dyn Order>>,
        queue_limit: usize,
        accept_clock: bool,
    ) -> Result<Running, Failure> {
        let tiles = self.tiles();
        let hasher = self.hasher()?;
        hasher.keep_check(&self.index_key()?.1)?;
        let mut log = self.log_options()?;
        let Self {
            dir,
            layout: _,
            keys,
            log_id,
            signer,
            is_new: _,
        } = self;
        let key = signer.verifier();
        let integrator = Integrator::open(tiles.clone(), signer).map_err(integrator_failure)?;
        log.archive = Arc::new(integrator.archive());
        let progress = Progress::new("opening");
        let options = Options {
            registry: REGISTRY,
            queue_limit,
            clock: service::system_clock(),
            log,
            order,
        };
        let opening = service::open(&*dir, keys, hasher, options, &mut |at| progress.reach(at))?;
        for repair in &opening.repairs {
            err!("contactd: repaired: {repair}");
        }
        if let Some(lost) = lost_end(&opening.repairs, opening.service.head()) {
            err!("contactd: warning: {lost}");
        }
        if !opening.repaired_keys.is_nothing() {
            err!("contactd: repaired: {}", opening.repaired_keys);
        }
        if opening.missing_keys > 0 {
            err!(
                "contactd: the keys of {} are not in this directory; their personal data cannot be \
                 read",
                counted(opening.missing_keys as u64, "contact")
            );
        }
        let last = opening.service.last_time();
        match service::check_start(service::now(), last) {
            Err(error) if !accept_clock => return Err(Failure::usage(error)),
            Err(error) => err!("contactd: {error}: accepted"),
            Ok(()) => {}
        }
        let watched = opening.service.watch(dir.room(), accept_clock);
        watched.map_err(Failure::failed)?;
        let journal = opening.journal.clone();
        let audit = Audit::start(tiles, integrator, key, &opening.service, journal)
            .map_err(Failure::failed)?;
        Ok(Running {
            dir,
            opening,
            audit,
            log_id,
        })
    }
}

/// Takes a data directory for this process, without looking at what is in it but for the marks of a
/// restore.
///
/// # Errors
/// Another process holds it, or a restore into it was cut off.
pub fn held(options: &DataOptions) -> Result<Arc<dyn Disk>, Failure> {
    must_be_restored(&Layout::at(&options.data_dir))?;
    Ok(Arc::new(DataDir::open(&options.data_dir)?))
}

/// What a restore has left that did not come to its end is a part of a log, and must not pass for one.
fn must_be_restored(layout: &Layout) -> Result<(), Failure> {
    must_be_a_directory(layout)?;
    if !layout.is_restoring()? {
        return Ok(());
    }
    let dir = layout.root.path("");
    let dir = dir.display();
    Err(Failure::new(
        DAMAGED,
        format!(
            "a restore into {dir} was cut off; run `contactd restore` into it again, which begins \
             anew"
        ),
    ))
}

/// Of a file every part of the layout would be said to be unreadable.
fn must_be_a_directory(layout: &Layout) -> Result<(), Failure> {
    let dir = layout.root.path("");
    if std::fs::metadata(&dir).is_ok_and(|found| !found.is_dir()) {
        let dir = dir.display();
        let message = format!("{dir} is no directory; --data-dir names the directory of the data");
        return Err(Failure::usage(message));
    }
    Ok(())
}

/// What only looks must not leave a directory behind where it was pointed at the wrong place.
fn must_exist(layout: &Layout) -> Result<(), Failure> {
    must_be_a_directory(layout)?;
    if layout.has_begun()? {
        return Ok(());
    }
    let dir = layout.root.path("");
    let dir = dir.display();
    Err(Failure::usage(format!(
        "there is no data directory at {dir}"
    )))
}

/// The key that wraps the contacts' keys. One is made where none that it could have wrapped is
/// there, unless they were lost: that is for the operator to find out, and to mend.
fn master(
    layout: &Layout,
    options: &DataOptions,
    purpose: Purpose,
    is_new: bool,
) -> Result<MasterKey, Failure> {
    if let Some(path) = &options.master_key {
        return Ok(MasterKey::read(&FileAt::at(path))?);
    }
    let keys = &*layout.keys;
    let own = layout.master_key();
    let damaged = |message| Err(Failure::new(DAMAGED, message));
    if own.exists()? {
        return match MasterKey::read(&own) {
            Err(error @ KeyFileError::Malformed { .. }) => damaged(format!(
                "{error}; put it back from a backup made with keys, or give --master-key"
            )),
            read => Ok(read?),
        };
    }
    if KeyRing::is_in(keys)? {
        return damaged(format!(
            "{} is gone; put it back from a backup made with keys, or give --master-key",
            own.path().display()
        ));
    }
    match purpose {
        Purpose::Mend | Purpose::Restore => Ok(MasterKey::read_or_create(&own)?),
        Purpose::Begin if is_new => Ok(MasterKey::read_or_create(&own)?),
        Purpose::Look => Ok(MasterKey::generate()?),
        Purpose::Begin | Purpose::Use => damaged(format!(
            "{} has lost the contacts' keys; put the directory back from a backup made with \
             keys, or go on without those keys by `contactd log repair`",
            keys.path("").display()
        )),
    }
}

fn log_id(layout: &Layout, is_new: bool) -> Result<Uuid, Failure> {
    let damaged = |what| {
        let path = layout.identity.path(LOG_ID);
        let path = path.display();
        Failure::new(DAMAGED, format!("{path} {what}; put it back from a backup"))
    };
    match layout.log_id()? {
        Some(bytes) => Uuid::try_parse_ascii(&bytes).map_err(|_| damaged("holds no UUID")),
        None if !is_new => Err(damaged("is gone")),
        None => {
            let id = Uuid::now_v7();
            let line = format!("{id}\n");
            layout.identity.write_atomic(LOG_ID, line.as_bytes())?;
            Ok(id)
        }
    }
}

/// The key that signs checkpoints, under the log's own name unless the operator gave another.
fn signer(
    layout: &Layout,
    options: &DataOptions,
    log_id: Uuid,
    may_make: bool,
) -> Result<Signer, Failure> {
    let name = identity::origin(options, log_id)?;
    let own = layout.audit_key();
    let signer = match &options.audit_key {
        Some(path) => Signer::read(&FileAt::at(path), name),
        None if may_make => Signer::read_or_create(&own, name),
        None if !own.exists()? => {
            let own = own.path();
            let own = own.display();
            return Err(Failure::new(DAMAGED, format!("{own} is gone; {PUT_BACK}")));
        }
        None => Signer::read(&own, name),
    };
    signer.map_err(|error| match error {
        SignerError::Malformed { path } if options.audit_key.is_none() => {
            let path = path.display();
            Failure::new(
                DAMAGED,
                format!("{path} is damaged and holds no key; {PUT_BACK}"),
            )
        }
        error => Failure::usage(error),
    })
}

/// Reads the keys that a start would use and makes none; whether the directory has begun. Where it
/// has not, a start makes the keys that no option names.
///
/// # Errors
/// A key cannot be read, is gone, or is that of another log.
pub fn check_keys(options: &DataOptions) -> Result<bool, Failure> {
    let layout = Layout::at(&options.data_dir);
    let has_begun = layout.has_begun()?;
    if has_begun || options.master_key.is_some() {
        drop(master(&layout, options, Purpose::Use, !has_begun)?);
    }
    if has_begun {
        verifier(options)?;
        must_be_signed(&layout)?;
    } else if options.audit_key.is_some() {
        signer(&layout, options, Uuid::nil(), false)?;
    } else {
        identity::origin(options, Uuid::nil())?;
    }
    Ok(has_begun)
}

/// A log that has begun has a checkpoint. To sign it anew in silence would hide whatever was done.
fn must_be_signed(layout: &Layout) -> Result<(), Failure> {
    if layout.is_signed()? {
        return Ok(());
    }
    Err(integrator_failure(IntegrateError::NoCheckpoint))
}

/// Whoever signed with another key would begin another log in this one's place.
fn must_be_of_log(layout: &Layout, key: &VerifierKey) -> Result<(), Failure> {
    if audit::signed_by_another(&layout.tiles(), key)? {
        return Err(Failure::new(
            DAMAGED,
            format!("the checkpoint is signed with another key; {PUT_BACK}"),
        ));
    }
    Ok(())
}

/// The log's public key; it can be read beside a running service.
pub fn verifier(options: &DataOptions) -> Result<VerifierKey, Failure> {
    let layout = Layout::at(&options.data_dir);
    must_exist(&layout)?;
    must_be_restored(&layout)?;
    let id = log_id(&layout, false)?;
    let key = signer(&layout, options, id, false)?.verifier();
    must_be_of_log(&layout, &key)?;
    Ok(key)
}

/// What the audit log lacks is damage, unless the disk refused.
pub fn integrator_failure(error: IntegrateError) -> Failure {
    match error {
        error @ IntegrateError::File(_) => Failure::usage(error),
        error => Failure::new(DAMAGED, error),
    }
}
