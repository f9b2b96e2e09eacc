//! Seals what is durable, on a clock: tiles, bundles, and a signed checkpoint at least every
//! second while there is something new, and once more when the service stops.
//!
//! Sealing runs beside the writer, which never waits for it. What is in full bundles below a
//! signed checkpoint is dropped from the journal, whose place the bundles take.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::clock::now;
use super::service::Service;
use crate::audit::{
    Coord, CosignatureError, Cosigned, IntegrateError, Integrator, Note, ProofError, ProofFile,
    Tiles, VerifierKey, with_cosignatures,
};
use crate::domain::Position;
use crate::log::Journal;
use crate::storage::StorageError;

/// The longest that a new event waits for its checkpoint.
const INTERVAL: Duration = Duration::from_secs(1);

/// The audit log of a running service. Clones share everything.
#[derive(Clone)]
pub struct Audit {
    tiles: Tiles,
    key: VerifierKey,
    /// Held while a cosignature is kept.
    witnesses: Arc<Mutex<Vec<VerifierKey>>>,
    latest: watch::Receiver<Signed>,
    stop: Arc<Mutex<Option<Sender<()>>>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// The newest checkpoint, and whether there will be newer ones.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The number of events that the checkpoint covers.
    pub size: u64,
    /// As it was signed.
    pub note: Note,
    /// The time of signing, in seconds since 1970; for a checkpoint that an earlier process signed,
    /// the time at which this one took it up.
    pub signed_at_seconds: u64,
    /// The reason for which no newer checkpoint is signed, if signing has stopped: an operator must
    /// look.
    pub halted: Option<String>,
}

/// The reasons for which a proof is not given.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log has no such position.
    #[error("the log has no event at position {position}")]
    NoSuchPosition {
        /// What was asked for.
        position: Position,
    },
    /// The tiles do not give it.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] StorageError),
}

impl Audit {
    /// Starts sealing beside a service.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(
        tiles: Tiles,
        integrator: Integrator,
        key: VerifierKey,
        service: &Service,
        journal: Arc<Journal>,
    ) -> std::io::Result<Self> {
        let signed = Signed {
            size: integrator.checkpoint().size,
            note: integrator.note().clone(),
            signed_at_seconds: now().millis() / 1_000,
            halted: None,
        };
        let (publish, latest) = watch::channel(signed);
        let (stop, stopped) = channel();
        let service = service.clone();
        let thread = std::thread::Builder::new()
            .name("auditor".into())
            .spawn(move || run(integrator, &service, &journal, &publish, &stopped))?;
        Ok(Self {
            tiles,
            key,
            witnesses: Arc::default(),
            latest,
            stop: Arc::new(Mutex::new(Some(stop))),
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// The log's public key.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The tiles, for reading.
    #[must_use]
    pub const fn tiles(&self) -> &Tiles {
        &self.tiles
    }

    /// Follows the newest checkpoint.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Signed> {
        self.latest.clone()
    }

    /// The newest checkpoint with what witnesses have cosigned of it.
    ///
    /// # Errors
    /// The cosignatures can't be read.
    pub fn checkpoint(&self) -> Result<Note, StorageError> {
        let note = self.latest.borrow().note.clone();
        with_cosignatures(&self.tiles, &note, &self.key)
    }

    /// Takes cosignatures of these witnesses alone.
    pub fn trust(&self, witnesses: Vec<VerifierKey>) {
        *self.witnesses.lock() = witnesses;
    }

    /// Keeps what known witnesses have cosigned: a checkpoint of this log with their lines below.
    /// Gives how many lines are kept; an older checkpoint of a witness does not replace a newer
    /// one.
    ///
    /// # Errors
    /// It is no checkpoint of this log, no known witness cosigned it, a line is wrong, or it can't
    /// be kept.
    pub fn cosign(&self, note: &str) -> Result<usize, CosignatureError> {
        let witnesses = self.witnesses.lock();
        let mut kept = 0;
        for cosigned in Cosigned::open(note, &self.key, &witnesses)? {
            kept += usize::from(cosigned.keep(&self.tiles, &self.key)?);
        }
        Ok(kept)
    }

    /// The bytes of a tile or bundle; `None` where the newest checkpoint covers no such file.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn tile(&self, coord: Coord) -> Result<Option<Bytes>, StorageError> {
        if coord.is_covered_by(self.latest.borrow().size) {
            self.tiles.read(coord)
        } else {
            Ok(None)
        }
    }

    /// The proof that the event at a position is in the log, by the newest checkpoint.
    ///
    /// # Errors
    /// The checkpoint does not cover it yet, or the tiles are damaged.
    pub fn prove(&self, position: Position) -> Result<ProofFile, AuditError> {
        let (size, note) = {
            let latest = self.latest.borrow();
            (latest.size, latest.note.clone())
        };
        if position == Position::ZERO || position.get() > size {
            return Err(AuditError::NoSuchPosition { position });
        }
        Ok(ProofFile::make(&self.tiles, note, position)?)
    }

    /// Seals the rest and stops. It blocks.
    pub fn stop(&self) {
        drop(self.stop.lock().take());
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the auditor ended by a fault");
        }
    }
}

fn run(
    mut integrator: Integrator,
    service: &Service,
    journal: &Journal,
    publish: &watch::Sender<Signed>,
    stopped: &Receiver<()>,
) {
    loop {
        let last = matches!(
            stopped.recv_timeout(INTERVAL),
            Err(RecvTimeoutError::Disconnected)
        );
        if let Err(error) = catch_up(&mut integrator, service, journal, publish) {
            let said = publish.borrow().halted.is_some();
            if !said {
                tracing::error!(%error, "the audit log can't be integrated any further");
            }
            publish.send_modify(|signed| signed.halted = Some(error.to_string()));
        }
        if last {
            return;
        }
    }
}

/// Seals up to what is settled now: a signature can't be taken back.
fn catch_up(
    integrator: &mut Integrator,
    service: &Service,
    journal: &Journal,
    publish: &watch::Sender<Signed>,
) -> Result<(), IntegrateError> {
    let reader = service.reader();
    let mut integrated = false;
    while integrator.integrate(service.settled(), reader)?.is_some() {
        integrated = true;
    }
    let was_halted = publish.borrow().halted.is_some();
    if was_halted {
        tracing::info!("the audit log is integrated again");
    }
    if integrated || was_halted {
        publish.send_replace(Signed {
            size: integrator.checkpoint().size,
            note: integrator.note().clone(),
            signed_at_seconds: now().millis() / 1_000,
            halted: None,
        });
    }
    if integrated {
        let kept_from = integrator.archive().integrated().next();
        if let Err(error) = journal.drop_before(kept_from) {
            tracing::warn!(%error, "integrated journal files could not be dropped");
        }
    }
    Ok(())
}
