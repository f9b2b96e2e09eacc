//! Lines of a file, however they end, none of them held beyond a limit.

use std::io::{self, BufRead, BufReader, Read};

/// The UTF-8 form of the byte order mark, which programs put before a file.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads line by line.
pub struct Lines<R> {
    from: BufReader<R>,
    number: u64,
    /// Whether the last line ended with a carriage return, whose line feed may come next.
    after_return: bool,
}

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number of the line, from 1.
    pub number: u64,
    /// The bytes of the line; of one that is too long, its beginning.
    pub bytes: Vec<u8>,
    /// Whether the line was longer than the limit.
    pub cut: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of a file; a byte order mark before the first is left out.
    pub fn new(from: R) -> Self {
        Self {
            from: BufReader::with_capacity(64 * 1024, from),
            number: 0,
            after_return: false,
        }
    }

    /// The next line, of which at most so many bytes are kept. It ends with a line feed, a
    /// carriage return or both.
    pub fn next(&mut self, bytes_max: usize) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let (mut cut, mut began) = (false, false);
        loop {
            let buffer = self.from.fill_buf()?;
            if std::mem::take(&mut self.after_return) && buffer.first() == Some(&b'\n') {
                self.from.consume(1);
                continue;
            }
            if buffer.is_empty() && !began {
                return Ok(None);
            }
            let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
            let end = buffer.iter().position(is_end);
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
            let room = bytes_max.saturating_sub(bytes.len());
            cut |= part.len() > room;
            bytes.extend(part.iter().take(room));
            let last = end.is_some() || buffer.is_empty();
            self.after_return = end.is_some_and(|end| buffer.get(end) == Some(&b'\r'));
            let read = part.len() + usize::from(end.is_some());
            self.from.consume(read);
            began = true;
            if last {
                break;
            }
        }
        self.number += 1;
        if self.number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
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
        let text = b"\xef\xbb\xbfone\r\n\ntoo long\rcr\r\rlast" as &[u8];
        let mut lines = Lines::new(text);
        let line = |number, bytes: &[u8], cut| {
            let bytes = bytes.to_vec();
            Some(Line { number, bytes, cut })
        };
        let mut next = || lines.next(7).expect("a slice can be read");
        assert_eq!(next(), line(1, b"one", false));
        assert_eq!(next(), line(2, b"", false));
        assert_eq!(next(), line(3, b"too lon", true));
        assert_eq!(next(), line(4, b"cr", false));
        assert_eq!(next(), line(5, b"", false));
        assert_eq!(next(), line(6, b"last", false));
        assert_eq!(next(), None);
    }
}
