//! Contacts in and out of the real binary: every format, twice, broken off, and with bad lines.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{BINARY, Server, run, temp_dir, token};

/// A directory with files to import, beside a data directory that is not there yet.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: temp_dir() }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    fn path(&self, name: &str) -> String {
        text(&self.dir.path().join(name)).to_owned()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).expect("a file")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Runs `contactd contacts`; its exit code must be this one. Gives what it said.
fn contacts(arguments: &[&str], want: i32) -> (String, String) {
    let (code, out, err) = run(&[&["contacts"], arguments].concat());
    assert_eq!(code, Some(want), "{arguments:?}: {out}{err}");
    (out, err)
}

fn lines(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).expect("a line of JSON");
    text.lines().map(line).collect()
}

/// The names of all contacts, sorted.
fn names(url: &str) -> Vec<String> {
    let (out, _) = contacts(&["list", "--url", url], 0);
    let name = |contact: &Value| contact["card"]["name"]["full"].as_str().map(str::to_owned);
    let mut names: Vec<String> = lines(&out).iter().filter_map(name).collect();
    names.sort_unstable();
    names
}

async fn head(server: &Server) -> u64 {
    let answer = server.send("GET", "/contacts?limit=1", &[], None).await;
    answer.position()
}

/// So many Cards, each of another person.
fn people(count: usize) -> String {
    let mut file = String::new();
    for number in 0..count {
        let card = json!({
            "name": {"full": format!("Person {number:06}")},
            "emails": {"e": {"address": format!("p{number}@example.com")}},
            "phones": {"p": {"number": format!("+1 555 {number:07}")}},
        });
        writeln!(file, "{card}").expect("a string");
    }
    file
}

const SUM_OF_NONE: &str = "0 imported, 2000 already there, 0 twice in the file, 0 refused\n";

#[tokio::test]
async fn the_same_file_again_imports_none() {
    let place = Place::new();
    let server = Server::start(&place.data(), &[]);
    let file = place.file("people.ndjson", people(2_000));
    let import = ["import", &file, "--url", &server.url];
    let (out, err) = contacts(&import, 0);
    let sum = "2000 records: 2000 imported, 0 already there, 0 twice in the file, 0 refused\n";
    assert_eq!((out.as_str(), err.as_str()), (sum, ""));
    let events = head(&server).await;
    assert_eq!(events, 4_000);
    // Named or not, the tenant is the same, and so is the content in whichever order.
    let tenant = [&import[..], &["--tenant", "default"]].concat();
    let mut cards = lines(&place.read("people.ndjson"));
    cards.iter_mut().for_each(turn_round);
    let turned: Vec<String> = cards.iter().map(Value::to_string).collect();
    let turned = place.file("turned.ndjson", turned.join("\r\n"));
    for again in [
        &import[..],
        &tenant,
        &["import", &turned, "--url", &server.url],
    ] {
        let (out, _) = contacts(again, 0);
        assert!(out.ends_with(SUM_OF_NONE), "{again:?}: {out}");
    }
    assert_eq!(head(&server).await, events);
    // Over a restart, and without a service, too.
    assert_eq!(server.stop(), Some(0));
    let (out, _) = contacts(&["import", &file, "--data-dir", text(&place.data())], 0);
    assert!(out.ends_with(SUM_OF_NONE), "{out}");
}

/// Reverses the order of an object's members, which means the same.
fn turn_round(value: &mut Value) {
    if let Value::Object(members) = value {
        members.values_mut().for_each(turn_round);
        *members = std::mem::take(members).into_iter().rev().collect();
    }
}

#[tokio::test]
async fn an_import_that_was_broken_off_goes_on_when_it_is_run_again() {
    let place = Place::new();
    let server = Server::start(&place.data(), &[]);
    let file = place.file("people.ndjson", people(2_000));
    // It waits for the rest of its input while it is killed.
    let mut import = Command::new(BINARY)
        .args([
            "contacts",
            "import",
            "-",
            "--format",
            "ndjson",
            "--url",
            &server.url,
        ])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let half: String = people(1_000);
    let mut input = import.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut input, half.as_bytes()).expect("it reads");
    // Some are there, and others under way.
    while head(&server).await < 100 {
        tokio::task::yield_now().await;
    }
    import.kill().expect("it can be killed");
    import.wait().expect("it ends");
    let (out, _) = contacts(&["import", &file, "--url", &server.url], 0);
    assert!(out.starts_with("2000 records: "), "{out}");
    assert!(!out.contains(" 2000 imported"), "{out}");
    let want: Vec<String> = (0..2_000)
        .map(|number| format!("Person {number:06}"))
        .collect();
    assert_eq!(names(&server.url), want);
    assert_eq!(head(&server).await, 4_000);
}

