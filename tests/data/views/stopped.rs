//! An event that a view can't fold stops that view alone, and says which.

use std::sync::Arc;

use contactd::dialect::ApiOperation;
use contactd::domain::{Operation, Phase, Position};
use contactd::gateway::StatsAsk;
use contactd::keys::{KeyRing, MasterKey};
use contactd::log::{self, OpenOptions, record};
use contactd::storage::{DataDir, DirFiles, FileAt};
use serde_json::json;

use super::test_service::open;
use super::{id, owner, success};

/// Puts an update of a contact into the log that was never created: the inline view passes over it,
/// the search view can't.
fn poison(path: &std::path::Path) -> Position {
    let held = DataDir::open(path).expect("a directory");
    let keys_dir = path.join("keys");
    let master =
        MasterKey::read_or_create(&FileAt::at(&keys_dir.join("master.key"))).expect("a key");
    let keys = KeyRing::open(Arc::new(DirFiles::at(&keys_dir)), &master).expect("keys");
    let mut opened = log::open(&held, &OpenOptions::default(), &mut |_| {}).expect("it opens");
    let position = opened.appender.next();
    let mut start = success(Operation::Update, &owner(1, "acme"), id(7), position.get());
    let mut outcome = success(
        Operation::Update,
        &owner(1, "acme"),
        id(7),
        position.next().get(),
    );
    start.phase = Phase::Start { idempotency: None };
    outcome.header.causation = Some(start.header.id);
    let records =
        [&start, &outcome].map(|event| record::encode(event, None, None, &keys).expect("a record"));
    opened.appender.append(&records).expect("it is written");
    position.next()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_alone_and_says_where() {
    let dir = tempfile::tempdir().expect("a directory");
    let acme = owner(1, "acme");
    let test = open(dir.path());
    test.create(&acme, &[json!({"name": {"full": "Ann"}})])
        .await;
    test.service().stop();
    drop(test);
    let position = poison(dir.path());

    let test = open(dir.path());
    let ids = test
        .create(&acme, &[json!({"name": {"full": "Bob"}})])
        .await;
    let (status, body, _) = test.ask(ApiOperation::List, "q=bob").await;
    assert_eq!(status, 503, "{body}");
    let views = test.service().views();
    let [search, statistics] = views.statuses();
    assert_eq!(search.stopped.map(|stop| stop.position), Some(position));
    assert_eq!(search.position, position.previous());
    assert!(
        views.search.read(|index, _| index.dump().is_empty()),
        "it can't forget any more"
    );
    let ask = StatsAsk {
        tenant: None,
        dialect: None,
        hours: 1,
    };
    let stats = test
        .gateway
        .stats(&contactd::auth::Principal::local_developer(), &ask)
        .await;
    assert_eq!(stats.expect("counts").position, test.service().head());
    assert_eq!(statistics.stopped, None);
    assert!(
        test.service().owner_of(ids[0]).is_some(),
        "the rest goes on"
    );
    assert!(test.service().views_caught_up());

    // The event is still there, so a rebuild stops at it too.
    views.rebuild("search").expect("a view");
    let mut status = views.search.watch();
    let status = status
        .wait_for(|status| status.rebuild_stopped.is_some())
        .await
        .expect("a view");
    assert_eq!(
        status.rebuild_stopped.as_ref().map(|stop| stop.position),
        Some(position)
    );
    assert_eq!(status.rebuilt, 0);
}
