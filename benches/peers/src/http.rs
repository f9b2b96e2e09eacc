//! Over HTTP/1.1: raw bytes over connections that stay open.

use crate::{Args, card, measure};
use std::{fs, io::Write, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[derive(Clone)]
enum Ask {
    /// MATTR's create, five of each participant.
    Mattr,
    /// A Card, to this path; with a token and an idempotency key where there is a token.
    Card { path: String, token: Option<String> },
    /// One of these paths, at random.
    Get(Arc<Vec<String>>),
}

pub struct Connection {
    stream: TcpStream,
    ask: Ask,
    request: Vec<u8>,
    answer: Vec<u8>,
    random: u64,
}

pub async fn bench(args: &Args) {
    let ask = match args.need("ask") {
        "mattr" => Ask::Mattr,
        "card" => Ask::Card {
            path: args.get("path").unwrap_or("/contacts").to_owned(),
            token: args.get("token").map(str::to_owned),
        },
        "get" => {
            let paths = fs::read_to_string(args.need("paths")).expect("the file of paths");
            Ask::Get(Arc::new(paths.lines().map(str::to_owned).collect()))
        }
        other => panic!("--ask {other}"),
    };
    let mut workers = Vec::new();
    for i in 0..measure::clients(args) {
        let stream = TcpStream::connect(args.need("to"))
            .await
            .expect("a connection");
        stream.set_nodelay(true).expect("it is ours");
        workers.push(Connection {
            stream,
            ask: ask.clone(),
            request: vec![],
            answer: vec![],
            random: i as u64 + 1,
        });
    }
    measure::drive(args, workers).await;
}

impl Connection {
    fn write(&mut self) {
        let bytes = &mut self.request;
        bytes.clear();
        match &self.ask {
            Ask::Mattr => {
                let number = card::number();
                let body = card::mattr(number);
                write!(
                    bytes,
                    "POST /v1/ecosystems/87880d7e-a4d0-462e-8383-3f1e5e16865d/participants/a24e391a-c27f-4b6e-{:04x}-{:012x}/contacts \
                     HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    0x9000 + (number / 5 >> 48),
                    number / 5 & 0xffff_ffff_ffff,
                    body.len()
                )
            }
            Ask::Card { path, token } => {
                let number = card::number();
                let body = card::card(number);
                let more = token.as_ref().map_or(String::new(), |token| {
                    format!("Authorization: Bearer {token}\r\nIdempotency-Key: key-{number}\r\n")
                });
                write!(
                    bytes,
                    "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
            Ask::Get(paths) => {
                self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let path = &paths[(self.random >> 33) as usize % paths.len()];
                write!(bytes, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            }
        }
        .expect("memory takes it");
    }
}

impl measure::Worker for Connection {
    async fn once(&mut self) -> Result<(), String> {
        self.write();
        self.stream
            .write_all(&self.request)
            .await
            .map_err(|error| error.to_string())?;
        self.answer.clear();
        while !is_whole(&self.answer) {
            let read = self
                .stream
                .read_buf(&mut self.answer)
                .await
                .map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("it hung up".to_owned());
            }
        }
        match self.answer.get(9..12) {
            Some(b"200" | b"201") => Ok(()),
            _ => Err(String::from_utf8_lossy(&self.answer).into_owned()),
        }
    }
}

/// Whether head and body have come.
fn is_whole(answer: &[u8]) -> bool {
    const NAME: &[u8] = b"content-length: ";
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let (head, body) = answer.split_at(end + 4);
    let length = head
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(NAME))
        .flat_map(|value| value.iter().take_while(|byte| byte.is_ascii_digit()))
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    body.len() >= length
}