const BAD: &str = concat!(
    "{\"name\":{\"full\":\"Ann\"}}\n",
    "{oops}\n",
    "\n",
    "{\"emails\":{\"e\":{\"address\":\"nobody\"}}}\n",
    "[1]\n",
    "{\"name\": {\"full\": \"Ann\"}}\n",
    "{\"name\":{\"full\":\"Bob\"}}\n",
);

#[tokio::test]
async fn bad_lines_are_reported_with_their_number_and_the_rest_is_imported() {
    let place = Place::new();
    let server = Server::start(&place.data(), &[]);
    let large = json!({"name": {"full": "x".repeat(50_000)}});
    let file = place.file("people.jsonl", format!("{BAD}{large}\n"));
    let url = server.url.as_str();
    let dry = ["import", &file, "--url", url, "--dry-run"];
    let (out, said) = contacts(&dry, 1);
    let sum = "7 records: 2 good, 1 twice in the file, 4 refused; nothing was written, \
        and what is already there is not told apart\n";
    assert_eq!(out, sum);
    assert_eq!(head(&server).await, 0, "a dry run writes nothing");
    let (out, err) = contacts(&["import", &file, "--url", url], 1);
    let sum = "7 records: 2 imported, 0 already there, 1 twice in the file, 4 refused\n";
    assert_eq!(out, sum);
    assert_eq!(err, said, "a dry run says what an import says");
    for line in [
        "line 2: malformed_json: ",
        "line 4: invalid: format: emails.e.address must be of the format email.\n",
        "line 5: invalid: wrong_type: card must be an object.\n",
        "line 6: duplicate of line 1\n",
        "line 8: too_large: ",
        "contactd: 4 of 7 records were refused\n",
    ] {
        assert!(err.contains(line), "{line}: {err}");
    }
    // What is refused leaves no trace in the log.
    assert_eq!(head(&server).await, 4);
    let report = place.path("report.ndjson");
    contacts(&["import", &file, "--url", url, "--report", &report], 1);
    let report = lines(&place.read("report.ndjson"));
    let violation = json!({"field": "emails.e.address", "code": "format",
        "message": "emails.e.address must be of the format email."});
    assert_eq!(report[1]["outcome"], "refused");
    assert_eq!(
        (&report[1]["line"], &report[1]["violations"][0]),
        (&json!(4), &violation)
    );
    assert_eq!(
        report[3],
        json!({"outcome": "twice", "line": 6, "first": 1})
    );
    assert_eq!(names(url), ["Ann", "Bob"]);
}

/// A person whose every part a format holds.
fn ann() -> Value {
    json!({
        "@type": "Card", "version": "1.0", "uid": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "name": {"full": "Ann \"Q\" Exämple, Dr.; Jr.", "isOrdered": true, "components": [
            {"kind": "given", "value": "Ann"}, {"kind": "surname", "value": "Exämple"}]},
        "emails": {"1": {"address": "ann@example.com"}, "2": {"address": "a2@example.com"}},
        "phones": {"1": {"number": "+1 555 0100"},
            "2": {"number": "+1 555 0101", "features": {"mobile": true}}},
        "organizations": {"1": {"name": "Acme", "units": [{"name": "Research"}]}},
        "notes": {"1": {"note": "=one\ntwo, three; four"}},
        "contactd.local:externalId": "x-7",
    })
}

/// The export's one Card after a way out of one service and into another.
async fn carried(extension: &str) -> (Value, String) {
    let place = Place::new();
    let first = Server::start(&place.data(), &[]);
    let card = place.file("ann.ndjson", ann().to_string());
    contacts(&["import", &card, "--url", &first.url], 0);
    let file = place.path(&format!("export.{extension}"));
    contacts(&["export", &file, "--url", &first.url], 0);
    contacts(&["export", &file, "--url", &first.url], 2);
    let other = place.dir.path().join("other");
    let second = Server::start(&other, &[]);
    for sum in [
        "1 record: 1 imported, 0 already",
        "1 record: 0 imported, 1 already",
    ] {
        let (out, _) = contacts(&["import", &file, "--url", &second.url, "--tenant", "t"], 0);
        assert!(out.starts_with(sum), "{out}");
    }
    let (out, _) = contacts(&["export", "--url", &second.url, "--tenant", "t"], 0);
    let contacts = lines(&out);
    assert_eq!(contacts.len(), 1, "{out}");
    assert_eq!(contacts[0]["tenant"], "t");
    let name = format!("export.{extension}");
    (contacts[0]["card"].clone(), place.read(&name))
}

