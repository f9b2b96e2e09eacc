//! The program against a running service: one contact at a time, addresses, and what it says of a
//! connection that fails.

use serde_json::{Value, json};

use crate::common::{Server, run, temp_dir};

fn check(arguments: &[&str], want: i32) -> (String, String) {
    let (code, out, err) = run(arguments);
    assert_eq!(code, Some(want), "{arguments:?}: {out}{err}");
    (out, err)
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn one_contact_is_created_changed_and_deleted() {
    let dir = temp_dir();
    let file = |name: &str, content: Value| {
        let path = dir.path().join(name);
        std::fs::write(&path, content.to_string()).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let card = file("card.json", json!({"name": {"full": "Ann"}}));
    let patch = file("patch.json", json!({"name": {"full": "Anna"}}));
    let bad = file("bad.json", json!({"emails": {"e": {"address": "nobody"}}}));
    let data = dir.path().join("data");
    let data = data.to_str().expect("a path in UTF-8");
    let server = Server::start(&dir.path().join("served"), &[]);
    // The scheme may be left out.
    let address = server.url.trim_start_matches("http://");
    for place in [["--url", address], ["--data-dir", data]] {
        let contacts =
            |arguments: &[&str], code| check(&[&["contacts"], arguments, &place].concat(), code);
        let (out, _) = contacts(&["create", &card, "--tenant", "acme"], 0);
        let created = json_of(&out);
        assert_eq!(
            (&created["tenant"], &created["version"]),
            (&json!("acme"), &json!(1))
        );
        let id = created["id"].as_str().expect("an id");
        let (out, _) = contacts(&["update", id, &patch, "--if-version", "1"], 0);
        let updated = json_of(&out);
        assert_eq!(updated["card"]["name"]["full"], "Anna");
        contacts(&["update", id, &patch, "--if-version", "1"], 1);
        let (_, err) = contacts(&["create", &bad], 2);
        assert!(
            err.contains("emails.e.address must be of the format email"),
            "{err}"
        );
        assert_eq!(contacts(&["delete", id], 0).0, "");
        contacts(&["show", id], 1);
        contacts(&["delete", id], 1);
    }
}

#[test]
fn a_change_without_a_version_is_told_of_the_option() {
    let dir = temp_dir();
    let server = Server::start(&dir.path().join("data"), &["--require-if-match"]);
    let card = dir.path().join("card.json");
    std::fs::write(&card, r#"{"name":{"full":"Ann"}}"#).expect("a file");
    let card = card.to_str().expect("a path in UTF-8");
    let contacts = |arguments: &[&str], code| {
        check(
            &[&["contacts"], arguments, &["--url", &server.url]].concat(),
            code,
        )
    };
    let (out, _) = contacts(&["create", card], 0);
    let created = json_of(&out);
    let id = created["id"].as_str().expect("an id");
    for change in [&["update", id, card][..], &["delete", id]] {
        let (_, err) = contacts(change, 1);
        assert!(err.contains("give --if-version VERSION"), "{err}");
        assert!(!err.contains("If-Match"), "{err}");
    }
    contacts(&["delete", id, "--if-version", "1"], 0);
}

#[test]
fn a_connection_that_fails_says_why() {
    let (_, err) = check(&["contacts", "list", "--url", "http://127.0.0.1:1"], 1);
    assert!(
        err.contains("no service answers at http://127.0.0.1:1: "),
        "{err}"
    );
    assert!(err.contains("Connection refused"), "{err}");
    check(&["contacts", "list", "--url", "ftp://x.example"], 2);
    let absent = ["contacts", "list", "--url", "x:1", "--cacert", "/nowhere"];
    let (_, err) = check(&absent, 2);
    assert!(err.contains("/nowhere"), "{err}");
}

#[test]
fn an_export_of_a_service_shows_no_more_than_was_asked_for() {
    let dir = temp_dir();
    let card = dir.path().join("card.json");
    std::fs::write(&card, r#"{"name":{"full":"Ann Secret"}}"#).expect("a file");
    let card = card.to_str().expect("a path in UTF-8");
    let server = Server::start(&dir.path().join("data"), &[]);
    check(&["contacts", "create", card, "--url", &server.url], 0);
    let export = |detail: &str| {
        let (out, _) = check(
            &["log", "export", "--url", &server.url, "--detail", detail],
            0,
        );
        out
    };
    assert!(export("full").contains("Ann Secret"));
    let non_sensitive = export("non-sensitive");
    assert!(!non_sensitive.contains("Ann Secret"), "{non_sensitive}");
    assert_eq!(non_sensitive.lines().count(), 2);
    assert!(non_sensitive.contains("\"data\":"), "{non_sensitive}");
    let metadata = export("metadata");
    assert_eq!(metadata.lines().count(), 2);
    assert!(!metadata.contains("\"data\":"), "{metadata}");
}
