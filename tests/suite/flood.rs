//! Bodies that break the rules of sending: one that is far too large is answered long before its end,
//! one whose chunks are broken is told so.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::apis;
use crate::common::Answer;
use crate::test_server::{Caller, TestServer};

/// Bytes of a body that no one should read to its end.
const FLOOD: usize = 100 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_a_hundred_megabytes() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let before = service.head().await;
        for declared in [true, false] {
            let (answer, sent) = flood(&service, &caller, declared).await;
            let what = format!("{} declared {declared}: {answer:?}", api.name);
            assert_eq!(answer.status, 413, "{what}");
            assert!((api.is_error)(&answer), "{what}");
            assert!(sent < FLOOD / 2, "{what}: {sent} bytes were taken");
        }
        assert_eq!(
            service.types_after(before).await,
            [] as [&str; 0],
            "{}",
            api.name
        );
    }
}

#[tokio::test]
async fn a_body_whose_chunks_are_broken_is_a_bad_request() {
    let service = TestServer::new(&[]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let before = service.head().await;
        for body in ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}x\r\n0\r\n\r\n", "-1\r\n"] {
            let answer = chunks(&service, &caller, body).await;
            let what = format!("{} {body:?}: {answer:?}", api.name);
            assert_eq!(answer.status, 400, "{what}");
            assert!((api.is_error)(&answer), "{what}");
        }
        assert_eq!(service.types_after(before).await, [] as [&str; 0]);
    }
}

/// Many clients send all of a request before they read its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_all_of_a_body_first_reads_the_refusal() {
    let service = TestServer::new(&[]);
    let address = service.server.url.trim_start_matches("http://");
    let caller = service.admin(apis::ALL[0], 0);
    let known = caller.headers().into_iter();
    let known: String = known
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let path = caller.api.contacts_of(caller.tenant);
    for (path, headers, bytes, status) in [
        (&*path, &*known, 3 << 20, 413),
        (&*path, &*known, 20 << 20, 413),
        (&*path, "", 900 << 10, 401),
        ("/nowhere", "", 900 << 10, 404),
    ] {
        for round in 0..4 {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {bytes}\r\n\r\n"
            );
            let request = [head.as_bytes(), &vec![b' '; bytes]].concat();
            let sent = stream.write_all(&request).await;
            sent.unwrap_or_else(|error| panic!("{path} {bytes} {round}: {error}"));
            let answer = parsed(&read_answer(&mut stream).await);
            assert_eq!(answer.status, status, "{path} {bytes} {round}: {answer:?}");
        }
    }
}

/// The bytes of an answer, as far as they come.
async fn read_answer(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let mut part = [0; 4096];
    while !complete(&received) {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(length) => received.extend_from_slice(&part[..length]),
        }
    }
    received
}

/// Sends a create with these chunks as its body; the answer.
async fn chunks(service: &TestServer, caller: &Caller, body: &str) -> Answer {
    let address = service.server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let mut request = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n",
        caller.api.contacts_of(caller.tenant)
    );
    for (name, value) in caller.headers() {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("\r\n{body}"));
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("the request is taken");
    parsed(&read_answer(&mut stream).await)
}

/// Sends a create with a huge body, its length declared or in chunks: the answer, and how much of
/// it the service took.
async fn flood(service: &TestServer, caller: &Caller, declared: bool) -> (Answer, usize) {
    let address = service.server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let mut head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\n",
        caller.api.contacts_of(caller.tenant)
    );
    for (name, value) in caller.headers() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let chunk = vec![b' '; 1 << 16];
    let framed = if declared {
        head.push_str(&format!("content-length: {FLOOD}\r\n\r\n"));
        chunk
    } else {
        head.push_str("transfer-encoding: chunked\r\n\r\n");
        [format!("{:x}\r\n", chunk.len()).as_bytes(), &chunk, b"\r\n"].concat()
    };
    stream
        .write_all(head.as_bytes())
        .await
        .expect("a head is taken");
    let (mut reader, mut writer) = stream.split();
    let mut sent = 0;
    let send = async {
        // The service may close the connection on what it will not read.
        while sent < FLOOD && writer.write_all(&framed).await.is_ok() {
            sent += framed.len();
        }
        std::future::pending::<()>().await;
    };
    let mut received = Vec::new();
    let receive = async {
        let mut part = [0; 4096];
        while !complete(&received) {
            match reader.read(&mut part).await {
                Ok(0) | Err(_) => break,
                Ok(length) => received.extend_from_slice(&part[..length]),
            }
        }
    };
    let both = async {
        tokio::select! {
            () = send => {}
            () = receive => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .expect("an answer in time");
    (parsed(&received), sent)
}

/// Whether an answer's head is there, and its body as long as it says.
pub fn complete(received: &[u8]) -> bool {
    let text = String::from_utf8_lossy(received).to_lowercase();
    text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "));
        length.is_none_or(|length| length.parse() == Ok(body.len()))
    })
}

fn parsed(received: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(received);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .expect("a status");
    let mut headers = reqwest::header::HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        let name: reqwest::header::HeaderName = name.parse().expect("a name");
        headers.insert(name, value.parse().expect("a value"));
    }
    Answer {
        status: status.parse().expect("a number"),
        headers,
        body: body.as_bytes().to_vec(),
    }
}
