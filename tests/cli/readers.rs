//! Exports are read by two programs that we did not write: Python's `vobject` and npm's `ical.js`.
//!
//! Both must find the same people in the same order, with the same values, in vCard 3.0 and 4.0.
//! They are installed under `target/` by the first run.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::python::{must, python, target_dir};
use crate::common::{run, temp_dir};

/// The reader of npm, in the version that is tested.
const ICAL_JS: &str = "ical.js@2.2.1";
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/readers");

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Cards with what readers have trouble with.
fn cards() -> Vec<Value> {
    vec![
        json!({"name": {"full": "Ann \"Q\" Exämple, Dr.; Jr.", "components": [
            {"kind": "given", "value": "Ann"}, {"kind": "surname", "value": "Exämple"}]},
            "emails": {"1": {"address": "ann@example.com", "contexts": {"work": true}, "pref": 1},
                "2": {"address": "a2@example.com"}},
            "phones": {"1": {"number": "+1 555 0100"},
                "2": {"number": "tel:+1-555-0101", "features": {"mobile": true}}},
            "organizations": {"1": {"name": "Acme, Inc.", "units": [{"name": "R;D"}]}},
            "notes": {"1": {"note": "one\r\ntwo, three; four \\ five ^n \u{7}end"}},
            "addresses": {"a": {"full": "1 Main St\nTown \"x\" ^", "timeZone": "America/New_York"}},
            "media": {"m": {"kind": "photo", "uri": "data:image/png;base64,iVBORw0KGgo="}},
            "anniversaries": {"b": {"kind": "birth", "date": {"month": 4, "day": 15}}},
            "keywords": {"a,b": true, "c": true}, "contactd.local:externalId": "x-7"}),
        json!({"emails": {"e": {"address": "only@example.com"}}}),
        json!({"kind": "group", "name": {"full": "Friends"},
            "members": {"urn:uuid:6c7f1b1e-0000-4000-8000-000000000001": true}}),
        json!({"name": {"full": format!("🧑🏽‍🚀 山田太郎 {}", "long ".repeat(30).trim())},
            "nicknames": {"n": {"name": "Nick"}},
            "anniversaries": {"w": {"kind": "wedding", "date": {"year": 2012, "month": 6, "day": 6}},
                "b": {"kind": "birth", "date": {"year": 1990}}},
            "relatedTo": {"Jane": {"relation": {"spouse": true}}},
            "titles": {"t": {"name": "Boss"}}}),
    ]
}

/// What a Card has of what the readers are asked for.
fn wanted(contact: &Value) -> Value {
    let card = &contact["card"];
    let plain = |text: &str| {
        let text = text.replace("\r\n", "\n");
        text.replace(|c: char| c.is_control() && c != '\n', "")
    };
    let texts = |map: &str, member: &str| -> Vec<String> {
        let members = card[map].as_object().into_iter().flatten();
        let values = members.filter_map(|(_, value)| value[member].as_str());
        values.map(plain).collect()
    };
    json!({
        "full": card["name"]["full"].as_str().map(plain),
        "emails": texts("emails", "address"),
        "phones": texts("phones", "number"),
        "notes": texts("notes", "note"),
        "nicknames": texts("nicknames", "name"),
        "uid": [card["uid"]],
    })
}

/// The values of a Card that a reader did not find.
fn missing(want: &Value, got: &Value) -> Vec<String> {
    let mut missing = Vec::new();
    for (name, values) in want.as_object().expect("an object") {
        let all = match values {
            Value::Array(values) => values.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        let found = got[name].as_array().expect("a list");
        let lost = all.iter().filter(|value| !found.contains(value));
        missing.extend(lost.map(|value| format!("{name}: {value}")));
    }
    missing
}

#[test]
fn other_programs_read_the_same_people_and_values() {
    let python = python("readers-venv", &format!("{SCRIPTS}/requirements.txt"));
    let script = format!("{SCRIPTS}/read.py");
    let node = target_dir().join("readers-node");
    std::fs::create_dir_all(&node).expect("a directory");
    let reader = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command.arg(&script).args(arguments);
        command
    };
    if !node.join("node_modules/ical.js").exists() {
        let quiet = ["--ignore-scripts", "--no-audit", "--no-fund"];
        let install = ["npm", "install", "--prefix", text(&node), ICAL_JS];
        let advice = "the package comes from npm; npm's own settings say how to reach it";
        must(&mut reader(&[&install[..], &quiet].concat()), advice);
    }
    let dir = temp_dir();
    let (data, people) = (dir.path().join("data"), dir.path().join("people.ndjson"));
    let lines: Vec<String> = cards().iter().map(Value::to_string).collect();
    std::fs::write(&people, lines.join("\n")).expect("a file");
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/cases");
    let mut files: Vec<_> = std::fs::read_dir(cases)
        .expect("cases")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "vcf"))
        .collect();
    files.sort_unstable();
    files.push(people);
    for file in &files {
        let import = ["contacts", "import", text(file), "--data-dir", text(&data)];
        let (code, _, err) = run(&import);
        assert_eq!(code, Some(0), "{}: {err}", file.display());
    }
    let export = |name: &str, version: &str| {
        let file = dir.path().join(name);
        let to = ["contacts", "export", text(&file), "--data-dir", text(&data)];
        let (code, _, err) = run(&[&to[..], &["--vcard-version", version]].concat());
        assert_eq!(code, Some(0), "{err}");
        file
    };
    let parse = |text: &str| -> Vec<Value> {
        let line = |line| serde_json::from_str(line).expect("a line of JSON");
        text.lines().map(line).collect()
    };
    let all = std::fs::read_to_string(export("all.ndjson", "4.0")).expect("contacts");
    let want: Vec<Value> = parse(&all).iter().map(wanted).collect();
    assert!(want.len() > files.len(), "every file holds somebody");
    for version in ["3.0", "4.0"] {
        let file = export(&format!("{version}.vcf"), version);
        for arguments in [
            vec!["vobject", text(&file)],
            vec!["ical.js", text(&node), text(&file)],
        ] {
            let output = reader(&arguments).output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{arguments:?}: {said}");
            let mut found = String::from_utf8(output.stdout).expect("UTF-8");
            if version == "3.0" && arguments.contains(&"ical.js") {
                // It does not undo the semicolon's escape, which RFC 2426 asks for.
                found = found.replace(r"\\;", ";");
            }
            let got = parse(&found);
            assert_eq!(got.len(), want.len(), "{arguments:?}");
            for (want, got) in want.iter().zip(&got) {
                let missing = missing(want, got);
                assert_eq!(missing, Vec::<String>::new(), "{arguments:?}: {got}");
            }
        }
    }
}
