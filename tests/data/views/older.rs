//! A view that an earlier release saved is not read: its keys are of other spellings.

use contactd::domain::{Action, Card, FailureCode};
use contactd::domain::{Operation, Outcome, Position};
use contactd::projection::{Contacts, VIEW_VERSION};
use serde_json::json;

use super::owner;
use super::test_service::{attempt, open};

/// The place of the version in a saved view, behind the word that it begins with.
const VERSION_AT: usize = "contacts".len();

/// The refusal of a new contact with an address, in a dialect whose addresses are unique.
async fn refusal_of(test: &super::test_service::TestService, address: &str) -> Option<FailureCode> {
    let card = json!({"emails": {"email": {"address": address}}});
    let create = Action::Create {
        card: Card::from_value(card).expect("a card"),
        chosen_id: None,
    };
    let create = attempt(Operation::Create, None, create);
    let committed = test.submit(&owner(5, "acme"), vec![create]).await;
    match &committed.outcomes[0] {
        Outcome::Refused { failure, .. } => Some(failure.code),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_made_again_with_the_keys_of_today() {
    let dir = tempfile::tempdir().expect("a directory");
    let test = open(dir.path());
    assert_eq!(refusal_of(&test, "Straße@BÜCHER.example").await, None);
    // A view that has come as far and knows none of today's keys, as an earlier release's.
    let all = test.service().events_after(Position::ZERO, 100, &|_| true);
    let mut keyless = Contacts::default();
    for record in all.expect("events").records {
        let folded = keyless.fold(&record.event, record.slot, &[]);
        folded.expect("it folds");
    }
    test.service().stop();
    drop(test);
    let views = dir.path().join("views");
    let whole = only_file(&views);
    let mut saved = keyless.to_snapshot();
    saved[VERSION_AT] = VIEW_VERSION - 1;
    std::fs::write(&whole, saved).expect("it is written");
    // Releases before had one file, in which tags stood in clear.
    std::fs::write(views.join("contacts.view"), "contacts").expect("it is written");

    let test = open(dir.path());
    for same in ["strasse@xn--bcher-kva.example", "STRASSE@bücher.example"] {
        let refused = refusal_of(&test, same).await;
        assert_eq!(refused, Some(FailureCode::DuplicateEmail), "{same}");
    }
    assert_eq!(refusal_of(&test, "strase@bücher.example").await, None);
    test.service().stop();
    let saved = std::fs::read(only_file(&views)).expect("a view");
    assert_eq!(saved[VERSION_AT], VIEW_VERSION);
}

fn only_file(views: &std::path::Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(views).expect("a directory");
    let files = files.map(|file| file.expect("a file").path());
    // The search view has files of its own.
    let name = |path: &std::path::PathBuf| path.file_name().map(|name| name.to_owned());
    let of_contacts = |name: std::ffi::OsString| name.to_string_lossy().starts_with("contacts-");
    let mut files = files.filter(|path| name(path).is_some_and(of_contacts));
    let file = files.next().expect("a view");
    assert_eq!(files.next(), None, "one file");
    file
}
