//! Lines of a vCard joined to properties: folds, soft line ends, and line breaks inside a value.
//!
//! A line that is no property belongs to the value before it: people's notes have raw line
//! breaks in them, and a line such as `Tel: call after 5` in a note is no telephone number. The
//! crate `calcard` drops such lines, or makes properties of them.

use super::super::lines::Line;
use super::super::note::Note;
use super::decode::{self, Version};
use super::property::Property;
use super::raw::{RawCard, RawLine};

/// The property under which a line that belongs to no property is kept.
pub const UNREAD: &str = "X-UNREAD-LINE";

/// Names of properties: RFC 6350 and its extensions, and those of vCard 2.1 and 3.0 beside them.
const NAMES: [&str; 59] = [
    "ADR",
    "AGENT",
    "ANNIVERSARY",
    "BDAY",
    "BIRTHPLACE",
    "CALADRURI",
    "CALURI",
    "CATEGORIES",
    "CLASS",
    "CLIENTPIDMAP",
    "CONTACT-URI",
    "CREATED",
    "DEATHDATE",
    "DEATHPLACE",
    "EMAIL",
    "EXPERTISE",
    "FBURL",
    "FN",
    "GENDER",
    "GEO",
    "GRAMGENDER",
    "HOBBY",
    "IMPP",
    "INTEREST",
    "JSPROP",
    "KEY",
    "KIND",
    "LABEL",
    "LANG",
    "LANGUAGE",
    "LOGO",
    "MAILER",
    "MEMBER",
    "N",
    "NAME",
    "NICKNAME",
    "NOTE",
    "ORG",
    "ORG-DIRECTORY",
    "PHOTO",
    "PRODID",
    "PROFILE",
    "PRONOUNS",
    "RELATED",
    "REV",
    "ROLE",
    "SOCIALPROFILE",
    "SORT-STRING",
    "SOUND",
    "SOURCE",
    "TEL",
    "TITLE",
    "TZ",
    "UID",
    "URL",
    "VERSION",
    "XML",
    "BEGIN",
    "END",
];

/// The lines of one property, as one.
struct Content {
    bytes: Vec<u8>,
    is_cut: bool,
    /// Whether a line break stands in the value as it is.
    has_break: bool,
}

/// What a vCard's lines hold.
#[derive(Debug)]
pub struct Contents {
    /// The version that the vCard says it has; 3.0 where it says none.
    pub version: Version,
    /// The properties in the order of the file, without VERSION and PROFILE.
    pub properties: Vec<Property>,
    /// What was read otherwise than it stands there.
    pub notes: Vec<Note>,
}

/// Whether a line begins a property, as far as its form tells: a name, parameters, a colon.
pub fn looks_like_property(line: &[u8]) -> bool {
    name(line).is_some()
}

/// The properties of a vCard.
///
/// # Errors
/// The version that the vCard says it has, where nobody knows it.
pub fn read(card: &RawCard, is_decoded: bool) -> Result<Contents, String> {
    let version = version(card)?;
    let mut notes = Vec::new();
    let mut properties = Vec::new();
    let mut decoder = decode::Decoder::new(version, is_decoded);
    for content in join(card, version) {
        let broken = content.has_break;
        let head = decode::split_head(&content.bytes);
        let property = match head.filter(|_| name(&content.bytes).is_some()) {
            Some((head, value)) => {
                let mut property = decode::head(head);
                decoder.value(&mut property, value);
                property.is_cut = content.is_cut;
                property
            }
            None => Property::of_text(UNREAD, &decoder.text(&content.bytes)),
        };
        if broken {
            notes.push(Note::Joined(property.name.clone()));
        }
        if property.name != "VERSION" && !property.says_nothing() {
            properties.push(property);
        }
    }
    notes.extend(decoder.notes());
    Ok(Contents {
        version,
        properties,
        notes,
    })
}

fn version(card: &RawCard) -> Result<Version, String> {
    let is_own = |raw: &&RawLine| !raw.is_nested && !is_fold(&raw.line.bytes);
    let own = card.lines.iter().filter(is_own);
    let texts = own.map(|raw| String::from_utf8_lossy(&raw.line.bytes));
    let mut versions = texts.filter_map(|line| {
        let (name, version) = line.split_once(':')?;
        let name = name.split(';').next()?.trim();
        name.eq_ignore_ascii_case("VERSION")
            .then(|| version.trim().to_owned())
    });
    let Some(version) = versions.next() else {
        return Ok(Version::V3);
    };
    match version.as_bytes().first() {
        Some(b'1' | b'2') => Ok(Version::V2),
        Some(b'3') | None => Ok(Version::V3),
        Some(b'4') => Ok(Version::V4),
        Some(_) => Err(version),
    }
}

