//! What operators see of the bus: how far consumers are, and the newest dead letters.

use std::collections::BTreeSet;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use contactd::auth::{Principal, Roles, Tenants, role};
use contactd::dialect::Refusal;
use contactd::gateway::{Bus, BusView, CONSUMERS_MAX, Consumer, DEAD_LETTERS_MAX};
use futures_util::TryStreamExt;

use crate::broker::Broker;
use crate::node::{Home, Node, away, connected, eventually};

const EVENTS: &str = "CONTACT_EVENTS";
const DEAD: &str = "CONTACT_DEAD";
const CREATE: &str = "contacts.command.native.create.t";

async fn seen(node: &Node) -> BusView {
    let developer = Principal::local_developer();
    let view = node.gateway.bus_view(&developer).await.expect("a view");
    assert_eq!(view.look.consumers.unread, None);
    assert_eq!(view.look.dead_letters.unread, None);
    view
}

async fn reads(streams: &Context, name: &str) -> PullConsumer {
    let stream = streams.get_stream(EVENTS).await.expect("it is there");
    let config = pull::Config {
        durable_name: Some(name.to_owned()),
        memory_storage: true,
        ..Default::default()
    };
    stream.create_consumer(config).await.expect("made")
}

/// Sends a command that nobody can read.
async fn unreadable(streams: &Context, id: Option<&str>) {
    let mut headers = HeaderMap::new();
    if let Some(id) = id {
        headers.insert("Nats-Msg-Id", id);
    }
    let payload = r#"{"name": ann@example.org"#;
    let sent = streams.publish_with_headers(CREATE, headers, payload.into());
    sent.await.expect("sent").await.expect("stored");
}

async fn dead_letters(streams: &Context, count: u64) {
    eventually("dead letters", || async {
        let dead = streams.get_stream(DEAD).await.ok()?;
        (dead.cached_info().state.messages == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_shown_with_what_it_has_not_read() {
    let (broker, _home, node) = connected().await;
    let streams = broker.streams().await;
    node.create_many(3).await;
    node.published().await;
    assert!(seen(&node).await.look.consumers.items.is_empty());
    let analytics = reads(&streams, "analytics").await;
    reads(&streams, "a-second").await;
    let fetched = analytics.fetch().max_messages(2).messages();
    let messages: Vec<_> = fetched
        .await
        .expect("fetched")
        .try_collect()
        .await
        .expect("events");
    let first = messages.first().expect("an event");
    first.double_ack().await.expect("acknowledged");
    let consumers = seen(&node).await.look.consumers;
    let wanted = |name: &str, delivered, acknowledged| Consumer {
        name: name.into(),
        delivered,
        acknowledged,
        pending: 6 - delivered,
        unacknowledged: delivered - acknowledged,
        redelivered: 0,
    };
    assert_eq!(
        consumers.items,
        [wanted("a-second", 0, 0), wanted("analytics", 2, 1)]
    );
    assert!(!consumers.more);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_letters_are_shown_without_their_payload() {
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.dead_letter_content = true;
    let node = home.start(&broker.url());
    node.connects().await;
    let streams = broker.streams().await;
    for (count, id) in (1..).zip([Some("first"), Some("second"), None]) {
        unreadable(&streams, id).await;
        dead_letters(&streams, count).await;
    }
    let stream = streams.get_stream(DEAD).await.expect("it is there");
    stream.delete_message(2).await.expect("deleted");
    let letters = seen(&node).await.look.dead_letters;
    let told: Vec<_> = letters
        .items
        .iter()
        .map(|letter| (letter.sequence, letter.message_id.as_deref()))
        .collect();
    assert_eq!(told, [(3, None), (1, Some("first"))]);
    assert!(!letters.more);
    let first = letters.items.last().expect("a letter");
    assert_eq!(first.subject, "contacts.dead.native.create.t");
    assert!(first.reason.starts_with("400 "), "{}", first.reason);
    assert!(first.time.millis() > 0);

    // The words may quote what was sent, which an auditor may not read.
    let auditor = Principal {
        roles: Roles::Named(BTreeSet::from([role::AUDITOR.to_owned()])),
        ..Principal::local_developer()
    };
    let view = node.gateway.bus_view(&auditor).await.expect("a view");
    for letter in view.look.dead_letters.items {
        assert_eq!(letter.reason, "400 Bad Request");
    }
    let of_one_tenant = Principal {
        tenants: Tenants::default(),
        ..auditor
    };
    let refused = node.gateway.bus_view(&of_one_tenant).await;
    assert!(matches!(refused, Err(Refusal::NotYours { .. })));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_list_is_longer_than_its_limit() {
    let (broker, _home, node) = connected().await;
    let streams = broker.streams().await;
    for number in 0..=CONSUMERS_MAX {
        reads(&streams, &format!("reader-{number:03}")).await;
    }
    let letters = DEAD_LETTERS_MAX as u64 + 1;
    for _ in 0..letters {
        unreadable(&streams, None).await;
    }
    dead_letters(&streams, letters).await;
    let look = seen(&node).await.look;
    assert_eq!(look.consumers.items.len(), CONSUMERS_MAX);
    assert_eq!(look.dead_letters.items.len(), DEAD_LETTERS_MAX);
    assert!(look.consumers.more && look.dead_letters.more);
    let newest = look.dead_letters.items.first().expect("a letter");
    assert_eq!(newest.sequence, letters);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_has_empty_lists() {
    let (mut broker, _home, node) = connected().await;
    reads(&broker.streams().await, "analytics").await;
    assert_eq!(seen(&node).await.look.consumers.items.len(), 1);
    broker.kill();
    away(&node).await;
    let view = seen(&node).await;
    assert!(matches!(view.bus, Bus::Away { .. }), "{view:?}");
    assert!(view.look.consumers.items.is_empty());
    node.stop().await;
}
