//! Files in other encodings than UTF-8, read as UTF-8.
//!
//! A byte order mark decides, then what the user says. Of a file without either only the zeros of
//! UTF-16 tell something; what else is not UTF-8 is decided record by record, and said.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::str::FromStr;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

/// An encoding that the user names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named(&'static Encoding);

impl Named {
    /// Whether it is the one that a file is read in anyway.
    pub fn is_utf8(self) -> bool {
        self.0 == UTF_8
    }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Encoding::for_label(name.as_bytes())
            .map(Self)
            .ok_or_else(|| {
                "an encoding's name, such as utf-8, utf-16le, windows-1252 or shift_jis".to_owned()
            })
    }
}

/// A file's bytes, in UTF-8 as far as its encoding is known.
pub struct Decoded {
    /// The bytes of the file, as UTF-8.
    pub bytes: Box<dyn Read>,
    /// Whether they were decoded, so that no charset which the file names is theirs any more.
    pub is_decoded: bool,
}

/// Reads a file in the encoding of its byte order mark, or else in the named one.
///
/// # Errors
/// The file can't be read, or it is in UTF-32.
pub fn decode(from: impl Read + 'static, named: Option<Named>) -> io::Result<Decoded> {
    let mut from = BufReader::new(from);
    // A pipe may give its first bytes one by one.
    let mut start = Vec::new();
    while start.len() < 4 {
        let read = from.fill_buf()?;
        let Some(byte) = read.first() else {
            break;
        };
        start.push(*byte);
        from.consume(1);
    }
    let encoding = match start.as_slice() {
        [0xff, 0xfe, 0, 0] | [0, 0, 0xfe, 0xff] => {
            let reason = "the file is in UTF-32, which is not read; convert it first";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        [0xef, 0xbb, 0xbf, ..] => named.map(|Named(it)| it).filter(|it| *it == UTF_8),
        [byte, 0, _, 0] if *byte != 0 => Some(UTF_16LE),
        [0, byte, 0, _] if *byte != 0 => Some(UTF_16BE),
        _ => named.map(|Named(encoding)| encoding),
    };
    let bytes = Units {
        size: encoding.map_or(1, unit_bytes),
        from: Cursor::new(start).chain(from),
        read: 0,
    };
    Ok(match encoding {
        None => Decoded {
            bytes: Box::new(bytes),
            is_decoded: false,
        },
        Some(encoding) => Decoded {
            bytes: Box::new(
                DecodeReaderBytesBuilder::new()
                    .encoding(Some(encoding))
                    .build(bytes),
            ),
            is_decoded: true,
        },
    })
}

/// The bytes of the smallest unit of an encoding.
fn unit_bytes(encoding: &'static Encoding) -> usize {
    let utf16 = [UTF_16LE, UTF_16BE].contains(&encoding);
    if utf16 { 2 } else { 1 }
}

/// Bytes of whole units: a file that ends within one was cut off, and what it would say is no more
/// than a guess.
struct Units<R> {
    /// The bytes of a unit.
    size: usize,
    from: R,
    /// The bytes that were read.
    read: usize,
}

impl<R: Read> Read for Units<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.read = self.read.wrapping_add(read);
        if read == 0 && !buffer.is_empty() && !self.read.is_multiple_of(self.size) {
            let reason = "the file ends within a character of UTF-16, so it was cut off";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        Ok(read)
    }
}

/// The text of bytes, and whether it had to be guessed that they are not UTF-8 but Windows-1252,
/// in which most of such files are.
pub fn guess(bytes: &[u8]) -> (String, bool) {
    match UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => (text.into_owned(), false),
        None => {
            let text = WINDOWS_1252.decode_without_bom_handling(bytes).0;
            (text.into_owned(), true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_told_by_its_mark_by_its_zeros_or_by_the_user() {
        let utf16 = |text: &str, mark: bool, little: bool| -> Vec<u8> {
            let mark = mark.then_some(0xfeff).into_iter();
            let units = mark.chain(text.encode_utf16());
            let bytes = |unit: u16| {
                if little {
                    unit.to_le_bytes()
                } else {
                    unit.to_be_bytes()
                }
            };
            units.flat_map(bytes).collect()
        };
        let check = |bytes: Vec<u8>, named: Option<&str>, want: &str| {
            let named = named.map(|name| name.parse().expect("a name"));
            let mut decoded = decode(Cursor::new(bytes), named).expect("it can be read");
            let mut text = String::new();
            decoded.bytes.read_to_string(&mut text).expect("UTF-8");
            assert_eq!(text.trim_start_matches('\u{feff}'), want);
        };
        for mark in [true, false] {
            check(utf16("Jörg", mark, true), None, "Jörg");
            check(utf16("Jörg", mark, false), None, "Jörg");
        }
        check(b"J\xf6rg".into(), Some("latin1"), "Jörg");
        check("\u{feff}Jörg".into(), Some("latin1"), "Jörg");
        check("Jö".into(), None, "Jö");
        // What the user says is UTF-8 is not guessed to be anything else.
        check("\u{feff}Jö".into(), Some("utf-8"), "Jö");
        check(b"J\xf6".into(), Some("utf8"), "J\u{fffd}");
        check(b"\xef\xbb\xbfJ\xf6".into(), Some("utf-8"), "J\u{fffd}");
        check(b"\x8eR\x93c".into(), Some("shift_jis"), "山田");
        check(Vec::new(), None, "");
        let cut = utf16("Jörg", true, true);
        let cut = Cursor::new(cut[..cut.len() - 1].to_vec());
        let mut cut = decode(cut, None).expect("it begins well").bytes;
        assert!(cut.read_to_string(&mut String::new()).is_err());
        let utf32 = b"\xff\xfe\0\0J\0\0\0".to_vec();
        assert!(decode(Cursor::new(utf32), None).is_err());
        assert!("klingon".parse::<Named>().is_err());
        assert_eq!(guess(b"J\xf6"), ("Jö".to_owned(), true));
    }
}
