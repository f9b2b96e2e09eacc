//! What makes a directory one of a log's: the log's id and the keys that all of its nodes share.
//!
//! A node that joins a cluster is given them by one that is in it. Contacts' keys are not among
//! them, nor is the master key that wraps those: each node has its own.

use std::sync::Arc;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use uuid::Uuid;

use super::exit::Failure;
use super::layout::{AUDIT_KEY, IDENTITY, KEYS, LOG_ID, TOKEN_KEY};
use super::options::DataOptions;
use crate::audit::KeyName;
use crate::cluster::NodeName;
use crate::storage::{Disk, FileAt, Files, StorageError};

/// The file of the key of index hashes.
pub const INDEX_KEY: &str = "index.key";
/// The file that says which node of a cluster a directory is.
const MEMBER: &str = "cluster";
/// The longest of these files, in bytes.
const FILE_BYTES_MAX: usize = 4_096;

/// The log's id and the keys that all nodes share, as their files have them.
#[derive(Encode, Decode)]
pub struct Identity {
    #[n(0)]
    log_id: ByteVec,
    #[n(1)]
    index_key: ByteVec,
    /// The key that signs tokens.
    #[n(2)]
    token_key: Option<ByteVec>,
    /// The key that signs checkpoints, unless the operator gives it to each node.
    #[n(3)]
    audit_key: Option<ByteVec>,
    /// The name in which the log's checkpoints are signed; absent of a release that did not tell it.
    #[n(4)]
    origin: Option<String>,
}

impl Identity {
    /// Reads the identity of a directory that has begun.
    ///
    /// # Errors
    /// A file is gone or can't be read.
    pub fn read(disk: &dyn Disk) -> Result<Self, Failure> {
        let root = disk.files_at("")?;
        let needed = |files: Arc<dyn Files>, name: &str| {
            let path = files.path(name);
            let bytes = read(files, name)?;
            bytes.ok_or_else(|| Failure::usage(format!("{} is gone", path.display())))
        };
        Ok(Self {
            log_id: needed(disk.files_at(IDENTITY)?, LOG_ID)?,
            index_key: needed(disk.files_at(KEYS)?, INDEX_KEY)?,
            token_key: read(root.clone(), TOKEN_KEY)?,
            audit_key: read(root, AUDIT_KEY)?,
            origin: None,
        })
    }

    /// This identity, which also says in which name the log is signed.
    #[must_use]
    pub fn signed_as(self, name: &KeyName) -> Self {
        let origin = Some(name.to_string());
        Self { origin, ..self }
    }

    /// Reads an identity as another node tells it.
    ///
    /// # Errors
    /// It is none.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, Failure> {
        minicbor::decode(bytes).map_err(|_| {
            Failure::failed("the cluster's answer is of another version; use the same one")
        })
    }

    /// Checks that a node which joins would sign in the name in which all others do: no checkpoint of
    /// the others would be one of its log.
    ///
    /// # Errors
    /// `--audit-origin` is another one, or is left out where there is one.
    pub fn must_sign_alike(&self, options: &DataOptions) -> Result<(), Failure> {
        let id = std::str::from_utf8(self.log_id.trim_ascii()).ok();
        let (Some(id), Some(told)) = (id.and_then(|id| id.parse().ok()), &self.origin) else {
            return Ok(());
        };
        let own = origin(options, id)?;
        if own.as_str() == told {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "the cluster's log is signed as {told}, and this node would sign as {own}: start it with \
             --audit-origin {told}"
        )))
    }

    /// The identity as it is told to other nodes, which must be sealed for that.
    ///
    /// # Errors
    /// It can't be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Failure> {
        minicbor::to_vec(self).map_err(Failure::failed)
    }

    /// Makes a directory that has not begun one of this log's. The log's id comes last.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(self, disk: &dyn Disk) -> Result<(), Failure> {
        let Self {
            log_id,
            index_key,
            token_key,
            audit_key,
            origin: _,
        } = self;
        let root = disk.files("")?;
        disk.files(KEYS)?.write_atomic(INDEX_KEY, &index_key)?;
        for (name, key) in [(TOKEN_KEY, token_key), (AUDIT_KEY, audit_key)] {
            if let Some(key) = key {
                root.write_atomic(name, &key)?;
            }
        }
        Ok(disk.files(IDENTITY)?.write_atomic(LOG_ID, &log_id)?)
    }
}

/// The name under which checkpoints are signed: the operator's, or one made of the log's id.
///
/// # Errors
/// It is no name of a key.
pub fn origin(options: &DataOptions, log_id: Uuid) -> Result<KeyName, Failure> {
    let origin = match &options.audit_origin {
        Some(origin) => origin.clone(),
        None => format!("contactd.local/{log_id}"),
    };
    KeyName::parse(&origin).ok_or_else(|| {
        Failure::usage("--audit-origin must be a name without spaces, plus signs and controls")
    })
}

fn read(files: Arc<dyn Files>, name: &str) -> Result<Option<ByteVec>, StorageError> {
    let bytes = FileAt::new(files, name).read(FILE_BYTES_MAX)?;
    Ok(bytes.map(Into::into))
}

/// The node of a cluster that a directory is; `None` where it was never in one.
///
/// # Errors
/// The file can't be read.
pub fn member(disk: &dyn Disk) -> Result<Option<String>, StorageError> {
    member_in(disk.files_at(IDENTITY)?)
}

/// Likewise, of the directory's identity.
///
/// # Errors
/// The file can't be read.
pub fn member_in(identity: Arc<dyn Files>) -> Result<Option<String>, StorageError> {
    let name = FileAt::new(identity, MEMBER).read(FILE_BYTES_MAX)?;
    Ok(name.map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned()))
}

