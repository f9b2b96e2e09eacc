//! The bytes of one property decoded: its parameters, its charset, and quoted-printable.
//!
//! vCard 2.1 has bare parameters (`TEL;CELL:`), a charset for each property, and hardly an
//! escape; what comes of it here has the form of vCard 3.0 and later.

use encoding_rs::Encoding;

use super::super::encoding::guess;
use super::super::note::Note;
use super::property::{Param, Property, escape};

/// A version of vCard, of those that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// vCard 2.1 (versit, 1996).
    V2,
    /// vCard 3.0 (RFC 2426).
    V3,
    /// vCard 4.0 (RFC 6350).
    V4,
}

/// Values of bare parameters that say how a value is written.
const ENCODINGS: [&str; 5] = ["QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"];
/// Values of bare parameters that say where a value is.
const PLACES: [&str; 5] = ["INLINE", "URL", "CONTENT-ID", "CID", "URI"];
/// Properties whose value is components between semicolons.
const STRUCTURED: [&str; 6] = ["N", "ADR", "ORG", "GENDER", "CLIENTPIDMAP", "GEO"];

/// A line's parts before and after the colon that ends its parameters.
pub fn split_head(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut is_quoted = false;
    let outside = line.iter().position(|byte| {
        is_quoted ^= *byte == b'"';
        *byte == b':' && !is_quoted
    });
    // Where a quote is never closed, any colon will do.
    let colon = outside.or_else(|| line.iter().position(|byte| *byte == b':'))?;
    let (head, rest) = line.split_at_checked(colon)?;
    Some((head, rest.get(1..)?))
}

/// A property with its group, name and parameters, and no value yet.
pub fn head(head: &[u8]) -> Property {
    let (text, _) = guess(head);
    let mut pieces = split_quoted(&text, ';');
    let name = pieces.next().unwrap_or_default();
    let (group, name) = match name.rsplit_once('.') {
        Some((group, name)) => (Some(group.trim().to_owned()), name),
        None => (None, name),
    };
    let mut property = Property {
        group,
        name: name.trim().to_ascii_uppercase(),
        ..Property::default()
    };
    for piece in pieces.map(str::trim).filter(|piece| !piece.is_empty()) {
        let (name, values) = match piece.split_once('=') {
            // `TEL;CELL=:` is what one program makes of `TEL;CELL:`.
            Some((name, "")) => bare(name),
            None => bare(piece),
            Some((name, values)) => {
                let name = name.trim().to_ascii_uppercase();
                // Newer than RFC 6868, and with keys in it that are any text.
                let has_old_escapes = name != "JSPTR";
                let values = split_quoted(values, ',');
                let values = values.map(|value| unquoted(value, has_old_escapes));
                (name, values.collect())
            }
        };
        for value in values {
            property.params.push(Param {
                name: name.clone(),
                values: vec![value],
            });
        }
    }
    property
}

/// What a parameter without a name is: an encoding, a place, or else a type.
fn bare(value: &str) -> (String, Vec<String>) {
    let upper = value.trim().to_ascii_uppercase();
    let name = if ENCODINGS.contains(&upper.as_str()) {
        "ENCODING"
    } else if PLACES.contains(&upper.as_str()) {
        "VALUE"
    } else {
        "TYPE"
    };
    (name.to_owned(), vec![value.trim().to_owned()])
}

/// The pieces of a text between separators that stand in no quotes.
fn split_quoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    })
}

/// A parameter's value without its quotes and the escapes of RFC 6868, which `calcard` does not
/// undo: `^n` is a line break, `^'` a quote, `^^` a caret. Before that RFC people wrote `\n`.
fn unquoted(value: &str, has_old_escapes: bool) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('"').unwrap_or(value);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner.chars().peekable();
    while let Some(c) = rest.next() {
        let meant = match (c, rest.peek()) {
            ('^', Some('n' | 'N')) => Some('\n'),
            ('^', Some('\'')) => Some('"'),
            ('^', Some('^')) => Some('^'),
            ('\\', _) if !has_old_escapes => None,
            ('\\', Some('n' | 'N')) => Some('\n'),
            ('\\', Some(c @ (',' | ';' | '\\'))) => Some(*c),
            _ => None,
        };
        if meant.is_some() {
            rest.next();
        }
        text.push(meant.unwrap_or(c));
    }
    text
}

