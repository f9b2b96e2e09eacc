//! Backups and restores by the binary: whose a backup is, who may read it, what it holds of keys,
//! and what a restore is that was cut off.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::common::{self, BINARY, Server, run};
use crate::keys::{check, create, text};

/// A directory that is stopped, and room beside it.
struct Fixture {
    root: TempDir,
    data: PathBuf,
}

impl Fixture {
    async fn with(names: &[&str]) -> Self {
        let root = common::temp_dir();
        let data = root.path().join("data");
        let fixture = Self { root, data };
        fixture.add(names).await;
        fixture
    }

    /// Makes contacts; their ids.
    async fn add(&self, names: &[&str]) -> Vec<String> {
        let server = Server::start(&self.data, &[]);
        let mut ids = Vec::new();
        for name in names {
            ids.push(create(&server, name).await);
        }
        assert_eq!(server.stop(), Some(0));
        ids
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn run(&self, words: &[&str], want: i32) -> String {
        check(&self.data, words, want)
    }
}

async fn status_of(server: &Server, id: &str) -> u16 {
    let path = format!("/contacts/{id}");
    server.send("GET", &path, &[], None).await.status
}

/// Every file below a directory and its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("it lists") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(path).expect("it is read"));
        }
    }
    found
}

/// Everything below a directory is for its owner alone.
fn assert_closed(path: &Path) {
    let mode = fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777;
    let wanted = if path.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(mode, wanted, "{}", path.display());
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("it lists") {
            assert_closed(&entry.expect("an entry").path());
        }
    }
}

#[tokio::test]
async fn a_backup_is_written_over_nothing_but_an_earlier_one_of_the_same_log() {
    let (ours, theirs) = (
        Fixture::with(&["Ann"]).await,
        Fixture::with(&["Bob", "Cy"]).await,
    );
    let to = ours.beside("backup");
    theirs.run(&["backup", text(&to), "--with-keys"], 0);
    let whole = files(&to);
    let refused = |to: &Path, why: &str| {
        let before = files(to);
        for words in [
            &["backup", text(to)][..],
            &["backup", text(to), "--with-keys"],
        ] {
            let said = ours.run(words, 2);
            assert!(
                said.contains(why) && said.contains("nothing was touched"),
                "{said}"
            );
        }
        assert_eq!(files(to), before);
    };
    refused(&to, "of another log");
    // The same id, but another history.
    for name in ["identity/log-id", "identity/index-check"] {
        fs::copy(ours.data.join(name), to.join(name)).expect("it is copied");
    }
    refused(&to, "not of this log");
    let strange = ours.beside("strange");
    fs::create_dir_all(strange.join("journal")).expect("a directory");
    fs::write(strange.join("journal/notes.txt"), "mine").expect("a file");
    refused(&strange, "of another log, or none");
    fs::write(strange.join("holiday.jpg"), "mine").expect("a file");
    refused(&strange, "holds holiday.jpg");
    refused(&theirs.data, "which no backup has");
    let inside = ours.data.join("backup");
    let said = ours.run(&["backup", text(&inside)], 2);
    assert!(said.contains("inside the data directory"), "{said}");
    assert!(!inside.exists());
    assert!(!whole.is_empty());
}

#[tokio::test]
async fn a_backup_of_a_log_that_went_on_apart_or_is_newer_is_refused() {
    let fixture = Fixture::with(&["Ann"]).await;
    let (first, newer) = (fixture.beside("first"), fixture.beside("newer"));
    fixture.run(&["backup", text(&first), "--with-keys"], 0);
    fixture.add(&["Bob"]).await;
    fixture.run(&["backup", text(&newer), "--with-keys"], 0);
    let fork = fixture.beside("fork");
    let said = check(&fork, &["restore", text(&first)], 0);
    assert!(
        said.contains("two continuations") && said.contains("--audit-origin"),
        "{said}"
    );
    let said = check(&fork, &["backup", text(&newer)], 2);
    assert!(said.contains("not the beginning of this log"), "{said}");
    let server = Server::start(&fork, &[]);
    for name in ["Cy", "Dee", "Eve"] {
        create(&server, name).await;
    }
    assert_eq!(server.stop(), Some(0));
    let said = check(&fork, &["backup", text(&newer)], 2);
    assert!(said.contains("not the beginning of this log"), "{said}");
    check(&fork, &["backup", text(&first)], 0);
}

