//! A connection's bytes, watched: a head must be whole in time, and an answer must be read.
//!
//! A client that begins a request and does not end its head is told so (408) and sent away. One
//! that sends nothing at all is only sent away. One that does not read what it has asked for is cut
//! off: what counts is progress, so that a large answer may take as long as it needs.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::answer::CORRELATION;
use super::places::Activity;
use crate::gateway::fresh_correlation;

/// What a client must read of an answer within the time of a request, in bytes, when it keeps the
/// service waiting.
const PROGRESS_BYTES_MIN: u64 = 64 << 10;
/// The longest that a client may take to read that it is too slow.
const LAST_WORD_TIME: Duration = Duration::from_secs(1);

/// The reasons for which a connection was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The head of a request was not whole in time.
    SlowHead,
    /// The connection was open and asked nothing.
    Idle,
    /// An answer was not read.
    SlowReader,
}

impl Ended {
    /// A short name, for the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlowHead => "slow_head",
            Self::Idle => "idle",
            Self::SlowReader => "slow_reader",
        }
    }
}

/// A stream that is watched.
pub struct Watched<S> {
    inner: S,
    activity: Arc<Activity>,
    patience: Duration,
    reading: Reading,
    stalled: Option<Stalled>,
    ended: Arc<dyn Fn(Ended) + Send + Sync>,
}

/// What is waited for while no request is in hand.
enum Reading {
    /// A request is in hand, or nothing was read since.
    None,
    /// The next head, of this wait; whether some of it has come.
    Head {
        wait: u64,
        begun: bool,
        until: Pin<Box<Sleep>>,
    },
    /// That the client reads that it was too slow.
    LastWord { until: Pin<Box<Sleep>> },
}

/// A stretch of time in which the client keeps the service waiting, and what it read in it.
struct Stalled {
    until: Pin<Box<Sleep>>,
    written: u64,
}

impl<S> Watched<S> {
    /// Watches a stream, and says why it was ended where it was.
    pub fn new(
        inner: S,
        activity: Arc<Activity>,
        patience: Duration,
        ended: Arc<dyn Fn(Ended) + Send + Sync>,
    ) -> Self {
        Self {
            inner,
            activity,
            patience,
            reading: Reading::None,
            stalled: None,
            ended,
        }
    }

    fn end(&self, why: Ended) -> io::Error {
        (self.ended)(why);
        io::ErrorKind::TimedOut.into()
    }

    /// Notes that so many bytes of the next head have come.
    fn has_read(&mut self, bytes: usize) {
        let Some(now) = self.activity.waiting() else {
            self.reading = Reading::None;
            return;
        };
        match &mut self.reading {
            Reading::Head { wait, begun, .. } if *wait == now && (*begun || bytes == 0) => {}
            Reading::LastWord { .. } => {}
            _ => {
                self.reading = Reading::Head {
                    wait: now,
                    begun: bytes > 0,
                    until: Box::pin(sleep(self.patience)),
                };
            }
        }
    }

    /// Whether there is time left for what is written; otherwise the error to end with.
    fn stall(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        self.activity.set_unsent(true);
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Stalled {
            until: Box::pin(sleep(patience)),
            written: 0,
        });
        while stalled.until.as_mut().poll(cx).is_ready() {
            if stalled.written < PROGRESS_BYTES_MIN {
                return Some(self.end(Ended::SlowReader));
            }
            *stalled = Stalled {
                until: Box::pin(sleep(patience)),
                written: 0,
            };
        }
        None
    }

    /// What came of a write.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self
                .stall(cx)
                .map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
            Poll::Ready(written) => {
                if let (Some(stalled), Ok(bytes)) = (&mut self.stalled, &written) {
                    stalled.written = stalled.written.saturating_add(*bytes as u64);
                }
                Poll::Ready(written)
            }
        }
    }

    /// What came of handing everything to the system.
    fn sent<T>(&mut self, cx: &mut Context<'_>, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_pending() {
            let ended = self.stall(cx);
            return ended.map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
        }
        if self.stalled.take().is_some() {
            self.activity.set_unsent(false);
        }
        sent
    }
}

