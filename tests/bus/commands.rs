//! Durable commands: each has one outcome, in order, or is a dead letter.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::publish::PublishAck;
use contactd::auth::AccessClaims;
use contactd::domain::{Correlation, Position};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::node::{Home, away, card, connected, eventually, now, within};

const COMMANDS: &str = "CONTACT_COMMANDS";
const DEAD: &str = "CONTACT_DEAD";
const CREATE: &str = "contacts.command.native.create.t";

fn under(id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", id);
    headers
}

async fn send(streams: &Context, subject: &str, headers: HeaderMap, body: &[u8]) -> PublishAck {
    let body = bytes::Bytes::copy_from_slice(body);
    let sent = streams
        .publish_with_headers(subject.to_owned(), headers, body)
        .await;
    sent.expect("sent").await.expect("stored")
}

async fn create(streams: &Context, headers: HeaderMap, name: &str) -> PublishAck {
    let body = serde_json::to_vec(&card(name)).expect("JSON");
    send(streams, CREATE, headers, &body).await
}

/// Sends a command again under its id, once the broker's own window has passed.
async fn create_again(streams: &Context, id: &str, name: &str) -> PublishAck {
    eventually("the broker forgets an id", || async {
        let ack = create(streams, under(id), name).await;
        (!ack.duplicate).then_some(ack)
    })
    .await
}

/// Waits until every command is acknowledged.
async fn drained(streams: &Context) {
    eventually("the commands are taken", || async {
        let stream = streams.get_stream(COMMANDS).await.ok()?;
        (stream.cached_info().state.messages == 0).then_some(())
    })
    .await;
}