#[tokio::test]
async fn content_is_compared_and_not_its_length() {
    let fixture = Fixture::with(&["Ann", "Bob"]).await;
    let to = fixture.beside("backup");
    fixture.run(&["backup", text(&to)], 0);
    let whole = files(&to);
    for name in whole.keys() {
        let mut bytes = whole[name].clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(name, bytes).expect("it is written");
        let (code, out, err) = run(&["backup", text(&to), "--data-dir", text(&fixture.data)]);
        let path = name.display();
        if name.ends_with("audit/checkpoint") || name.ends_with("log-id") {
            assert_eq!(code, Some(2), "{path}: {out}{err}");
            fs::write(name, &whole[name]).expect("it is written");
        } else {
            assert_eq!(code, Some(0), "{path}: {out}{err}");
        }
        assert_eq!(files(&to), whole, "{path}");
    }
}

#[tokio::test]
async fn backups_and_restored_directories_are_closed_and_no_link_is_written_through() {
    let fixture = Fixture::with(&["Ann"]).await;
    let to = fixture.beside("backup");
    fixture.run(&["backup", text(&to), "--with-keys"], 0);
    assert_closed(&to);
    // As an earlier release, or a copy by other means, left it.
    for path in files(&to).keys() {
        fs::set_permissions(path, Permissions::from_mode(0o644)).expect("its mode");
    }
    fs::set_permissions(&to, Permissions::from_mode(0o755)).expect("its mode");
    fixture.run(&["backup", text(&to), "--with-keys"], 0);
    assert_closed(&to);
    let new = fixture.beside("new");
    fs::create_dir(&new).expect("a directory");
    fs::set_permissions(&new, Permissions::from_mode(0o755)).expect("its mode");
    check(&new, &["restore", text(&to)], 0);
    assert_closed(&new);

    let (link, elsewhere) = (fixture.beside("link"), fixture.beside("elsewhere"));
    fs::create_dir(&elsewhere).expect("a directory");
    symlink(&elsewhere, &link).expect("a link");
    for way in [text(&link).to_owned(), format!("{}/", text(&link))] {
        assert!(fixture.run(&["backup", &way], 2).contains("symbolic link"));
    }
    assert_eq!(files(&elsewhere).len(), 0);
    let victim = fixture.beside("victim");
    fs::write(&victim, "mine").expect("a file");
    for name in ["audit.key", "journal/x", "keys/master.key"] {
        let place = to.join(name);
        fs::remove_file(&place).ok();
        symlink(&victim, &place).expect("a link");
        let said = fixture.run(&["backup", text(&to), "--with-keys"], 2);
        assert!(said.contains("symbolic link"), "{said}");
        fs::remove_file(&place).expect("it is removed");
    }
    assert_eq!(fs::read_to_string(&victim).expect("it is there"), "mine");
}

#[tokio::test]
async fn keys_are_in_a_backup_only_where_they_are_asked_for() {
    let fixture = Fixture::with(&["Ann"]).await;
    fixture.run(&["token", "--role", "auditor"], 0);
    let to = fixture.beside("backup");
    let is_key = |path: &PathBuf| {
        path.starts_with(to.join("keys")) || path.extension().is_some_and(|end| end == "key")
    };
    let said = fixture.run(&["backup", text(&to)], 0);
    assert!(
        said.contains("without keys") && said.contains("audit.key"),
        "{said}"
    );
    assert!(!files(&to).keys().any(is_key), "{:?}", files(&to).keys());
    let said = fixture.run(&["backup", text(&to), "--with-keys"], 0);
    assert!(
        said.contains("with keys") && said.contains("audit.key"),
        "{said}"
    );
    let there: Vec<_> = files(&to).into_keys().filter(is_key).collect();
    assert_eq!(there.len(), 6, "{there:?}");
    let said = fixture.run(&["backup", text(&to)], 0);
    assert!(
        said.contains("without keys") && said.contains("6 files of keys"),
        "{said}"
    );
    assert!(!files(&to).keys().any(is_key), "{:?}", files(&to).keys());
}

