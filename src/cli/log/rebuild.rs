//! `contactd log rebuild` and `log compact`: what is derived is dropped and derived again.

use super::super::data::{Data, Purpose};
use super::super::exit::Failure;
use super::super::options::DirectoryOptions;
use super::super::progress::Progress;
use crate::dialect::REGISTRY;
use crate::service::rebuild_views;

/// Drops every view and folds it again.
pub fn run(options: &DirectoryOptions) -> Result<(), Failure> {
    let data = Data::open(&options.data, Purpose::Use)?;
    let log_options = data.log_options()?;
    let progress = Progress::new("rebuilding");
    let position = rebuild_views(
        &data.dir,
        &data.keys,
        &data.hasher()?,
        REGISTRY,
        &log_options,
        &mut |at| progress.reach(at),
    )?;
    drop(progress);
    println!("rebuilt every view up to position {position}");
    Ok(())
}
