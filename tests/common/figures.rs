//! What a test measured or was told, for whoever reads the run: a test that passes says nothing by
//! `println!`, which its harness keeps to itself.

use std::io::Write;

/// Says a line, whether the test passes or not.
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("standard error takes it");
}
