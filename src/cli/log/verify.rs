//! `contactd log verify`: looks at everything and changes nothing.
//!
//! Over a data directory it compares the copies, reads every event, looks for every key, and checks
//! tiles, bundles and checkpoint against them. Over a copy of the audit files alone (`--tiles`) it needs only the
//! log's public key, so that an auditor can do it elsewhere.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::counted::counted;
use super::super::data::{Data, Purpose};
use super::super::exit::{DAMAGED, Failure};
use super::super::options::{DataOptions, log_key};
use super::super::output::out;
use super::super::progress::Progress;
use crate::audit::{
    self, Against, Checkpoint, Coord, Entries, Kind, TILE_WIDTH, Tiles, VerifierKey, parse_bundle,
};
use crate::auth::OwnKey;
use crate::domain::{Position, Timestamp};
use crate::log::{self, record};
use crate::service::check_records;

/// What to verify, and against what.
#[derive(Args)]
pub struct VerifyOptions {
    #[command(flatten)]
    data: DataOptions,
    /// A checkpoint that was kept: the log must be a continuation of it; may be repeated
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Verify a copy of the audit files alone, without a data directory
    #[arg(long, value_name = "DIR", requires = "key")]
    tiles: Option<PathBuf>,
    /// The log's public key, as `log key` prints it
    #[arg(long, value_name = "KEY", requires = "tiles", value_parser = log_key)]
    key: Option<VerifierKey>,
}

/// Checks the copies against each other, then what the events say, then what was signed.
pub fn run(options: &VerifyOptions) -> Result<(), Failure> {
    if let (Some(tiles), Some(key)) = (&options.tiles, &options.key) {
        let mend = "`contactd log mirror` fetches it again";
        let sealed = sealed(&Tiles::at(tiles), key, &options.checkpoint, None, mend)?;
        return conclude(sealed.head(), 0, &sealed.wrong, &sealed.said);
    }
    let data = Data::open(&options.data, Purpose::Look)
        .map_err(|failure| failure.or_verify_its_tiles(&options.data.data_dir))?;
    let Found {
        head,
        marked_lost,
        wrong,
        said,
    } = look(&data, &options.checkpoint)?;
    conclude(head, marked_lost, &wrong, &said)
}

/// What was found in a data directory.
pub struct Found {
    /// The last position that some copy can give.
    pub head: Position,
    /// The number of contacts whose keys were given up.
    pub marked_lost: usize,
    /// What is wrong, a line each.
    pub wrong: Vec<String>,
    /// What holds where nothing is wrong, a line each.
    pub said: Vec<String>,
}

/// Looks at everything in a data directory, and changes nothing.
///
/// # Errors
/// A file cannot be read, or a kept checkpoint is none of this log.
pub fn look(data: &Data, kept: &[PathBuf]) -> Result<Found, Failure> {
    let log_options = data.log_options()?;
    let progress = Progress::new("comparing the copies");
    let verified = log::verify(&*data.dir, &log_options, &mut |at| progress.reach(at))?;
    drop(progress);
    let mut wrong: Vec<String> = verified.damages.iter().map(described).collect();
    let is_whole = wrong.is_empty();
    let mut marked_lost = 0;
    if is_whole {
        let progress = Progress::new("reading the events");
        let mut reach = |at| progress.reach(at);
        let checked = check_records(&*data.dir, &data.keys, &log_options, &mut reach)?;
        wrong.extend(checked.wrong);
        marked_lost = checked.marked_lost;
    }
    wrong.extend(data.hasher().err().map(|failure| failure.message));
    wrong.extend(OwnKey::wrong_in(&data.layout.token_key())?.map(|error| error.to_string()));
    let key = data.signer.verifier();
    let mend = "`contactd log repair` writes it again from what is left";
    let opened = match is_whole {
        true => Some(log::open(&*data.dir, &log_options, &mut |_| {})?),
        false => None,
    };
    let log = opened.as_ref().map(|opened| &opened.reader as &dyn Entries);
    let sealed = match sealed(&data.tiles(), &key, kept, log, mend) {
        // What is wrong with the directory can be why the kept checkpoint is none of its log.
        Err(failure) if !kept.is_empty() => {
            let mut alone = sealed(&data.tiles(), &key, &[], log, mend)?;
            if wrong.is_empty() && alone.wrong.is_empty() {
                return Err(failure);
            }
            alone.wrong.push(failure.message);
            alone
        }
        sealed => sealed?,
    };
    wrong.extend(sealed.wrong);
    Ok(Found {
        head: verified.head,
        marked_lost,
        wrong,
        said: sealed.said,
    })
}

