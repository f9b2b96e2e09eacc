//! Events: all of them, in order, each once, whatever happens to the broker.

use std::time::{Duration, Instant};

use async_nats::jetstream::message::StreamMessage;
use contactd::gateway::Bus;
use futures_util::StreamExt;
use serde_json::Value;

use crate::broker::Broker;
use crate::node::{Home, Node, away, eventually, within};

const STREAM: &str = "CONTACT_EVENTS";

/// Every message of the event stream, in order.
async fn stream(broker: &Broker) -> Vec<StreamMessage> {
    let mut stream = broker
        .streams()
        .await
        .get_stream(STREAM)
        .await
        .expect("it is there");
    let state = stream.info().await.expect("its state").state.clone();
    let mut messages = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        messages.push(stream.get_raw_message(sequence).await.expect("no gap"));
    }
    messages
}

/// The events in the stream are these, in their order.
async fn assert_published(broker: &Broker, expected: &[Value]) {
    let messages = stream(broker).await;
    let events: Vec<Value> = messages
        .iter()
        .map(|message| serde_json::from_slice(&message.payload).expect("JSON"))
        .collect();
    let ids = |events: &[Value]| -> Vec<String> {
        events
            .iter()
            .map(|event| format!("{} {}", event["sequence"], event["id"]))
            .collect()
    };
    assert_eq!(ids(&events), ids(expected));
    assert_eq!(events, expected);
}

