//! Of many at the same moment as many win as may: over HTTP, against the real writer.

use std::collections::HashMap;

use futures_util::future::join_all;

use crate::api::Person;
use crate::apis;
use crate::common::Answer;
use crate::test_server::TestServer;

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};
const BOB: Person<'static> = Person {
    name: "Bob",
    email: "ann@example.com",
};
/// Requests at the same moment.
const RIVALS: usize = 24;

/// The number of answers with each status.
fn tally(answers: &[Answer]) -> HashMap<u16, usize> {
    let mut tally = HashMap::new();
    for answer in answers {
        *tally.entry(answer.status).or_default() += 1;
    }
    tally
}

#[tokio::test]
async fn of_two_updates_of_one_version_one_succeeds() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let id = caller.created(ANN).await;
        let version = [("if-match", "\"1\"")];
        let first = caller.rename(&id, BOB, &version).await;
        assert_eq!(first.status, api.statuses[1], "{}: {first:?}", api.name);
        let before = service.head().await;
        let second = caller.rename(&id, ANN, &version).await;
        assert_eq!(second.status, 412, "{}: {second:?}", api.name);
        assert!((api.is_error)(&second), "{}: {second:?}", api.name);
        let types = [api.event("UPDATE", "START"), api.event("UPDATE", "FAIL")];
        assert_eq!(service.types_after(before).await, types, "{}", api.name);
        let read = caller.read(&id).await.expect("it is there");
        assert_eq!(
            read.pointer(api.name_at),
            Some(&BOB.name.into()),
            "{}",
            api.name
        );
        // The version that there is now, and any version at all.
        for good in ["\"2\"", "*"] {
            let next = caller.rename(&id, BOB, &[("if-match", good)]).await;
            assert_eq!(
                next.status, api.statuses[1],
                "{} {good}: {next:?}",
                api.name
            );
        }
        if api.deletes {
            let path = api.one_of(caller.tenant, &id);
            let late = caller.send("DELETE", &path, &version, "").await;
            assert_eq!(late.status, 412, "{}: {late:?}", api.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_updates_of_one_version_one_succeeds() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let id = caller.created(ANN).await;
        let before = service.head().await;
        let rename = |_| caller.rename(&id, BOB, &[("if-match", "\"1\"")]);
        let answers = join_all((0..RIVALS).map(rename)).await;
        let expected = HashMap::from([(api.statuses[1], 1), (412, RIVALS - 1)]);
        assert_eq!(tally(&answers), expected, "{}", api.name);
        let types = service.types_after(before).await;
        let count = |phase| {
            let wanted = api.event("UPDATE", phase);
            types.iter().filter(|kind| **kind == wanted).count()
        };
        let counts = [count("START"), count("SUCCESS"), count("FAIL")];
        assert_eq!(counts, [RIVALS, 1, RIVALS - 1], "{}", api.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_participant_has_ten_contacts_at_most() {
    let service = TestServer::new(&[]);
    let api = apis::by_name("mattr");
    let caller = service.admin(api, 0);
    let answers = join_all((0..RIVALS).map(|_| caller.create(ANN))).await;
    assert_eq!(
        tally(&answers),
        HashMap::from([(201, 10), (400, RIVALS - 10)])
    );
    for refused in answers.iter().filter(|answer| answer.status == 400) {
        assert!((api.is_error)(refused), "{refused:?}");
    }
    let all = caller.all().await;
    assert_eq!(all.len(), 10);
    // A place that is freed is taken by one.
    let gone = caller.delete(&crate::api::id_of(&all[0])).await;
    assert_eq!(gone.status, 204);
    let answers = join_all((0..RIVALS).map(|_| caller.create(ANN))).await;
    assert_eq!(
        tally(&answers),
        HashMap::from([(201, 1), (400, RIVALS - 1)])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_belongs_to_one_contact() {
    let service = TestServer::new(&[]);
    let api = apis::by_name("thena");
    let caller = service.admin(api, 0);
    let answers = join_all((0..RIVALS).map(|_| caller.create(ANN))).await;
    assert_eq!(
        tally(&answers),
        HashMap::from([(201, 1), (409, RIVALS - 1)])
    );

    // Two others want one address, and those who had theirs keep it.
    let mut others = Vec::new();
    for email in ["b@example.com", "c@example.com"] {
        others.push(
            caller
                .created(Person {
                    name: "Other",
                    email,
                })
                .await,
        );
    }
    let path = |id: &str| api.one_of(caller.tenant, id);
    let wanted = r#"{"email":"Wanted@example.com"}"#;
    let claims = others.iter().map(|id| {
        let path = path(id);
        let caller = &caller;
        async move { caller.send("PUT", &path, &[], wanted).await }
    });
    assert_eq!(
        tally(&join_all(claims).await),
        HashMap::from([(200, 1), (409, 1)])
    );
    let taken = caller
        .send(
            "PUT",
            &path(&others[0]),
            &[],
            r#"{"email":"ANN@example.com"}"#,
        )
        .await;
    assert_eq!(taken.status, 409, "{taken:?}");
    // Another organisation's addresses are its own.
    assert_eq!(service.admin(api, 1).create(ANN).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_idempotency_key_makes_one_contact() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let before = service.head().await;
        let key = [("idempotency-key", "one and the same"), ("x-other", "1")];
        let bad = caller.create_with(ANN, &key).await;
        assert_eq!(
            bad.status, 400,
            "{}: a space is not visible: {bad:?}",
            api.name
        );
        let key = [("idempotency-key", "the-same")];
        let answers = join_all((0..RIVALS).map(|_| caller.create_with(ANN, &key))).await;
        let expected = HashMap::from([(api.statuses[0], RIVALS)]);
        assert_eq!(tally(&answers), expected, "{}", api.name);
        for answer in &answers {
            assert_eq!(answer.body, answers[0].body, "{}", api.name);
            assert_eq!(answer.position(), before + 2, "{}", api.name);
        }
        assert_eq!(caller.all().await.len(), 1, "{}", api.name);
    }
}
