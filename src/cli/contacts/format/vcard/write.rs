//! Writes Cards as vCards: 4.0, which holds all of a Card, or 3.0, which more programs read.
//!
//! The properties come from `outgoing` (RFC 9555); the text is written here.
//! A vCard is read again before it goes out. What did not come back is added as JSPROP in 4.0, and
//! counted in 3.0.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::super::lost::{Holder, Lost};
use super::super::writer::VcardVersion;
use super::property::Property;
use super::split::{self, Splitter};
use super::{jsprop, legacy, outgoing};
use crate::dialect::native;

/// The longest line of a vCard, in bytes (RFC 6350, section 3.2).
const LINE_BYTES_MAX: usize = 75;
/// The most rounds in which lost values are added: what is added may itself come back otherwise.
const ROUNDS_MAX: usize = 3;

/// Writes contacts as vCards.
pub struct Writer<W> {
    to: W,
    version: VcardVersion,
    lost: Lost,
}

impl<W: Write> Writer<W> {
    /// A writer of vCards of a version.
    pub const fn new(to: W, version: VcardVersion) -> Self {
        let lost = Lost::of(Holder::Vcard3);
        Self { to, version, lost }
    }
}

impl<W: Write> super::super::writer::Writer for Writer<W> {
    fn write(&mut self, contact: &Value) -> io::Result<()> {
        let card = contact.get("card").unwrap_or(contact);
        let want = in_order(comparable(card));
        let text = match self.version {
            VcardVersion::V3 => text_3(&want),
            VcardVersion::V4 => text_4(&want),
        };
        let text = text.ok_or_else(|| {
            let id = contact.get("id").unwrap_or(&Value::Null);
            io::Error::other(format!("there is no vCard for the contact {id}"))
        })?;
        if self.version == VcardVersion::V3 {
            self.lost.count(&want, read(&text).as_ref());
        }
        self.to.write_all(text.as_bytes())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn left_out(&self) -> Option<String> {
        self.lost.said()
    }
}

/// A Card as a vCard 3.0, as far as that has words for it.
fn text_3(want: &Value) -> Option<String> {
    let properties = outgoing::properties(&legacy::sayable(want))?;
    let properties = legacy::properties(properties, want);
    Some(written(&properties, VcardVersion::V3))
}

/// A Card as a vCard 4.0.
fn text_4(want: &Value) -> Option<String> {
    let version = VcardVersion::V4;
    let properties = outgoing::properties(want)?;
    let mut patches: Vec<(Vec<String>, Value)> = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let text = written(&with_patches(&properties, &patches), version);
        let got = read(&text).unwrap_or_else(|| json!({}));
        let mut found = Vec::new();
        jsprop::differences(want, &got, &mut Vec::new(), &mut found);
        if found.is_empty() {
            return Some(text);
        }
        // What a new one sets as a whole, an older one need not.
        patches.retain(|(path, _)| !found.iter().any(|(other, _)| path.starts_with(other)));
        patches.extend(found);
        patches.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
    Some(written(&with_patches(&properties, &patches), version))
}

fn with_patches(properties: &[Property], patches: &[(Vec<String>, Value)]) -> Vec<Property> {
    let patches = patches
        .iter()
        .map(|(path, value)| jsprop::of_value(path, value));
    properties.iter().cloned().chain(patches).collect()
}

fn read(text: &str) -> Option<Value> {
    let piece = Splitter::new(text.as_bytes()).next()?.ok()?;
    let card = super::record(piece, false).card.ok()?;
    Some(comparable(&card))
}

/// A Card without what a vCard does not tell apart: how line breaks are written, control
/// characters, the order of components that have none, and members that say what is so anyway.
pub fn comparable(card: &Value) -> Value {
    let mut card = card.clone();
    native::without_implied(&mut card);
    if let Value::Object(card) = &mut card {
        let is_own = |name: &str| name == "vCard" || native::is_of_a_card(name);
        let own = card.iter_mut().filter(|(name, _)| is_own(name));
        own.for_each(|(_, value)| plain(value));
        card.insert("@type".into(), "Card".into());
        card.insert("version".into(), "1.0".into());
        outgoing::order(card);
    }
    card
}

fn plain(value: &mut Value) {
    match value {
        Value::String(text) => *text = plain_text(text),
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(members) => {
            let own = members.iter_mut().filter(|(name, _)| !is_vendors(name));
            own.for_each(|(_, value)| plain(value));
        }
        _ => {}
    }
}

/// Whether a member is a vendor's, such as `example.com:tag` (RFC 9553, section 1.8.1), which goes out
/// as it is.
fn is_vendors(name: &str) -> bool {
    let domain = name.split_once(':').map(|(domain, _)| domain);
    domain.is_some_and(|domain| domain.contains('.'))
}

/// A value whose objects have their members by name, `k2` before `k10`: an import has them in
/// another order, and what goes out must not depend on it.
fn in_order(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|(one, _), (other, _)| by_number(one).cmp(&by_number(other)));
            let members = members.into_iter();
            members
                .map(|(name, value)| (name, in_order(value)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(in_order).collect(),
        value => value,
    }
}

/// A name as it is sorted: what is before the number at its end, the number, and the whole.
fn by_number(name: &str) -> (&str, Option<u64>, &str) {
    let text = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name
        .strip_prefix(text)
        .and_then(|digits| digits.parse().ok());
    (text, number, name)
}

/// A text with line feeds as its only line breaks, and without other control characters.
fn plain_text(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

fn written(properties: &[Property], version: VcardVersion) -> String {
    let number = match version {
        VcardVersion::V3 => "3.0",
        VcardVersion::V4 => "4.0",
    };
    let mut text = format!("BEGIN:VCARD\r\nVERSION:{number}\r\n");
    for property in properties.iter().filter_map(readable) {
        fold(&line(&property, version), &mut text);
    }
    text.push_str("END:VCARD\r\n");
    text
}

/// A property in a form at which no other program stops; `None` for one that says nothing, or that
/// would open a vCard inside this one. What was kept as it stood in a file may be neither: readers
/// take a PROFILE for a second BEGIN, and break off at a value that is not the base64 that it is
/// called.
fn readable(property: &Property) -> Option<Cow<'_, Property>> {
    if property.says_nothing() || split::opens_agent(property) {
        return None;
    }
    let mut encodings = property.values("ENCODING").peekable();
    let is_encoded = encodings.peek().is_some();
    let is_base64 = |name: &str| {
        ["b", "base64"]
            .iter()
            .any(|it| name.eq_ignore_ascii_case(it))
    };
    if !is_encoded || (encodings.all(is_base64) && BASE64_STANDARD.decode(&property.value).is_ok())
    {
        return Some(Cow::Borrowed(property));
    }
    let mut plain = property.clone();
    plain.take_param("ENCODING");
    plain.take_param("VALUE");
    plain.add_param("VALUE", "text");
    Some(Cow::Owned(plain))
}

/// A property as a line that is not folded yet.
fn line(property: &Property, version: VcardVersion) -> String {
    let mut line = String::new();
    if let Some(group) = &property.group {
        line.push_str(group);
        line.push('.');
    }
    line.push_str(&property.name);
    for param in &property.params {
        line.push(';');
        line.push_str(&param.name);
        line.push('=');
        let is_quoted = matches!(param.name.as_str(), "JSPTR" | "JSCOMPS");
        let values = param
            .values
            .iter()
            .map(|value| quoted(value, is_quoted, version));
        line.push_str(&values.collect::<Vec<_>>().join(","));
    }
    line.push(':');
    line.push_str(&property.value);
    let breaks = line.replace("\r\n", "\\n").replace(['\r', '\n'], "\\n");
    breaks
        .chars()
        .filter(|c| !c.is_control() || *c == '\t')
        .collect()
}

/// A parameter's value: no quote and no line break can stand in it, so that RFC 6868 has other
/// signs for them. vCard 3.0 has none.
fn quoted(value: &str, always: bool, version: VcardVersion) -> String {
    let value = plain_text(value);
    let value = match version {
        VcardVersion::V4 => value
            .replace('^', "^^")
            .replace('\n', "^n")
            .replace('"', "^'"),
        VcardVersion::V3 => value.replace('\n', " ").replace('"', "'"),
    };
    let is_safe = |c: char| !matches!(c, ',' | ';' | ':' | '^' | ' ' | '\t');
    if always || value.is_empty() || !value.chars().all(is_safe) {
        format!("\"{value}\"")
    } else {
        value
    }
}

/// Writes a line in pieces that are short enough, between whole characters.
fn fold(line: &str, text: &mut String) {
    let (mut rest, mut room) = (line, LINE_BYTES_MAX);
    while rest.len() > room {
        let Some((piece, behind)) = rest.split_at_checked(break_at(rest, room)) else {
            break;
        };
        text.push_str(piece);
        text.push_str("\r\n ");
        (rest, room) = (behind, LINE_BYTES_MAX - 1);
    }
    text.push_str(rest);
    text.push_str("\r\n");
}

/// The last place at which a line can be broken. It is not before a word with which another program,
/// which takes blanks away first, would let a vCard begin or end; and not behind blanks alone, for
/// such a line says nothing. Where there is no such place, the line is longer than it should be.
fn break_at(line: &str, room: usize) -> usize {
    let mut places = (1..=room).rev().filter(|at| line.is_char_boundary(*at));
    let is_frame = |rest: &str| {
        let starts_with = |word: &str| {
            let start = rest.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        ["BEGIN:", "END:"].into_iter().any(starts_with)
    };
    let last = places.clone().next().unwrap_or(room);
    let good = places.find(|at| {
        let parts = line.split_at_checked(*at);
        parts.is_some_and(|(piece, rest)| !piece.trim().is_empty() && !is_frame(rest.trim_start()))
    });
    good.unwrap_or_else(|| {
        let rest = line.get(last..).unwrap_or_default().trim_start();
        let next = rest.chars().next().map_or(0, char::len_utf8);
        line.len() - rest.len() + next
    })
}
