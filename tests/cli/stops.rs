//! What a stop waits for, and what not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::Server;
use crate::program::data_dir;

#[test]
fn a_read_that_waits_for_a_position_does_not_hold_up_a_stop() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let address = server.url.strip_prefix("http://").expect("HTTP").to_owned();
    let mut request = TcpStream::connect(&address).expect("it listens");
    let head = "GET /contacts HTTP/1.1\r\nHost: localhost\r\nContact-Min-Position: 1000000\r\n\r\n";
    request.write_all(head.as_bytes()).expect("it reads");
    let begun = Instant::now();
    server.signal("-TERM");
    let mut answer = String::new();
    request.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("not_there_yet"), "{answer}");
    assert_eq!(server.wait(), Some(0));
    // It would be let wait for half a minute.
    assert!(begun.elapsed() < Duration::from_secs(15), "{answer}");
}
