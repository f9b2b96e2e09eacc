//! Seals what is durable, on a clock: tiles, bundles, and a signed checkpoint at least every
//! second while there is something new, and once more when the service stops.
//!
//! Sealing runs beside the writer, which never waits for it. What is in full bundles below a
//! signed checkpoint is dropped from the journal, whose place the bundles take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::ReadError;
use super::clock::now;
use super::service::Service;
use crate::audit::{
    self, Checkpoint, Coord, CosignatureError, Cosigned, Frontier, IntegrateError, Integrator,
    Kept, Note, ProofError, ProofFile, Tiles, VerifierKey, with_cosignatures,
};
use crate::domain::Position;
use crate::log::Journal;
use crate::storage::StorageError;

/// The longest that a new event waits for its checkpoint.
const INTERVAL: Duration = Duration::from_secs(1);
/// The pause where a checkpoint waits for events to settle.
const SOON: Duration = Duration::from_millis(20);

/// The audit log of a running service. Clones share everything.
#[derive(Clone)]
pub struct Audit {
    tiles: Tiles,
    key: VerifierKey,
    /// Held while a cosignature is kept.
    witnesses: Arc<Mutex<Vec<VerifierKey>>>,
    latest: watch::Receiver<Signed>,
    /// The last position that may be sealed.
    most: Arc<AtomicU64>,
    /// The number of cosignatures that were kept or forgotten.
    cosigned: watch::Sender<u64>,
    /// Sends wake the thread; dropping the sender stops it.
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
        let most = Arc::new(AtomicU64::new(u64::MAX));
        let auditor = Auditor {
            integrator,
            service: service.clone(),
            journal,
            publish,
            most: most.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("auditor".into())
            .spawn(move || auditor.run(&stopped))?;
        Ok(Self {
            tiles,
            key,
            witnesses: Arc::default(),
            latest,
            most,
            cosigned: watch::channel(0).0,
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

    /// The hash tree of the log's events up to a position: from the tiles as far as they go, and from
    /// the log of `service` behind them.
    ///
    /// # Errors
    /// The log can't give an event.
    pub fn tree_at(&self, service: &Service, position: Position) -> Result<Frontier, ReadError> {
        let signed = self.latest.borrow().note.clone();
        let checkpoint = Checkpoint::parse(signed.text());
        let from_tiles = checkpoint.and_then(|checkpoint| {
            let size = position.get().min(checkpoint.size);
            let found = self.tiles.beginning(size, &checkpoint);
            found
                .inspect_err(|error| tracing::warn!(%error, "tiles can't be read"))
                .ok()?
        });
        service.grow(from_tiles.unwrap_or_default(), position)
    }

    /// Seals up to a position and no further, as soon as that much is settled; `None` seals what is
    /// settled, on the clock. Services with one log that seal up to the same positions sign the same
    /// checkpoints.
    pub fn seal_upto(&self, most: Option<Position>) {
        let most = most.map_or(u64::MAX, Position::get);
        self.most.store(most, Ordering::Release);
        if let Some(wake) = &*self.stop.lock() {
            // A thread that has ended seals nothing any more.
            wake.send(()).ok();
        }
    }

    /// The size of the checkpoint that a witness has cosigned, whoever vouches for the witness.
    ///
    /// # Errors
    /// As [`cosign`](Self::cosign).
    pub fn size_of(&self, witness: &VerifierKey, note: &str) -> Result<u64, CosignatureError> {
        let cosigned = Cosigned::open(note, &self.key, std::slice::from_ref(witness))?;
        Ok(cosigned.first().map_or(0, |it| it.checkpoint.size))
    }

    /// Keeps what a witness has cosigned that somebody else vouches for. It should be a checkpoint
    /// that this service has made, too: one beyond its own is evidence that its log was cut off.
    ///
    /// # Errors
    /// As [`cosign`](Self::cosign).
    pub fn keep(&self, witness: &VerifierKey, note: &str) -> Result<(), CosignatureError> {
        let held = self.witnesses.lock();
        for cosigned in Cosigned::open(note, &self.key, std::slice::from_ref(witness))? {
            let kept = self.cosigned()?;
            let is_there = |kept: &Cosigned| {
                kept.witness == *witness && kept.checkpoint == cosigned.checkpoint
            };
            if !kept.iter().any(is_there) {
                cosigned.keep(&self.tiles, &self.key)?;
            }
        }
        drop(held);
        self.cosigned.send_modify(|count| *count += 1);
        Ok(())
    }

    /// The newest checkpoint that each witness has cosigned.
    ///
    /// # Errors
    /// The cosignatures can't be read.
    pub fn cosigned(&self) -> Result<Vec<Cosigned>, StorageError> {
        let whole = |kept| match kept {
            Kept::Whole(cosigned) => Some(*cosigned),
            Kept::Damaged { .. } => None,
        };
        let kept = audit::kept(&self.tiles, &self.key)?;
        Ok(kept.into_iter().filter_map(whole).collect())
    }

    /// Forgets what a witness cosigned; whether there was anything.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn forget(&self, witness: &VerifierKey) -> Result<bool, StorageError> {
        let _held = self.witnesses.lock();
        let forgotten = audit::forget(&self.tiles, witness)?;
        self.cosigned.send_modify(|count| *count += 1);
        Ok(forgotten)
    }

    /// Follows how many cosignatures were kept or forgotten.
    #[must_use]
    pub fn follow_cosigned(&self) -> watch::Receiver<u64> {
        self.cosigned.subscribe()
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

    /// The proof that the event at a position is in the log, by the newest checkpoint with what was
    /// cosigned of it.
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
        let note = with_cosignatures(&self.tiles, &note, &self.key)?;
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

/// The auditor's thread: it integrates what the log has into the tree, and publishes each checkpoint.
struct Auditor {
    integrator: Integrator,
    service: Service,
    journal: Arc<Journal>,
    publish: watch::Sender<Signed>,
    most: Arc<AtomicU64>,
}

impl Auditor {
    fn run(mut self, stopped: &Receiver<()>) {
        loop {
            let waited = stopped.recv_timeout(self.pause());
            let last = matches!(waited, Err(RecvTimeoutError::Disconnected));
            if let Err(error) = self.catch_up() {
                let said = self.publish.borrow().halted.is_some();
                if !said {
                    tracing::error!(%error, "the audit log can't be integrated any further");
                }
                self.publish
                    .send_modify(|signed| signed.halted = Some(error.to_string()));
            }
            if last {
                return;
            }
        }
    }

    /// The position up to which to seal: what may be sealed, once all of that is settled.
    fn target(&self) -> Position {
        let sealed = self.integrator.checkpoint().size;
        match (self.service.settled(), self.most.load(Ordering::Acquire)) {
            (settled, u64::MAX) => settled,
            (settled, most) if most <= settled.get() => Position::new(most.max(sealed)),
            _ => Position::new(sealed),
        }
    }

    /// The time until the next look, which is soon where it is known how far to seal.
    fn pause(&self) -> Duration {
        let most = self.most.load(Ordering::Acquire);
        let waits = most != u64::MAX && most > self.integrator.checkpoint().size;
        if waits { SOON } else { INTERVAL }
    }

    /// Seals up to what is settled now: a signature can't be taken back.
    fn catch_up(&mut self) -> Result<(), IntegrateError> {
        let target = self.target();
        let mut integrated = false;
        while (self.integrator)
            .integrate(target, self.service.reader())?
            .is_some()
        {
            integrated = true;
        }
        let was_halted = self.publish.borrow().halted.is_some();
        if was_halted {
            tracing::info!("the audit log is integrated again");
        }
        if integrated || was_halted {
            self.publish.send_replace(Signed {
                size: self.integrator.checkpoint().size,
                note: self.integrator.note().clone(),
                signed_at_seconds: now().millis() / 1_000,
                halted: None,
            });
        }
        if integrated {
            let kept_from = self.integrator.archive().integrated().next();
            if let Err(error) = self.journal.drop_before(kept_from) {
                tracing::warn!(%error, "integrated journal files could not be dropped");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Cosigner, KeyName, Signer};
    use crate::service::Opening;
    use crate::service::tests::{create, opened, sealing};
    use crate::storage::{Disk, FileAt, SimDisk};

    /// Services that sign the same checkpoints are told by number how far they may seal.
    #[tokio::test]
    async fn it_seals_as_far_as_it_may_once_that_is_settled_and_looks_soon_where_it_is_not_there() {
        let disk = SimDisk::new(1);
        let opening = opened(&disk);
        let Opening {
            service, journal, ..
        } = opening;
        create(&service, "a").await;
        let integrator = sealing(&disk).1;
        let signed = Signed {
            size: 0,
            note: integrator.note().clone(),
            signed_at_seconds: 0,
            halted: None,
        };
        let mut auditor = Auditor {
            integrator,
            service,
            journal,
            publish: watch::channel(signed).0,
            most: Arc::default(),
        };
        let plan = |auditor: &Auditor, most| {
            auditor.most.store(most, Ordering::Release);
            (auditor.target().get(), auditor.pause())
        };
        for (most, target, pause) in [
            (u64::MAX, 2, INTERVAL),
            (0, 0, INTERVAL),
            (1, 1, SOON),
            (2, 2, SOON),
            (3, 0, SOON),
        ] {
            assert_eq!(plan(&auditor, most), (target, pause), "{most}");
        }
        plan(&auditor, 2);
        auditor.catch_up().unwrap();
        for (most, pause) in [(1, INTERVAL), (2, INTERVAL), (3, SOON)] {
            assert_eq!(
                plan(&auditor, most),
                (2, pause),
                "{most}, of which 2 are sealed"
            );
        }
    }

    /// The audit log of a service without an event, which is sealed as it grows.
    fn audited(disk: &SimDisk) -> (Service, Audit) {
        let Opening {
            service, journal, ..
        } = opened(disk);
        let (tiles, integrator, signer) = sealing(disk);
        let audit = Audit::start(tiles, integrator, signer.verifier(), &service, journal);
        (service, audit.unwrap())
    }

    /// Waits until something is sealed behind this; how far that goes.
    async fn sealed_behind(audit: &Audit, size: u64) -> u64 {
        let mut latest = audit.follow();
        let sealed = latest.wait_for(|signed| signed.size > size);
        let sealed = tokio::time::timeout(Duration::from_secs(20), sealed).await;
        sealed.expect("it is sealed").unwrap().size
    }

    #[tokio::test]
    async fn it_seals_no_further_than_it_was_told_to() {
        let (service, audit) = audited(&SimDisk::new(1));
        audit.seal_upto(Some(Position::new(2)));
        create(&service, "a").await;
        create(&service, "a").await;
        assert_eq!(sealed_behind(&audit, 0).await, 2);
        for position in [0, 1, 2, 3, 4].map(Position::new) {
            let tree = audit.tree_at(&service, position).unwrap();
            assert_eq!(tree.size(), position.get());
            assert_eq!(tree.root(), service.tree_at(position).unwrap().root());
        }
        let roots = [3, 4].map(|at| service.tree_at(Position::new(at)).unwrap().root());
        assert!(roots[0] != roots[1]);
        audit.seal_upto(None);
        assert_eq!(sealed_behind(&audit, 2).await, 4);
        audit.stop();
    }

    #[tokio::test]
    async fn what_witnesses_cosign_is_kept_until_it_is_forgotten() {
        let disk = SimDisk::new(1);
        let (service, audit) = audited(&disk);
        create(&service, "a").await;
        audit.seal_upto(None);
        assert_eq!(sealed_behind(&audit, 0).await, 2);
        let [ann, bob] = ["ann", "bob"].map(|name| {
            let key = FileAt::new(disk.files("witnesses").unwrap(), name);
            let name = KeyName::parse(&format!("witness.example/{name}")).unwrap();
            Cosigner::new(Signer::read_or_create(&key, name).unwrap())
        });
        let by = |witness: &Cosigner, note: &Note| witness.cosign(note, now()).to_string();
        let sizes = || {
            let size_of = |witness: &Cosigner| {
                let cosigned = audit.cosigned().unwrap().into_iter();
                let mut by = cosigned.filter(|kept| kept.witness == *witness.key());
                by.next().map(|kept| kept.checkpoint.size)
            };
            [size_of(&ann), size_of(&bob)]
        };
        let counted = audit.follow_cosigned();
        let old = audit.checkpoint().unwrap();
        audit.trust(vec![ann.key().clone()]);
        audit.cosign(&by(&bob, &old)).unwrap_err();
        assert_eq!(audit.cosign(&by(&ann, &old)).unwrap(), 1);
        assert_eq!((sizes(), *counted.borrow()), ([Some(2), None], 0));
        // Somebody else vouches for this one.
        assert_eq!(audit.size_of(bob.key(), &by(&bob, &old)).unwrap(), 2);
        audit.keep(bob.key(), &by(&bob, &old)).unwrap();
        assert_eq!((sizes(), *counted.borrow()), ([Some(2), Some(2)], 1));
        create(&service, "a").await;
        audit.seal_upto(None);
        assert_eq!(sealed_behind(&audit, 2).await, 4);
        let new = audit.checkpoint().unwrap();
        audit.keep(bob.key(), &by(&bob, &new)).unwrap();
        assert_eq!((sizes(), *counted.borrow()), ([Some(2), Some(4)], 2));
        assert_eq!(audit.cosign(&by(&ann, &new)).unwrap(), 1);
        assert_eq!(audit.cosign(&by(&ann, &old)).unwrap(), 0);
        assert_eq!(sizes(), [Some(4), Some(4)]);
        assert!(audit.forget(bob.key()).unwrap() && !audit.forget(bob.key()).unwrap());
        assert_eq!((sizes(), *counted.borrow()), ([Some(4), None], 4));
        audit.stop();
    }
}
