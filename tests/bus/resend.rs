//! Dead letters sent again: taken once, in the operator's name, and refused where that can't be.

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use contactd::auth::{Principal, Tenants};
use contactd::dialect::Refusal;
use contactd::gateway::{NotResent, Resent};

use crate::broker::Broker;
use crate::node::{Home, Node, away, card, eventually};

const COMMANDS: &str = "CONTACT_COMMANDS";
const DEAD: &str = "CONTACT_DEAD";

/// A service that wants tokens, and whose dead letters keep their content or not.
async fn with_tokens(content: bool) -> (Broker, Home, Node) {
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.jwt = true;
    home.dead_letter_content = content;
    let node = home.start(&broker.url());
    node.connects().await;
    (broker, home, node)
}

fn operator() -> Principal {
    Principal {
        client_id: Some("the-operator".into()),
        ..Principal::local_developer()
    }
}

async fn resend(node: &Node, sequence: u64) -> Result<Resent, NotResent> {
    let sent = node.gateway.resend(&operator(), sequence).await;
    sent.expect("the operator may")
}

/// Sends a letter again, once the broker's own window has passed.
async fn resent(node: &Node, sequence: u64) -> Resent {
    eventually("the broker forgets an id", || async {
        let sent = resend(node, sequence).await.expect("sent");
        (!sent.duplicate).then_some(sent)
    })
    .await
}

/// Sends a command without a token, and waits for its letter.
async fn dies(streams: &Context, subject: &str, id: Option<&str>, letters: u64) {
    let headers = id.map(|id| ("Nats-Msg-Id", id));
    dies_with(streams, subject, headers.as_slice(), letters).await;
}

async fn dies_with(streams: &Context, subject: &str, sent: &[(&str, &str)], letters: u64) {
    let mut headers = HeaderMap::new();
    for (name, value) in sent {
        headers.insert(*name, *value);
    }
    let body = serde_json::to_vec(&card("Ada")).expect("JSON");
    let sent = streams.publish_with_headers(subject.to_owned(), headers, body.into());
    sent.await.expect("sent").await.expect("stored");
    eventually("a dead letter", || async {
        let dead = streams.get_stream(DEAD).await.ok()?;
        (dead.cached_info().state.messages == letters).then_some(())
    })
    .await;
}

async fn drained(streams: &Context) {
    eventually("the commands are taken", || async {
        let stream = streams.get_stream(COMMANDS).await.ok()?;
        (stream.cached_info().state.messages == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_sent_again_is_taken_once_in_the_operators_name() {
    let (broker, _home, node) = with_tokens(true).await;
    let streams = broker.streams().await;
    let create = "contacts.command.native.create.t";
    dies(&streams, create, Some("order-1"), 1).await;
    dies(&streams, create, None, 2).await;
    drained(&streams).await;
    let first = resent(&node, 1).await;
    assert_eq!(first.message_id, "order-1");
    node.reaches(2).await;
    let second = resent(&node, 2).await;
    node.reaches(4).await;
    for sequence in [1, 2] {
        resent(&node, sequence).await;
    }
    drained(&streams).await;
    let log = node.log();
    assert_eq!(log.len(), 4, "again is not twice");
    let ids: Vec<_> = log.iter().map(|event| &event["correlationid"]).collect();
    assert_eq!(
        ids,
        ["order-1", "order-1", &second.message_id, &second.message_id]
    );
    assert!(log[0].to_string().contains("the-operator"), "{}", log[0]);
    let dead = streams.get_stream(DEAD).await.expect("it is there");
    assert_eq!(dead.cached_info().state.messages, 2, "none died again");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_goes_back_under_the_id_or_the_key_that_it_came_with() {
    let (broker, _home, node) = with_tokens(true).await;
    let streams = broker.streams().await;
    let create = "contacts.command.native.create.t";
    for (sequence, header) in [
        (1, ("nats-msg-id", "order-1")),
        (2, ("Idempotency-Key", "order-2")),
    ] {
        dies_with(&streams, create, &[header], sequence).await;
        let back = resent(&node, sequence).await;
        assert_eq!(back.message_id, header.1);
    }
    node.reaches(4).await;
    drained(&streams).await;
    let dead = streams.get_stream(DEAD).await.expect("it is there");
    assert_eq!(dead.cached_info().state.messages, 2, "none died again");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_sent_again_says_why() {
    let (mut broker, _home, node) = with_tokens(true).await;
    let streams = broker.streams().await;
    dies(&streams, "contacts.command.nobody", None, 1).await;
    dies(&streams, "contacts.command.kare.create.1", None, 2).await;
    assert_eq!(resend(&node, 1).await, Err(NotResent::NoCommand));
    assert_eq!(resend(&node, 2).await, Err(NotResent::SecondToken));
    for absent in [0, 3, u64::MAX] {
        assert_eq!(resend(&node, absent).await, Err(NotResent::NoLetter));
    }
    let of_one_tenant = Principal {
        tenants: Tenants::default(),
        ..operator()
    };
    let refused = node.gateway.resend(&of_one_tenant, 1).await;
    assert!(matches!(refused, Err(Refusal::NotYours { .. })));
    broker.kill();
    away(&node).await;
    assert_eq!(resend(&node, 1).await, Err(NotResent::Away));
    node.stop().await;

    let (broker, _home, node) = with_tokens(false).await;
    let streams = broker.streams().await;
    dies(&streams, "contacts.command.native.create.t", None, 1).await;
    assert_eq!(resend(&node, 1).await, Err(NotResent::NoContent));
    assert_eq!(node.service.head().get(), 0);
    node.stop().await;
}