/// Joins lines to properties.
fn join(card: &RawCard, version: Version) -> Vec<Content> {
    let mut contents: Vec<Content> = Vec::new();
    let mut blank = 0_usize;
    let case = Case::of_card(card);
    for (at, RawLine { line, is_nested }) in card.lines.iter().enumerate() {
        // A fold may stand before the colon, even inside the parameters.
        let is_folded = card
            .lines
            .get(at + 1)
            .is_some_and(|next| is_fold(&next.line.bytes));
        let Line { bytes, cut, .. } = line;
        let Some(last) = contents.last_mut() else {
            if !bytes.trim_ascii().is_empty() {
                contents.push(Content::new(bytes, *cut));
            }
            continue;
        };
        if last.is_soft_ended() && !is_end(bytes) {
            last.bytes.pop();
            // A vCard 3.0 may fold the line as well.
            let folded = bytes.strip_prefix(b" ").filter(|_| version != Version::V2);
            last.bytes.extend(folded.unwrap_or(bytes));
        } else if bytes.trim_ascii().is_empty() {
            blank += 1;
            continue;
        } else if let [b' ' | b'\t', rest @ ..] = bytes.as_slice()
            && !is_nested
            && blank == 0
        {
            // vCard 2.1 folds only where white space is, and keeps it.
            let keeps = version == Version::V2 && !last.is_base64();
            last.bytes.extend(if keeps { bytes } else { rest });
        } else if *is_nested || !last.is_ended_by(bytes, is_folded, case) {
            let is_empty = *is_nested && last.bytes.ends_with(b":");
            if !last.is_base64() && !is_empty {
                last.bytes.extend(std::iter::repeat_n(b'\n', blank + 1));
                last.has_break = !is_nested;
            }
            last.bytes.extend(bytes);
        } else {
            contents.push(Content::new(bytes, *cut));
        }
        blank = 0;
        if let Some(last) = contents.last_mut() {
            last.is_cut |= cut;
        }
    }
    contents
}

impl Content {
    fn new(bytes: &[u8], is_cut: bool) -> Self {
        Self {
            bytes: bytes.to_vec(),
            is_cut,
            has_break: false,
        }
    }

    /// Whether the value is said to be written so.
    fn is_encoded_as(&self, names: &[&str]) -> bool {
        let head = decode::split_head(&self.bytes).map_or(&[][..], |(head, _)| head);
        let property = decode::head(head);
        let mut said = property.values("ENCODING");
        said.any(|said| names.iter().any(|name| said.eq_ignore_ascii_case(name)))
    }

    fn is_base64(&self) -> bool {
        self.is_encoded_as(&["BASE64", "B"])
    }

    /// Whether the line ends in the `=` of quoted-printable, so that the next one is a part of it.
    fn is_soft_ended(&self) -> bool {
        self.bytes.ends_with(b"=") && self.is_encoded_as(&["QUOTED-PRINTABLE"])
    }

    /// Whether a line is the next property, rather than a part of this one's value.
    fn is_ended_by(&self, line: &[u8], is_folded: bool, case: Case) -> bool {
        let name = beginning(line, is_folded).filter(|_| !self.has_open_quote());
        let Some(name) = name else {
            return false;
        };
        if name.starts_with("X-") || name.starts_with("x-") {
            return true;
        }
        let upper = name.to_ascii_uppercase();
        let is_known = NAMES.contains(&upper.as_str());
        let is_usual = case == Case::Mixed || case == Case::of(name);
        if self.has_break {
            is_known && is_usual
        } else {
            is_usual || (is_known && Case::of(name) != Case::Mixed)
        }
    }

    /// Whether a parameter's quote is open at the end, so that the next line is a part of it.
    fn has_open_quote(&self) -> bool {
        has_open_quote(&self.bytes)
    }
}

fn is_end(line: &[u8]) -> bool {
    line.trim_ascii_end().eq_ignore_ascii_case(b"END:VCARD")
}

/// Whether a line goes on with the one before it.
fn is_fold(line: &[u8]) -> bool {
    matches!(line, [b' ' | b'\t', ..]) && !line.trim_ascii().is_empty()
}

/// The name of the property that a line is, without its group.
fn name(line: &[u8]) -> Option<&str> {
    beginning(line, false)
}

/// The name of the property that a line begins, which may be folded.
fn beginning(line: &[u8], is_folded: bool) -> Option<&str> {
    let end = line.iter().position(|byte| matches!(byte, b':' | b';'))?;
    let name = std::str::from_utf8(line.get(..end)?).ok()?;
    let name = name.rsplit_once('.').map_or(name, |(_, name)| name);
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let has_form = !name.is_empty() && name.chars().all(is_good);
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_whole = is_folded || line.contains(&b':') || has_open_quote(line);
    (has_form && starts && is_whole).then_some(name)
}

/// Whether a line is a property's beginning that ends inside a quoted parameter.
fn has_open_quote(line: &[u8]) -> bool {
    let quotes = line.iter().filter(|byte| **byte == b'"').count();
    quotes % 2 == 1 && decode::split_head(line).is_none()
}

/// The case in which a vCard's names are written, as far as `VERSION` and `FN` tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
    Mixed,
}

