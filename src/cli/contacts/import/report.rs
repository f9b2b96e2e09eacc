//! What became of the records of a file: a line for each that is not wholly a new contact, and a sum.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use indicatif::ProgressBar;
use serde::Serialize;

use super::super::super::exit::Failure;
use super::super::format::{Left, Wrong};

/// What became of a record.
#[derive(Debug)]
pub enum Outcome {
    /// It is a contact, or in a dry run it would be.
    Imported {
        /// Where it begins.
        line: u64,
        /// What of it is not there as it should be.
        left: Left,
    },
    /// It was a contact before.
    Known,
    /// It stands in the file twice.
    Twice {
        /// Where it stands again.
        line: u64,
        /// Where it stands first.
        first: u64,
    },
    /// It is no contact.
    Refused {
        /// Where it begins.
        line: u64,
        /// Why.
        wrong: Wrong,
    },
}

/// A line of a report.
#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
enum Entry<'a> {
    Aside {
        line: u64,
        properties: &'a [String],
    },
    Dropped {
        line: u64,
        properties: &'a [String],
    },
    Twice {
        line: u64,
        first: u64,
    },
    Refused {
        line: u64,
        #[serde(flatten)]
        wrong: &'a Wrong,
    },
}

/// The report.
pub struct Report {
    file: Option<BufWriter<File>>,
    bar: ProgressBar,
    imported: u64,
    known: u64,
    twice: u64,
    refused: u64,
}

impl Report {
    /// A report to a file, or to standard error above the progress bar.
    pub fn new(path: Option<&Path>, bar: ProgressBar) -> Result<Self, Failure> {
        Ok(Self {
            file: path.map(create).transpose()?,
            bar,
            imported: 0,
            known: 0,
            twice: 0,
            refused: 0,
        })
    }

    /// Notes what became of the next record.
    pub fn note(&mut self, outcome: Outcome) -> Result<(), Failure> {
        match outcome {
            Outcome::Imported {
                line,
                left: Left { aside, dropped },
            } => {
                self.imported += 1;
                if !aside.is_empty() {
                    let names = aside.join(", ");
                    let text = format!(
                        "line {line}: kept as vCard properties, for they fit no Card: {names}"
                    );
                    let properties = &aside;
                    self.write(&Entry::Aside { line, properties }, &[text])?;
                }
                if !dropped.is_empty() {
                    let names = dropped.join(", ");
                    let text = format!("line {line}: dropped, for it is too large: {names}");
                    let properties = &dropped;
                    self.write(&Entry::Dropped { line, properties }, &[text])?;
                }
            }
            Outcome::Known => self.known += 1,
            Outcome::Twice { line, first } => {
                self.twice += 1;
                let text = format!("line {line}: stands at line {first} already");
                self.write(&Entry::Twice { line, first }, &[text])?;
            }
            Outcome::Refused { line, wrong } => {
                self.refused += 1;
                let texts = texts(line, &wrong);
                let wrong = &wrong;
                self.write(&Entry::Refused { line, wrong }, &texts)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, entry: &Entry<'_>, texts: &[String]) -> Result<(), Failure> {
        match &mut self.file {
            Some(file) => {
                serde_json::to_writer(&mut *file, entry).map_err(Failure::failed)?;
                writeln!(file).map_err(Failure::failed)
            }
            None => {
                self.bar.suspend(|| {
                    for text in texts {
                        eprintln!("{text}");
                    }
                });
                Ok(())
            }
        }
    }

    /// Prints the sum. Where the work was broken off, or something was refused, that is the end.
    pub fn finish(mut self, dry_run: bool, done: Result<(), Failure>) -> Result<(), Failure> {
        if let Some(file) = &mut self.file {
            file.flush().map_err(Failure::failed)?;
        }
        let Self {
            imported,
            known,
            twice,
            refused,
            ..
        } = self;
        let records = imported + known + twice + refused;
        let sum = if dry_run {
            format!(
                "{imported} good, {twice} twice in the file, {refused} refused; nothing was written, \
                 and what is already there is not told apart"
            )
        } else {
            format!(
                "{imported} imported, {known} already there, {twice} twice in the file, {refused} refused"
            )
        };
        let printed = writeln!(std::io::stdout(), "{records} records: {sum}");
        printed.map_err(Failure::failed)?;
        match done {
            Err(failure) if dry_run => Err(failure),
            Err(failure) => Err(Failure::new(
                failure.code,
                format!(
                    "{}; run the same command again: what is imported is not imported twice",
                    failure.message
                ),
            )),
            Ok(()) if refused > 0 => Err(Failure::failed(format!(
                "{refused} of {records} records were refused"
            ))),
            Ok(()) => Ok(()),
        }
    }
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    let file = File::create(path)
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))?;
    Ok(BufWriter::new(file))
}

/// What is wrong with a record, a line for each field.
fn texts(line: u64, wrong: &Wrong) -> Vec<String> {
    let Wrong {
        code,
        detail,
        violations,
    } = wrong;
    if violations.is_empty() {
        return vec![format!("line {line}: {code}: {detail}")];
    }
    let text = |wrong: &super::super::format::WrongField| {
        format!("line {line}: {code}: {}: {}", wrong.code, wrong.message)
    };
    violations.iter().map(text).collect()
}
