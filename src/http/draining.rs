//! What is left of a request's body once its answer is made.
//!
//! Where the connection is closed while the client still sends, the client may see that it was reset
//! and not the answer (RFC 9112, section 9.6). So the rest is read and dropped for a moment.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::HttpBody;
use bytes::{Buf, Bytes};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::runtime::Handle;

/// The most bytes that are read for nothing.
const BYTES_MAX: usize = 32 << 20;
/// The longest time for it.
const TIME_MAX: Duration = Duration::from_secs(5);

/// A request's body; what nobody has read of it when it is dropped is drained.
pub struct Draining {
    body: Option<Incoming>,
    drains: bool,
}

impl Draining {
    /// The body of a request with these headers. A client that waits to be told to send it (`Expect`)
    /// is not told so for a body that nobody wants.
    pub fn new(headers: &HeaderMap, body: Incoming) -> Self {
        Self {
            body: Some(body),
            drains: !headers.contains_key(header::EXPECT),
        }
    }
}

impl HttpBody for Draining {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let known = self.body.as_ref().map(HttpBody::size_hint);
        known.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), true, Ok(runtime)) = (left, self.drains, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(TIME_MAX, drain(body)));
        }
    }
}

/// Reads a body until it ends, or is longer than is read for nothing.
async fn drain(mut body: Incoming) {
    let mut read = 0;
    while read < BYTES_MAX
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Buf::remaining);
    }
}
