//! `contactd log verify`: looks at everything and changes nothing.

use clap::Args;

use super::super::data::Data;
use super::super::exit::{DAMAGED, Failure};
use super::super::progress::Progress;
use super::DirectoryOptions;
use crate::log::{self, OpenOptions};
use crate::service::check_records;

/// Which directory.
#[derive(Args)]
pub struct VerifyOptions {
    #[command(flatten)]
    directory: DirectoryOptions,
}

/// Checks the copies against each other, then what the events say.
pub fn run(options: &VerifyOptions) -> Result<(), Failure> {
    let data = Data::open(&options.directory.data)?;
    let progress = Progress::new("comparing the copies");
    let log_options = OpenOptions::default();
    let verified = log::verify(&data.dir, &log_options, &mut |at| progress.reach(at))?;
    drop(progress);
    let mut wrong: Vec<String> = verified
        .damages
        .iter()
        .map(|damage| {
            let mend = if damage.is_repairable() {
                "the next start repairs it from the other copy"
            } else {
                "restore a backup: `contactd restore`"
            };
            format!("position {}: {damage}; {mend}", damage.first())
        })
        .collect();
    if wrong.is_empty() {
        let progress = Progress::new("reading the events");
        wrong.extend(check_records(
            &data.dir,
            &data.keys,
            &log_options,
            &mut |at| {
                progress.reach(at);
            },
        )?);
    }
    if wrong.is_empty() {
        println!("verified {} events: nothing is wrong", verified.head);
        return Ok(());
    }
    for line in &wrong {
        println!("{line}");
    }
    let count = wrong.len();
    Err(Failure::new(
        DAMAGED,
        format!("{count} things are wrong in the log"),
    ))
}
