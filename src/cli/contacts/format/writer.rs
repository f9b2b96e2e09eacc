//! The seam of writing contacts, and the version of vCard that is written.

use std::io;

use clap::ValueEnum;
use serde_json::Value;

/// A version of vCard that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum VcardVersion {
    /// Fewer values, but read by iOS, macOS and Outlook as well
    #[value(name = "3.0")]
    V3,
    /// All of a contact (RFC 6350, RFC 9555)
    #[default]
    #[value(name = "4.0")]
    V4,
}

/// Writes contacts in a format.
pub trait Writer {
    /// Writes one contact to the file.
    fn write(&mut self, contact: &Value) -> io::Result<()>;
    /// Writes what is still held back.
    fn finish(&mut self) -> io::Result<()>;
    /// Says what the file does not hold of the contacts, if anything.
    fn left_out(&self) -> Option<String> {
        None
    }
}
