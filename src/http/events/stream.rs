//! Events that are sent as they are read: to what is settled at the moment, or followed live.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::asked::Asked;
use super::form::Form;
use super::lines::{Lines, PieceSender};
use super::page::scan;
use super::replay::replay;
use crate::auth::Principal;
use crate::dialect::{Refusal, Reply, native};
use crate::domain::Correlation;
use crate::gateway::stopped;
use crate::http::streams::Stream;
use crate::http::{App, answer};

/// Pieces that wait for a slow reader; then the log is not read any further for them.
const PIECES_WAITING: usize = 1;
/// Events that a stream reads at once: from a few, where they are large, to many.
const STREAM_PAGE: (usize, usize) = (4, 256);
/// What a stream reads at once, in bytes of its lines, as near as the last page tells.
const STREAM_PAGE_BYTES: usize = 64 << 10;

/// Waits until the token of a stream is no longer good, for which the stream then ends.
pub fn ended(
    app: &Arc<App>,
    headers: &HeaderMap,
    principal: &Principal,
) -> impl Future<Output = Refusal> + Send + use<> {
    let (gateway, headers, expires) = (app.gateway.clone(), headers.clone(), principal.expires);
    async move { gateway.refused_later(&headers, expires).await }
}

/// A response that grows: to what is settled at the moment, or on and on, but no longer than its token is
/// good.
pub fn stream(
    app: &Arc<App>,
    asked: Asked,
    open: Stream,
    ended: impl Future<Output = Refusal> + Send + 'static,
    correlation: &Correlation,
) -> Response {
    let (lines, waiting) = mpsc::channel(PIECES_WAITING);
    let form = asked.form;
    let feed = feed(app.clone(), asked, lines.clone());
    let patience = app.limits.request_timeout;
    tokio::spawn(async move {
        let fed = tokio::select! {
            fed = feed => fed,
            refusal = ended => Err(refusal),
        };
        if let Err(refusal) = fed {
            drop(tokio::time::timeout(patience, break_off(form, &refusal, &lines)).await);
        }
        drop(open);
    });
    let body = Body::from_stream(ReceiverStream::new(waiting));
    let mut response = answer::response(Reply::empty(StatusCode::OK), correlation);
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(form.media_type()),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Ends a stream before its time, and says why in its last line. Lines then break off as a lost
/// connection does, so that nobody takes them for all that there are.
async fn break_off(form: Form, refusal: &Refusal, lines: &PieceSender) {
    let problem = native::DIALECT.refuse(refusal).body;
    let problem = String::from_utf8_lossy(&problem);
    let last = match form {
        Form::ServerSent => format!("event: end\ndata: {problem}\n\n"),
        Form::Page | Form::Lines => format!("{problem}\n"),
    };
    // An error means that the reader has gone, and needs no reason.
    drop(lines.send(Ok(last.into())).await);
    if form == Form::Lines {
        tokio::time::sleep(LAST_LINE_TIME).await;
        drop(
            lines
                .send(Err(std::io::ErrorKind::ConnectionAborted.into()))
                .await,
        );
    }
}

/// The time that a last line has to leave before the connection breaks off.
const LAST_LINE_TIME: std::time::Duration = std::time::Duration::from_millis(100);

/// Writes events to a reader until they go away, the end is reached, or the service stops.
///
/// # Errors
/// The events can't be read.
async fn feed(app: Arc<App>, asked: Asked, lines: PieceSender) -> Result<(), Refusal> {
    let mut settled = app.gateway.service.follow_settled();
    let mut stopping = app.stopping.clone();
    let to = *settled.borrow();
    let mut after = asked.after;
    let mut left = asked.limit;
    let mut page = STREAM_PAGE.0;
    if asked.is_whole() {
        if !replay(&app, &asked, (after, to), &lines).await? {
            return Ok(());
        }
        after = after.max(to);
    }
    loop {
        let target = if asked.follow {
            *settled.borrow_and_update()
        } else {
            to
        };
        while after < target && left > 0 {
            let shown = match scan(&app, &asked, after, page.min(left)).await {
                Ok(shown) => shown,
                // Others are first; whoever reads a stream would take its end for that of the log.
                Err(Refusal::Overloaded) if !*app.stopping.borrow() => continue,
                Err(refusal) => return Err(refusal),
            };
            after = shown.last;
            left -= shown.events.len().min(left);
            let mut made = Lines::after(after, STREAM_PAGE_BYTES);
            for (position, event) in &shown.events {
                if asked.follow || *position <= to {
                    made.push(asked.form, *position, event);
                }
            }
            page = page_after(made.events, made.len());
            if !made.is_empty() && lines.send(Ok(made.into_bytes())).await.is_err() {
                return Ok(());
            }
        }
        if !asked.follow || left == 0 {
            return Ok(());
        }
        tokio::select! {
            changed = settled.changed() => if changed.is_err() { return Ok(()) },
            () = stopped(&mut stopping) => return Ok(()),
            () = lines.closed() => return Ok(()),
            () = tokio::time::sleep(HEARTBEAT) => {
                if asked.form == Form::ServerSent && lines.send(Ok(Bytes::from_static(b":\n\n"))).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// The number of events that a stream reads at once, after so many that were so long.
fn page_after(count: usize, bytes: usize) -> usize {
    let (least, most) = STREAM_PAGE;
    let line_bytes = bytes.checked_div(count).unwrap_or(0).max(1);
    (STREAM_PAGE_BYTES / line_bytes).clamp(least, most)
}

/// The time after which a quiet stream sends a comment, to show that it is alive.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(15);