impl Case {
    fn of_card(card: &RawCard) -> Self {
        let names = card.lines.iter().filter_map(|raw| name(&raw.line.bytes));
        let telling = |name: &&str| {
            ["VERSION", "FN"]
                .iter()
                .any(|n| n.eq_ignore_ascii_case(name))
        };
        names
            .filter(telling)
            .map(Self::of)
            .next()
            .unwrap_or(Self::Upper)
    }

    fn of(name: &str) -> Self {
        let has = |is: fn(&u8) -> bool| name.as_bytes().iter().any(is);
        match (has(u8::is_ascii_uppercase), has(u8::is_ascii_lowercase)) {
            (true, true) => Self::Mixed,
            (_, false) => Self::Upper,
            (false, true) => Self::Lower,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::split::{Piece, Splitter};
    use super::*;

    /// The properties of a vCard of these lines, and the names of those with line breaks in them.
    fn check(lines: &str, want: &[&str], want_joined: &[&str]) {
        let text = format!("BEGIN:VCARD\n{lines}\nEND:VCARD\n");
        let piece = Splitter::new(text.as_bytes()).next().expect("a piece");
        let Piece::Card(card) = piece.expect("a slice can be read") else {
            panic!("{lines} is no vCard");
        };
        let contents = read(&card, false).expect("a version that is known");
        let shown: Vec<String> = contents.properties.iter().map(Property::shown).collect();
        assert_eq!(shown, want, "{lines}");
        let joined: Vec<Note> = want_joined
            .iter()
            .map(|n| Note::Joined((*n).into()))
            .collect();
        assert_eq!(contents.notes, joined, "{lines}");
    }

    #[test]
    fn folds_and_soft_line_ends_are_joined() {
        check(
            "VERSION:4.0\nTEL:1\nTEL;TYPE=home\n ;PREF=1\n :2",
            &["TEL:1", "TEL:2"],
            &[],
        );
        check(
            "VERSION:3.0\nFN:Ann Exa\n mple\nN:E;\n\tA",
            &["FN:Ann Example", "N:E;A"],
            &[],
        );
        check(
            "VERSION:2.1\nNOTE:one\n two\nEMAIL:a",
            &["NOTE:one two", "EMAIL:a"],
            &[],
        );
        let quoted = "FN;ENCODING=QUOTED-PRINTABLE:A=\n=20B\nEMAIL:a";
        check(
            &format!("VERSION:2.1\n{quoted}"),
            &["FN:A B", "EMAIL:a"],
            &[],
        );
        check(
            "VERSION:2.1\nPHOTO;BASE64:AAAA\nBBBB\n CC\n\nEMAIL:a",
            &["PHOTO:AAAABBBBCC", "EMAIL:a"],
            &[],
        );
        check("VERSION:3.0\nFN;QUOTED-PRINTABLE:A=", &["FN:A="], &[]);
        // The word elsewhere says nothing of how the value is written.
        check(
            "VERSION:4.0\nX-A;X-B=quoted-printable;TYPE=b:a=\nEMAIL:a",
            &["X-A:a=", "EMAIL:a"],
            &[],
        );
    }

    #[test]
    fn a_line_that_is_no_property_belongs_to_the_value_before_it() {
        check(
            "VERSION:3.0\nNOTE:first\nsecond\nTel: call after 5\nURGENT: now\nhttp://x.de\nEMAIL:a",
            &[
                r"NOTE:first\nsecond\nTel: call after 5\nURGENT: now\nhttp://x.de",
                "EMAIL:a",
            ],
            &["NOTE"],
        );
        check(
            "VERSION:3.0\nNOTE:one\nTel: two\nTEL:3",
            &[r"NOTE:one\nTel: two", "TEL:3"],
            &["NOTE"],
        );
        check(
            "VERSION:3.0\nFN:A\n\nB\n\nTEL:3",
            &[r"FN:A\n\nB", "TEL:3"],
            &["FN"],
        );
        check(
            "VERSION:3.0\nitem2.X-ABLabel:Other\nVOICE",
            &[r"X-ABLABEL:Other\nVOICE"],
            &["X-ABLABEL"],
        );
        check(
            "one\nVERSION:3.0\nFN:A",
            &["X-UNREAD-LINE:one", "FN:A"],
            &[],
        );
        check(
            "VERSION:4.0\nADR;LABEL=\"1 Main\nTown\":;;;;;;\nFN:A",
            &["ADR:;;;;;;", "FN:A"],
            &["ADR"],
        );
    }

    #[test]
    fn names_may_be_written_in_any_case() {
        check("version:3.0\nfn:A\nemail:a", &["FN:A", "EMAIL:a"], &[]);
        check("Version:3.0\nFn:A\nEmail:a", &["FN:A", "EMAIL:a"], &[]);
        check(
            "VERSION:3.0\nFN:A\nemail:a\nX-AbDate:1",
            &["FN:A", "EMAIL:a", "X-ABDATE:1"],
            &[],
        );
    }
}
