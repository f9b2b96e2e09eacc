//! Lines for whoever runs the program.
//!
//! That nobody takes them ends nothing. `println!` and `eprintln!` would end the thread that writes
//! where a pipe is closed or a disk is full, and the exit code says how the work itself ended.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::exit::Failure;

/// Writes a line to standard output, as `println!` does, whoever reads it.
macro_rules! out {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stdout().lock(), $($line)*));
    }};
}

/// Writes a line to standard error, as `eprintln!` does, whoever reads it.
macro_rules! err {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stderr().lock(), $($line)*));
    }};
}

pub(super) use {err, out};

/// A file to write to, in which nothing stands yet: a new one, an empty one, a pipe or a device.
///
/// # Errors
/// There is something in the file, which may be somebody's only copy, or it cannot be written.
pub fn create(path: &Path) -> Result<File, Failure> {
    let shown = path.display();
    let refused = |error: io::Error| Failure::usage(format!("cannot write {shown}: {error}"));
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created.map_err(refused),
    }
    let there = OpenOptions::new().write(true).open(path).map_err(refused)?;
    let known = there.metadata().map_err(refused)?;
    if known.is_file() && known.len() > 0 {
        return Err(Failure::usage(format!(
            "{shown} holds something already, and was not touched; name a new file"
        )));
    }
    Ok(there)
}

/// Whether an error of writing says that whoever read has seen enough.
pub fn is_enough(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// What came of writing the last of something: that its reader has seen enough is no failure.
pub fn unless_enough(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if is_enough(&error) => Ok(()),
        written => written.map_err(Failure::failed),
    }
}

/// The error of the file below a table. The crate's own way round forgets its kind, and with it that
/// a pipe was closed.
pub fn of_table(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
