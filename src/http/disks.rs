//! The disks of a cluster's nodes by their keys: up to where each has proven its erasures.
//!
//! A node whose disk was lost comes back with another key. What the disk before it had cosigned stays
//! here until an operator says that it is destroyed.

use super::App;
use crate::audit::{Cosigned, VerifierKey};
use crate::cluster::NodeName;
use crate::dialect::Refusal;
use crate::domain::Timestamp;

/// A disk, as it last cosigned a checkpoint.
#[derive(Clone, Debug)]
pub struct Disk {
    /// The node whose disk it is, or was.
    pub node: String,
    /// The key that verifies its cosignatures.
    pub key: VerifierKey,
    /// The size of the newest checkpoint that it has cosigned.
    pub size: u64,
    time: Timestamp,
}

/// All disks that have cosigned a checkpoint of this log.
#[derive(Debug, Default)]
pub struct Disks(Vec<Disk>);

impl Disks {
    /// The disks that this node knows, the newest of each node before the others.
    ///
    /// # Errors
    /// The cosignatures can't be read.
    pub fn of(app: &App) -> Result<Self, Refusal> {
        let cosigned = app.audit.cosigned().map_err(|error| {
            tracing::error!(%error, "cosignatures can't be read");
            Refusal::Internal
        })?;
        let origin = app.audit.key().name().as_str();
        Ok(Self::of_nodes(origin, cosigned))
    }

    fn of_nodes(origin: &str, cosigned: Vec<Cosigned>) -> Self {
        let disk = |cosigned: Cosigned| {
            let name = cosigned.witness.name().as_str();
            let node = name.strip_prefix(origin)?.strip_prefix('/')?.to_owned();
            Some(Disk {
                node,
                key: cosigned.witness,
                size: cosigned.checkpoint.size,
                time: cosigned.time,
            })
        };
        let mut disks: Vec<Disk> = cosigned.into_iter().filter_map(disk).collect();
        disks.sort_by_key(|disk| std::cmp::Reverse(disk.time));
        Self(disks)
    }

    /// The disk that a node has now.
    fn current(&self, node: &str) -> Option<&Disk> {
        self.0.iter().find(|disk| disk.node == node)
    }

    /// The size of the newest checkpoint that a node's disk has cosigned.
    pub fn cosigned(&self, node: &NodeName) -> Option<u64> {
        Some(self.current(node.as_str())?.size)
    }

    /// The key of a node's disk, as a text.
    pub fn key(&self, node: &NodeName) -> Option<String> {
        Some(self.current(node.as_str())?.key.to_string())
    }

    /// Disks that nodes do not have any more.
    pub fn former(&self) -> impl Iterator<Item = &Disk> {
        let is_former = |disk: &&Disk| {
            let current = self.current(&disk.node);
            current.is_some_and(|current| current.key != disk.key)
        };
        self.0.iter().filter(is_former)
    }

    /// The disks of a node that may be forgotten: all but the one it has, and that too where the node
    /// is away.
    pub fn forgettable(&self, node: &str, is_there: bool) -> impl Iterator<Item = &Disk> {
        let of_node = self.0.iter().filter(move |disk| disk.node == node);
        of_node.skip(usize::from(is_there))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Checkpoint, Cosigner, Hash, KeyName, Signer};
    use crate::storage::FileAt;

    #[test]
    fn the_newest_disk_of_a_node_is_the_one_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let signer = |file: &str, name: &str| {
            let name = KeyName::parse(name).unwrap();
            Signer::read_or_create(&FileAt::at(&dir.path().join(file)), name).unwrap()
        };
        let log = signer("log", "log.example");
        let cosigned = |file: &str, name: &str, size, seconds: u64| {
            let cosigner = Cosigner::new(signer(file, name));
            let origin = log.verifier().name().clone();
            let root = Hash([1; 32]);
            let note = Checkpoint { origin, size, root }.sign(&log);
            let note = cosigner.cosign(&note, Timestamp::from_millis(seconds * 1_000));
            let known = [cosigner.key().clone()];
            let opened = Cosigned::open(&note.to_string(), &log.verifier(), &known);
            opened.unwrap().remove(0)
        };
        let all = vec![
            cosigned("old", "log.example/c", 90, 10),
            cosigned("new", "log.example/c", 70, 20),
            cosigned("a", "log.example/a", 91, 20),
            cosigned("stranger", "witness.example", 99, 30),
        ];
        let old = all[0].witness.clone();
        let disks = Disks::of_nodes("log.example", all);
        let c: NodeName = "c".parse().unwrap();
        assert_eq!(disks.cosigned(&c), Some(70));
        let former: Vec<&VerifierKey> = disks.former().map(|disk| &disk.key).collect();
        assert_eq!(former, [&old]);
        assert_eq!(disks.forgettable("c", true).count(), 1);
        assert_eq!(disks.forgettable("c", false).count(), 2);
        assert_eq!(disks.forgettable("a", true).count(), 0);
    }
}
