//! An adversary on the bus: whatever is sent, a NATS user gets no more out of this service than the
//! broker grants them, and no message that is not ours stops the service or passes for ours.

use std::collections::BTreeSet;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::RawMessageErrorKind;
use async_nats::{Client, HeaderMap};
use contactd::gateway::Bus;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::node::{Home, Node, card, connected, eventually, within};

const EVENTS: &str = "CONTACT_EVENTS";
const COMMANDS: &str = "CONTACT_COMMANDS";
const DEAD: &str = "CONTACT_DEAD";
const CREATE_EVENT: &str = "contacts.event.native.t.create.success";

fn body(name: &str) -> bytes::Bytes {
    serde_json::to_vec(&card(name)).expect("JSON").into()
}

/// Puts a message into a stream and gives its sequence.
async fn put(client: &Client, subject: &str, headers: HeaderMap, payload: &[u8]) -> u64 {
    let streams = async_nats::jetstream::new(client.clone());
    let payload = bytes::Bytes::copy_from_slice(payload);
    let sent = streams.publish_with_headers(subject.to_owned(), headers, payload);
    sent.await.expect("sent").await.expect("stored").sequence
}

/// The events of the stream without these messages: each of the log's once, in order.
async fn assert_ours(broker: &Broker, node: &Node, foreign: &BTreeSet<u64>, gone: u64) {
    let streams = broker.streams().await;
    let mut stream = streams.get_stream(EVENTS).await.expect("it is there");
    let state = stream.info().await.expect("its state").state.clone();
    let mut found = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        if foreign.contains(&sequence) {
            continue;
        }
        match stream.get_raw_message(sequence).await {
            Ok(message) => {
                let event: Value = serde_json::from_slice(&message.payload).expect("JSON");
                found.push(event["sequence"].clone());
            }
            Err(error) => assert!(matches!(
                error.kind(),
                RawMessageErrorKind::JetStream(_) | RawMessageErrorKind::NoMessageFound
            )),
        }
    }
    let log = node.log();
    let wanted = log.iter().skip(usize::try_from(gone).expect("few"));
    let wanted: Vec<Value> = wanted.map(|event| event["sequence"].clone()).collect();
    assert_eq!(found, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_to_an_inbox_and_nowhere_else() {
    let (broker, _home, node) = connected().await;
    let client = broker.client().await;
    let mut overheard = client.subscribe("orders.>").await.expect("subscribed");
    // The server itself refuses `$JS.ACK`, `_R_` and `_GR_` in what a client sends.
    let replies = [
        CREATE_EVENT,
        "contacts.command.native.delete.t.x",
        "contacts.rpc.native.create.t",
        "contacts.dead.native.create.t",
        "contacts.audit.checkpoint",
        "$JS.API.STREAM.DELETE.CONTACT_COMMANDS",
        "$JS.API.STREAM.PURGE.CONTACT_EVENTS",
        "$SRV.PING",
        "orders.new",
        "_INBOX.contactd.guessed",
        "_INBOX.>",
        "_INBOX.*",
    ];
    let subjects = [
        "contacts.rpc.native.create.t",
        "contacts.rpc.native.list.t",
        // A subject that is answered with a refusal.
        "contacts.rpc.native.update.t.nobody",
    ];
    for reply in replies {
        for subject in subjects {
            let sent = client.publish_with_reply(subject, reply, body("Eve"));
            sent.await.expect("sent");
        }
        for verb in ["PING", "INFO", "STATS"] {
            let subject = format!("$SRV.{verb}.contacts");
            let sent = client.publish_with_reply(subject, reply, "".into());
            sent.await.expect("sent");
        }
    }
    let refused = (replies.len() * subjects.len()) as u64;
    let counts = node.gateway.health.bus_counts();
    eventually("every request is refused", || async {
        (counts.refused_replies_total() == refused).then_some(())
    })
    .await;
    // Requests with an inbox are answered as before, discovery too.
    for subject in ["contacts.rpc.native.list.t", "$SRV.PING.contacts"] {
        let answer = client.request(subject, "".into());
        within("an answer", answer).await.expect("an answer");
    }
    assert_eq!(node.service.head().get(), 0, "nothing was created");
    let streams = broker.streams().await;
    for name in [EVENTS, COMMANDS, DEAD] {
        let stream = streams.get_stream(name).await.expect("it is there");
        let state = &stream.cached_info().state;
        assert_eq!((state.messages, state.last_sequence), (0, 0), "{name}");
    }
    let heard = futures_util::FutureExt::now_or_never(overheard.next());
    assert!(heard.is_none(), "{heard:?}");
    node.stop().await;
}

/// Messages that somebody writes into the event stream, each trying to pass for something.
async fn forge(client: &Client, node: &Node) -> BTreeSet<u64> {
    let log = node.log();
    let genuine = log.last().expect("an event");
    let headers = |of: &str, id: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("Contact-Log", of);
        // Under an id that it has seen of late the server drops a message.
        headers.insert("Nats-Msg-Id", format!("{id}-{}", log.len()));
        headers
    };
    let event = |position: u64| json!({ "sequence": format!("{position:020}") }).to_string();
    let head = node.service.head().get();
    let forged = [
        (HeaderMap::new(), "{}".to_owned()),
        (HeaderMap::new(), String::new()),
        // Of another log, of ours ahead of it, of ours under another id, and at position zero.
        (headers("log-b", "b-1"), event(1)),
        (headers("log-a", "a-1"), event(1_000_000)),
        (headers("log-a", "a-2"), event(u64::MAX)),
        (headers("log-a", "a-3"), event(head)),
        (headers("log-a", "a-4"), event(head + 1)),
        (headers("log-a", "a-5"), event(0)),
    ];
    let mut sequences = BTreeSet::new();
    for (headers, payload) in forged {
        sequences.insert(put(client, CREATE_EVENT, headers, payload.as_bytes()).await);
    }
    // A copy of an event as it is, and one of each id of the log's: an older message is no newer.
    for event in [&log[0], genuine] {
        let payload = event.to_string();
        let mut copied = HeaderMap::new();
        copied.insert("Contact-Log", "log-a");
        copied.insert("Contact-Seal", "00");
        sequences.insert(put(client, CREATE_EVENT, copied, payload.as_bytes()).await);
    }
    sequences
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_others_in_the_event_stream_are_counted_and_passed_over() {
    let (broker, home, node) = connected().await;
    node.create_many(3).await;
    node.published().await;
    let client = broker.client().await;
    // While the service runs.
    let mut foreign = forge(&client, &node).await;
    node.create_many(2).await;
    node.published().await;
    let counted = node.gateway.health.bus_counts().foreign_events_total();
    assert_eq!(counted, foreign.len() as u64);
    assert_eq!(node.gateway.health.bus(), Bus::Connected);
    node.stop().await;

    // While it does not, and after a crash.
    let node = home.start(&broker.url());
    node.connects().await;
    node.create_many(1).await;
    node.crash().await;
    let node = home.start("nats://127.0.0.1:1");
    let forged = forge(&client, &node).await;
    node.create_many(1).await;
    node.stop().await;
    let node = home.start(&broker.url());
    node.published().await;
    let counted = node.gateway.health.bus_counts().foreign_events_total();
    assert_eq!(counted, forged.len() as u64);
    foreign.extend(forged);
    assert_ours(&broker, &node, &foreign, 0).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_genuine_event_is_not_taken_for_the_last_one() {
    let (broker, home, node) = connected().await;
    node.create_many(4).await;
    node.published().await;
    let client = broker.client().await;
    let streams = broker.streams().await;
    let stream = streams.get_stream(EVENTS).await.expect("it is there");
    let second = stream.get_raw_message(2).await.expect("a message");
    let mut headers = HeaderMap::new();
    // The server itself drops a copy under the same id.
    headers.insert("Nats-Msg-Id", "another");
    for name in ["Contact-Log", "Contact-Seal"] {
        let value = second.headers.get(name).expect("a header").as_str();
        headers.insert(name, value);
    }
    let copy = put(&client, CREATE_EVENT, headers, &second.payload).await;
    node.stop().await;
    let node = home.start(&broker.url());
    node.create_many(1).await;
    node.published().await;
    assert_ours(&broker, &node, &BTreeSet::from([copy]), 0).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_delete_and_purge_events() {
    let (broker, home, node) = connected().await;
    node.create_many(3).await;
    node.published().await;
    let streams = broker.streams().await;
    let stream = streams.get_stream(EVENTS).await.expect("it is there");
    // The newest while it runs, and the newest while it does not.
    stream.delete_message(6).await.expect("deleted");
    node.create_many(1).await;
    node.published().await;
    node.stop().await;
    for sequence in [7, 8, 3] {
        stream.delete_message(sequence).await.expect("deleted");
    }
    let node = home.start(&broker.url());
    node.create_many(1).await;
    node.published().await;
    let mut stream = streams.get_stream(EVENTS).await.expect("it is there");
    let state = stream.info().await.expect("its state").state.clone();
    assert_eq!((state.messages, state.last_sequence), (6, 10));
    // All of them, and the stream with another message in it.
    stream.purge().await.expect("purged");
    let client = broker.client().await;
    put(&client, CREATE_EVENT, HeaderMap::new(), b"hello").await;
    node.create_many(1).await;
    node.published().await;
    assert_ours(&broker, &node, &BTreeSet::from([11]), 10).await;
    assert_eq!(node.gateway.health.bus(), Bus::Connected);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_logs_on_one_empty_broker_one_takes_everything() {
    let broker = Broker::started();
    let (one, other) = (Home::new("log-a"), Home::new("log-b"));
    let (one, other) = (one.start(&broker.url()), other.start(&broker.url()));
    let settled = |node: &Node| {
        let bus = node.gateway.health.bus();
        matches!(bus, Bus::Connected | Bus::OtherLog { .. }).then_some(bus)
    };
    let buses = eventually("both have decided", || async {
        Some((settled(&one)?, settled(&other)?))
    })
    .await;
    let (first, second) = match buses {
        (Bus::Connected, Bus::OtherLog { .. }) => (one, other),
        (Bus::OtherLog { .. }, Bus::Connected) => (other, one),
        both => panic!("{both:?}"),
    };
    let client = broker.client().await;
    for number in 0..20 {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", format!("order-{number}"));
        put(
            &client,
            "contacts.command.native.create.t",
            headers,
            &body("Ada"),
        )
        .await;
    }
    for _ in 0..20 {
        let answer = client.request("contacts.rpc.native.create.t", body("Ada"));
        within("an answer", answer).await.expect("an answer");
    }
    first.reaches(80).await;
    first.published().await;
    assert_eq!(
        (first.service.head().get(), second.service.head().get()),
        (80, 0)
    );

    // The other stays back from what the first has left.
    first.stop().await;
    second.create_many(1).await;
    let streams = broker.streams().await;
    let claims = streams.get_stream(COMMANDS).await.expect("it is there");
    let names: Vec<_> = claims
        .consumer_names()
        .map(|name| name.expect("a name"))
        .collect()
        .await;
    assert_eq!(names.len(), 1, "{names:?}");
    let Bus::OtherLog { reason } = second.gateway.health.bus() else {
        panic!("it does not stand back");
    };
    assert!(reason.contains("log-"), "{reason}");
    assert_eq!(second.gateway.health.published(), 0);
    second.stop().await;
}

/// The streams tell two copies of one log apart only once each has events of its own.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_copies_of_one_log_the_first_takes_everything() {
    let (broker, home, first) = connected().await;
    first.create_many(1).await;
    first.published().await;
    first.stop().await;
    let copy = home.copy();
    let first = home.start(&broker.url());
    first.bus_is(|bus| *bus == Bus::Connected).await;
    let second = copy.start(&broker.url());
    let stands_back = second
        .bus_is(|bus| matches!(bus, Bus::OtherLog { .. }))
        .await;
    let Bus::OtherLog { reason } = stands_back else {
        panic!("{stands_back:?}");
    };
    assert!(reason.contains("another process over a copy"), "{reason}");
    let client = broker.client().await;
    for number in 0..10 {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", format!("order-{number}"));
        let command = "contacts.command.native.create.t";
        put(&client, command, headers, &body("Ada")).await;
        let answer = client.request("contacts.rpc.native.create.t", body("Ada"));
        within("an answer", answer).await.expect("an answer");
    }
    first.reaches(42).await;
    assert_eq!(second.service.head().get(), 2, "it has taken nothing");
    second.stop().await;
    // Nobody stands back from a process that is gone, however it went.
    first.crash().await;
    let again = home.start(&broker.url());
    again.bus_is(|bus| *bus == Bus::Connected).await;
    again.stop().await;
}

/// Of two that begin at once neither serves yet.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_copies_that_start_at_once_one_serves_and_the_other_once_it_is_gone() {
    let (broker, home, first) = connected().await;
    first.stop().await;
    let copy = home.copy();
    let (one, other) = (home.start(&broker.url()), copy.start(&broker.url()));
    let has_settled = |bus: &Bus| matches!(bus, Bus::Connected | Bus::OtherLog { .. });
    let buses = [
        one.bus_is(has_settled).await,
        other.bus_is(has_settled).await,
    ];
    let serves = buses.iter().filter(|bus| **bus == Bus::Connected).count();
    assert_eq!(serves, 1, "{buses:?}");
    let (serves, waits) = match buses[0] == Bus::Connected {
        true => (one, other),
        false => (other, one),
    };
    serves.stop().await;
    waits.bus_is(|bus| *bus == Bus::Connected).await;
    waits.stop().await;
}

/// Whoever may ask for services can't keep this one from its work.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_no_copy() {
    let broker = Broker::started();
    let home = Home::new("log-a");
    let stranger = broker.client().await;
    let mut asked = stranger
        .subscribe("$SRV.PING.contacts")
        .await
        .expect("it hears");
    let client = stranger.clone();
    let forger = tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            let mut word: serde_json::Value =
                serde_json::from_slice(&message.payload).expect("JSON");
            let number = word["number"].as_str().expect("a number").replace('-', "");
            word["start"] = uuid::Uuid::from_u128(1).to_string().into();
            word["serves"] = true.into();
            let answers = format!("$SRV.PING.contacts.{number}");
            let sent = client.publish(answers, word.to_string().into()).await;
            sent.expect("it speaks");
        }
    });
    let node = home.start(&broker.url());
    node.bus_is(|bus| *bus == Bus::Connected).await;
    node.create_many(1).await;
    node.published().await;
    node.stop().await;
    forger.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_of_a_version_without_log_ids_is_replaced() {
    let (broker, home, node) = connected().await;
    node.stop().await;
    let streams = broker.streams().await;
    let stream = streams.get_stream(COMMANDS).await.expect("it is there");
    stream
        .delete_consumer("contactd-log-a")
        .await
        .expect("deleted");
    let old = async_nats::jetstream::consumer::pull::Config {
        durable_name: Some("contactd".into()),
        filter_subject: "contacts.command.>".into(),
        ..Default::default()
    };
    let old: PullConsumer = stream.create_consumer(old).await.expect("made");
    drop(old);
    let client = broker.client().await;
    put(
        &client,
        "contacts.command.native.create.t",
        HeaderMap::new(),
        &body("Ada"),
    )
    .await;
    let node = home.start(&broker.url());
    node.reaches(2).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tokens_a_broker_that_others_reach_is_not_used() {
    let broker = Broker::on_every_address();
    let mut home = Home::new("log-a");
    let node = home.start(&broker.url());
    let reason = node.halts().await;
    assert!(reason.contains("nats-server -a 127.0.0.1"), "{reason}");
    let client = broker.client().await;
    let answer = client
        .request("contacts.rpc.native.create.t", body("Eve"))
        .await;
    assert!(answer.is_err(), "nobody answers");
    let streams = broker.streams().await;
    assert!(streams.get_stream(EVENTS).await.is_err(), "nothing is made");
    node.stop().await;

    // With tokens it is.
    home.jwt = true;
    let node = home.start(&broker.url());
    node.connects().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_subject_can_not_be_published_to_is_a_dead_letter_all_the_same() {
    let (broker, _home, node) = connected().await;
    let client = broker.client().await;
    let long = format!("contacts.command.native.create.{}", "x".repeat(3_000));
    let subjects = ["contacts.command.native.>", "contacts.command.*", &long];
    for subject in subjects {
        client
            .publish(subject.to_owned(), body("Eve"))
            .await
            .expect("sent");
    }
    let streams = broker.streams().await;
    eventually("all are dead letters", || async {
        let dead = streams.get_stream(DEAD).await.ok()?;
        let commands = streams.get_stream(COMMANDS).await.ok()?;
        let left = commands.cached_info().state.messages;
        (left == 0 && dead.cached_info().state.messages == 3).then_some(())
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_id_does_not_take_the_key_of_a_message_without_one() {
    let (broker, _home, node) = connected().await;
    let client = broker.client().await;
    let streams = broker.streams().await;
    let stream = streams.get_stream(COMMANDS).await.expect("it is there");
    let created = stream.cached_info().created.unix_timestamp_nanos();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", format!("stream-{created}-2"));
    let subject = "contacts.command.native.create.t";
    put(&client, subject, headers, &body("Eve")).await;
    put(&client, subject, HeaderMap::new(), &body("Ada")).await;
    node.reaches(2).await;
    let dead = eventually("a dead letter", || async {
        let dead = streams.get_stream(DEAD).await.ok()?;
        (dead.cached_info().state.messages > 0).then_some(dead)
    })
    .await;
    let letter = dead.get_raw_message(1).await.expect("a letter");
    let why = letter.headers.get("Contact-Error").expect("why").as_str();
    assert!(why.starts_with("400"), "{why}");
    assert_eq!(node.log().len(), 2);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_the_services_own_inbox_is_no_command() {
    let broker = Broker::started();
    let client = broker.client().await;
    let mut pulls = client
        .subscribe("$JS.API.CONSUMER.MSG.NEXT.>")
        .await
        .expect("subscribed");
    client.flush().await.expect("the broker knows");
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    let pull = within("a pull", pulls.next()).await.expect("a message");
    let inbox = pull.reply.expect("an inbox");
    assert!(inbox.starts_with("_INBOX.contactd."), "{inbox}");
    let forged = [
        "$JS.API.STREAM.DELETE.CONTACT_COMMANDS",
        "$JS.ACK.OTHER.contactd-log-a.1.1.1.1768473000000000000.0",
        "orders.new",
    ];
    for reply in forged {
        let sent = client.publish_with_reply(inbox.clone(), reply, body("Eve"));
        sent.await.expect("sent");
    }
    put(
        &client,
        "contacts.command.native.create.t",
        HeaderMap::new(),
        &body("Ada"),
    )
    .await;
    node.reaches(2).await;
    let streams = broker.streams().await;
    eventually("the command is taken", || async {
        let commands = streams.get_stream(COMMANDS).await.expect("it is there");
        (commands.cached_info().state.messages == 0).then_some(())
    })
    .await;
    let dead = streams.get_stream(DEAD).await.expect("it is there");
    assert_eq!(dead.cached_info().state.messages, 0);
    node.stop().await;
}