#[tokio::test]
async fn every_format_carries_a_contact_from_one_service_to_another() {
    let (card, _) = carried("ndjson").await;
    assert_eq!(card, ann());
    let (card, file) = carried("vcf").await;
    assert_eq!(card, ann(), "{file}");
    assert!(file.starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n"), "{file}");
    // A table says nothing of the order of a name's parts.
    let (mut card, file) = carried("csv").await;
    card["name"]["isOrdered"] = true.into();
    assert_eq!(card, ann(), "{file}");
    assert!(
        file.contains("\"'=one\ntwo"),
        "a formula is written as text: {file}"
    );
}

#[test]
fn tables_of_other_programs_are_read() {
    let place = Place::new();
    let data = place.data();
    let data = text(&data);
    let table = "\u{feff}Kunde;Full Name;E-mail 1 - Value;Telefon;Shoe size\r\n\
        7;\"Exämple; Ann\";ann@example.com;+1 555 0100;39\r\n8;\"Bob \"\"B\"\"\";nobody;;\r\n";
    let file = place.file("people.csv", table);
    let import = ["import", &file, "--data-dir", data];
    let map = ["--map", "externalId=Kunde,phone=Telefon"];
    let (_, err) = contacts(&[&import[..], &map].concat(), 0);
    let kept = "are kept as contactd.local:columns; --map gives them a meaning: Shoe size\n";
    assert!(err.contains(kept), "{err}");
    let odd = "line 3: kept as it is, as it fits no Card: E-mail 1 - Value: nobody\n";
    assert!(err.contains(odd), "{err}");
    let (out, _) = contacts(&["export", "--data-dir", data], 0);
    let contact = &lines(&out)[0];
    assert_eq!(contact["card"]["name"]["full"], "Exämple; Ann");
    assert_eq!(contact["card"]["contactd.local:externalId"], "7");
    assert_eq!(contact["card"]["phones"]["1"]["number"], "+1 555 0100");
    assert_eq!(contact["tenant"], "default");
    let (_, err) = contacts(&[&import[..], &["--map", "email=Post"]].concat(), 2);
    assert!(err.contains("there is no column Post"), "{err}");
}

#[test]
fn vcards_of_every_version_and_encoding_are_read() {
    let place = Place::new();
    let data = place.data();
    let data = text(&data);
    let file = place.file(
        "people.vcf",
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Example;Ann;;;\r\nFN:Ann Exa\r\n mple\r\n\
         EMAIL;TYPE=INTERNET,PREF:ann@example.com\r\nEND:VCARD\r\n\
         BEGIN:VCARD\r\nVERSION:2.1\r\nFN;ENCODING=QUOTED-PRINTABLE:=42ob\r\nEND:VCARD\r\n\
         BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Cíd\r\nTEL;TYPE=cell:+1 555 0100\r\nEND:VCARD\r\n\
         BEGIN:VCARD\r\nVERSION:5.0\r\nFN:Dan\r\nEND:VCARD\r\n",
    );
    let import = ["import", &file, "--data-dir", data];
    let (out, err) = contacts(&import, 1);
    assert!(out.starts_with("4 records: 3 imported"), "{out}");
    assert!(err.contains("line 17: vcard_version: "), "{err}");
    let (out, _) = contacts(&import, 1);
    assert!(out.starts_with("4 records: 0 imported, 3 already"), "{out}");
    let (out, _) = contacts(&["list", "--data-dir", data], 0);
    let found = lines(&out);
    let name = |at: usize| found[at]["card"]["name"]["full"].as_str();
    assert_eq!(name(0), Some("Ann Example"));
    let email = json!({"address": "ann@example.com", "pref": 1});
    assert_eq!(found[0]["card"]["emails"]["k1"], email);
    assert_eq!((name(1), name(2)), (Some("Bob"), Some("Cíd")));
    // The same in another encoding is the same.
    let bytes = std::fs::read_to_string(&file).expect("a file");
    let units = "\u{feff}".encode_utf16().chain(bytes.encode_utf16());
    let utf16: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    let latin1 = bytes.chars().map(|c| u8::try_from(u32::from(c)));
    let latin1: Vec<u8> = latin1.collect::<Result<_, _>>().expect("Latin 1");
    let utf16 = place.file("utf16.vcf", utf16);
    let latin1 = place.file("latin1.vcf", latin1);
    for (file, encoding) in [(&utf16, "utf-8"), (&latin1, "latin1")] {
        let again = ["import", file, "--encoding", encoding, "--data-dir", data];
        let (out, _) = contacts(&again, 1);
        assert!(out.starts_with("4 records: 0 imported, 3 already"), "{out}");
    }
    let (out, err) = contacts(&["import", &latin1, "--dry-run"], 1);
    assert!(out.starts_with("4 records: 3 good"), "{out}");
    let said = "line 12: read as windows-1252, as it is not UTF-8";
    assert!(err.contains(said), "{err}");
}

#[test]
fn an_array_of_cards_is_read_as_well_as_lines_of_them() {
    let place = Place::new();
    let data = place.data();
    let array = "\n[{\"name\": {\"full\": \"Ann\"}},\n {\"name\": 7},\n {\"name\": {\"full\": \"Bob\"}}\n]\n";
    let file = place.file("people.json", array);
    let (out, err) = contacts(&["import", &file, "--data-dir", text(&data)], 1);
    assert!(out.starts_with("3 records: 2 imported"), "{out}");
    assert!(err.starts_with("line 3: invalid: "), "{err}");
}

#[test]
fn a_file_without_a_record_is_a_failure_unless_it_is_empty() {
    let place = Place::new();
    for (name, content, code) in [
        ("a.vcf", "", 0),
        ("b.vcf", "\n", 1),
        ("c.csv", "Name,Email\n", 1),
        ("d.ndjson", "", 0),
        ("e.ndjson", "\n\n", 1),
    ] {
        let file = place.file(name, content);
        let (out, _) = contacts(&["import", &file, "--dry-run"], code);
        assert!(out.starts_with("0 records: "), "{name}: {out}");
    }
}

#[test]
fn a_token_imports_into_its_own_tenant_and_no_other() {
    let place = Place::new();
    let data = place.data();
    let server = Server::start(&data, &["--auth", "jwt"]);
    let file = place.file("people.ndjson", people(3));
    let writer = token(&data, &["--role", "contacts:write", "--tenant", "acme"]);
    let import = ["import", &file, "--url", &server.url, "--token", &writer];
    contacts(&[&import[..], &["--tenant", "other"]].concat(), 1);
    let (out, _) = contacts(&import, 0);
    assert!(out.starts_with("3 records: 3 imported"), "{out}");
    let reader = token(&data, &["--role", "contacts:read", "--tenant", "acme"]);
    let (_, err) = contacts(
        &["import", &file, "--url", &server.url, "--token", &reader],
        1,
    );
    assert!(err.contains("403"), "{err}");
    let export = ["export", "--url", &server.url, "--token", &reader];
    let (out, _) = contacts(&[&export[..], &["--dialect", "native"]].concat(), 0);
    let tenants: Vec<Value> = lines(&out).iter().map(|c| c["tenant"].clone()).collect();
    assert_eq!(tenants, ["acme", "acme", "acme"]);
}

#[test]
fn what_cannot_be_done_is_said_at_once() {
    let place = Place::new();
    let data = place.data();
    let here = ["--data-dir", text(&data)];
    let file = place.file("people.txt", "{}");
    let bad = |arguments: &[&str], code: i32, word: &str| {
        let (_, err) = contacts(&[arguments, &here].concat(), code);
        assert!(err.contains(word), "{arguments:?}: {err}");
    };
    bad(&["import", &file], 2, "--format");
    bad(&["import", &place.path("absent.csv")], 2, "cannot read");
    bad(&["export", &file], 2, "--format");
    bad(&["import", &file, "--format", "csv"], 2, "--map");
    let vcard = place.file("people.vcf", "BEGIN:VCARD\nVERSION:4.0\nFN:A\nEND:VCARD\n");
    let of_tables = "of use for tables alone, and the file is read as vCard; say --format csv";
    bad(&["import", &vcard, "--delimiter", ";"], 2, of_tables);
    bad(&["import", &vcard, "--map", "name=X"], 2, of_tables);
    let of_vcards = "of use for vCards alone, and CSV is written; say --format vcard";
    let table = ["export", "--format", "csv", "--vcard-version", "3.0"];
    bad(&table, 2, of_vcards);
    let (_, err) = contacts(&["list", "--url", "http://127.0.0.1:1/contacts"], 2);
    assert!(err.contains("alone: http://127.0.0.1:1"), "{err}");
    let nowhere = "http://127.0.0.1:1";
    let ask = ["import", &file, "--format", "ndjson", "--url", nowhere];
    let (_, err) = contacts(&ask, 1);
    assert!(err.contains("no service answers"), "{err}");
    assert!(!data.exists());
    bad(&["import", &file, "--format", "ndjson", "--dry-run"], 0, "");
    assert!(!data.exists(), "a dry run makes no directory");
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::new();
    let server = Server::start(&place.data(), &[]);
    let file = place.file("people.ndjson", people(1_500));
    contacts(&["import", &file, "--url", &server.url], 0);
    for format in ["ndjson", "csv", "vcard"] {
        let mut export = Command::new(BINARY)
            .args([
                "contacts",
                "export",
                "--format",
                format,
                "--url",
                &server.url,
            ])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut output = export.stdout.take().expect("a pipe");
        output.read_exact(&mut [0; 100]).expect("it writes");
        drop(output);
        assert_eq!(export.wait().expect("it ends").code(), Some(0), "{format}");
    }
}

#[test]
fn a_file_that_holds_something_is_not_written_over() {
    let place = Place::new();
    let here = ["--data-dir", text(&place.data())].map(str::to_owned);
    let [option, data] = here.each_ref().map(String::as_str);
    let cards = "{\"name\":{\"full\":\"Ann\"}}\n{oops}\n";
    let file = place.file("people.ndjson", cards);
    for more in [&["--dry-run"][..], &[option, data]] {
        let same = [&["import", &file, "--report", &file], more].concat();
        let (_, err) = contacts(&same, 2);
        assert!(err.contains("was not touched; name a new file"), "{err}");
        assert_eq!(place.read("people.ndjson"), cards);
    }
    assert!(!place.data().exists(), "and nothing is imported");
    let (_, err) = contacts(&["export", &file, option, data], 2);
    assert!(!err.is_empty());
    assert_eq!(place.read("people.ndjson"), cards);
    // One that a program has made for it is a new one.
    let report = place.file("report.ndjson", "");
    contacts(&["import", &file, "--report", &report, option, data], 1);
    assert_eq!(lines(&place.read("report.ndjson"))[0]["outcome"], "refused");
    let (out, _) = contacts(&["import", &file, "--dry-run", "--report", "/dev/null"], 1);
    assert!(out.starts_with("2 records: 1 good"), "{out}");
    let again = ["import", &file, "--report", &report, option, data];
    let (_, err) = contacts(&again, 2);
    assert!(err.contains("holds something already"), "{err}");
}

#[test]
fn an_odd_value_does_not_lose_the_person() {
    let place = Place::new();
    let data = place.data();
    let here = ["--data-dir", text(&data)];
    let file = place.file(
        "people.vcf",
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;;;;\r\nFN:Acme GmbH\r\nGEO:50.0;8.0\r\nEND:VCARD\r\n\
         BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bob\r\nEMAIL:nobody\r\nURL:www.x.de\r\nEND:VCARD\r\n",
    );
    let said = "line 7: changed URL: \"www.x.de\" to \"https://www.x.de\"\n\
        line 7: kept as it is, as it fits no Card: EMAIL:nobody\n";
    let report = place.path("report.ndjson");
    let dry = ["import", &file, "--dry-run", "--report", &report];
    contacts(&dry, 0);
    let want = [
        json!({"outcome": "changed", "line": 7, "name": "URL", "from": "www.x.de",
            "to": "https://www.x.de"}),
        json!({"outcome": "kept", "line": 7, "property": "EMAIL:nobody"}),
    ];
    assert_eq!(lines(&place.read("report.ndjson")), want);
    let (out, err) = contacts(&[&["import", &file], &here[..]].concat(), 0);
    assert!(out.starts_with("2 records: 2 imported"), "{out}");
    assert_eq!(err, said);
    let (vcards, _) = contacts(&[&["export", "--format", "vcard"], &here[..]].concat(), 0);
    for line in ["GEO:geo:50.0,8.0\r\n", "EMAIL:nobody\r\n"] {
        assert!(vcards.contains(line), "{line}: {vcards}");
    }
    let table = place.file("people.csv", "name,url\nCy,www.example.org/cy\n");
    contacts(&[&["import", &table], &here[..]].concat(), 0);
    let (out, _) = contacts(&[&["list"], &here[..]].concat(), 0);
    assert!(out.contains("https://www.example.org/cy"), "{out}");
}

#[test]
fn the_help_says_which_vcards_are_read_and_which_are_written() {
    for subcommand in ["import", "export"] {
        let (out, _) = contacts(&[subcommand, "--help"], 0);
        let says = "vCard: 2.1, 3.0 and 4.0 are read, 4.0 or 3.0 is written";
        assert!(out.contains(says), "{subcommand}: {out}");
    }
}
