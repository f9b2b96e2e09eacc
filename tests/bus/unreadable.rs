//! An adversary who sends what the service's NATS client can't read: it costs nobody more than a
//! moment, and every such command becomes a dead letter.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Stream;
use contactd::gateway::Bus;

use crate::broker::Broker;
use crate::node::{Home, Node, card, connected, eventually};

const COMMANDS: &str = "CONTACT_COMMANDS";
const DEAD: &str = "CONTACT_DEAD";
const CREATE: &[u8] = b"contacts.command.native.create.t";

/// Commands of which the client library loses its connection. The server passes all of them on.
const BAD: [(&[u8], &[u8]); 9] = [
    (CREATE, b"NATS/1.0\r\nA B: x\r\nNats-Msg-Id: bad-1\r\n\r\n"),
    (CREATE, b"NATS/1.0\r\nX: \xff\xfe\r\n\r\n"),
    (CREATE, b"NATS/1.0\r\nno colon\r\n\r\n"),
    (CREATE, b"NATS/1.0\r\n\xc3\xa9: x\r\n\r\n"),
    (CREATE, b"NATS/1.0\r\nX: a\rb\r\n\r\n"),
    (CREATE, b"HTTP/1.1 200 OK\r\n\r\n"),
    (
        b"contacts.command.native.create.\xff",
        b"NATS/1.0\r\nX: a\r\n\r\n",
    ),
    (b"contacts.command.native.create.\xff", b""),
    (
        b"contacts.command.native.create.a\xc2\xa0b",
        b"NATS/1.0\r\nX: a\r\n\r\n",
    ),
];

/// Headers that the client library takes for word from the server. Servers of late take the status
/// out of what they store; then these are commands like others.
const STATUS: [&[u8]; 5] = [
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0 404 No Messages\r\n\r\n",
    b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
    HEARTBEAT,
    b"NATS/1.0 abc\r\n\r\n",
];
const HEARTBEAT: &[u8] = b"NATS/1.0 100 Idle Heartbeat\r\n\r\n";

/// Headers that are odd, and that the client library reads all the same.
const ODD: [&[u8]; 8] = [
    b"NATS/1.0\r\nX: \xc3\xa9\r\n\r\n",
    b"NATS/1.0\r\nX:\r\n\r\n",
    b"NATS/1.0\r\nX: a\r\n more\r\n\r\n",
    b"NATS/1.0\r\n: no name\r\n\r\n",
    b"NATS/1.0\r\nX: a\x01\x00b\r\n\r\n",
    b"NATS/1.0\nX: a\n\n",
    b"NATS/1.0\r\nX: a\r\n",
    b"NATS/1.0 200 OK\r\n\r\n",
];

/// A client that sends what it is told to, byte by byte.
pub struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    /// A client of a broker, with the members of its CONNECT beside those that every client has.
    pub fn connect(broker: &Broker, login: &str) -> Self {
        let url = broker.url();
        let address = url.trim_start_matches("nats://");
        let stream = TcpStream::connect(address).expect("the broker runs");
        let mut raw = Self {
            stream: BufReader::new(stream),
        };
        raw.send(
            &format!("CONNECT {{\"verbose\":false,\"headers\":true{login}}}\r\n").into_bytes(),
        );
        raw.flush();
        raw
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("it is sent");
    }

    /// Waits until the broker has taken all that was sent.
    fn flush(&mut self) {
        self.send(b"PING\r\n");
        let mut line = String::new();
        while !line.starts_with("PONG") {
            line.clear();
            self.stream.read_line(&mut line).expect("an answer");
            assert!(!line.is_empty() && !line.starts_with("-ERR"), "{line:?}");
        }
    }

    /// Publishes a message with these headers, or none, and waits until the broker has it.
    pub fn publish(&mut self, subject: &[u8], headers: &[u8], payload: &[u8]) {
        let sizes = match headers.len() {
            0 => format!(" {}\r\n", payload.len()),
            some => format!(" {some} {}\r\n", some + payload.len()),
        };
        let verb: &[u8] = if headers.is_empty() {
            b"PUB "
        } else {
            b"HPUB "
        };
        self.send(&[verb, subject, sizes.as_bytes(), headers, payload, b"\r\n"].concat());
        self.flush();
    }
}

fn body(name: &str) -> Vec<u8> {
    serde_json::to_vec(&card(name)).expect("JSON")
}

async fn create(streams: &Context, id: &str) {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", id);
    let sent =
        streams.publish_with_headers("contacts.command.native.create.t", headers, body(id).into());
    sent.await.expect("sent").await.expect("stored");
}

/// The dead letters, once so many commands were stored and none waits any more.
async fn settled(streams: &Context, stored: usize) -> Stream {
    eventually("every command is taken or a dead letter", || async {
        let commands = streams.get_stream(COMMANDS).await.ok()?;
        let state = &commands.cached_info().state;
        let all = state.messages == 0 && state.last_sequence >= stored as u64;
        let dead = streams.get_stream(DEAD).await.ok()?;
        all.then_some(dead)
    })
    .await
}

/// Commands that can't be read, those with a status at servers of old.
fn bad() -> impl Iterator<Item = (&'static [u8], &'static [u8])> {
    let status = STATUS.map(|headers| (CREATE, headers));
    BAD.into_iter().chain(status)
}

