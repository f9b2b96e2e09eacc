//! Lines of a file, none of them held beyond a limit.

use std::io::{self, BufRead, BufReader, Read};

/// Reads line by line.
pub struct Lines<R> {
    from: BufReader<R>,
    number: u64,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    /// What is in it; of a line that is too long, its beginning.
    pub bytes: Vec<u8>,
    /// Whether it was longer than the limit.
    pub cut: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of a file; a byte order mark before them is left out.
    pub fn new(from: R) -> Self {
        Self {
            from: BufReader::with_capacity(64 * 1024, from),
            number: 0,
        }
    }

    /// The next line, of which at most so many bytes are kept.
    pub fn next(&mut self, bytes_max: usize) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let (mut cut, mut began) = (false, false);
        loop {
            let buffer = self.from.fill_buf()?;
            if buffer.is_empty() && !began {
                return Ok(None);
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
            let room = bytes_max.saturating_sub(bytes.len());
            cut |= part.len() > room;
            bytes.extend(part.iter().take(room));
            let last = end.is_some() || buffer.is_empty();
            let read = part.len() + usize::from(end.is_some());
            self.from.consume(read);
            began = true;
            if last {
                break;
            }
        }
        self.number += 1;
        if self.number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        Ok(Some(Line {
            number: self.number,
            bytes,
            cut,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_any_system_ends_them_and_are_cut_at_the_limit() {
        let text = b"\xef\xbb\xbfone\r\n\ntoo long\nlast" as &[u8];
        let mut lines = Lines::new(text);
        let line = |number, bytes: &[u8], cut| {
            let bytes = bytes.to_vec();
            Some(Line { number, bytes, cut })
        };
        let mut next = || lines.next(7).expect("a slice can be read");
        assert_eq!(next(), line(1, b"one", false));
        assert_eq!(next(), line(2, b"", false));
        assert_eq!(next(), line(3, b"too lon", true));
        assert_eq!(next(), line(4, b"last", false));
        assert_eq!(next(), None);
    }
}
