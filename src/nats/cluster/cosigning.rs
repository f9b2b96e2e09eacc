//! Erasures proven: each node cosigns its newest checkpoint, and keeps what the others have cosigned.
//!
//! A node signs with a key that its disk alone has, and only what it has folded, so that whoever is
//! erased below the checkpoint is erased on that disk. All nodes make their checkpoints where the
//! leader makes its own, so that one checkpoint bears the lines of all.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Cosigner, VerifierKey};
use crate::cluster::{Event, NodeName};
use crate::domain::Position;
use crate::service::{Audit, now};

/// The longest that a cosignature waits until this node has made the checkpoint, too. It is said
/// again anyway.
const PATIENCE: Duration = Duration::from_secs(5);

/// The audit log of this node, and the key of its disk.
#[derive(Clone)]
pub struct Cosigning {
    audit: Audit,
    cosigner: Arc<Cosigner>,
}

impl Cosigning {
    /// Cosigns the checkpoints of an audit log.
    #[must_use]
    pub fn new(audit: Audit, cosigner: Cosigner) -> Self {
        let cosigner = Arc::new(cosigner);
        Self { audit, cosigner }
    }

    /// The audit log whose checkpoints are cosigned.
    pub const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Makes checkpoints as they come: the others follow this node.
    pub fn lead(&self) {
        self.audit.seal_upto(None);
    }

    /// Makes checkpoints where the leader makes them.
    pub fn follow(&self) {
        let size = self.audit.follow().borrow().size;
        self.audit.seal_upto(Some(Position::new(size)));
    }

    /// Cosigns the newest checkpoint, and keeps that as what others have cosigned is kept.
    pub async fn cosign(&self) -> Option<Event> {
        let note = self.audit.follow().borrow().note.clone();
        let note = self.cosigner.cosign(&note, now()).to_string();
        let key = self.cosigner.key().clone();
        let (audit, text) = (self.audit.clone(), note.clone());
        let witness = key.clone();
        let kept = tokio::task::spawn_blocking(move || audit.keep(&witness, &text)).await;
        kept.ok()?
            .inspect_err(|error| tracing::warn!(%error, "this node's cosignature is not kept"))
            .ok()?;
        let key = key.to_string();
        Some(Event::Cosigned { key, note })
    }

    /// Keeps what another node has cosigned.
    pub async fn keep(self, from: NodeName, key: String, note: String, leads: bool) {
        let Some(key) = VerifierKey::parse(&key).filter(|key| self.is_of(key, &from)) else {
            return tracing::warn!(node = %from, "its cosignature is of a key that is not its own");
        };
        let size = match self.audit.size_of(&key, &note) {
            Ok(size) => size,
            Err(error) => {
                return tracing::warn!(%error, node = %from, "its cosignature is not kept");
            }
        };
        if leads {
            self.audit.seal_upto(Some(Position::new(size)));
        }
        let mut signed = self.audit.follow();
        let own = signed.wait_for(|signed| signed.size >= size);
        if !matches!(tokio::time::timeout(PATIENCE, own).await, Ok(Ok(_))) {
            return;
        }
        let audit = self.audit.clone();
        let kept = tokio::task::spawn_blocking(move || audit.keep(&key, &note)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(%error, node = %from, "its cosignature is not kept");
        }
    }

    /// Forgets a disk by its key.
    pub async fn forget(self, key: String) {
        let Some(key) = VerifierKey::parse(&key) else {
            return;
        };
        let forgotten = tokio::task::spawn_blocking(move || self.audit.forget(&key)).await;
        if let Ok(Err(error)) = forgotten {
            tracing::warn!(%error, "a disk that is gone is not forgotten");
        }
    }

    /// Whether a key has the name of a node's.
    fn is_of(&self, key: &VerifierKey, node: &NodeName) -> bool {
        let origin = self.audit.key().name().as_str();
        key.name().as_str() == format!("{origin}/{node}")
    }
}