fn counted(node: &Node) -> Vec<(&'static str, u64)> {
    let counts = node.gateway.health.bus_counts();
    counts.dead_letters_total().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_can_not_be_read_are_dead_letters_and_the_others_are_taken_once() {
    let (broker, _home, node) = connected().await;
    let streams = broker.streams().await;
    let mut raw = Raw::connect(&broker, "");
    for (number, (subject, headers)) in bad().enumerate() {
        create(&streams, &format!("good-{number}")).await;
        raw.publish(subject, headers, &body("Eve"));
    }
    let since = Instant::now();
    let sent = 2 * bad().count();
    let dead = settled(&streams, sent).await;
    let took = since.elapsed();
    assert!(took < Duration::from_secs(100), "{took:?}");
    let letters = dead.cached_info().state.messages;
    assert!(letters >= BAD.len() as u64, "{letters}");
    assert_eq!(counted(&node), [("unreadable", letters)]);
    let mut correlations = Vec::new();
    for sequence in 1..=letters {
        let letter = dead.get_raw_message(sequence).await.expect("a letter");
        let header = |name: &str| {
            let value = letter.headers.get(name);
            value.map(|value| value.as_str().to_owned())
        };
        let why = header("Contact-Error").expect("why");
        assert_eq!(why, "400 the subject or the headers can't be read");
        let bytes = header("Contact-Payload-Bytes").expect("a size");
        assert_eq!(bytes, body("Eve").len().to_string());
        assert!(letter.payload.is_empty());
        correlations.extend(header("Contact-Correlation"));
    }
    assert_eq!(correlations, ["bad-1"]);
    // Each of the others has its two events, and what comes after is taken as ever.
    create(&streams, "last").await;
    settled(&streams, sent + 1).await;
    assert_eq!(node.service.head().get(), 2 * (sent as u64 + 1 - letters));
    node.stop().await;
}

/// One at a time, so that each ends by itself, and between them what can be read.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_for_unreadable_is_what_the_client_can_not_read() {
    let (broker, _home, node) = connected().await;
    let streams = broker.streams().await;
    let mut raw = Raw::connect(&broker, "");
    for (number, headers) in ODD.iter().enumerate() {
        raw.publish(CREATE, headers, &body("Ada"));
        node.reaches(2 * (number as u64 + 1)).await;
    }
    assert!(counted(&node).is_empty());
    let sent = ODD.len() + bad().count();
    for (number, (subject, headers)) in bad().enumerate() {
        raw.publish(subject, headers, &body("Eve"));
        settled(&streams, ODD.len() + number + 1).await;
    }
    let dead = settled(&streams, sent).await;
    let letters = dead.cached_info().state.messages;
    assert!(letters >= BAD.len() as u64, "{letters}");
    assert_eq!(counted(&node), [("unreadable", letters)]);
    assert_eq!(node.service.head().get(), 2 * (sent as u64 - letters));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_passes_for_word_from_the_server_is_a_dead_letter_too() {
    let (broker, _home, node) = connected().await;
    let mut raw = Raw::connect(&broker, "");
    raw.publish(CREATE, HEARTBEAT, &body("Eve"));
    let mut bus = node.gateway.health.follow_bus();
    let lost = tokio::spawn(async move {
        drop(bus.wait_for(|bus| *bus != Bus::Connected).await);
    });
    let streams = broker.streams().await;
    let dead = settled(&streams, 1).await;
    assert!(!lost.is_finished(), "no connection was lost over it");
    let letters = dead.cached_info().state.messages;
    assert_eq!(letters + node.service.head().get() / 2, 1, "{letters}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_without_its_commands_headers_is_not_sent_again() {
    let broker = Broker::started();
    let mut home = Home::new("log-a");
    home.dead_letter_content = true;
    let node = home.start(&broker.url());
    node.connects().await;
    let mut raw = Raw::connect(&broker, "");
    let bad = b"NATS/1.0\r\nIf-Match: \"1\"\r\nA B: x\r\n\r\n";
    raw.publish(CREATE, bad, &body("Eve"));
    let streams = broker.streams().await;
    let dead = settled(&streams, 1).await;
    let letter = dead.get_raw_message(1).await.expect("a letter");
    assert_eq!(letter.payload, body("Eve"));
    node.connects().await;
    let developer = contactd::auth::Principal::local_developer();
    let resent = node.gateway.resend(&developer, 1).await.expect("he may");
    assert_eq!(resent, Err(contactd::gateway::NotResent::NoContent));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_can_not_be_read_keep_the_others_waiting_for_a_moment_only() {
    let (broker, _home, node) = connected().await;
    let mut raw = Raw::connect(&broker, "");
    let client = broker.client().await;
    let since = Instant::now();
    for _ in 0..12 {
        let request = b"contacts.rpc.native.list.t _INBOX.eve.1";
        raw.publish(request, b"NATS/1.0\r\nA B: x\r\n\r\n", b"");
        eventually("a request is answered", || async {
            let asked = client.request("contacts.rpc.native.list.t", "".into());
            let answer = tokio::time::timeout(Duration::from_millis(500), asked).await;
            answer.ok()?.ok()
        })
        .await;
    }
    let took = since.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    node.create_many(1).await;
    node.published().await;
    node.stop().await;
}
