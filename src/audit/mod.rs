//! See the map in `lib.rs`.

mod archive;
mod checkpoint;
mod climb;
mod coord;
mod note;
mod proof;
mod proof_file;
mod repair;
mod sealer;
mod tile;
mod tower;
mod tree;
mod verify;
mod witness;

pub use archive::{Archive, ArchiveError};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use coord::{Coord, Kind};
pub use note::{
    KeyKind, KeyName, NOTE_BYTES_MAX, Note, SignatureLine, Signer, SignerError, VerifierKey,
};
pub use proof::{
    ProofError, prove_consistency, prove_inclusion, root_of_inclusion, verify_consistency,
};
pub use proof_file::{ProofFile, ProofFileError};
pub use repair::{RepairError, Repaired, repair};
pub use sealer::{Entries, EntriesError, Sealer, SealerError};
pub use tile::{ENTRY_BYTES_MAX, Tiles};
pub use tower::TILE_WIDTH;
pub use tree::{Frontier, HASH_BYTES, Hash};
pub use verify::{Against, Damage, Verified, verify};
pub use witness::{
    AddCheckpoint, CosignatureError, Cosigned, Kept, kept, with_answer, with_cosignatures,
};
