//! Lines for whoever runs the program.
//!
//! That nobody takes them ends nothing. `println!` and `eprintln!` would end the thread that writes
//! where a pipe is closed or a disk is full, and the exit code says how the work itself ended.

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