/// Waits until every command is acknowledged, as its consumer counts. A server of version 2.9 that
/// was killed may come back with messages in the stream that it knows to be acknowledged: it
/// delivers them to nobody, and never removes them.
async fn acknowledged(streams: &Context) {
    eventually("the commands are acknowledged", || async {
        let stream = streams.get_stream(COMMANDS).await.ok()?;
        let name = stream.consumer_names().next().await?.ok()?;
        let consumer: PullConsumer = stream.get_consumer(&name).await.ok()?;
        let info = consumer.cached_info();
        (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
    })
    .await;
}

/// The dead letters, once there are so many.
async fn dead(streams: &Context, count: u64) -> Vec<StreamMessage> {
    let stream = eventually("dead letters", || async {
        let stream = streams.get_stream(DEAD).await.ok()?;
        (stream.cached_info().state.messages >= count).then_some(stream)
    })
    .await;
    let mut letters = Vec::new();
    for sequence in 1..=count {
        letters.push(stream.get_raw_message(sequence).await.expect("a letter"));
    }
    letters
}

fn header(message: &StreamMessage, name: &str) -> Option<String> {
    message
        .headers
        .get(name)
        .map(|value| value.as_str().to_owned())
}

/// The correlation ids of the outcomes of creates, in the log's order.
fn outcomes(log: &[Value]) -> Vec<String> {
    let outcomes = log
        .iter()
        .filter(|event| event["type"] != "CONTACT_CREATE_START");
    let ids = outcomes.map(|event| event["correlationid"].as_str().unwrap_or("").to_owned());
    ids.collect()
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("order-{number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_honoured_and_two_keys_are_refused() {
    let (broker, _home, node) = connected().await;
    let streams = broker.streams().await;
    let keyed = |id: Option<&str>, key: &str| {
        let mut headers = id.map(under).unwrap_or_default();
        headers.insert("Idempotency-Key", key);
        headers
    };
    for (id, key) in [(None, "k-1"), (None, "k-1"), (Some("k-1"), "k-1")] {
        create(&streams, keyed(id, key), "Ada").await;
    }
    create(&streams, keyed(Some("order-1"), "k-2"), "Bob").await;
    let letters = dead(&streams, 1).await;
    let error = header(&letters[0], "Contact-Error").unwrap_or_default();
    assert!(error.contains("that id is its key"), "{error}");
    drained(&streams).await;
    assert_eq!(node.log().len(), 2);
    node.stop().await;
}

/// A producer asks by the id that it sent, and finds nothing until the command was taken.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_command_is_found_by_its_message_id() {
    let (broker, _home, node) = connected().await;
    let streams = broker.streams().await;
    let found = |id: &str| -> Vec<u64> {
        let id = Correlation::parse(id).expect("a token");
        let scan = node.service.command(&id, Position::ZERO, 100, &|_| true);
        let records = scan.expect("it is read").records.into_iter();
        let positions = records.map(|record| record.event.header.position.get());
        positions.collect()
    };
    let late = "0190f0a1-7d2b-7c1e-9f3a-5b6c7d8e9f01";
    assert_eq!(found("order-1"), [0; 0]);
    for id in ["order-1", late] {
        create(&streams, under(id), "Ann").await;
    }
    drained(&streams).await;
    assert_eq!(found("order-1"), [1, 2]);
    assert_eq!(found(late), [3, 4], "a UUIDv7 that was made long before");
    assert_eq!(found("order-2"), [0; 0]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_slows_commands_down_and_loses_none() {
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.rate = Some("2/2s".parse().expect("a rate"));
    let node = home.start(&broker.url());
    node.connects().await;
    let streams = broker.streams().await;
    let started = Instant::now();
    let ids = ids(4);
    for id in &ids {
        create(&streams, under(id), id).await;
    }
    drained(&streams).await;
    // Two are allowed at once, and one more each second.
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(1_900), "{took:?}");
    assert_eq!(outcomes(&node.log()), ids);
    let mut letters = streams.get_stream(DEAD).await.expect("a stream");
    assert_eq!(letters.info().await.expect("its state").state.messages, 0);
    assert_eq!(node.counted("create", 201), 4);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_limited_keeps_nobody_else_waiting_and_their_order() {
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.jwt = true;
    home.rate = Some("2/4s".parse().expect("a rate"));
    let node = home.start(&broker.url());
    node.connects().await;
    let streams = broker.streams().await;
    let by = |client: &str, id: &str| {
        let claims = AccessClaims {
            client_id: Some(client.to_owned()),
            roles: vec!["contacts:write".into()],
            tenants: vec!["t".into()],
            ..AccessClaims::default()
        };
        let token = home
            .key()
            .sign_access(claims, Duration::from_secs(600), now());
        let mut headers = under(id);
        headers.insert(
            "Authorization",
            format!("Bearer {}", token.expect("a token")),
        );
        headers
    };
    let floods: Vec<String> = (0..5).map(|number| format!("flood-{number}")).collect();
    for id in &floods {
        create(&streams, by("flooder", id), id).await;
    }
    let started = Instant::now();
    create(&streams, by("patient", "single"), "single").await;
    eventually("the other caller's command is taken", || async {
        outcomes(&node.log())
            .contains(&"single".to_owned())
            .then_some(())
    })
    .await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    drained(&streams).await;
    let mut order = outcomes(&node.log());
    order.retain(|id| id != "single");
    assert_eq!(order, floods, "each caller's own order holds");
    assert!(
        started.elapsed() >= Duration::from_secs(4),
        "the limit holds, too"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_cannot_be_taken_are_counted_too() {
    let (broker, _home, node) = connected().await;
    let streams = broker.streams().await;
    send(&streams, CREATE, under("bad"), b"{").await;
    dead(&streams, 1).await;
    assert_eq!(node.counted("create", 400), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_taken_in_order_even_through_a_short_queue() {
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.queue_limit = 2;
    let node = home.start(&broker.url());
    node.connects().await;
    let streams = broker.streams().await;
    let ids = ids(400);
    let mut acks = Vec::new();
    for id in &ids {
        let body = serde_json::to_vec(&card(id)).expect("JSON");
        let sent = streams
            .publish_with_headers(CREATE, under(id), body.into())
            .await;
        acks.push(sent.expect("sent"));
    }
    for ack in acks {
        ack.await.expect("stored");
    }
    node.reaches(800).await;
    drained(&streams).await;
    assert_eq!(outcomes(&node.log()), ids);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_comes_again_has_no_second_effect() {
    let (broker, home, node) = connected().await;
    let streams = broker.streams().await;
    create(&streams, under("a"), "Ada").await;
    node.reaches(2).await;
    create_again(&streams, "a", "Ada").await;
    drained(&streams).await;
    node.stop().await;

    // Nor after a restart, nor with another process between.
    let node = home.start(&broker.url());
    create_again(&streams, "a", "Ada").await;
    create(&streams, HeaderMap::new(), "Grace").await;
    node.reaches(4).await;
    drained(&streams).await;
    assert_eq!(node.service.head().get(), 4);
    assert_eq!(outcomes(&node.log())[0], "a");

    // The same id with another request is refused.
    create_again(&streams, "a", "Somebody else").await;
    let letters = dead(&streams, 1).await;
    assert!(
        header(&letters[0], "Contact-Error")
            .expect("why")
            .starts_with("422")
    );
    assert_eq!(
        header(&letters[0], "Contact-Correlation").as_deref(),
        Some("a")
    );
    drained(&streams).await;
    assert_eq!(node.service.head().get(), 4);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_the_broker_and_of_the_service_cost_no_command_and_repeat_none() {
    let mut broker = Broker::started();
    let home = Home::new("log-a");
    let mut node = home.start(&broker.url());
    node.connects().await;
    let ids = ids(300);
    for (round, batch) in ids.chunks(100).enumerate() {
        let streams = broker.streams().await;
        let begun = node.service.head().get();
        let mut acks = Vec::new();
        for id in batch {
            let body = serde_json::to_vec(&card(id)).expect("JSON");
            let sent = streams
                .publish_with_headers(CREATE, under(id), body.into())
                .await;
            acks.push(sent.expect("sent"));
        }
        for ack in acks {
            ack.await.expect("stored");
        }
        node.reaches(begun + 20).await;
        if round == 1 {
            node.crash().await;
            node = home.start(&broker.url());
        } else {
            broker.kill();
            away(&node).await;
            broker.start();
        }
        node.connects().await;
        acknowledged(&broker.streams().await).await;
    }
    assert_eq!(node.service.head().get(), 600);
    let mut seen = outcomes(&node.log());
    seen.sort();
    let mut wanted = ids.clone();
    wanted.sort();
    assert_eq!(seen, wanted);
    node.published().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_command_has_an_outcome_and_is_no_dead_letter() {
    let (broker, _home, node) = connected().await;
    let streams = broker.streams().await;
    let body = json!({ "name": 7 }).to_string();
    send(&streams, CREATE, under("bad-card"), body.as_bytes()).await;
    node.reaches(2).await;
    drained(&streams).await;
    let log = node.log();
    assert_eq!(log[1]["type"], "CONTACT_CREATE_FAIL");
    assert_eq!(log[1]["correlationid"], "bad-card");
    let stream = streams.get_stream(DEAD).await.expect("it is there");
    assert_eq!(stream.cached_info().state.messages, 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_command_is_a_dead_letter() {
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.dead_letter_content = true;
    let node = home.start(&broker.url());
    node.connects().await;
    let streams = broker.streams().await;
    let large = vec![b' '; 100_000];
    let long_id = "x".repeat(129);
    let cases: [(&str, &str, &[u8], &str); 7] = [
        (CREATE, "1", b"{", "400"),
        (CREATE, "2", &large, "413"),
        (CREATE, &long_id, b"{}", "400"),
        ("contacts.command.native.create.%74", "4", b"{}", "404"),
        ("contacts.command.native.erase.t", "5", b"{}", "404"),
        ("contacts.command.native.list.t", "6", b"{}", "404"),
        ("contacts.command.nobody", "7", b"{}", "404"),
    ];
    for (number, (subject, id, body, status)) in (1..).zip(cases) {
        let mut headers = under(id);
        headers.insert("AUTHORIZATION", "Bearer secret");
        headers.insert("X-Mine", "kept");
        send(&streams, subject, headers, body).await;
        let letters = dead(&streams, number).await;
        let letter = letters.last().expect("a letter");
        let wanted = subject.replace("contacts.command.", "contacts.dead.");
        assert_eq!(letter.subject.as_str(), wanted);
        let why = header(letter, "Contact-Error").expect("it says why");
        assert!(why.starts_with(status), "{subject}: {why}");
        assert_eq!(&letter.payload[..], body);
        assert_eq!(header(letter, "X-Mine").as_deref(), Some("kept"));
        assert_eq!(header(letter, "Contact-Correlation").as_deref(), Some(id));
        for name in ["AUTHORIZATION", "Authorization"] {
            assert_eq!(header(letter, name), None);
        }
    }
    drained(&streams).await;
    assert_eq!(node.service.head().get(), 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_judged_by_when_the_stream_took_the_command() {
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.jwt = true;
    // The streams are there, the service is not: commands wait.
    let node = home.start(&broker.url());
    node.connects().await;
    node.stop().await;
    let streams = broker.streams().await;
    let brief = home.token(&["contacts:write"], Duration::from_secs(3), now());
    let reader = home.token(&["contacts:read"], Duration::from_secs(3_600), now());
    for (id, token) in [("brief", &brief), ("reader", &reader)] {
        let mut headers = under(id);
        headers.insert("Authorization", format!("Bearer {token}"));
        create(&streams, headers, "Ada").await;
    }
    create(&streams, under("none"), "Ada").await;
    let own = home.key();
    let settings = contactd::auth::JwtSettings {
        jwks: None,
        issuer: None,
        audience: None,
    };
    let judge = contactd::auth::Authenticator::jwt(&own, settings);
    eventually("the token expires", || async {
        judge.verify(Some(&brief), now()).is_err().then_some(())
    })
    .await;

    let node = home.start(&broker.url());
    node.reaches(2).await;
    let letters = dead(&streams, 2).await;
    let whys: Vec<String> = letters
        .iter()
        .map(|letter| {
            let id = header(letter, "Contact-Correlation").expect("its id");
            let why = header(letter, "Contact-Error").expect("why");
            format!("{id} {}", &why[..3])
        })
        .collect();
    assert_eq!(whys, ["reader 403", "none 401"]);
    drained(&streams).await;
    assert_eq!(outcomes(&node.log()), ["brief"]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_provider_that_hangs_keeps_nobody_else_waiting() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let provider = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = provider.local_addr().expect("its address");
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.jwt = true;
    home.jwks = Some(format!("http://{address}/jwks.json"));
    let node = home.start(&broker.url());
    node.connects().await;
    let streams = broker.streams().await;
    let hour = Duration::from_secs(3_600);
    let stranger = Home::new("log-b").token(&["contacts:write"], hour, now());
    let known = home.token(&["contacts:write"], hour, now());
    for (id, token) in [
        ("1", &stranger),
        ("2", &known),
        ("3", &stranger),
        ("4", &known),
    ] {
        let mut headers = under(id);
        headers.insert("Authorization", format!("Bearer {token}"));
        create(&streams, headers, "Ada").await;
    }
    // The provider is asked, and never answers; a fetch is given up after ten seconds.
    let (asked, _) = within("it is asked", provider.accept())
        .await
        .expect("a client");
    let reached = tokio::time::timeout(Duration::from_secs(5), node.reaches(4)).await;
    assert!(reached.is_ok(), "the others wait");
    assert_eq!(outcomes(&node.log()), ["2", "4"]);
    drop(asked);
    drop(provider);
    dead(&streams, 2).await;
    drained(&streams).await;
    node.stop().await;
}
