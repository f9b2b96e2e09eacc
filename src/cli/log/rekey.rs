//! `contactd log rekey`: every contact's key is wrapped anew, under another master key.

use std::path::PathBuf;

use clap::Args;

use super::super::data::{Data, Purpose, master_key_in};
use super::super::exit::{DAMAGED, Failure};
use super::super::options::DataOptions;
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

/// Wraps every key anew. The old wrapped keys are overwritten, and so is the directory's own
/// master key where that was the one in use.
pub fn run(options: &RekeyOptions) -> Result<(), Failure> {
    let data = Data::open(&options.data, Purpose::Use)?;
    let own = master_key_in(&options.data.data_dir);
    let old = match &options.data.master_key {
        Some(path) => MasterKey::read(&FileAt::at(path))?,
        None => MasterKey::read(&own)?,
    };
    let file = &options.new_key_file;
    let new = MasterKey::read_or_create(&FileAt::at(file))?;
    if new == old {
        return Err(Failure::usage(format!(
            "{} holds the key that is in use; name a file with another, or one that is not there",
            file.display()
        )));
    }
    let kept_here = options.data.master_key.is_none();
    let keep = || if kept_here { new.replace(&own) } else { Ok(()) };
    data.keys.rotate(&new, keep).map_err(|error| match error {
        error @ RotateError::Damaged { .. } => Failure::new(DAMAGED, error),
        error => Failure::usage(error),
    })?;
    let file = file.display();
    if kept_here {
        println!(
            "every key is wrapped anew; the new master key is in the directory, and in {file}"
        );
    } else {
        println!("every key is wrapped anew; start with --master-key {file}");
    }
    Ok(())
}
