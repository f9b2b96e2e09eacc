//! Lines for whoever runs the program.
//!
//! That nobody takes them ends nothing. `println!` and `eprintln!` would end the thread that writes
//! where a pipe is closed or a disk is full, and the exit code says how the work itself ended.

use std::io;

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
