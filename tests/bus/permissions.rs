//! The permissions of the README, on a real server: enough for each of its users, and no more.

use std::time::Duration;

use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::{Client, HeaderMap};
use contactd::gateway::Bus;
use futures_util::StreamExt;

use crate::broker::Broker;
use crate::node::{Home, away, connected, eventually, within};
use crate::unreadable::Raw;

const SERVICE: &str = "contactd:change-me-1";
const EVENTS: &str = "CONTACT_EVENTS";
const DEAD: &str = "CONTACT_DEAD";

/// The README's block of a NATS server's configuration.
fn readme() -> String {
    let text = include_str!("../../README.md");
    let (_, after) = text
        .split_once("#### Permissions on NATS")
        .expect("a section");
    let (_, block) = after.split_once("```text\n").expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    block.to_owned()
}

fn started(config: &str) -> Broker {
    let mut broker = Broker::with(config);
    broker.start();
    broker
}

async fn shop(broker: &Broker) -> Client {
    broker.client_of("shop", "change-me-2", "_INBOX_shop").await
}

async fn admin(broker: &Broker) -> async_nats::jetstream::Context {
    let client = broker
        .client_of("admin", "change-me-4", "_INBOX_admin")
        .await;
    async_nats::jetstream::new(client)
}

fn body(email: &str) -> bytes::Bytes {
    format!(r#"{{"firstName":"Ann","email":"{email}"}}"#).into()
}

/// Whether the broker lets a client ask for this, and somebody answers.
async fn is_answered(client: &Client, subject: &str) -> bool {
    let asked = client.request(subject.to_owned(), body("x@example.org"));
    let answer = tokio::time::timeout(Duration::from_secs(2), asked).await;
    answer.is_ok_and(|answer| answer.is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_reaches_its_own_tenant_and_nothing_else() {
    let broker = started(&readme());
    let home = Home::new("log-a");
    let node = home.start(&broker.url_of(SERVICE));
    node.connects().await;
    let shop = shop(&broker).await;
    let answer = shop.request("contacts.rpc.thena.create.acme", body("a@example.org"));
    let answer = within("an answer", answer).await.expect("an answer");
    let status = answer.headers.expect("headers");
    let status = status.get("Contact-Status").expect("a status").as_str();
    assert_eq!(status, "201");
    let streams = async_nats::jetstream::new(shop.clone());
    let command = "contacts.command.thena.create.acme";
    let sent = streams.publish(command, body("b@example.org")).await;
    sent.expect("sent").await.expect("stored");
    node.reaches(4).await;
    // What can't be read is a dead letter.
    let sent = streams.publish(command, "{".into()).await;
    sent.expect("sent").await.expect("stored");
    let streams = admin(&broker).await;
    eventually("a dead letter", || async {
        let dead = streams.get_stream(DEAD).await.ok()?;
        (dead.cached_info().state.messages == 1).then_some(())
    })
    .await;

    for subject in [
        "contacts.rpc.thena.create.other",
        "contacts.rpc.native.list.acme",
        "contacts.command.thena.create.other",
        "contacts.event.thena.acme.create.success",
        "$JS.API.STREAM.INFO.CONTACT_EVENTS",
        "$SRV.PING",
    ] {
        assert!(!is_answered(&shop, subject).await, "{subject}");
    }
    // No reply subject does what the producer may not do itself.
    let replies = [
        "contacts.event.thena.acme.create.success",
        "$JS.API.STREAM.DELETE.CONTACT_COMMANDS",
        "$JS.API.STREAM.PURGE.CONTACT_EVENTS",
        "orders.new",
    ];
    for reply in replies {
        let subject = "contacts.rpc.thena.create.acme";
        let sent = shop.publish_with_reply(subject, reply, body("c@example.org"));
        sent.await.expect("sent");
    }
    // An inbox that the service may not publish to is the requester's loss alone.
    let sent = shop.publish_with_reply("contacts.rpc.thena.list.acme", "_INBOX_other.x", "".into());
    sent.await.expect("sent");
    let counts = node.gateway.health.bus_counts();
    eventually("they are refused", || async {
        (counts.refused_replies_total() == replies.len() as u64).then_some(())
    })
    .await;
    assert!(is_answered(&shop, "contacts.rpc.thena.list.acme").await);
    node.published().await;
    assert_eq!(node.service.head().get(), 4);
    assert_eq!(node.gateway.health.bus(), Bus::Connected);
    let stream = streams.get_stream(EVENTS).await.expect("it is there");
    assert_eq!(stream.cached_info().state.last_sequence, 4);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_reads_the_events_of_its_consumer_and_changes_nothing() {
    let broker = started(&readme());
    let home = Home::new("log-a");
    let node = home.start(&broker.url_of(SERVICE));
    node.connects().await;
    let shop = shop(&broker).await;
    for tenant in ["thena.create.acme", "thena.create.acme"] {
        let subject = format!("contacts.rpc.{tenant}");
        let answer = shop.request(subject, body(&format!("{}@example.org", node.log().len())));
        within("an answer", answer).await.expect("an answer");
    }
    node.create_many(1).await;
    node.published().await;
    let streams = admin(&broker).await;
    let stream = streams.get_stream(EVENTS).await.expect("it is there");
    let config = pull::Config {
        durable_name: Some("analytics".into()),
        filter_subject: "contacts.event.thena.acme.>".into(),
        ..Default::default()
    };
    let _: PullConsumer = stream.create_consumer(config).await.expect("made");

    let analyst = broker
        .client_of("analyst", "change-me-3", "_INBOX_analyst")
        .await;
    let reading = async_nats::jetstream::new(analyst.clone());
    let consumer = reading.get_consumer_from_stream("analytics", EVENTS).await;
    let consumer: PullConsumer = consumer.expect("it is there");
    let mut messages = consumer.messages().await.expect("it may read");
    for _ in 0..4 {
        let message = within("an event", messages.next()).await.expect("an event");
        let message = message.expect("an event");
        assert!(message.subject.starts_with("contacts.event.thena.acme."));
        message.double_ack().await.expect("it may acknowledge");
    }
    for subject in [
        "$JS.API.STREAM.PURGE.CONTACT_EVENTS",
        "$JS.API.CONSUMER.CREATE.CONTACT_EVENTS.mine",
        "contacts.event.thena.acme.create.success",
        "contacts.rpc.thena.list.acme",
    ] {
        assert!(!is_answered(&analyst, subject).await, "{subject}");
    }
    let stream = streams.get_stream(EVENTS).await.expect("it is there");
    assert_eq!(stream.cached_info().state.messages, 6);
    node.stop().await;
}

/// The state of the bus where the service lacks a permission, by the words it has in the README.
async fn without(permission: &str) -> Bus {
    let config = readme();
    assert!(config.contains(permission), "{permission}");
    let broker = started(&config.replacen(permission, "", 1));
    let home = Home::new("log-a");
    let node = home.start(&broker.url_of(SERVICE));
    node.create_many(1).await;
    let bus = node.bus_is(|bus| matches!(bus, Bus::Halted { .. })).await;
    node.stop().await;
    bus
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_lacking_is_named() {
    for (permission, subject) in [
        (
            r#""contacts.event.>", "#,
            "contacts.event.native.t.create.start",
        ),
        (
            r#""$JS.API.STREAM.INFO.CONTACT_EVENTS", "#,
            "$JS.API.STREAM.INFO.CONTACT_EVENTS",
        ),
        (
            r#""$JS.API.CONSUMER.*.CONTACT_COMMANDS.>","#,
            "$JS.API.CONSUMER",
        ),
        (r#""contacts.rpc.>", "#, "contacts.rpc."),
        (r#", "_INBOX.contactd.>""#, "_INBOX.contactd."),
    ] {
        let Bus::Halted { reason } = without(permission).await else {
            panic!("it is halted");
        };
        assert!(
            reason.contains("Permissions Violation"),
            "{permission}: {reason}"
        );
        assert!(reason.contains(subject), "{permission}: {reason}");
    }
}

/// The lists are told with the README's permissions, and what may not be asked is an empty list with
/// a reason; the bus itself goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_operators_ask_can_be_done_without() {
    let asked = r#"
          "$JS.API.CONSUMER.LIST.CONTACT_EVENTS", "$JS.API.STREAM.MSG.GET.CONTACT_DEAD", "contacts.command.>","#;
    for (config, told) in [(readme(), true), (readme().replacen(asked, "", 1), false)] {
        let broker = started(&config);
        let mut home = Home::new("log-a");
        home.dead_letter_content = true;
        let node = home.start(&broker.url_of(SERVICE));
        node.connects().await;
        let streams = async_nats::jetstream::new(shop(&broker).await);
        let sent = streams.publish("contacts.command.thena.create.acme", "{".into());
        sent.await.expect("sent").await.expect("stored");
        let counts = node.gateway.health.bus_counts();
        eventually("a dead letter", || async {
            (!counts.dead_letters_total().is_empty()).then_some(())
        })
        .await;
        let mut bus = node.gateway.health.follow_bus();
        let halted = tokio::spawn(async move {
            drop(bus.wait_for(|bus| *bus != Bus::Connected).await);
        });
        let developer = contactd::auth::Principal::local_developer();
        let view = node.gateway.bus_view(&developer).await.expect("a view");
        let unread = [view.look.consumers.unread, view.look.dead_letters.unread];
        for reason in &unread {
            assert_eq!(reason.is_none(), told, "{unread:?}");
        }
        assert_eq!(view.look.dead_letters.items.len(), usize::from(told));
        let resent = node.gateway.resend(&developer, 1).await.expect("he may");
        assert_eq!(resent.is_ok(), told, "{resent:?}");
        node.create_many(1).await;
        node.published().await;
        assert!(!halted.is_finished(), "the bus goes on all the while");
        node.stop().await;
    }
}

/// A command that the service's client can't read ends as a dead letter with the README's
/// permissions. Without the one for that it costs the connection again, and the bus is used
/// nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_look_at_the_commands_the_bus_goes_on() {
    let asked = r#""$JS.API.STREAM.MSG.GET.CONTACT_COMMANDS","#;
    assert!(readme().contains(asked));
    for (config, looks) in [(readme(), true), (readme().replacen(asked, "", 1), false)] {
        let broker = started(&config);
        let home = Home::new("log-a");
        let node = home.start(&broker.url_of(SERVICE));
        node.connects().await;
        let mut bus = node.gateway.health.follow_bus();
        let halted = tokio::spawn(async move {
            let halted = bus.wait_for(|bus| matches!(bus, Bus::Halted { .. }));
            drop(halted.await);
        });
        let mut raw = Raw::connect(&broker, r#","user":"shop","pass":"change-me-2""#);
        let bad = b"NATS/1.0\r\nA B: x\r\n\r\n";
        raw.publish(b"contacts.command.thena.create.acme", bad, b"{}");
        if looks {
            let counts = node.gateway.health.bus_counts();
            eventually("a dead letter", || async {
                (!counts.dead_letters_total().is_empty()).then_some(())
            })
            .await;
        } else {
            // By the time at which it comes again the look has been refused.
            for _ in 0..2 {
                away(&node).await;
                node.connects().await;
            }
        }
        node.create_many(1).await;
        node.published().await;
        assert!(!halted.is_finished(), "the bus is used");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_keeps_no_content_and_no_header_that_it_says_itself() {
    let (broker, _home, node) = connected().await;
    let streams = broker.streams().await;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("Contact-Error", "forged"),
        ("contact-correlation", "forged"),
        ("Contact-Query", "email=ann@example.org"),
        ("X-Large", &"x".repeat(20_000)),
        ("X-Mine", "kept"),
    ] {
        headers.insert(name, value);
    }
    let payload = r#"{"name":"ann@example.org" ann@example.org"#;
    let subject = "contacts.command.native.create.t";
    let sent = streams
        .publish_with_headers(subject, headers, payload.into())
        .await;
    sent.expect("sent").await.expect("stored");
    let dead = eventually("a dead letter", || async {
        let dead = streams.get_stream(DEAD).await.ok()?;
        (dead.cached_info().state.messages == 1).then_some(dead)
    })
    .await;
    let letter = dead.get_raw_message(1).await.expect("a letter");
    assert!(letter.payload.is_empty());
    let shown = format!("{:?}", letter.headers);
    for absent in ["ann@example.org", "forged", "xxxx"] {
        assert!(!shown.contains(absent), "{shown}");
    }
    let header = |name: &str| {
        letter
            .headers
            .get(name)
            .map(|value| value.as_str().to_owned())
    };
    assert_eq!(header("X-Mine").as_deref(), Some("kept"));
    assert_eq!(
        header("Contact-Payload-Bytes"),
        Some(payload.len().to_string())
    );
    assert!(header("Contact-Error").expect("why").starts_with("400"));
    // The service counts it once the broker has said that it is stored.
    eventually("the letter is counted", || async {
        let counted = node.gateway.health.bus_counts().dead_letters_total();
        counted.into_iter().eq([("unreadable", 1)]).then_some(())
    })
    .await;
    let config = &dead.cached_info().config;
    assert!(config.max_bytes > 0 && !config.max_age.is_zero());
    assert!(config.description.is_some());
    node.stop().await;
}
