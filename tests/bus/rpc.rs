//! Requests that wait for their answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{HeaderMap, Message};
use contactd::domain::Position;
use contactd::gateway::{Forward, Forwarded, Forwarding};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::node::{Home, card, connected, eventually, now, within};

async fn ask(
    client: &async_nats::Client,
    subject: &str,
    headers: HeaderMap,
    body: &Value,
) -> Message {
    let body = serde_json::to_vec(body).expect("JSON");
    let asked = client.request_with_headers(subject.to_owned(), headers, body.into());
    within("an answer", asked).await.expect("somebody answers")
}

fn header(message: &Message, name: &str) -> Option<String> {
    let value = message.headers.as_ref()?.get(name)?;
    Some(value.as_str().to_owned())
}

fn body(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).expect("JSON")
}

/// The way to a leader that is not there, of a node that halts and goes on.
#[derive(Default)]
struct Halts(AtomicBool);

impl Forward for Halts {
    fn is_halted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn is_joining(&self) -> bool {
        false
    }

    fn has(&self, _: Position) -> bool {
        false
    }

    fn is_cut_off(&self) -> bool {
        false
    }

    fn stale(&self) -> Option<Duration> {
        None
    }

    fn forward(&self, _: Vec<u8>) -> Forwarding<'_> {
        Box::pin(async { Forwarded::NotSent })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_halted_leaves_requests_to_the_others() {
    let (broker, halts) = (Broker::started(), Arc::new(Halts::default()));
    let mut home = Home::new("log");
    home.forward = Some(halts.clone());
    let _node = home.start(&broker.url());
    let client = broker.client().await;
    let is_taken = async || {
        let asked = client
            .request("contacts.rpc.native.list.t", "".into())
            .await;
        asked.is_ok()
    };
    for halted in [false, true, false] {
        halts.0.store(halted, Ordering::Relaxed);
        eventually("requests are taken or left", async || {
            (is_taken().await != halted).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_lives_its_life_over_requests() {
    let (broker, _home, node) = connected().await;
    let client = broker.client().await;
    let plain = HeaderMap::new;

    let ada = ask(
        &client,
        "contacts.rpc.native.create.t",
        plain(),
        &card("Ada"),
    )
    .await;
    assert_eq!(header(&ada, "Contact-Status").as_deref(), Some("201"));
    assert_eq!(header(&ada, "Contact-Position").as_deref(), Some("2"));
    assert!(header(&ada, "Nats-Service-Error").is_none());
    assert_eq!(node.counted("create", 201), 1);
    let correlation = header(&ada, "Contact-Correlation").expect("a correlation");
    assert_eq!(node.log()[0]["correlationid"], json!(correlation));
    let id = body(&ada)["id"].as_str().expect("an id").to_owned();
    let tag = header(&ada, "Etag").expect("an ETag");

    let mut headers = plain();
    headers.insert("If-Match", tag.as_str());
    let subject = format!("contacts.rpc.native.update.t.{id}");
    let update = ask(&client, &subject, headers.clone(), &card("Ada Lovelace")).await;
    assert_eq!(header(&update, "Contact-Status").as_deref(), Some("200"));
    let again = ask(&client, &subject, headers, &card("Countess")).await;
    assert_eq!(header(&again, "Contact-Status").as_deref(), Some("412"));
    assert_eq!(
        header(&again, "Nats-Service-Error-Code").as_deref(),
        Some("412")
    );

    let subject = format!("contacts.rpc.native.get.t.{id}");
    let found = ask(&client, &subject, plain(), &Value::Null).await;
    assert_eq!(body(&found)["card"]["name"]["full"], "Ada Lovelace");

    let mut headers = plain();
    headers.insert("Contact-Query", "limit=1");
    ask(
        &client,
        "contacts.rpc.native.create.t",
        plain(),
        &card("Grace"),
    )
    .await;
    let list = ask(&client, "contacts.rpc.native.list.t", headers, &Value::Null).await;
    assert_eq!(
        body(&list)["data"].as_array().map(Vec::len),
        Some(1),
        "{}",
        body(&list)
    );

    let subject = format!("contacts.rpc.native.delete.t.{id}");
    let gone = ask(&client, &subject, plain(), &Value::Null).await;
    assert_eq!(header(&gone, "Contact-Status").as_deref(), Some("204"));
    node.stop().await;
}

/// Two vendors have no read of one contact; over the bus there is one, of what their lists show.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_of_every_vendor_is_read() {
    let (broker, _home, node) = connected().await;
    let client = broker.client().await;
    let named = [
        (
            "thena.%.north",
            json!({"firstName": "Ada", "email": "ada@example.com"}),
            "01H5XAVB4PEVEBSKNK0849N05Q",
        ),
        ("kare.%.7", json!([{"name": "Ada", "notify": true}]), "999"),
    ];
    for (address, body_of_create, unknown) in named {
        let subject = |operation| format!("contacts.rpc.{}", address.replace('%', operation));
        let plain = HeaderMap::new;
        let created = ask(&client, &subject("create"), plain(), &body_of_create).await;
        assert_eq!(header(&created, "Contact-Status").as_deref(), Some("201"));
        let list = body(&ask(&client, &subject("list"), plain(), &Value::Null).await);
        let shown = list.get("data").unwrap_or(&list)[0].clone();
        let id = shown["id"].to_string().replace('"', "");
        let one = |id| format!("{}.{id}", subject("get"));
        let found = ask(&client, &one(id.as_str()), plain(), &Value::Null).await;
        assert_eq!(header(&found, "Contact-Status").as_deref(), Some("200"));
        assert!(header(&found, "Etag").is_some(), "{address}");
        assert_eq!(body(&found), shown, "{address}");
        let nobody = ask(&client, &one(unknown), plain(), &Value::Null).await;
        assert_eq!(header(&nobody, "Contact-Status").as_deref(), Some("404"));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_conditions_and_logs_are_judged_as_over_http() {
    let (broker, _home, node) = connected().await;
    let client = broker.client().await;
    let plain = HeaderMap::new;
    let with = |name: &str, value: &str| {
        let mut headers = plain();
        headers.insert(name, value);
        headers
    };
    let create = "contacts.rpc.native.create.t";
    let ada = ask(&client, create, plain(), &card("Ada")).await;
    assert_eq!(header(&ada, "Contact-Log").as_deref(), Some("log-a"));
    let id = body(&ada)["id"].as_str().expect("an id").to_owned();
    let get = format!("contacts.rpc.native.get.t.{id}");
    let list = "contacts.rpc.native.list.t".to_owned();
    let update = format!("contacts.rpc.native.update.t.{id}");
    let ahead = with("Contact-Query", "as_of=999");
    for (subject, headers, status, code) in [
        (
            &list,
            with("Contact-Query", "emial=ada"),
            "400",
            "unknown_parameter",
        ),
        (
            &get,
            with("Contact-Query", "field=id"),
            "400",
            "unknown_parameter",
        ),
        (&get, ahead, "400", "position_ahead"),
        (&get, with("Contact-Log", "log-b"), "400", "position_ahead"),
        (
            &update,
            with("If-None-Match", "*"),
            "412",
            "version_mismatch",
        ),
        (&update, with("If-Match", ""), "412", "version_mismatch"),
        (&get, with("If-Match", "\"7\""), "412", "version_mismatch"),
    ] {
        let answer = ask(&client, subject, headers, &json!({})).await;
        let got = header(&answer, "Contact-Status");
        assert_eq!(got.as_deref(), Some(status), "{subject}: {}", body(&answer));
        assert_eq!(body(&answer)["code"], code, "{subject}");
    }
    let same = ask(&client, &get, with("If-None-Match", "\"1\""), &Value::Null).await;
    assert_eq!(header(&same, "Contact-Status").as_deref(), Some("304"));
    assert!(same.payload.is_empty());
    let same = ask(&client, &get, with("Contact-Log", "log-a"), &Value::Null).await;
    assert_eq!(header(&same, "Contact-Status").as_deref(), Some("200"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_in_the_vendors_words() {
    let (broker, _home, node) = connected().await;
    let client = broker.client().await;
    let eco = "0190c5f2-0000-7000-8000-000000000001";
    let cases = [
        // A participant that is no UUID in its one spelling, too few ids, an alias of an id.
        (format!("contacts.rpc.mattr.create.{eco}"), "404"),
        (
            format!("contacts.rpc.mattr.create.{eco}.{}", eco.to_uppercase()),
            "404",
        ),
        ("contacts.rpc.native.list.%74".to_owned(), "404"),
        ("contacts.rpc.native.update.t.nobody".to_owned(), "400"),
    ];
    for (subject, status) in cases {
        let answer = ask(&client, &subject, HeaderMap::new(), &json!({})).await;
        assert_eq!(
            header(&answer, "Contact-Status").as_deref(),
            Some(status),
            "{subject}"
        );
        assert_eq!(
            header(&answer, "Nats-Service-Error-Code").as_deref(),
            Some(status)
        );
    }
    let large = json!({ "name": { "full": "x".repeat(100_000) } });
    let answer = ask(
        &client,
        "contacts.rpc.native.create.t",
        HeaderMap::new(),
        &large,
    )
    .await;
    assert_eq!(header(&answer, "Contact-Status").as_deref(), Some("413"));
    assert_eq!(node.service.head().get(), 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_answer() {
    let (broker, _home, node) = connected().await;
    let client = broker.client().await;
    let mut headers = HeaderMap::new();
    headers.insert("Idempotency-Key", "k-1");
    let subject = "contacts.rpc.native.create.t";
    let first = ask(&client, subject, headers.clone(), &card("Ada")).await;
    let second = ask(&client, subject, headers.clone(), &card("Ada")).await;
    assert_eq!(body(&first), body(&second));
    assert_eq!(header(&second, "Contact-Position").as_deref(), Some("2"));
    let other = ask(&client, subject, headers, &card("Grace")).await;
    assert_eq!(header(&other, "Contact-Status").as_deref(), Some("422"));
    assert_eq!(node.service.head().get(), 2);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_needed_and_is_for_its_tenant_alone() {
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.jwt = true;
    let node = home.start(&broker.url());
    node.connects().await;
    let client = broker.client().await;
    let with = |token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("Authorization", format!("Bearer {token}"));
        headers
    };
    let hour = Duration::from_secs(3_600);
    let writer = home.token(&["contacts:write"], hour, now());
    let reader = home.token(&["contacts:read"], hour, now());
    let (mine, others) = (
        "contacts.rpc.native.create.t",
        "contacts.rpc.native.create.other",
    );
    let cases = [
        (mine, HeaderMap::new(), "401"),
        (mine, with("nonsense"), "401"),
        (mine, with(&reader), "403"),
        (others, with(&writer), "403"),
        (mine, with(&writer), "201"),
    ];
    for (number, (subject, headers, status)) in cases.into_iter().enumerate() {
        let answer = ask(&client, subject, headers, &card("Ada")).await;
        assert_eq!(
            header(&answer, "Contact-Status").as_deref(),
            Some(status),
            "case {number}"
        );
        let known = header(&answer, "Contact-Position").is_some();
        assert_eq!(known, status != "401", "case {number}");
    }
    assert_eq!(node.service.head().get(), 2);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_framework_finds_it() {
    let (broker, _home, node) = connected().await;
    let client = broker.client().await;
    let info = ask(
        &client,
        "$SRV.INFO.contacts",
        HeaderMap::new(),
        &Value::Null,
    )
    .await;
    let info = body(&info);
    let endpoints = info["endpoints"].as_array().expect("endpoints");
    let create = endpoints
        .iter()
        .find(|endpoint| endpoint["name"] == "mattr-create");
    let create = create.expect("an endpoint for each route");
    assert_eq!(create["subject"], "contacts.rpc.mattr.create.>");
    assert_eq!(create["queue_group"], "contactd-log-a");
    let names: Vec<_> = endpoints
        .iter()
        .map(|endpoint| endpoint["name"].as_str())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(create["metadata"]["roles"], "admin dts-provider");
    node.stop().await;
    let gone = client.request("$SRV.PING.contacts", "".into()).await;
    assert!(gone.is_err(), "a service that stopped is not found");
}
