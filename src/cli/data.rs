//! A data directory, taken by this process: its lock, its keys, its log's id.

use std::path::Path;

use uuid::Uuid;

use super::exit::Failure;
use super::options::DataOptions;
use super::progress::Progress;
use crate::dialect::REGISTRY;
use crate::log::OpenOptions;
use crate::seal::{Hasher, KeyRing, MasterKey};
use crate::service::{self, Opening, Options};
use crate::storage::{DataDir, Disk};

/// The directory of keys in the data directory.
const KEYS: &str = "keys";
/// The directory and the file of the log's id.
const IDENTITY: &str = "identity";
const LOG_ID: &str = "log-id";

/// A data directory that this process holds.
pub struct Data {
    /// The directory, locked.
    pub dir: DataDir,
    /// The contacts' keys.
    pub keys: KeyRing,
    /// Makes tags of texts.
    pub hasher: Hasher,
    /// Tells this log from every other: a UUID.
    pub log_id: Uuid,
}

/// A service over a data directory.
pub struct Running {
    /// Held as long as the service runs.
    pub dir: DataDir,
    /// The service.
    pub opening: Opening,
    /// Tells this log from every other.
    pub log_id: Uuid,
}

impl Data {
    /// Takes a data directory, and makes it where there is none.
    pub fn open(options: &DataOptions) -> Result<Self, Failure> {
        let dir = DataDir::open(&options.data_dir)?;
        let keys_dir = dir.path().join(KEYS);
        let master = match &options.master_key {
            Some(path) => MasterKey::read(path)?,
            None => own_master_key(&keys_dir)?,
        };
        let keys = KeyRing::open(&keys_dir, &master)?;
        let hasher = Hasher::open(&keys_dir)?;
        let log_id = log_id(&dir)?;
        Ok(Self {
            dir,
            keys,
            hasher,
            log_id,
        })
    }

    /// Opens the service, saying what had to be repaired.
    pub fn serve(self, queue_limit: usize) -> Result<Running, Failure> {
        let Self {
            dir,
            keys,
            hasher,
            log_id,
        } = self;
        let progress = Progress::new("opening");
        let options = Options {
            registry: REGISTRY,
            queue_limit,
            clock: service::system_clock(),
            log: OpenOptions::default(),
        };
        let opening = service::open(&dir, keys, hasher, options, &mut |at| progress.reach(at))?;
        for repair in &opening.repairs {
            eprintln!("contactd: repaired: {repair}");
        }
        Ok(Running {
            dir,
            opening,
            log_id,
        })
    }
}

fn own_master_key(keys_dir: &Path) -> Result<MasterKey, Failure> {
    std::fs::create_dir_all(keys_dir).map_err(|error| {
        Failure::usage(format!("cannot create {}: {error}", keys_dir.display()))
    })?;
    Ok(MasterKey::read_or_create(&keys_dir.join("master.key"))?)
}

fn log_id(dir: &DataDir) -> Result<Uuid, Failure> {
    let files = dir.files(IDENTITY)?;
    match files.read_at(LOG_ID, 0, 64) {
        Ok(bytes) => Uuid::try_parse_ascii(bytes.trim_ascii()).map_err(|_| {
            let path = dir.path().join(IDENTITY).join(LOG_ID);
            Failure::new(
                super::exit::DAMAGED,
                format!(
                    "{} holds no UUID; put it back from a backup",
                    path.display()
                ),
            )
        }),
        Err(error) if error.is_absent() => {
            let id = Uuid::now_v7();
            files.write_atomic(LOG_ID, format!("{id}\n").as_bytes())?;
            Ok(id)
        }
        Err(error) => Err(error.into()),
    }
}
