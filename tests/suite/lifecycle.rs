//! What is created can be read, changed, listed and deleted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::api::{Api, Paging, Person, holds, id_of};
use crate::apis;
use crate::test_server::{Caller, TestServer};

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};
const BOB: Person<'static> = Person {
    name: "Bob",
    email: "ann@example.com",
};

#[tokio::test]
async fn what_is_created_is_what_is_read() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let ann = service.admin(api, 0);
        let id = ann.created(ANN).await;
        let read = ann.read(&id).await.expect("it is there");
        let shown = (api.shown)(ANN);
        assert!(holds(&read, &shown), "{}: {read} lacks {shown}", api.name);
        let listed = ann.all().await;
        assert_eq!(listed.len(), 1, "{}", api.name);
        // Oracle's list shows more than its read.
        assert!(holds(&listed[0], &read), "{}: {listed:?}", api.name);
    }
}

#[tokio::test]
async fn an_answer_to_a_create_shows_what_a_read_shows() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let ann = service.admin(api, 0);
        let answer = ann.create(ANN).await;
        assert_eq!(answer.status, api.statuses[0], "{}", api.name);
        if matches!(api.learns, crate::api::Learns::Body) {
            let created = answer.json();
            let read = ann.read(&id_of(&created)).await;
            assert_eq!(read, Some(created), "{}", api.name);
        }
    }
}

#[tokio::test]
async fn an_update_of_one_field_keeps_the_rest() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let ann = service.admin(api, 0);
        let id = ann.created(ANN).await;
        let mut before = ann.read(&id).await.expect("it is there");
        let answer = ann.rename(&id, BOB, &[]).await;
        assert_eq!(answer.status, api.statuses[1], "{}: {answer:?}", api.name);
        let mut after = ann.read(&id).await.expect("it is there");
        if !answer.body.is_empty() {
            assert_eq!(answer.json(), after, "{}", api.name);
        }
        assert_eq!(
            after.pointer(api.name_at),
            Some(&BOB.name.into()),
            "{}",
            api.name
        );
        for contact in [&mut before, &mut after] {
            without_what_changes(contact, api);
        }
        assert_eq!(before, after, "{}", api.name);
    }
}

/// What is served is accepted back whole: a client reads, changes one field and writes all of it.
#[tokio::test]
async fn what_was_read_can_be_written_back_with_one_field_changed() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let ann = service.admin(api, 0);
        let id = ann.created(ANN).await;
        let mut before = ann.all().await.remove(0);
        for name in ["Bob", "Cy", "Di"] {
            let mut changed = match name {
                "Di" => ann.read(&id).await.expect("it is there"),
                _ => before.clone(),
            };
            *changed.pointer_mut(api.name_at).expect("a name") = name.into();
            let body = (api.write_back)(changed).to_string();
            let path = api.one_of(ann.tenant, &id);
            let answer = ann.send(api.update_method, &path, &[], body).await;
            assert_eq!(answer.status, api.statuses[1], "{}: {answer:?}", api.name);
            let mut after = ann.all().await.remove(0);
            assert_eq!(
                after.pointer(api.name_at),
                Some(&name.into()),
                "{}",
                api.name
            );
            let next = after.clone();
            for contact in [&mut before, &mut after] {
                without_what_changes(contact, api);
            }
            // The server says of each item when the contact's version began.
            let [before_is, after_is] = [&mut before, &mut after].map(|it| without_times(it));
            assert_eq!(before_is, after_is, "{}", api.name);
            before = next;
        }
    }
}

/// A contact whose lists' items do not say since when they are.
fn without_times(contact: &Value) -> Value {
    let mut contact = contact.clone();
    let members = contact.as_object_mut().into_iter().flatten();
    let items = members
        .filter_map(|(_, value)| value.as_array_mut())
        .flatten();
    for item in items.filter_map(Value::as_object_mut) {
        item.remove("versionStart");
    }
    contact
}

/// Takes out what an update changes: the name, and what says that there was one.
fn without_what_changes(contact: &mut Value, api: &Api) {
    if let Some(name) = contact.pointer_mut(api.name_at) {
        *name = Value::Null;
    }
    let members = contact.as_object_mut().expect("a contact");
    for name in api.volatile {
        assert!(members.remove(*name).is_some(), "{}: no {name}", api.name);
    }
}

#[tokio::test]
async fn what_is_deleted_is_not_found() {
    let service = TestServer::new(&[]);
    for api in apis::ALL.into_iter().filter(|api| api.deletes) {
        let ann = service.admin(api, 0);
        let id = ann.created(ANN).await;
        let answer = ann.delete(&id).await;
        assert_eq!(answer.status, api.statuses[2], "{}: {answer:?}", api.name);
        assert!(answer.body.is_empty(), "{}: {answer:?}", api.name);
        assert_eq!(ann.read(&id).await, None, "{}", api.name);
        assert_eq!(ann.all().await, [] as [Value; 0], "{}", api.name);
        for gone in [
            ann.delete(&id).await,
            ann.rename(&id, BOB, &[]).await,
            ann.delete(api.unknown_id).await,
            ann.rename(api.unknown_id, BOB, &[]).await,
        ] {
            assert_eq!(gone.status, 404, "{}: {gone:?}", api.name);
            assert!((api.is_error)(&gone), "{}: {gone:?}", api.name);
        }
    }
}

