//! See the map in `lib.rs`.

mod checkpoint;
mod note;
mod tile;
mod tower;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use note::{
    KeyKind, KeyName, NOTE_BYTES_MAX, Note, SignatureLine, Signer, SignerError, VerifierKey,
};
pub use tile::{Coord, ENTRY_BYTES_MAX, Kind, Tiles};
pub use tower::TILE_WIDTH;
pub use tree::{Frontier, HASH_BYTES, Hash};
