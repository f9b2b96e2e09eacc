//! The key of each contact: sealing personal values, and destroying them.
//!
//! A log that never forgets can only forget by losing a key. So the values of
//! each contact are sealed with a random key of its own, and the keys stand
//! where bytes can be overwritten in place: in a file of fixed slots beside the
//! log, never in it and never in sled, whose dead segments keep old bytes.
//!
//! | file in `keys/` | holds |
//! | --- | --- |
//! | `slots-<generation>.bin` | one slot a contact: its key, wrapped by the master key |
//! | `slots-<generation>.copy.bin` | the same bytes again: a key cannot be made anew |
//! | `master.key` | the master key, unless the operator keeps it elsewhere |
//! | `index.key` | the key of the hashes that stand for texts in indexes |
//!
//! [`KeyRing`] seals, opens and erases; [`Hasher`] makes the hashes; a [`FileKey`] seals a file of a
//! view, and stands in that file; a [`ClusterKey`] seals keys that go to other nodes, a [`CursorKey`] what goes into cursors. A contact's
//! key is drawn when the contact is made, and is on the disk before the contact
//! is: an older copy of the slots opens nobody who was made later. A key is never
//! guessed: damage, an erasure, a key that was lost and one that was given up on
//! purpose (a backup restored without keys) are told apart wherever that can be
//! known, and every slot is authenticated together with its number and generation.
//!
//! What overwriting cannot reach is the disk's own remanence and every copy of
//! the slots made before; the README says so.

mod ahead;
mod beside;
mod cache;
mod cipher;
mod cluster_key;
mod cursor_key;
mod error;
mod file_key;
mod hasher;
mod key;
mod master;
mod random;
mod ring;
mod rotate;
mod scrub;
mod seed;
mod slot;
mod slots;
mod travel;
mod wrapping;

pub use cluster_key::{CODE_BYTES, ClusterKey};
pub use cursor_key::CursorKey;
pub use error::{KeyFileError, OpenError, RotateError, SealError, SlotError};
pub use file_key::{BLOCK_OVERHEAD_BYTES, FileKey, FileKeyError, FileKeys, WRAPPED_KEY_BYTES};
pub use hasher::{Hasher, IndexKeyError};
pub use master::MasterKey;
pub use ring::{KeyRing, SEALED_OVERHEAD_BYTES};
pub use seed::{OpenSeeds, Seed, Seeds};
pub use slot::{Slot, keys_of};
pub use slots::SlotsRepaired;
pub use travel::{ExportError, InstallError, LostKeys, TRAVEL_SLOTS_MAX};