#[tokio::test]
async fn an_erased_contact_is_gone_for_writes_as_for_reads() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let id = caller.created(ANN).await;
        let everywhere = service.token("eraser", &["admin"], &["*"], 3_000);
        let native = service
            .admin(apis::by_name("native"), 0)
            .with_token(everywhere);
        let events = service.events_after(0).await;
        let ours = events.last().expect("its event")["subject"].clone();
        let ours = ours.as_str().expect("an id");
        let reason = r#"{"reason":"request"}"#;
        let erase = format!("/contacts/{ours}/erase");
        assert_eq!(native.send("POST", &erase, &[], reason).await.status, 200);
        let expected = if api.name == "native" { 410 } else { 404 };
        let mut writes = vec![caller.rename(&id, BOB, &[]).await];
        if api.deletes {
            writes.push(caller.delete(&id).await);
        }
        for answer in writes {
            assert_eq!(answer.status, expected, "{}: {answer:?}", api.name);
            assert!((api.is_error)(&answer), "{}: {answer:?}", api.name);
        }
        let last = service.events_after(0).await.pop().expect("an event");
        assert_eq!(last["data"]["error"]["code"], "gone", "{last}");
    }
}

#[tokio::test]
async fn a_contact_that_never_was_is_not_found() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let ann = service.admin(api, 0);
        assert_eq!(ann.read(api.unknown_id).await, None, "{}", api.name);
        let answer = ann.rename(api.unknown_id, BOB, &[]).await;
        assert_eq!(answer.status, 404, "{}: {answer:?}", api.name);
        assert!((api.is_error)(&answer), "{}: {answer:?}", api.name);
    }
}

/// Fewer than MATTR's ten, so that there is room for another that comes and goes.
const CONTACTS: usize = 8;
const PAGE: usize = 3;
/// Walks through each list.
const WALKS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paging_visits_every_contact_once_while_others_write() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let mut ids = Vec::new();
        for number in 0..CONTACTS {
            let (name, email) = (format!("n{number}"), format!("e{number}@example.com"));
            let person = Person {
                name: &name,
                email: &email,
            };
            ids.push(caller.created(person).await);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let writes = tokio::spawn(write(caller.clone(), ids.clone(), stop.clone()));
        for _ in 0..WALKS {
            let mut seen: HashMap<String, usize> = HashMap::new();
            for contact in walk(&caller).await {
                *seen.entry(id_of(&contact)).or_default() += 1;
            }
            for id in &ids {
                assert_eq!(seen.get(id), Some(&1), "{}: {id} in {seen:?}", api.name);
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(writes.await.expect("it writes") > 0, "{}", api.name);
    }
}

/// Changes the contacts in turn; another comes, and goes where it can. Gives how many were changed.
async fn write(caller: Caller, ids: Vec<String>, stop: Arc<AtomicBool>) -> usize {
    let mut changed = 0;
    for (turn, id) in ids.iter().cycle().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (name, number) = (format!("renamed {turn}"), turn % ids.len());
        let email = format!("e{number}@example.com");
        let person = Person {
            name: &name,
            email: &email,
        };
        let answer = caller.rename(id, person, &[]).await;
        assert_eq!(answer.status, caller.api.statuses[1], "{answer:?}");
        changed += 1;
        let guest = Person {
            name: &name,
            email: "guest@example.com",
        };
        if caller.api.deletes {
            let guest = caller.created(guest).await;
            assert_eq!(caller.delete(&guest).await.status, caller.api.statuses[2]);
        } else {
            caller.created(guest).await;
        }
    }
    changed
}

/// Every page of a list, as the vendor's clients walk through it.
async fn walk(caller: &Caller) -> Vec<Value> {
    let mut contacts = Vec::new();
    let mut query = match caller.api.paging {
        Paging::Cursor => format!("limit={PAGE}"),
        Paging::Offset => format!("limit={PAGE}&offset=0"),
        Paging::Page(size) => format!("{size}={PAGE}&page=1"),
        Paging::Link => format!("per_page={PAGE}&page=1"),
    };
    for page in 1.. {
        let path = caller.api.list_of(caller.tenant, &query);
        let answer = caller.send("GET", &path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let items = caller.api.items_in(&answer);
        assert!(items.len() <= PAGE, "{path}: {answer:?}");
        let full = items.len() == PAGE;
        contacts.extend(items);
        let next = match caller.api.paging {
            Paging::Cursor => {
                let cursor = answer.json()["nextCursor"].as_str().map(str::to_owned);
                cursor.map(|cursor| format!("limit={PAGE}&cursor={cursor}"))
            }
            Paging::Offset => {
                let more = answer.json()["result"]["hasMore"] == "true";
                more.then(|| format!("limit={PAGE}&offset={}", page * PAGE))
            }
            Paging::Page(size) => full.then(|| format!("{size}={PAGE}&page={}", page + 1)),
            Paging::Link => {
                let link = answer.header("link").unwrap_or_default();
                let more = link.contains(r#"rel="next""#);
                more.then(|| format!("per_page={PAGE}&page={}", page + 1))
            }
        };
        match next {
            Some(next) => query = next,
            None => break,
        }
    }
    contacts
}