fn described(damage: &log::Damage) -> String {
    let mend = if damage.is_repairable() {
        "`contactd log repair` completes it from another copy"
    } else {
        "put a backup in place: `contactd restore`"
    };
    format!("position {}: {damage}; {mend}", damage.first())
}

/// The result of checking the audit log's files.
struct Sealed {
    checkpoint: Option<Checkpoint>,
    /// What is wrong, a line each.
    wrong: Vec<String>,
    /// What holds where nothing is wrong, a line each, for an auditor to file.
    said: Vec<String>,
}

impl Sealed {
    /// The last position that the checkpoint covers.
    fn head(&self) -> Position {
        self.checkpoint
            .as_ref()
            .map_or(Position::ZERO, Checkpoint::head)
    }
}

/// Checks tiles, bundles and checkpoint; `mend` says what to do about a file that is damaged.
fn sealed(
    tiles: &Tiles,
    key: &VerifierKey,
    kept: &[PathBuf],
    log: Option<&dyn Entries>,
    mend: &str,
) -> Result<Sealed, Failure> {
    let older = kept
        .iter()
        .map(|path| read_checkpoint(path, key))
        .collect::<Result<Vec<_>, _>>()?;
    let against = Against {
        older: &older,
        log,
        ..Against::default()
    };
    let progress = Progress::new("hashing the sealed files");
    let verified = audit::verify(tiles, key, against, &mut |at, _| {
        progress.reach(Position::new(at));
    })
    .map_err(Failure::usage)?;
    drop(progress);
    let mut wrong: Vec<String> = verified
        .damages
        .iter()
        .map(|damage| {
            let mended = if damage.is_of_a_file() {
                format!("; {mend}")
            } else {
                String::new()
            };
            format!("position {}: {damage}{mended}", damage.first())
        })
        .collect();
    if verified.unlisted > 0 {
        wrong.push(format!("and {} things more", verified.unlisted));
    }
    let mut said: Vec<String> = (verified.checkpoint.iter())
        .map(|checkpoint| said_of(tiles, checkpoint))
        .collect();
    for (path, Checkpoint { size, root, .. }) in kept.iter().zip(&older) {
        let path = path.display();
        said.push(format!("{path}: {size} events, root {root}, is a prefix"));
    }
    Ok(Sealed {
        checkpoint: verified.checkpoint,
        wrong,
        said,
    })
}

/// What was signed last: how much, by whom, over which root, up to what time.
fn said_of(tiles: &Tiles, checkpoint: &Checkpoint) -> String {
    let Checkpoint { origin, size, root } = checkpoint;
    let time = match time_of_last(tiles, *size) {
        Some(time) => format!(", the last of {time}"),
        None => String::new(),
    };
    format!("checkpoint: {size} events of {origin}, root {root}{time}")
}

/// The time of the last entry of a tree; `None` where it has none that this program reads.
fn time_of_last(tiles: &Tiles, size: u64) -> Option<Timestamp> {
    let bundle = size.checked_sub(1)? / TILE_WIDTH as u64;
    let coord = Coord::in_tree(Kind::Entries, bundle, size)?;
    let entries = parse_bundle(tiles.read(coord).ok()??, coord.width())?;
    let record = record::decode(entries.last()?).ok()?;
    Some(record.event.header.time)
}

/// A checkpoint of this log that somebody kept in a file.
pub fn read_checkpoint(path: &Path, key: &VerifierKey) -> Result<Checkpoint, Failure> {
    let named =
        |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
    let (checkpoint, _) = Checkpoint::open(&text, key).map_err(|error| named(&error))?;
    Ok(checkpoint)
}

fn conclude(
    head: Position,
    marked_lost: usize,
    wrong: &[String],
    said: &[String],
) -> Result<(), Failure> {
    if wrong.is_empty() {
        let lost = (marked_lost > 0).then(|| {
            format!(
                "; the personal data of {} is not here, by a restore or repair without their keys",
                counted(marked_lost as u64, "contact")
            )
        });
        let lost = lost.unwrap_or_default();
        out!("verified {head} events: nothing is wrong{lost}");
        for line in said {
            out!("{line}");
        }
        return Ok(());
    }
    for line in wrong {
        out!("{line}");
    }
    let told = match wrong.len() {
        1 => "1 thing is wrong".to_owned(),
        count => format!("{count} things are wrong"),
    };
    Err(Failure::new(DAMAGED, told))
}
