//! The audit log: what was recorded cannot be changed, dropped or reordered unseen.
//!
//! Every event is a leaf of an RFC 6962 hash tree. The tree is kept as tiles and
//! entry bundles in the layout of C2SP tlog-tiles, and signed as checkpoints:
//! what Tessera, Sunlight and Rekor do, so that auditors have tools for it. A
//! leaf is the hash of the bytes as the log has them, where personal values are
//! encrypted: a person can be forgotten, and every proof stays valid.
//!
//! | file | what |
//! | --- | --- |
//! | `tree`, `right_edge` | the hash tree; its growing edge, as tiles have it |
//! | `coord`, `tile` | names of tiles and bundles; their bytes and files |
//! | `note`, `checkpoint` | signed notes and keys; what a log signs of its tree |
//! | `checkpoint_file` | the checkpoint beside its tiles |
//! | `entries` | where the entries come from |
//! | `integrator` | from the durable log to files and a checkpoint |
//! | `archive` | reading entries back from bundles |
//! | `proof`, `proof_file` | inclusion and consistency; the proof one can keep |
//! | `check_tiles`, `verify` | who lies, and from which position on |
//! | `findings` | what can be wrong, and a list of it |
//! | `copy` | a backup of it, beside a running integrator |
//! | `mirror` | a copy of it elsewhere, from whoever serves it |
//! | `repair` | from the copies that are left to what was signed |
//! | `scrub` | reading it again, beside a running integrator |
//! | `witness` | others who vouch for a checkpoint |
//!
//! Entries are opaque here, positions are theirs in the log, and a leaf's index
//! is its position less one. Nothing here speaks HTTP or NATS: a path below
//! `/audit/` is the path of a file below the audit directory, as [`Coord`] reads
//! it. The threat model is in this folder's `README.md`.

mod archive;
mod beginning;
mod check_tiles;
mod checkpoint;
mod checkpoint_file;
mod coord;
mod copy;
mod cosigner;
mod entries;
mod findings;
mod integrator;
mod mirror;
mod note;
mod proof;
mod proof_file;
mod repair;
mod right_edge;
mod scrub;
mod tile;
mod tree;
mod verify;
mod witness;

pub use archive::{Archive, ArchiveError};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use checkpoint_file::{
    last_checkpoint, sign_anew, signed_by_another, signed_size, stated_origin,
};
pub use coord::{Coord, Kind};
pub use copy::{Copied, CopyError, copy, is_beginning};
pub use cosigner::Cosigner;
pub use entries::{Entries, EntriesError};
pub use findings::Damage;
pub use integrator::{IntegrateError, Integrator};
pub use mirror::{Mirror, MirrorError};
pub use note::{
    KeyKind, KeyName, NOTE_BYTES_MAX, Note, SignatureLine, Signer, SignerError, VerifierKey,
};
pub use proof::{
    ProofError, prove_consistency, prove_inclusion, root_of_inclusion, verify_consistency,
};
pub use proof_file::{ProofFile, ProofFileError};
pub use repair::{RepairError, Repaired, repair};
pub use right_edge::TILE_WIDTH;
pub use scrub::{ScrubError, scrub};
pub use tile::{ENTRY_BYTES_MAX, Tiles, parse_bundle};
pub use tree::{Frontier, HASH_BYTES, Hash};
pub use verify::{Against, Verified, verify};
pub use witness::{
    AddCheckpoint, CosignatureError, Cosigned, Kept, forget, kept, with_answer, with_cosignatures,
};