/// The answer to a head that does not end.
fn too_slow() -> String {
    let body = r#"{"type":"/problems/too_slow","title":"Request Timeout","status":408,"code":"too_slow","detail":"The request came too slowly."}"#;
    format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\n{CORRELATION}: {}\r\nconnection: close\r\n\r\n{body}",
        body.len(),
        fresh_correlation().as_str(),
    )
}

/// The longest answer that hyper makes by itself, in bytes.
const OWN_ANSWER_BYTES_MAX: usize = 256;

/// An answer that hyper makes by itself, with the correlation id that every answer has; `None` for
/// what is none. It refuses a head that it cannot read, of which nobody else hears.
fn correlated(answer: &[u8]) -> Option<String> {
    let fields = answer.strip_suffix(b"\r\n")?;
    if answer.len() > OWN_ANSWER_BYTES_MAX || !fields.ends_with(b"\r\n") {
        return None;
    }
    let fields = std::str::from_utf8(fields).ok()?;
    let statuses = ["HTTP/1.1 400 ", "HTTP/1.1 414 ", "HTTP/1.1 431 "];
    let is_own = statuses.iter().any(|line| fields.starts_with(line));
    (is_own && !fields.contains(CORRELATION)).then(|| {
        let correlation = fresh_correlation();
        format!("{fields}{CORRELATION}: {}\r\n\r\n", correlation.as_str())
    })
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// Writes, while no request is in hand, what hyper answers by itself.
    fn write_own_answer(
        &mut self,
        cx: &mut Context<'_>,
        answer: &[u8],
    ) -> Option<Poll<io::Result<usize>>> {
        self.activity.waiting()?;
        let whole = correlated(answer)?;
        let written = Pin::new(&mut self.inner).poll_write(cx, whole.as_bytes());
        Some(written.map(|written| match written {
            Ok(bytes) if bytes == whole.len() => Ok(answer.len()),
            // The connection ends with this answer, of which a part would be no better than none.
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) => Err(error),
        }))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Watched<S> {
    /// Nothing has come: whether the client has waited too long with it.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.has_read(0);
        let Reading::Head { begun, until, .. } = &mut self.reading else {
            return Poll::Pending;
        };
        ready!(until.as_mut().poll(cx));
        if !*begun {
            return Poll::Ready(self.end(Ended::Idle));
        }
        // There is nothing else to write while a head is awaited, so this stands alone.
        let told = Pin::new(&mut self.inner).poll_write(cx, too_slow().as_bytes());
        let error = self.end(Ended::SlowHead);
        if !matches!(told, Poll::Ready(Ok(_))) {
            return Poll::Ready(error);
        }
        self.reading = Reading::LastWord {
            until: Box::pin(sleep(LAST_WORD_TIME)),
        };
        self.poll_last_word(cx)
    }

    /// Reads what still comes, and forgets it: what is left unread would cut the last word off.
    fn poll_last_word(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Reading::LastWord { until } = &mut self.reading else {
            return Poll::Pending;
        };
        let ended = || Poll::Ready(io::ErrorKind::TimedOut.into());
        if until.as_mut().poll(cx).is_ready() {
            return ended();
        }
        if let Poll::Ready(Err(_)) = Pin::new(&mut self.inner).poll_shutdown(cx) {
            return ended();
        }
        let mut rest = [0; 1024];
        loop {
            let mut rest = ReadBuf::new(&mut rest);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut rest)) {
                Ok(()) if !rest.filled().is_empty() => {}
                _ => return ended(),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if matches!(self.reading, Reading::LastWord { .. }) {
            return self.poll_last_word(cx).map(Err);
        }
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Pending => self.poll_patience(cx).map(Err),
            Poll::Ready(Ok(())) => {
                let bytes = buf.filled().len().saturating_sub(before);
                self.has_read(bytes);
                Poll::Ready(Ok(()))
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let own = self.write_own_answer(cx, buf);
        let written = own.unwrap_or_else(|| Pin::new(&mut self.inner).poll_write(cx, buf));
        self.wrote(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.sent(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.sent(cx, shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = bufs.iter().filter(|buf| !buf.is_empty());
        let own = match (filled.next(), filled.next()) {
            (Some(only), None) => self.write_own_answer(cx, only),
            _ => None,
        };
        let written =
            own.unwrap_or_else(|| Pin::new(&mut self.inner).poll_write_vectored(cx, bufs));
        self.wrote(cx, written)
    }
}
