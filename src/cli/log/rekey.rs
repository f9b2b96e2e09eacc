//! `contactd log rekey`: every contact's key is wrapped anew, under another master key.

use std::path::PathBuf;

use clap::Args;

use super::super::data::{Data, Purpose};
use super::super::exit::{DAMAGED, Failure};
use super::super::options::DataOptions;
use super::super::output::out;
use crate::keys::{MasterKey, RotateError};
use crate::storage::FileAt;

/// Options for wrapping the keys anew.
#[derive(Args)]
pub struct RekeyOptions {
    #[command(flatten)]
    data: DataOptions,
    /// The file with the new master key; where there is none, one with a fresh key is made
    new_key_file: PathBuf,
}

/// Wraps every key anew, and says where the new master key is.
pub fn run(options: &RekeyOptions) -> Result<(), Failure> {
    let data = Data::open(&options.data, Purpose::Use)?;
    let kept_elsewhere = options.data.master_key.as_deref().map(FileAt::at);
    let new = FileAt::at(&options.new_key_file);
    out!("{}", rekey(&data, kept_elsewhere.as_ref(), &new)?);
    Ok(())
}

/// Wraps every key anew. The old wrapped keys are overwritten, and so is the directory's own
/// master key where that was the one in use. One that was cut off is finished by the same again.
///
/// # Errors
/// A file cannot be read or written, or a key is damaged in both copies.
pub fn rekey(
    data: &Data,
    kept_elsewhere: Option<&FileAt>,
    file: &FileAt,
) -> Result<String, Failure> {
    let own = data.layout.master_key();
    let old = MasterKey::read(kept_elsewhere.unwrap_or(&own))?;
    let new = MasterKey::read_or_create(file)?;
    let path = file.path();
    let path = path.display();
    if new == old {
        return Ok(format!(
            "every key is wrapped with the key in {path} already; to change it, name a file with \
             another, or one that is not there"
        ));
    }
    let keep = || match kept_elsewhere {
        Some(_) => Ok(()),
        None => new.replace(&own),
    };
    // Their files are sealed by the old key, which is not to open anything any more.
    data.wipe_views()?;
    data.keys.rotate(&new, keep).map_err(|error| match error {
        error @ RotateError::Damaged { .. } => Failure::new(DAMAGED, error),
        error => Failure::usage(error),
    })?;
    Ok(match kept_elsewhere {
        Some(_) => format!(
            "every key is wrapped anew; start with --master-key {path}, which makes the views again"
        ),
        None => format!(
            "every key is wrapped anew; the new master key is in the directory, and in {path}; \
             the next start makes the views again"
        ),
    })
}