async fn filled(node: &Node, count: usize) {
    node.create_many(count).await;
    node.published().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_published_in_order_and_equal_to_the_log() {
    let broker = Broker::started();
    let node = Home::new("log-a");
    let node = node.start(&broker.url());
    filled(&node, 700).await;
    assert_eq!(node.service.head().get(), 1_400);
    assert_eq!(
        node.bus_is(|bus| *bus == Bus::Connected).await,
        Bus::Connected
    );
    assert_published(&broker, &node.log()).await;

    let messages = stream(&broker).await;
    let first = &messages[0];
    let header = |name: &str| {
        first
            .headers
            .get(name)
            .map(|value| value.as_str().to_owned())
    };
    let event: Value = serde_json::from_slice(&first.payload).expect("JSON");
    assert_eq!(
        first.subject.as_str(),
        "contacts.event.native.t.create.start"
    );
    assert_eq!(header("Nats-Msg-Id").as_deref(), event["id"].as_str());
    assert_eq!(
        header("Content-Type").as_deref(),
        Some("application/cloudevents+json")
    );
    assert_eq!(header("Contact-Log").as_deref(), Some("log-a"));
    assert_eq!(
        messages[1].subject.as_str(),
        "contacts.event.native.t.create.success"
    );
    assert_eq!(messages[1].sequence, 2);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_late_gets_everything() {
    let mut broker = Broker::absent();
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    away(&node).await;
    node.create_many(5).await;
    assert_eq!(node.gateway.health.published(), 0);
    broker.start();
    node.published().await;
    assert_published(&broker, &node.log()).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_in_full_flight_misses_nothing_and_gets_nothing_twice() {
    let mut broker = Broker::started();
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    filled(&node, 5).await;
    for _ in 0..3 {
        let writing = node.create_many(150);
        let killing = async {
            node.reaches(node.service.head().get() + 100).await;
            broker.kill();
        };
        tokio::join!(writing, killing);
        away(&node).await;
        node.create_many(3).await;
        broker.start();
        node.published().await;
    }
    assert_published(&broker, &node.log()).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_its_data_is_filled_from_the_first_event() {
    let mut broker = Broker::started();
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    filled(&node, 20).await;
    broker.kill();
    broker.wipe();
    away(&node).await;
    node.create_many(5).await;
    broker.start();
    node.connects().await;
    node.published().await;
    assert_published(&broker, &node.log()).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_service_goes_on_where_the_stream_ends() {
    let broker = Broker::started();
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    filled(&node, 10).await;
    node.create_many(10).await;
    node.crash().await;
    let node = home.start(&broker.url());
    filled(&node, 5).await;
    assert_published(&broker, &node.log()).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_stream_is_gone_on_with_by_the_cursor() {
    let broker = Broker::started();
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    filled(&node, 10).await;
    node.stop().await;
    let streams = broker.streams().await;
    let events = streams.get_stream(STREAM).await.expect("it is there");
    events.purge().await.expect("it is emptied");
    let node = home.start(&broker.url());
    filled(&node, 3).await;
    assert_published(&broker, &node.log()[20..]).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_another_log_is_left_alone_until_it_is_gone() {
    let broker = Broker::started();
    let other = Home::new("log-b");
    let node = other.start(&broker.url());
    filled(&node, 2).await;
    node.stop().await;

    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    node.create_many(4).await;
    let stands_back = node.bus_is(|bus| matches!(bus, Bus::OtherLog { .. })).await;
    let Bus::OtherLog { reason } = stands_back else {
        panic!("it stands back");
    };
    assert!(reason.contains("log-b"), "{reason}");
    assert_eq!(stream(&broker).await.len(), 4);

    let streams = broker.streams().await;
    streams.delete_stream(STREAM).await.expect("it is deleted");
    node.published().await;
    assert_published(&broker, &node.log()).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_backup_does_not_publish_over_a_newer_stream() {
    let broker = Broker::started();
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    filled(&node, 3).await;
    node.stop().await;
    let backup = Home::new("log-a");
    let node = backup.start(&broker.url());
    let reason = node.halts().await;
    assert!(reason.contains("up to 6"), "{reason}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_small_messages_is_refused() {
    let mut broker = Broker::with("max_payload: 65536");
    broker.start();
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    let reason = node.halts().await;
    assert!(reason.contains("max_payload"), "{reason}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_of_the_operator_is_altered() {
    let broker = Broker::started();
    let streams = broker.streams().await;
    let config = async_nats::jetstream::stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["contacts.event.>".to_owned(), "else".to_owned()],
        max_messages: 1_000_000,
        ..Default::default()
    };
    streams.create_stream(config).await.expect("it is made");
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    filled(&node, 2).await;
    let stream = streams.get_stream(STREAM).await.expect("it is there");
    assert_eq!(stream.cached_info().config.max_messages, 1_000_000);
    assert_eq!(stream.cached_info().state.messages, 4);
    node.stop().await;
}

/// Only the last of the events at hand is acknowledged, and it is refused for the one before it.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_event_that_a_stream_does_not_take_says_why() {
    let broker = Broker::started();
    let streams = broker.streams().await;
    let config = async_nats::jetstream::stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["contacts.event.>".to_owned()],
        max_messages: 5,
        discard: async_nats::jetstream::stream::DiscardPolicy::New,
        ..Default::default()
    };
    streams.create_stream(config).await.expect("it is made");
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    node.create_many(20).await;
    let reason = node.halts().await;
    assert!(
        reason.contains("the event at 6: maximum messages"),
        "{reason}"
    );
    assert_eq!(stream(&broker).await.len(), 5);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_checkpoint_is_announced() {
    let broker = Broker::started();
    let client = broker.client().await;
    let subscription = client.subscribe("contacts.audit.checkpoint").await;
    let mut subscription = subscription.expect("subscribed");
    client.flush().await.expect("the broker knows");
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    node.checkpoints.send_replace("first".into());
    let message = within("a checkpoint", subscription.next())
        .await
        .expect("a message");
    assert_eq!(&message.payload[..], b"first");
    node.checkpoints.send_replace("second".into());
    let message = within("a checkpoint", subscription.next())
        .await
        .expect("a message");
    assert_eq!(&message.payload[..], b"second");
    node.stop().await;
}

/// It saves work at the next start, no more: what was published after it is known by its seal.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_cannot_be_written_halts_nothing() {
    let broker = Broker::started();
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    filled(&node, 1).await;
    let folder = home.path().join("bus");
    let away = home.path().join("away");
    std::fs::rename(&folder, &away).expect("it is ours");
    std::fs::write(&folder, "in the way").expect("it is ours");
    // Longer than it takes until the cursor is written.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        filled(&node, 1).await;
        let bus = node.gateway.health.follow_bus().borrow().clone();
        assert_eq!(bus, Bus::Connected);
    }
    std::fs::remove_file(&folder).expect("it is ours");
    std::fs::rename(&away, &folder).expect("it is ours");
    let head = node.service.head().get();
    eventually("the cursor is written", || async {
        let cursor = std::fs::read(folder.join("nats.cursor")).ok()?;
        let cursor: Value = serde_json::from_slice(&cursor).ok()?;
        (cursor["position"] == head).then_some(())
    })
    .await;
    node.stop().await;
}