#[tokio::test]
async fn an_old_copy_of_the_keys_opens_nobody_made_later() {
    let fixture = Fixture::with(&[]).await;
    let old = fixture.add(&["Ann"]).await;
    let (keys, later) = (fixture.beside("keys"), fixture.beside("later"));
    fixture.run(&["backup", text(&keys), "--with-keys"], 0);
    let new = fixture.add(&["Bob"]).await;
    fixture.run(&["backup", text(&later), "--with-keys"], 0);
    for name in ["slots-1.bin", "slots-1.copy.bin"] {
        fs::copy(keys.join("keys").join(name), later.join("keys").join(name)).expect("a copy");
    }
    let restored = fixture.beside("restored");
    let said = check(&restored, &["restore", text(&later)], 0);
    assert!(said.contains("no keys of 1 contact:"), "{said}");
    let server = Server::start(&restored, &[]);
    assert_eq!(status_of(&server, &old[0]).await, 200);
    assert_eq!(status_of(&server, &new[0]).await, 410);
}

#[tokio::test]
async fn a_log_restored_without_its_signing_key_goes_on_under_another() {
    let fixture = Fixture::with(&["Ann"]).await;
    let to = fixture.beside("backup");
    fixture.run(&["backup", text(&to)], 0);
    let old = fixture.run(&["log", "key"], 0);
    let own = fixture.beside("own");
    let said = check(&own, &["restore", text(&to)], 0);
    let new = check(&own, &["log", "key"], 0);
    assert!(
        said.contains(new.trim()) && said.contains("--audit-key"),
        "{said}"
    );
    assert_ne!(old, new);
    let kept = fixture.data.join("audit.key");
    let given = fixture.beside("given");
    check(
        &given,
        &["restore", text(&to), "--audit-key", text(&kept)],
        0,
    );
    let same = check(&given, &["log", "key", "--audit-key", text(&kept)], 0);
    assert_eq!(old, same);
    let foreign = fixture.beside("foreign");
    let key = own.join("audit.key");
    let said = check(
        &foreign,
        &["restore", text(&to), "--audit-key", text(&key)],
        4,
    );
    assert!(said.contains("signed with another key"), "{said}");
    assert!(!foreign.exists(), "nothing is begun that cannot end well");
    fixture.run(&["backup", text(&to), "--with-keys"], 0);
    let named = fixture.beside("named");
    let origin = ["--audit-origin", "contacts.example/restored"];
    let said = check(&named, &[&["restore", text(&to)][..], &origin].concat(), 0);
    assert!(said.contains("contacts.example/restored+"), "{said}");
    for (dir, options) in [
        (&own, &[][..]),
        (&given, &["--audit-key", text(&kept)]),
        (&named, &origin),
    ] {
        check(dir, &[&["log", "verify"], options].concat(), 0);
        let server = Server::start(dir, options);
        create(&server, "Bob").await;
        assert_eq!(server.stop(), Some(0));
        check(dir, &[&["log", "verify"], options].concat(), 0);
    }
    check(&named, &["log", "verify"], 4);
}

