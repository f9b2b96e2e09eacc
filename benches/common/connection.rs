//! A connection over HTTP that costs the machine as little as it can: prepared bytes go out, and of
//! an answer no more is looked at than its status and length.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// Runs the generator to its end, on this thread alone.
pub fn run(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), work);
}

/// One connection that stays open.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("it is ours");
        Self {
            stream,
            answer: Vec::new(),
        }
    }

    /// Sends one request and waits for the whole of its answer.
    pub async fn ask(&mut self, request: &[u8]) -> &[u8] {
        let sent = self.stream.write_all(request).await;
        sent.expect("the service reads");
        self.answer.clear();
        while !is_whole(&self.answer) {
            let read = self.stream.read_buf(&mut self.answer).await;
            assert_ne!(read.expect("the service answers"), 0, "it hung up");
        }
        &self.answer
    }

    /// As [`ask`](Self::ask), where the answer must be that it was done.
    pub async fn done(&mut self, request: &[u8]) -> &[u8] {
        let answer = self.ask(request).await;
        assert!(
            matches!(status(answer), b"200" | b"201"),
            "the service refused: {}",
            String::from_utf8_lossy(answer)
        );
        answer
    }
}

pub fn status(answer: &[u8]) -> &[u8] {
    answer.get(9..12).unwrap_or_default()
}

/// Whether head and body have come.
fn is_whole(answer: &[u8]) -> bool {
    const NAME: &[u8] = b"content-length: ";
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let (head, body) = answer.split_at(end + 4);
    let lines = head.split(|byte| *byte == b'\n');
    let length = lines
        .filter_map(|line| line.strip_prefix(NAME))
        .flat_map(|value| value.iter().take_while(|byte| byte.is_ascii_digit()))
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    body.len() >= length
}
