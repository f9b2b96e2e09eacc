//! The files that people really have: what each becomes, and what it is when it goes out again.
//!
//! `tests/cli/cases/` holds the files, `tests/cli/cases.json` what is right.
//! `UPDATE_CASES=1` writes the latter anew, for people to read what has changed.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::record::Record;
use super::vcard::comparable;
use super::{Format, Reading, VcardVersion};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli")
        .join(name)
}

/// A Card as it goes out, in lines, without those that all vCards have.
fn exported(card: &Value, version: VcardVersion) -> Vec<String> {
    let mut bytes = Vec::new();
    let mut writer = Format::Vcard.writer(&mut bytes, version);
    writer.write(card).expect("a vCard");
    drop(writer);
    let text = String::from_utf8(bytes).expect("UTF-8");
    let text = text.replace("\r\n ", "");
    let is_frame = |line: &&str| {
        ["BEGIN:", "END:", "VERSION:"]
            .iter()
            .any(|f| line.starts_with(f))
    };
    text.lines()
        .filter(|line| !is_frame(line))
        .map(str::to_owned)
        .collect()
}

fn shown(record: Record) -> Value {
    let notes: Vec<String> = record.notes.iter().map(ToString::to_string).collect();
    let mut shown = Map::new();
    shown.insert("line".into(), record.line.into());
    match record.card {
        Ok(mut card) => {
            card.sort_all_objects();
            for (name, version) in [
                ("vcard 4.0", VcardVersion::V4),
                ("vcard 3.0", VcardVersion::V3),
            ] {
                shown.insert(name.into(), exported(&card, version).into());
            }
            if let Value::Object(card) = &mut card {
                card.retain(|name, _| name != "@type" && name != "version");
            }
            shown.shift_insert(1, "card".into(), card);
        }
        Err(wrong) => {
            shown.insert("refused".into(), json!(wrong));
        }
    }
    if !notes.is_empty() {
        shown.insert("notes".into(), notes.into());
    }
    shown.into()
}

/// Reads a case's file and shows each record's contact, or why it is refused.
fn outcome(name: &str) -> Value {
    let format = Format::of_path(name.as_ref()).expect("a known ending");
    let file = File::open(path("cases").join(name)).expect("a case");
    match format.read(file, &Reading::default()) {
        Ok(records) => records
            .map(|record| record.map_or_else(|error| json!(error.to_string()), shown))
            .collect(),
        Err(failure) => json!({"exit": failure.code, "says": failure.message}),
    }
}

#[test]
fn every_file_becomes_what_is_right() {
    let mut names: Vec<String> = fs::read_dir(path("cases"))
        .expect("cases")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort_unstable();
    let got: Map<String, Value> = names
        .iter()
        .map(|name| (name.clone(), outcome(name)))
        .collect();
    if std::env::var_os("UPDATE_CASES").is_some() {
        let text = serde_json::to_string_pretty(&got).expect("JSON");
        fs::write(path("cases.json"), text + "\n").expect("it can be written");
    }
    let want = fs::read(path("cases.json")).expect("what is right");
    let want: Map<String, Value> = serde_json::from_slice(&want).expect("JSON");
    for name in &names {
        assert_eq!(got.get(name), want.get(name), "{name}");
    }
    assert_eq!(got.len(), want.len(), "a case without a file");
}

/// Examples of the RFCs that do not come back as they went out, and why.
const DIFFERENT: [(&str, &str); 0] = [];

/// The Cards of a vCard.
fn cards(text: &str) -> Vec<Value> {
    let from = io::Cursor::new(text.as_bytes().to_vec());
    let records = Format::Vcard.read(from, &Reading::default());
    let records = records.map_err(|failure| failure.message).expect("vCards");
    records
        .map(|record| record.expect("a slice can be read").card.expect("a Card"))
        .collect()
}

/// The examples of RFC 9553 and RFC 9555, each a Card or the lines of a vCard: out and in again
/// they are the same.
#[test]
fn the_examples_of_the_rfcs_come_back() {
    let examples = fs::read(path("rfcs.json")).expect("the examples");
    let examples: Map<String, Value> = serde_json::from_slice(&examples).expect("JSON");
    let mut different = Vec::new();
    for (name, example) in &examples {
        let card = match example {
            Value::Array(lines) => {
                let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
                let body = lines.join("\r\n");
                let cards = cards(&format!(
                    "BEGIN:VCARD\r\nVERSION:4.0\r\n{body}\r\nEND:VCARD\r\n"
                ));
                cards.into_iter().next().expect("a Card")
            }
            card => card.clone(),
        };
        let mut bytes = Vec::new();
        let mut writer = Format::Vcard.writer(&mut bytes, VcardVersion::V4);
        writer.write(&card).expect("a vCard");
        drop(writer);
        let text = String::from_utf8(bytes).expect("UTF-8");
        let back = cards(&text);
        let same = back
            .first()
            .is_some_and(|back| comparable(back) == comparable(&card));
        if !same {
            println!("{name}:\n{card}\n{text}{back:?}");
            different.push(name.as_str());
        }
    }
    let listed = DIFFERENT.map(|(name, _)| name);
    assert_eq!(different, listed);
    assert!(examples.len() > 80, "all of them");
}
