//! Bytes on a disk, and a simulated disk that loses them.
//!
//! Three seams, each with two implementors, a real one and a simulated one:
//!
//! | seam | what | real | simulated |
//! | --- | --- | --- | --- |
//! | [`Store`] | an ordered key-value store | [`SledStore`] | [`SimDisk`] |
//! | [`Files`] | a directory of files, and those below it | [`DirFiles`] | [`SimDisk`] |
//! | [`Disk`] | a data directory that holds stores and files | [`DataDir`] | [`SimDisk`] |
//!
//! Nothing above this floor names sled, opens a file, or knows which of the two
//! it runs on, so that a test can cut the power at every sync. Nothing here
//! knows what the bytes mean.

mod data_dir;
mod dir_files;
mod error;
#[cfg(test)]
pub mod faulty;
mod file_at;
mod files;
mod room;
mod sim;
mod sim_dir;
mod sim_fate;
mod sim_files;
mod sim_handle;
mod sim_state;
mod sled_store;
mod store;
#[cfg(test)]
mod tests;
mod tree;

pub use data_dir::{DataDir, Disk};
pub use dir_files::DirFiles;
pub use error::StorageError;
pub use file_at::FileAt;
pub use files::{Files, Held};
pub use room::{Room, Space};
pub use sim::{Faults, SimDisk};
pub use sled_store::{CACHE_BYTES_DEFAULT, SledStore};
pub use store::{Batch, Change, Page, Store};
pub use tree::{close_to_others, files_below};