/// Decodes the values of a vCard, and remembers what it had to guess.
#[derive(Debug)]
pub struct Decoder {
    version: Version,
    /// Whether the file was decoded as a whole: a CHARSET is true of quoted-printable alone then.
    is_decoded: bool,
    is_guessed: bool,
    /// The names of charsets that nobody knows, or whose bytes were none of theirs.
    bad_charsets: Vec<String>,
}

impl Decoder {
    /// Decodes values of vCards of this version, of a file that was or was not decoded before.
    pub fn new(version: Version, is_decoded: bool) -> Self {
        Self {
            version,
            is_decoded,
            is_guessed: false,
            bad_charsets: Vec::new(),
        }
    }

    /// Gives a property its value. Its parameters ENCODING and CHARSET are used up.
    pub fn value(&mut self, property: &mut Property, bytes: &[u8]) {
        let encodings = property.take_param("ENCODING");
        let charsets = property.take_param("CHARSET");
        let is = |name: &str| encodings.iter().any(|e| e.eq_ignore_ascii_case(name));
        property.is_base64 = is("b") || is("base64");
        if property.is_base64 {
            property.value = base64_text(bytes);
            return;
        }
        let is_quoted = is("quoted-printable");
        let charset = charsets.first().map(String::as_str);
        let charset = charset.filter(|_| is_quoted || !self.is_decoded);
        let is_structured = STRUCTURED.contains(&property.name.as_str());
        let pieces: Vec<&[u8]> = if is_quoted && is_structured {
            split_bytes(bytes)
        } else {
            vec![bytes]
        };
        let texts: Vec<String> = pieces
            .into_iter()
            .map(|piece| {
                let piece = if is_quoted {
                    unquote_printable(piece)
                } else {
                    piece.to_vec()
                };
                let text = self.decode(&piece, charset);
                // A semicolon that was encoded separates nothing.
                let separates = is_structured && !is_quoted;
                self.escaped(&text, separates, property)
            })
            .collect();
        property.value = texts.join(";");
    }

    /// The text of bytes that stand in no property.
    pub fn text(&mut self, bytes: &[u8]) -> String {
        self.decode(bytes, None)
    }

    /// What had to be guessed.
    pub fn notes(self) -> Vec<Note> {
        let guessed = self.is_guessed.then(Note::guessed_encoding);
        let bad = self.bad_charsets.into_iter().map(Note::BadCharset);
        guessed.into_iter().chain(bad).collect()
    }

    fn decode(&mut self, bytes: &[u8], charset: Option<&str>) -> String {
        let named = charset.map(|name| (name, Encoding::for_label(name.as_bytes())));
        if let Some((name, encoding)) = named {
            let decoded = encoding.and_then(|encoding| {
                encoding.decode_without_bom_handling_and_without_replacement(bytes)
            });
            match decoded {
                Some(text) => return text.into_owned(),
                None if bytes.is_ascii() => {}
                None => self.bad_charsets.push(name.to_owned()),
            }
        }
        let (text, is_guessed) = guess(bytes);
        self.is_guessed |= is_guessed;
        text
    }

    /// The text with the escapes of vCard 3.0, which it has already but for version 2.1 and for
    /// line breaks that were encoded or stand there as they are.
    fn escaped(&self, text: &str, separates: bool, property: &Property) -> String {
        if self.version != Version::V2 {
            return text.replace("\r\n", "\\n").replace(['\n', '\r'], "\\n");
        }
        // vCard 2.1 escapes the semicolon; programs do it with the comma and the colon as well.
        let is_list = matches!(property.name.as_str(), "CATEGORIES" | "NICKNAME");
        let mut value = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match (c, rest.peek()) {
                ('\\', Some(next @ (';' | ',' | ':'))) => {
                    value.push_str(&escape(&next.to_string()));
                    rest.next();
                }
                (';', _) if separates => value.push(c),
                (',', _) if is_list => value.push(c),
                ('\r', Some('\n')) => {}
                _ => value.push_str(&escape(&c.to_string())),
            }
        }
        value
    }
}