/// Notes that a directory is this node's of a cluster.
///
/// # Errors
/// It is another's already, or the file can't be written.
pub fn become_member(disk: &dyn Disk, node: &NodeName) -> Result<(), Failure> {
    let member = member(disk)?;
    must_fit(member.as_deref(), Some(node))?;
    if member.is_none() {
        let line = format!("{node}\n");
        let files = disk.files(IDENTITY)?;
        files.write_atomic(MEMBER, line.as_bytes())?;
    }
    Ok(())
}

/// Checks that what a directory is fits what it is started as: a node, or alone. What is appended to a
/// node's alone is in no other node's log.
///
/// # Errors
/// It is another node's, or a node's and is to be alone.
pub fn must_fit(member: Option<&str>, node: Option<&NodeName>) -> Result<(), Failure> {
    match (member, node) {
        (None, _) => Ok(()),
        (Some(member), Some(node)) if member == node.as_str() => Ok(()),
        (Some(other), Some(node)) => Err(Failure::usage(format!(
            "this directory is the node {other} of its cluster, not {node}; give each node a \
             directory of its own"
        ))),
        (Some(member), None) => Err(Failure::usage(format!(
            "this directory is the node {member} of a cluster; start it with --cluster, and change \
             contacts through the running service (--url)"
        ))),
    }
}

/// Checks that a directory may have a new key of index hashes: the nodes of a cluster share one, and a
/// node with another would take an idempotency key or an address again that the others know.
///
/// # Errors
/// It is a node's.
pub fn may_hash_anew(member: Option<String>) -> Result<(), Failure> {
    match member {
        None => Ok(()),
        Some(node) => Err(Failure::usage(format!(
            "this is the node {node} of a cluster, and the key of index hashes that its nodes share \
             is not here: start {node} with an empty directory, and the others fill it; or restore a \
             backup that was made --with-keys. Where no other node is left, remove identity/cluster \
             first: what is here then goes on alone"
        ))),
    }
}

/// Checks that a directory that is opened alone was never in a cluster.
///
/// # Errors
/// It was.
pub fn must_be_alone(disk: &dyn Disk) -> Result<(), Failure> {
    must_fit(member(disk)?.as_deref(), None)
}

#[cfg(test)]
mod tests {
    use super::super::faults::options;
    use super::*;
    use crate::storage::SimDisk;

    fn begun() -> SimDisk {
        let disk = SimDisk::new(1);
        for (dir, name) in [
            (IDENTITY, LOG_ID),
            (KEYS, INDEX_KEY),
            ("", TOKEN_KEY),
            ("", AUDIT_KEY),
        ] {
            let files = disk.files(dir).unwrap();
            files
                .write_atomic(name, format!("the {name}").as_bytes())
                .unwrap();
        }
        disk
    }

    #[test]
    fn a_node_that_joins_has_the_logs_id_and_keys() {
        let (from, to) = (begun(), SimDisk::new(2));
        let bytes = Identity::read(&from).unwrap().to_bytes().unwrap();
        Identity::of_bytes(&bytes).unwrap().write(&to).unwrap();
        assert_eq!(Identity::read(&to).unwrap().to_bytes().unwrap(), bytes);
        assert!(Identity::of_bytes(&bytes[1..]).is_err());
    }

    #[test]
    fn a_node_that_would_sign_in_another_name_does_not_join() {
        let id = "01980000-0000-7000-8000-000000000007";
        let disk = begun();
        let files = disk.files(IDENTITY).unwrap();
        files
            .write_atomic(LOG_ID, format!("{id}\n").as_bytes())
            .unwrap();
        let usual = format!("contactd.local/{id}");
        let identity = |name: &str| {
            let name = KeyName::parse(name).unwrap();
            let told = Identity::read(&disk).unwrap().signed_as(&name);
            Identity::of_bytes(&told.to_bytes().unwrap()).unwrap()
        };
        let with = |origin: Option<&str>| DataOptions {
            audit_origin: origin.map(str::to_owned),
            ..options()
        };
        for (told, own, fits) in [
            (&*usual, None, true),
            (&*usual, Some(&*usual), true),
            (&*usual, Some("log.example"), false),
            ("log.example", Some("log.example"), true),
            ("log.example", Some("other.example"), false),
            ("log.example", None, false),
        ] {
            let joins = identity(told).must_sign_alike(&with(own));
            assert_eq!(joins.is_ok(), fits, "{told} {own:?}");
            if let Err(failure) = joins {
                let what = format!("start it with --audit-origin {told}");
                assert!(failure.message.contains(&what), "{}", failure.message);
            }
        }
        // One of a release that does not say in which name it signs.
        let silent = Identity::read(&disk).unwrap();
        silent.must_sign_alike(&with(Some("log.example"))).unwrap();
    }

    #[test]
    fn without_a_log_there_is_no_identity() {
        let disk = begun();
        disk.files(IDENTITY).unwrap().remove(LOG_ID).unwrap();
        assert!(Identity::read(&disk).is_err());
    }

    #[test]
    fn a_directory_is_one_node_and_is_not_opened_alone_again() {
        let disk = begun();
        let [a, b] = ["a", "b"].map(|name| name.parse::<NodeName>().unwrap());
        must_be_alone(&disk).unwrap();
        become_member(&disk, &a).unwrap();
        become_member(&disk, &a).unwrap();
        assert!(become_member(&disk, &b).is_err());
        assert!(must_be_alone(&disk).is_err());
        may_hash_anew(None).unwrap();
        let refused = may_hash_anew(member(&disk).unwrap()).unwrap_err();
        assert!(
            refused.message.contains("start a with an empty directory"),
            "{}",
            refused.message
        );
    }
}
