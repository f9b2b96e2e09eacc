//! An adversary who sends what the service's NATS client can't read: it costs nobody more than a
//! moment.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::node::{connected, eventually};

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
