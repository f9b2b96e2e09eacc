//! What speaks Redis's protocol: Redis itself (two stream entries and a view by a Lua script), and SierraDB.

use crate::{Args, card, measure};
use std::io::Write;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The optimistic check, both events, the row of the view and its index by e-mail: one script, one unit.
const SCRIPT: &str = "if redis.call('EXISTS', KEYS[1]) == 1 then return redis.error_reply('EXISTS') end
redis.call('XADD', 'events', '*', 'stream', ARGV[1], 'version', 1, 'type', 'CONTACT_CREATE_START', 'data', ARGV[2])
redis.call('XADD', 'events', '*', 'stream', ARGV[1], 'version', 2, 'type', 'CONTACT_CREATE_SUCCESS', 'data', ARGV[3])
redis.call('HSET', KEYS[1], 'version', 2, 'name', ARGV[4], 'email', ARGV[5], 'card', ARGV[6])
redis.call('SET', KEYS[2], ARGV[1])
return 1";

struct Connection {
    stream: TcpStream,
    sierra: bool,
    sha: Vec<u8>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

fn command(into: &mut Vec<u8>, words: &[&[u8]]) {
    into.clear();
    write!(into, "*{}\r\n", words.len()).expect("memory takes it");
    for word in words {
        write!(into, "${}\r\n", word.len()).expect("memory takes it");
        into.extend_from_slice(word);
        into.extend_from_slice(b"\r\n");
    }
}

/// The length of a whole answer, of RESP 2 or 3; `None` while not all of it is there.
fn end(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|two| two == b"\r\n")?;
    let number = || {
        std::str::from_utf8(&bytes[1..line])
            .ok()?
            .parse::<i64>()
            .ok()
    };
    let after = line + 2;
    match bytes[0] {
        b'$' | b'!' | b'=' => match number()? {
            -1 => Some(after),
            length => {
                (bytes.len() >= after + length as usize + 2).then_some(after + length as usize + 2)
            }
        },
        kind @ (b'*' | b'%' | b'~' | b'>') => {
            let parts = number()?.max(0) * if kind == b'%' { 2 } else { 1 };
            let mut at = after;
            for _ in 0..parts {
                at += end(bytes.get(at..).filter(|rest| !rest.is_empty())?)?;
            }
            Some(at)
        }
        _ => Some(after),
    }
}

impl Connection {
    async fn ask(&mut self) -> Result<(), String> {
        self.stream
            .write_all(&self.request)
            .await
            .map_err(|error| error.to_string())?;
        self.answer.clear();
        while self.answer.is_empty() || end(&self.answer).is_none() {
            let read = self
                .stream
                .read_buf(&mut self.answer)
                .await
                .map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("it hung up".to_owned());
            }
        }
        match self.answer[0] {
            b'-' | b'!' => Err(String::from_utf8_lossy(&self.answer).into_owned()),
            _ => Ok(()),
        }
    }
}

impl measure::Worker for Connection {
    async fn once(&mut self) -> Result<(), String> {
        let p = card::prepared();
        let id = p.id.to_string();
        let id = id.as_bytes();
        let (start, success) = (p.start.as_bytes(), p.success.as_bytes());
        if self.sierra {
            let stream = [&b"contact-"[..], id].concat();
            let words: [&[u8]; 14] = [
                b"EMAPPEND",
                id,
                &stream,
                b"CONTACT_CREATE_START",
                b"EXPECTED_VERSION",
                b"empty",
                b"PAYLOAD",
                start,
                &stream,
                b"CONTACT_CREATE_SUCCESS",
                b"EXPECTED_VERSION",
                b"0",
                b"PAYLOAD",
                success,
            ];
            command(&mut self.request, &words);
        } else {
            let (row, email) = (
                [&b"contact:"[..], id].concat(),
                format!("email:{}", p.email),
            );
            let sha = std::mem::take(&mut self.sha);
            let words: [&[u8]; 11] = [
                b"EVALSHA",
                &sha,
                b"2",
                &row,
                email.as_bytes(),
                id,
                start,
                success,
                p.name.as_bytes(),
                p.email.as_bytes(),
                p.card.as_bytes(),
            ];
            command(&mut self.request, &words);
            self.sha = sha;
        }
        self.ask().await
    }
}

pub async fn bench(args: &Args) {
    let sierra = args.need("kind") == "sierra";
    let mut workers = Vec::new();
    for _ in 0..measure::clients(args) {
        let stream = TcpStream::connect(args.need("to"))
            .await
            .expect("a connection");
        stream.set_nodelay(true).expect("it is ours");
        let mut one = Connection {
            stream,
            sierra,
            sha: vec![],
            request: vec![],
            answer: vec![],
        };
        if sierra {
            command(&mut one.request, &[b"HELLO", b"3"]);
            one.ask().await.expect("it greets");
        } else {
            command(&mut one.request, &[b"SCRIPT", b"LOAD", SCRIPT.as_bytes()]);
            one.ask().await.expect("it takes the script");
            let line = one
                .answer
                .windows(2)
                .position(|two| two == b"\r\n")
                .expect("a length");
            one.sha = one.answer[line + 2..line + 42].to_vec();
        }
        workers.push(one);
    }
    measure::drive(args, workers).await;
}
