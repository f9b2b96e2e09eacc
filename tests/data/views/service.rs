//! Searches, changes, statistics and rebuilds of a whole service.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use contactd::auth::{Principal, Roles, Tenants};
use contactd::dialect::ApiOperation;
use contactd::domain::{
    Action, Card, ContactId, EraseReason, Operation, Owner, Patch, Patched, Position, Target,
};
use contactd::gateway::StatsAsk;
use contactd::projection::{SearchIndex, Statistics};
use serde_json::{Value, json};

use super::owner;
use super::test_service::{TestService, attempt, open};

fn named(name: &str) -> Value {
    json!({"name": {"full": name}})
}

async fn rename(test: &TestService, owner: &Owner, id: ContactId, name: &str) {
    let card = Card::from_value(named(name)).expect("a card");
    let patch = Patch::new(move |_| {
        let changed = vec!["name".into()];
        Ok(Patched {
            card: card.clone(),
            changed,
        })
    });
    let update = attempt(
        Operation::Update,
        Some(Target::Id(id)),
        Action::Update(patch),
    );
    assert!(!test.submit(owner, vec![update]).await.any_refused());
}

async fn erase(test: &TestService, owner: &Owner, id: ContactId) {
    let erase = Action::Erase {
        reason: EraseReason::Request,
        reference: None,
    };
    let erase = attempt(Operation::Erase, Some(Target::Id(id)), erase);
    assert!(!test.submit(owner, vec![erase]).await.any_refused());
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_found_by_what_people_type() {
    let test = TestService::new();
    let card = |name: &str, email: &str, phone: &str, organization: &str| {
        json!({
            "name": {"full": name}, "emails": {"e": {"address": email}},
            "phones": {"p": {"number": phone}}, "organizations": {"o": {"name": organization}},
        })
    };
    let cards = [
        card(
            "Zoë Ångström",
            "zoe@example.com",
            "+46 (8) 123-456",
            "Söder AB",
        ),
        card("Bob O'Brien", "bob.obrien@example.org", "0800 123", "ACME"),
        card("Søren Zoega", "S.Z@Example.com", "123456", ""),
        card("山田太郎", "t@bücher.example", "٠٩٠-١٢", "ソニー株式会社"),
    ];
    test.create(&owner(1, "acme"), &cards[..2]).await;
    test.create(&owner(1, "other"), &cards[2..3]).await;
    test.create(&owner(1, "tokyo"), &cards[3..]).await;
    let (zoe, bob, soren) = ("Zoë Ångström", "Bob O'Brien", "Søren Zoega");
    let taro = "山田太郎";
    let cases: [(&str, &[&str]); 24] = [
        ("q=zoe", &[zoe, soren]),
        ("q=ZO%C3%8B", &[zoe, soren]),
        ("q=zoe+ang", &[zoe]),
        ("q=ngstrom", &[]),
        ("q=soder", &[zoe]),
        ("q=o%27brien", &[bob]),
        ("q=obrien", &[bob]),
        ("q=zoe@ex", &[zoe]),
        ("q=@example.com", &[zoe, soren]),
        ("q=%2B46+(8)+123-456", &[zoe]),
        ("q=123456", &[zoe, soren]),
        ("q=0800", &[bob]),
        ("email=ZOE@EXAMPLE.COM", &[zoe]),
        ("email=zoe%CC%88@example.com", &[]),
        ("phone=468-123-456", &[zoe]),
        ("name=soren", &[soren]),
        ("name=acme", &[]),
        ("q=zoe&tenant=other", &[soren]),
        ("name=太郎", &[taro]),
        ("name=郎太", &[]),
        ("q=株式", &[taro]),
        ("email=T@XN--BCHER-KVA.example", &[taro]),
        ("email=t@bucher.example", &[]),
        ("phone=09012", &[taro]),
    ];
    for (query, want) in cases {
        assert_eq!(test.names(query).await.0, want, "{query}");
    }
    let named = |sort: &'static str| test.names(sort);
    assert_eq!(named("sort=name").await.0, [bob, soren, zoe, taro]);
    assert_eq!(named("sort=-updated").await.0, [taro, soren, bob, zoe]);
    let other = Principal {
        roles: Roles::Named(["contacts:read".to_owned()].into()),
        tenants: ["other".to_owned()].into_iter().collect::<Tenants>(),
        ..Principal::local_developer()
    };
    let (_, body, _) = test.ask_as(&other, ApiOperation::List, "q=zoe").await;
    assert_eq!(body["data"].as_array().map(Vec::len), Some(1), "{body}");
}

/// The contacts with an address, as the view knows them that is never behind.
fn at_address(test: &TestService, address: &str, tenant: Option<&str>) -> Vec<ContactId> {
    let service = test.service();
    let holders = service.with_email(address, tenant, &|_, tenant| tenant != "hidden");
    let found = service.still_with_email(&holders.expect("they are few"));
    found
        .expect("they open")
        .iter()
        .map(|contact| contact.id)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exact_address_is_found_without_the_search_view() {
    let dir = tempfile::tempdir().expect("a directory");
    let test = open(dir.path());
    let ann = json!({"name": {"full": "Ann"}, "emails": {"e": {"address": "Ann@Bücher.example"}}});
    let mut ids = Vec::new();
    for rules in contactd::dialect::REGISTRY.iter() {
        let of = owner(rules.dialect.0, "acme");
        ids.extend(test.create(&of, std::slice::from_ref(&ann)).await);
    }
    let native = owner(1, "acme");
    test.create(&owner(1, "hidden"), std::slice::from_ref(&ann))
        .await;
    let spelled = "ann@xn--bcher-kva.EXAMPLE";
    let mut found = at_address(&test, spelled, None);
    found.sort_unstable();
    assert_eq!(found, ids);
    assert_eq!(at_address(&test, spelled, Some("acme")).len(), ids.len());
    assert_eq!(at_address(&test, spelled, Some("other")), []);
    assert_eq!(at_address(&test, spelled, Some("hidden")), []);
    assert_eq!(at_address(&test, "nn@bücher.example", None), []);
    let stale = test.service().with_email(spelled, None, &|_, _| true);
    rename(&test, &native, ids[0], "No address").await;
    let still = test
        .service()
        .still_with_email(&stale.expect("they are few"));
    let still = still.expect("they open");
    assert!(still.iter().all(|contact| contact.id != ids[0]));
    let rest = at_address(&test, spelled, None);
    assert_eq!(rest.len(), ids.len() - 1);
    let mattr = test.service().owner_of(ids[1]).expect("an owner");
    erase(&test, &mattr, ids[1]).await;
    test.service().stop();
    drop(test);
    let test = open(dir.path());
    assert_eq!(at_address(&test, spelled, None).len(), ids.len() - 2);
    let (status, body, position) = test
        .ask(ApiOperation::List, &format!("email={spelled}&tenant=acme"))
        .await;
    assert_eq!((status, position), (200, test.service().head()), "{body}");
    assert_eq!(
        body["data"].as_array().map(Vec::len),
        Some(ids.len() - 2),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_stays_right_while_others_write() {
    let test = TestService::new();
    let acme = owner(1, "acme");
    for sort in ["created", "-created", "name", "-name"] {
        let word = sort.replace('-', "d");
        let name = |number: usize| format!("{word} {number:02}");
        let cards: Vec<Value> = (0..20).map(|number| named(&name(number))).collect();
        let ids = test.create(&acme, &cards).await;
        let mut seen = Vec::new();
        let mut query = format!("q={word}&limit=3&sort={sort}");
        loop {
            let (names, cursor) = test.names(&query).await;
            // The last of the page goes, and one behind the cursor changes what is not its name.
            if let Some(last) = names.last().and_then(|last| {
                ids.get(last[last.len() - 2..].parse::<usize>().expect("a number"))
            }) {
                erase(&test, &acme, *last).await;
            }
            test.create(&acme, &[named("someone else")]).await;
            seen.extend(names);
            match cursor {
                Some(cursor) => query = format!("q={word}&limit=3&sort={sort}&cursor={cursor}"),
                None => break,
            }
        }
        let mut want: Vec<String> = (0..20).map(name).collect();
        if sort.starts_with('-') {
            want.reverse();
        }
        assert_eq!(seen, want, "{sort}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_forgotten_before_the_next_answer() {
    let test = TestService::new();
    let acme = owner(1, "acme");
    let ids = test
        .create(&acme, &[named("Unforgettable Name"), named("Ann")])
        .await;
    assert_eq!(test.names("q=unforgettable").await.0.len(), 1);
    rename(&test, &acme, ids[1], "Renamed").await;
    erase(&test, &acme, ids[0]).await;
    assert_eq!(test.names("q=unforgettable").await.0.len(), 0);
    let dump = test.service().views().search.read(|index, _| index.dump());
    let texts: Vec<&String> = dump.keys().collect();
    assert_eq!(texts, ["=renamed", "renamed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_goes_on_where_it_stopped_and_damage_is_made_good() {
    let dir = tempfile::tempdir().expect("a directory");
    let acme = owner(1, "acme");
    let test = open(dir.path());
    let cards = ["Ann Unforgettable", "Bob", "Cy"].map(named);
    let ids = test.create(&acme, &cards).await;
    rename(&test, &acme, ids[1], "Bob Renamed").await;
    test.service().stop();
    drop(test);
    let kept = || {
        let files = std::fs::read_dir(dir.path().join("views")).expect("it lists");
        let paths = files.map(|file| file.expect("a file").path());
        let blocks = |path: &PathBuf| path.extension().is_some_and(|end| end == "blocks");
        paths.filter(blocks).collect::<Vec<PathBuf>>()
    };
    assert_eq!(kept().len(), 1);
    for damaged in [false, true] {
        if damaged {
            let path = kept().remove(0);
            let mut bytes = std::fs::read(&path).expect("a file");
            bytes[5_000] ^= 1;
            std::fs::write(&path, bytes).expect("it is written");
        }
        let test = open(dir.path());
        let head = test.service().head();
        test.service()
            .views()
            .search
            .reach(head)
            .await
            .expect("it folds");
        for (query, want) in [
            ("q=unforgettable", 1),
            ("q=renamed", 1),
            ("q=c", 1),
            ("", 3),
        ] {
            // What finds the damage is told to come again.
            let body = loop {
                match test.ask(ApiOperation::List, query).await {
                    (200, body, _) => break body,
                    (503, ..) if damaged => tokio::task::yield_now().await,
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!(body["data"].as_array().map(Vec::len), Some(want), "{body}");
        }
        test.service().stop();
    }
    let test = open(dir.path());
    erase(&test, &acme, ids[0]).await;
    assert_eq!(test.names("q=unforgettable").await.0.len(), 0);
    test.service().stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_changed_contact_is_told_once() {
    let test = TestService::new();
    let acme = owner(1, "acme");
    let ids = test
        .create(&acme, &[named("A"), named("B"), named("C")])
        .await;
    rename(&test, &acme, ids[0], "A2").await;
    erase(&test, &acme, ids[1]).await;
    let mut told = Vec::new();
    let mut after = 0;
    loop {
        let (status, body, position) = test
            .ask(ApiOperation::Changes, &format!("after={after}&limit=1"))
            .await;
        assert_eq!(status, 200, "{body}");
        assert!(position <= test.service().head());
        let data = ["changed", "deleted"].map(|name| body[name].as_array().expect("changes"));
        let ids = data
            .into_iter()
            .flatten()
            .map(|change| change["id"].as_str());
        told.extend(ids.map(|id| id.expect("an id").to_owned()));
        after = body["next"].as_u64().expect("a position");
        if body["more"] == false {
            assert_eq!(after, position.get());
            break;
        }
    }
    let want = [ids[2], ids[0], ids[1]].map(|id| id.to_string());
    assert_eq!(told, want);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_counted_for_those_who_may_know() {
    let test = TestService::new();
    test.create(&owner(1, "acme"), &[named("A"), named("B")])
        .await;
    test.create(&owner(1, "other"), &[named("C")]).await;
    let ask = StatsAsk {
        tenant: None,
        dialect: None,
        hours: 24,
    };
    let auditor = Principal {
        roles: Roles::Named(["auditor".to_owned()].into()),
        tenants: ["acme".to_owned()].into_iter().collect::<Tenants>(),
        ..Principal::local_developer()
    };
    let all = test
        .gateway
        .stats(&Principal::local_developer(), &ask)
        .await
        .expect("counts");
    assert_eq!(all.counts.values().sum::<u64>(), 6);
    assert_eq!((all.tenants_total, all.position), (2, Position::new(6)));
    let own = test.gateway.stats(&auditor, &ask).await.expect("counts");
    assert_eq!(own.tenants, [("native", "acme".to_owned(), 4)]);
    let hours: u64 = own
        .hours
        .iter()
        .flat_map(|(_, counts)| counts.values())
        .sum();
    assert_eq!(hours, 4);
    let reader = Principal {
        roles: Roles::Named(["contacts:read".to_owned()].into()),
        ..auditor
    };
    assert!(test.gateway.stats(&reader, &ask).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_rebuilt_while_others_read_and_write() {
    let test = Arc::new(TestService::new());
    let acme = owner(1, "acme");
    let cards: Vec<Value> = (0..200).map(|n| named(&format!("First {n}"))).collect();
    test.create(&acme, &cards).await;
    let done = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (test, acme, done) = (test.clone(), acme.clone(), done.clone());
        async move {
            let mut written = 0;
            while !done.load(Ordering::Acquire) {
                let ids = test
                    .create(&acme, &[named(&format!("Later {written}"))])
                    .await;
                written += 1;
                // What was answered is found by the next read, whatever is being rebuilt.
                let (names, _) = test
                    .names(&format!("q=later+{}&limit=5&sort=-created", written - 1))
                    .await;
                assert_eq!(names.first(), Some(&format!("Later {}", written - 1)));
                if written % 3 == 0 {
                    erase(&test, &acme, ids[0]).await;
                }
            }
            written
        }
    });
    let views = test.service().views();
    let mut search = views.search.watch();
    let mut reached = Position::ZERO;
    for round in 1..=5 {
        views.rebuild("search").expect("a view");
        views.rebuild("statistics").expect("a view");
        let status = search
            .wait_for(|status| status.rebuilt >= round)
            .await
            .expect("a view")
            .clone();
        assert!(status.position >= reached, "readers are never taken back");
        reached = status.position;
    }
    done.store(true, Ordering::Release);
    assert!(load.await.expect("the load ends well") > 0);
    let head = test.service().head();
    let fresh = test.service().follow_with::<SearchIndex>().expect("a view");
    fresh.reach(head).await.expect("it folds");
    views.search.reach(head).await.expect("it folds");
    let swapped = views.search.read(|index, _| index.dump());
    assert_eq!(swapped, fresh.read(|index, _| index.dump()));
    let counted = test.service().follow_with::<Statistics>().expect("a view");
    counted.reach(head).await.expect("it folds");
    views.statistics.reach(head).await.expect("it folds");
    assert!(
        views
            .statistics
            .read(|old, _| counted.read(|new, _| old == new))
    );
    assert!(views.rebuild("nothing").is_err());
}
