//! What became of the records of a file: a line for each that is not wholly a new contact, and a sum.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use indicatif::ProgressBar;
use serde::Serialize;

use super::super::super::exit::Failure;
use super::super::super::output::{create, err};
use super::super::format::{Note, Wrong};
use crate::domain::ContactId;

/// What became of a record.
#[derive(Debug)]
pub enum Outcome {
    /// The record is a contact, or in a dry run it would be one.
    Imported {
        /// The number of the line where the record begins.
        line: u64,
        /// What of the record is not in the contact as it stands in the file.
        notes: Vec<Note>,
    },
    /// The record was a contact before: the server replayed an earlier answer.
    Known,
    /// The record was a contact before, which somebody has deleted since.
    Deleted {
        /// The number of the line where the record begins.
        line: u64,
        /// The id that the contact had.
        id: ContactId,
    },
    /// The record was a contact before, whose personal data somebody has destroyed since. The answer
    /// to its create does not say its id any more.
    Erased {
        /// The number of the line where the record begins.
        line: u64,
        /// The id that the contact had, where it is known.
        id: Option<ContactId>,
    },
    /// The record stands in the file twice.
    Twice {
        /// The number of the line where it stands again.
        line: u64,
        /// The number of the line where it stands first.
        first: u64,
    },
    /// The record is no contact.
    Refused {
        /// The number of the line where the record begins.
        line: u64,
        /// The reasons for which it is refused.
        wrong: Wrong,
    },
}

/// A line of a report in JSON.
#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
enum Entry<'a> {
    /// Kept in the contact as it stands in the file.
    Kept {
        line: u64,
        property: &'a str,
    },
    /// Dropped, as the contact would be too large.
    Dropped {
        line: u64,
        property: &'a str,
    },
    /// Changed, as it is plain what is meant.
    Changed {
        line: u64,
        name: &'a str,
        from: &'a str,
        to: &'a str,
    },
    /// Read otherwise than it stands there, as the text says.
    Read {
        line: u64,
        text: String,
    },
    /// Kept in the contact, but most likely meant as something else, as the text says.
    Warned {
        line: u64,
        text: &'a str,
    },
    /// A contact before, which somebody has deleted since.
    Deleted {
        line: u64,
        id: String,
    },
    /// A contact before, whose personal data somebody has destroyed since.
    Erased {
        line: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
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

/// The report that an import prints.
pub struct Report {
    file: Option<BufWriter<File>>,
    bar: ProgressBar,
    imported: u64,
    known: u64,
    deleted: u64,
    erased: u64,
    twice: u64,
    refused: u64,
}

impl Report {
    /// A report to a file, or to standard error above the progress bar.
    pub fn new(path: Option<&Path>, bar: ProgressBar) -> Result<Self, Failure> {
        Ok(Self {
            file: path.map(create).transpose()?.map(BufWriter::new),
            bar,
            imported: 0,
            known: 0,
            deleted: 0,
            erased: 0,
            twice: 0,
            refused: 0,
        })
    }

    /// Notes what became of the next record.
    pub fn note(&mut self, outcome: Outcome) -> Result<(), Failure> {
        match outcome {
            Outcome::Imported { line, notes } => {
                self.imported += 1;
                for note in notes {
                    let text = format!("line {line}: {note}");
                    self.write(&entry(line, &note), &[text])?;
                }
            }
            Outcome::Known => self.known += 1,
            Outcome::Deleted { line, id } => {
                self.deleted += 1;
                let id = id.to_string();
                let text = gone(line, "deleted", Some(&id));
                self.write(&Entry::Deleted { line, id }, &[text])?;
            }
            Outcome::Erased { line, id } => {
                self.erased += 1;
                let id = id.map(|id| id.to_string());
                let text = gone(line, "erased", id.as_deref());
                self.write(&Entry::Erased { line, id }, &[text])?;
            }
            Outcome::Twice { line, first } => {
                self.twice += 1;
                let text = format!("line {line}: duplicate of line {first}");
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
                        err!("{text}");
                    }
                });
                Ok(())
            }
        }
    }

    /// Prints the sum.
    ///
    /// # Errors
    /// The work was broken off, a record was refused, or a file that is not empty held none.
    pub fn finish(
        mut self,
        dry_run: bool,
        is_empty: bool,
        done: Result<(), Failure>,
    ) -> Result<(), Failure> {
        if let Some(file) = &mut self.file {
            file.flush().map_err(Failure::failed)?;
        }
        let elsewhere = match &self.file {
            Some(_) => " with a new file for its report",
            None => "",
        };
        let Self {
            imported,
            known,
            deleted,
            erased,
            twice,
            refused,
            ..
        } = self;
        let records = imported + known + deleted + erased + twice + refused;
        let sum = if dry_run {
            format!(
                "{imported} good, {twice} twice in the file, {refused} refused; nothing was written, \
                 and what is already there is not told apart"
            )
        } else {
            let gone: String = [(deleted, "deleted"), (erased, "erased")]
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, how)| format!(", {count} imported before and {how} since"))
                .collect();
            format!(
                "{imported} imported, {known} already there, {twice} twice in the file, {refused} \
                 refused{gone}"
            )
        };
        let noun = if records == 1 { "record" } else { "records" };
        let printed = writeln!(std::io::stdout(), "{records} {noun}: {sum}");
        printed.map_err(Failure::failed)?;
        match done {
            Err(failure) if dry_run => Err(failure),
            Err(failure) => Err(Failure::new(
                failure.code,
                format!(
                    "{}; run the same command again{elsewhere}: what is imported is not imported twice",
                    failure.message
                ),
            )),
            Ok(()) if refused > 0 => Err(Failure::failed(format!(
                "{refused} of {records} {noun} {} refused",
                if refused == 1 { "was" } else { "were" }
            ))),
            Ok(()) if records == 0 && !is_empty => Err(Failure::failed(
                "the file is not empty, but it holds no record",
            )),
            Ok(()) => Ok(()),
        }
    }
}

/// Says that a record was a contact that is no more, and how to have it again.
fn gone(line: u64, how: &str, id: Option<&str>) -> String {
    let id = id.map(|id| format!(", as {id}")).unwrap_or_default();
    format!(
        "line {line}: was imported before and {how} since{id}; to have it again, change something in \
         the record, or create it by contactd contacts create"
    )
}

fn entry(line: u64, note: &Note) -> Entry<'_> {
    match note {
        Note::Kept(property) => Entry::Kept { line, property },
        Note::Dropped(property) => Entry::Dropped { line, property },
        Note::Changed { name, from, to } => Entry::Changed {
            line,
            name,
            from,
            to,
        },
        Note::NearMiss(text) => Entry::Warned { line, text },
        Note::Joined(_)
        | Note::Trimmed(_)
        | Note::Guessed(_)
        | Note::Unreadable
        | Note::BadCharset(_) => Entry::Read {
            line,
            text: note.to_string(),
        },
    }
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
