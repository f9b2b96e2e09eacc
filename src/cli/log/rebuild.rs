//! `contactd log rebuild`: what is derived is dropped and derived again.

use clap::Args;

use super::super::data::Data;
use super::super::exit::Failure;
use super::super::progress::Progress;
use super::DirectoryOptions;
use crate::dialect::REGISTRY;
use crate::log::OpenOptions;
use crate::service::rebuild_views;

/// Which directory.
#[derive(Args)]
pub struct RebuildOptions {
    #[command(flatten)]
    directory: DirectoryOptions,
}

/// Drops every view and folds it again.
pub fn run(options: &RebuildOptions) -> Result<(), Failure> {
    let data = Data::open(&options.directory.data)?;
    let progress = Progress::new("rebuilding");
    let position = rebuild_views(
        &data.dir,
        &data.keys,
        &data.hasher,
        REGISTRY,
        &OpenOptions::default(),
        &mut |at| progress.reach(at),
    )?;
    drop(progress);
    println!("rebuilt every view up to position {position}");
    Ok(())
}
