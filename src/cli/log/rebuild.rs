//! `contactd log rebuild` and `log compact`: what is derived is dropped and derived again.

use super::super::data::{Data, Purpose};
use super::super::exit::Failure;
use super::super::options::DirectoryOptions;
use super::super::output::out;
use super::super::progress::Progress;
use crate::dialect::REGISTRY;
use crate::domain::Position;
use crate::service::{VIEWS, rebuild_views};

/// Drops every view and folds it again.
pub fn rebuild(options: &DirectoryOptions) -> Result<(), Failure> {
    let data = Data::open(&options.data, Purpose::Use)?;
    let position = fold_again(&data)?;
    out!("rebuilt every view up to position {position}");
    Ok(())
}

/// Does the same for what erased contacts left in the views, and says what that saved.
pub fn compact(options: &DirectoryOptions) -> Result<(), Failure> {
    let data = Data::open(&options.data, Purpose::Use)?;
    out!("{}", compacted(&data)?);
    Ok(())
}

/// Folds the views again, and says what that saved.
///
/// # Errors
/// As [`fold_again`].
pub fn compacted(data: &Data) -> Result<String, Failure> {
    let before = bytes_of_views(data)?;
    let position = fold_again(data)?;
    let after = bytes_of_views(data)?;
    Ok(format!(
        "compacted the views up to position {position}: {after} bytes, {before} before; nothing is \
         left in them of contacts that were erased"
    ))
}

/// Bytes that the files of the views have.
fn bytes_of_views(data: &Data) -> Result<u64, Failure> {
    let views = data.dir.files(VIEWS)?;
    let mut bytes = 0;
    for name in views.list()? {
        bytes += views.len(&name)?;
    }
    Ok(bytes)
}

/// Drops every view of a directory and folds it again; the position that they reach.
///
/// # Errors
/// The log cannot be read, or a view cannot be written: run again.
pub fn fold_again(data: &Data) -> Result<Position, Failure> {
    let log_options = data.log_options()?;
    let progress = Progress::new("rebuilding");
    let position = rebuild_views(
        &*data.dir,
        &data.keys,
        &data.hasher()?,
        REGISTRY,
        &log_options,
        &mut |at| progress.reach(at),
    )?;
    drop(progress);
    Ok(position)
}