/// A value that is called base64, without the white space that stands in base64 for nothing. One that
/// is none keeps its blanks.
fn base64_text(bytes: &[u8]) -> String {
    let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let letters = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    if letters.clone().all(is_of_base64) {
        return letters.map(|byte| char::from(*byte)).collect();
    }
    let text = String::from_utf8_lossy(bytes.trim_ascii());
    text.replace(|c: char| c.is_ascii_whitespace(), " ")
}

/// The pieces of a structured value between semicolons that are not escaped.
fn split_bytes(bytes: &[u8]) -> Vec<&[u8]> {
    let mut is_escaped = false;
    let ends = |byte: &u8| {
        let ends = *byte == b';' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    };
    bytes.split(ends).collect()
}

/// Decodes quoted-printable (RFC 2045, section 6.7); what is no escape stays as it is.
fn unquote_printable(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escape = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2)));
        if let (b'=', (Some(high), Some(low))) = (byte, escape) {
            decoded.push((high * 16 + low) as u8);
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(version: Version, line: &[u8]) -> (Property, Vec<Note>) {
        let (head_bytes, value) = split_head(line).expect("a colon");
        let mut property = head(head_bytes);
        let mut decoder = Decoder::new(version, false);
        decoder.value(&mut property, value);
        (property, decoder.notes())
    }

    #[test]
    fn parameters_are_read_in_every_form() {
        let check = |line: &str, want: &[(&str, &str)]| {
            let (property, _) = property(Version::V3, line.as_bytes());
            let pairs: Vec<(&str, &str)> = property
                .params
                .iter()
                .flat_map(|p| {
                    p.values
                        .iter()
                        .map(|value| (p.name.as_str(), value.as_str()))
                })
                .collect();
            assert_eq!(pairs, want, "{line}");
        };
        check("TEL;CELL;VOICE:1", &[("TYPE", "CELL"), ("TYPE", "VOICE")]);
        check("TEL;CELL=:1", &[("TYPE", "CELL")]);
        check(
            "TEL;type=work,\"a;b:c\";X-A=1:1",
            &[("TYPE", "work"), ("TYPE", "a;b:c"), ("X-A", "1")],
        );
        check(
            "ADR;LABEL=\"1^n^'x^'^^\\n2\":;",
            &[("LABEL", "1\n\"x\"^\n2")],
        );
        check("JSPROP;JSPTR=\"a\\n/^n\":1", &[("JSPTR", "a\\n/\n")]);
        check("PHOTO;BASE64;JPEG:AA", &[("TYPE", "JPEG")]);
        check("PHOTO;URL:http://x", &[("VALUE", "URL")]);
        check("TEL;TYPE=\"work:1", &[("TYPE", "work")]);
    }

    #[test]
    fn charsets_and_quoted_printable_are_decoded() {
        let guess = [Note::guessed_encoding()];
        let bad = [Note::BadCharset("x-no".into())];
        let check = |version, line: &[u8], want: &str, notes: &[Note]| {
            let (property, got) = property(version, line);
            assert_eq!(property.value, want);
            assert_eq!(got, notes, "{want}");
        };
        check(Version::V2, b"FN;CHARSET=ISO-8859-1:J\xf6rg", "Jörg", &[]);
        check(Version::V2, b"FN;CHARSET=Shift_JIS:\x8eR\x93c", "山田", &[]);
        check(Version::V3, b"FN:J\xf6rg", "Jörg", &guess);
        check(Version::V3, b"FN;CHARSET=x-no:J\xc3\xb6rg", "Jörg", &bad);
        check(Version::V3, b"FN;CHARSET=x-no:Jorg", "Jorg", &[]);
        check(
            Version::V2,
            b"N;QUOTED-PRINTABLE:A=3BB;C,=D",
            r"A\;B;C\,=D",
            &[],
        );
        check(
            Version::V2,
            b"NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab; =3D",
            r"a\nb\; =",
            &[],
        );
        check(
            Version::V3,
            b"NOTE;ENCODING=quoted-printable:a=0Ab=5C, c",
            r"a\nb\, c",
            &[],
        );
        check(Version::V2, br"NOTE:C:\new\; a,b", r"C:\\new\; a\,b", &[]);
        check(Version::V2, b"CATEGORIES:a,b", "a,b", &[]);
        check(Version::V2, b"PHOTO;BASE64:AA \nBB", "AABB", &[]);
    }
}
