//! Files that a command reads whole: small ones, or standard input in their place.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::exit::Failure;

/// The content of a file, or of standard input for `-`.
///
/// # Errors
/// It cannot be read, or has more bytes than what it should hold can have.
pub fn read(file: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: io::Error| Failure::usage(format!("cannot read {}: {error}", file.display()));
    let from: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(unreadable)?)
    };
    let mut content = Vec::new();
    let mut from = from.take(bytes_max.saturating_add(1));
    from.read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > bytes_max {
        return Err(Failure::usage(format!(
            "{} has more than {bytes_max} bytes, too many for what it should hold",
            file.display()
        )));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_have_as_many_bytes_as_it_should_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "1234").unwrap();
        assert_eq!(read(&file, 4).unwrap(), b"1234");
        for refused in [
            read(&file, 3),
            read(dir.path(), 4),
            read(&dir.path().join("absent"), 4),
        ] {
            assert_eq!(refused.unwrap_err().code, super::super::exit::USAGE);
        }
    }
}
