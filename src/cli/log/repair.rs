//! `contactd log repair`: every copy is completed from the others, keys that are lost are given up,
//! and it says what it did.

use super::super::counted::counted;
use super::super::data::{Data, Purpose, integrator_failure};
use super::super::exit::{DAMAGED, Failure};
use super::super::options::DirectoryOptions;
use super::super::output::out;
use super::super::progress::Progress;
use crate::audit::{self, Integrator, RepairError, Repaired};
use crate::domain::Position;
use crate::log::{self, OpenOptions, Reader};
use crate::service::mark_keys_lost;

/// Completes the store and the journal from each other and from the bundles, then the bundles and
/// tiles from the log.
pub fn run(options: &DirectoryOptions) -> Result<(), Failure> {
    let data = Data::open(&options.data, Purpose::Mend)?;
    let Mended {
        head,
        done,
        damaged,
        lost_end,
    } = mend(&data)?;
    for line in &done {
        out!("{line}");
    }
    // What was sealed must fit what is there: this is refused where it does not.
    Integrator::open(data.tiles(), data.signer).map_err(integrator_failure)?;
    if damaged > 0 {
        return Err(Failure::new(
            DAMAGED,
            "keys are damaged in both copies; put keys/ back from a backup made with keys, or erase \
             their contacts",
        ));
    }
    if let Some(lost) = lost_end {
        return Err(Failure::new(DAMAGED, lost));
    }
    if done.is_empty() {
        out!("nothing had to be repaired, up to position {head}");
    }
    Ok(())
}

/// The results of a repair: what each step mended or gave up.
pub struct Mended {
    /// The last event of the log.
    pub head: Position,
    /// A line for each thing that was repaired.
    pub done: Vec<String>,
    /// The number of keys that are damaged in both copies, which nothing mends.
    pub damaged: usize,
    /// A sentence about what may be lost of the log's end, where nobody vouches for that.
    pub lost_end: Option<String>,
}

/// Completes every copy from the others.
///
/// # Errors
/// A file cannot be read or written, or no copy has what is missing.
pub fn mend(data: &Data) -> Result<Mended, Failure> {
    let log_options = OpenOptions {
        whole: true,
        ..data.log_options()?
    };
    let progress = Progress::new("comparing the copies");
    let opened = log::open(&*data.dir, &log_options, &mut |at| progress.reach(at))?;
    drop(progress);
    let mut done: Vec<String> = opened.report.iter().map(ToString::to_string).collect();
    let lost_end = log::lost_end(&opened.report, opened.reader.head());
    let (reader, head) = (&opened.reader, opened.reader.head());
    let progress = Progress::new("hashing the sealed files");
    let repaired = audit::repair(&data.tiles(), &data.signer, reader, head, &mut |at, _| {
        progress.reach(Position::new(at));
    });
    drop(progress);
    let repaired = repaired.map_err(|error| match error {
        RepairError::File(error) => error.into(),
        error => Failure::new(DAMAGED, error),
    })?;
    done.extend(said(&repaired));
    let (mended, damaged) = mend_keys(data, reader)?;
    done.extend(mended);
    Ok(Mended {
        head,
        done,
        damaged,
        lost_end,
    })
}

/// Completes each copy of the keys from the other; what neither has is given up, and said.
/// The second number is that of the keys that are damaged in both copies, which nothing mends.
fn mend_keys(data: &Data, reader: &Reader) -> Result<(Vec<String>, usize), Failure> {
    let progress = Progress::new("looking for the contacts' keys");
    let (lost, repaired) = mark_keys_lost(reader, &data.keys, &mut |at| progress.reach(at))?;
    drop(progress);
    let lost = (lost > 0).then(|| {
        format!(
            "the keys of {} were lost, and their personal data with them, for good unless keys/ is \
             put back from a backup made with keys; this is recorded now",
            counted(lost as u64, "contact")
        )
    });
    let anew = data.mend_index_key()?.map(str::to_owned);
    let damaged = repaired.damaged.len();
    let repaired = (!repaired.is_nothing()).then(|| repaired.to_string());
    let lines = repaired.into_iter().chain(lost).chain(anew).collect();
    Ok((lines, damaged))
}

fn said(repaired: &Repaired) -> Vec<String> {
    let Repaired {
        files,
        signed,
        removed,
    } = repaired;
    let mut lines: Vec<String> = files
        .iter()
        .map(|coord| format!("{coord} was written again"))
        .collect();
    lines.extend(signed.map(|size| {
        format!("the checkpoint was lost, and signed anew for {size} events; compare it with one kept elsewhere")
    }));
    lines.extend(
        removed
            .iter()
            .map(|name| format!("{name} was damaged and removed; ask that witness again")),
    );
    lines
}