#[tokio::test]
async fn a_backup_older_than_a_kept_checkpoint_is_not_restored() {
    let fixture = Fixture::with(&["Ann"]).await;
    let (older, newer) = (fixture.beside("older"), fixture.beside("newer"));
    let (kept, to) = (fixture.beside("kept"), fixture.beside("to"));
    fixture.run(&["backup", text(&older)], 0);
    fixture.add(&["Bob"]).await;
    fs::copy(fixture.data.join("audit/checkpoint"), &kept).expect("it is kept");
    fixture.add(&["Cy"]).await;
    fixture.run(&["backup", text(&newer)], 0);
    let said = check(
        &to,
        &["restore", text(&older), "--checkpoint", text(&kept)],
        2,
    );
    assert!(said.contains("older than the kept checkpoint"), "{said}");
    assert!(!to.exists());
    check(
        &to,
        &["restore", text(&newer), "--checkpoint", text(&kept)],
        0,
    );
    let other = Fixture::with(&["Dee"]).await;
    let foreign = other.data.join("audit/checkpoint");
    let words = ["restore", text(&newer), "--checkpoint", text(&foreign)];
    check(&fixture.beside("foreign"), &words, 2);
}

#[tokio::test]
async fn a_damaged_backup_leaves_the_target_as_it_was() {
    let fixture = Fixture::with(&["Ann", "Bob"]).await;
    let (to, new) = (fixture.beside("backup"), fixture.beside("new"));
    fixture.run(&["backup", text(&to), "--with-keys"], 0);
    let whole = files(&to);
    for name in whole
        .keys()
        .filter(|name| name.starts_with(to.join("audit")))
    {
        let mut bytes = whole[name].clone();
        bytes[7] ^= 1;
        fs::write(name, bytes).expect("it is written");
        let (code, _, err) = run(&["restore", text(&to), "--data-dir", text(&new)]);
        assert_eq!(code, Some(4), "{}: {err}", name.display());
        assert!(!new.exists(), "{}", name.display());
        fs::write(name, &whole[name]).expect("it is written");
    }
    check(&new, &["restore", text(&to)], 0);
    let said = check(&new, &["restore", text(&to)], 2);
    assert!(said.contains("not empty"), "{said}");
}

#[tokio::test]
async fn a_restore_that_is_killed_never_starts_as_a_part_of_the_log() {
    let fixture = Fixture::with(&["Ann", "Bob", "Cy"]).await;
    let to = fixture.beside("backup");
    fixture.run(&["backup", text(&to), "--with-keys"], 0);
    let id = fs::read(to.join("identity/log-id")).expect("it is there");
    let mut cut = 0;
    for wait in (0..60).step_by(4) {
        let new = fixture.beside(&format!("new-{wait}"));
        let mut restore = Command::new(BINARY)
            .args(["restore", text(&to), "--data-dir", text(&new)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(Duration::from_millis(wait));
        restore.kill().expect("it can be killed");
        restore.wait().expect("it ends");
        let marked = new.join("restoring").exists();
        cut += usize::from(marked);
        let has_log = fs::read(new.join("identity/log-id")).is_ok_and(|there| there == id);
        if marked {
            let refused = Server::try_start(&new, &[]).err();
            let (code, said) = refused.expect("it must not start");
            assert_eq!(code, Some(4), "{said}");
            assert!(said.contains("run `contactd restore`"), "{said}");
            for words in [&["log", "repair"][..], &["contacts", "list"]] {
                let (code, _, err) = run(&[words, &["--data-dir", text(&new)]].concat());
                assert_ne!(code, Some(0), "{words:?}: {err}");
            }
        } else if has_log {
            check(&new, &["log", "verify"], 0);
            continue;
        }
        check(&new, &["restore", text(&to)], 0);
        let said = check(&new, &["log", "verify"], 0);
        assert!(said.contains("verified 6 events"), "{said}");
    }
    // A mark alone is the first thing that a restore makes.
    let new = fixture.beside("marked");
    fs::create_dir(&new).expect("a directory");
    fs::write(new.join("restoring"), "").expect("a file");
    assert!(Server::try_start(&new, &[]).is_err_and(|(code, _)| code == Some(4)));
    check(&new, &["restore", text(&to)], 0);
    assert!(cut < 15, "not every restore was cut off: {cut}");
}
