//! The event log: as JSON pages, as lines to the head of the moment, or followed live.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::streams::Stream;
use super::{App, answer, system};
use crate::auth::{Principal, role};
use crate::dialect::query::digits;
use crate::dialect::{Query, REGISTRY, Refusal, Reply, native};
use crate::domain::{Correlation, Event, Position};
use crate::gateway::sees_contents;
use crate::log::record::Record;
use crate::service::{EventScan, ReadError, Service};
use crate::wire::{CloudEvent, Detail, cloud_event, event_type};

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Lines that wait for a slow reader; then the log is not read any further for them.
const LINES_WAITING: usize = 8;
/// Events that a stream reads at once: from a few, where they are large, to many.
const STREAM_PAGE: (usize, usize) = (4, 256);
/// What a stream reads at once, in bytes of its lines, as near as the last page tells.
const STREAM_PAGE_BYTES: usize = 256 << 10;

/// What is asked, and by whom.
#[derive(Clone)]
struct Asked {
    principal: Principal,
    detail: Detail,
    after: Position,
    limit: usize,
    kind: Option<String>,
    tenant: Option<String>,
    dialect: Option<String>,
    follow: bool,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Page,
    Lines,
    ServerSent,
}

impl Form {
    /// The form that a request accepts: the first that it names and does not weigh with nothing.
    fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).into_iter();
        let accepted = accepted.filter_map(|value| value.to_str().ok());
        let named = accepted.flat_map(|list| list.split(',')).map(|range| {
            let (media_type, weight) = range.split_once(';').unwrap_or((range, ""));
            (media_type.trim(), weight.trim())
        });
        let wanted = named.filter(|(_, weight)| !matches!(*weight, "q=0" | "q=0.0"));
        let form = |media_type: &str| match media_type.to_ascii_lowercase().as_str() {
            "text/event-stream" => Some(Self::ServerSent),
            "application/x-ndjson" => Some(Self::Lines),
            "application/json" => Some(Self::Page),
            _ => None,
        };
        let mut forms = wanted.filter_map(|(media_type, _)| form(media_type));
        forms.next().unwrap_or(Self::Page)
    }
}

#[derive(Serialize)]
struct PageBody {
    events: Vec<CloudEvent>,
    next: u64,
}

/// Serves `GET /events`: the event log as a page, as lines or as a live stream.
pub async fn events(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let roles = [role::ADMIN, role::AUDITOR];
    system::answer(
        &app,
        peer,
        &head.headers,
        &roles,
        async |principal, correlation| {
            let asked = asked(&head.headers, &query, principal)?;
            let head = app.gateway.service.head();
            let media_type = match asked.form {
                Form::Page => return Ok((page(&app, asked, correlation).await?, head)),
                Form::Lines => "application/x-ndjson",
                Form::ServerSent => "text/event-stream",
            };
            let open = app.streams.open(asked.principal.rate_key(peer.ip()));
            let open = open.ok_or(Refusal::RateLimited {
                retry_after_seconds: 5,
            })?;
            let response = stream(&app, asked, open, media_type, correlation);
            Ok((response, head))
        },
    )
    .await
}

fn asked(headers: &HeaderMap, query: &Query, principal: Principal) -> Result<Asked, Refusal> {
    let form = Form::of(headers);
    let limit = match query.get("limit") {
        None if form == Form::Page => LIMIT,
        None => usize::MAX,
        Some(text) => digits(text)
            .filter(|limit| (1..=LIMIT_MAX).contains(limit))
            .ok_or(Refusal::BadParameter {
                name: "limit",
                must: "a number from 1 to 1000",
            })?,
    };
    let last_seen = headers.get("last-event-id");
    let last_seen = last_seen.and_then(|value| value.to_str().ok());
    let after = match last_seen.or_else(|| query.get("after")) {
        None => Position::ZERO,
        Some(text) => Position::parse(text).ok_or(Refusal::BadParameter {
            name: "after",
            must: "a position in decimal digits",
        })?,
    };
    let follow = match query.get("follow") {
        None | Some("false") => form == Form::ServerSent,
        Some("true") => form != Form::Page,
        Some(_) => {
            return Err(Refusal::BadParameter {
                name: "follow",
                must: "true or false",
            });
        }
    };
    // An empty one is one that a form did not fill in.
    let text = |name| {
        query
            .get(name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    Ok(Asked {
        detail: if sees_contents(&principal) {
            Detail::Full
        } else {
            Detail::NonSensitive
        },
        principal,
        after,
        limit,
        kind: text("type"),
        tenant: text("tenant"),
        dialect: text("dialect"),
        follow,
        form,
    })
}

impl Asked {
    fn wants(&self, event: &Event) -> bool {
        let owner = &event.header.owner;
        let Some(rules) = REGISTRY.get(owner.dialect()) else {
            return false;
        };
        let is =
            |filter: &Option<String>, value: &str| filter.as_deref().is_none_or(|f| f == value);
        is(&self.dialect, rules.name)
            && is(&self.tenant, owner.tenant())
            && self.principal.may(rules.name, owner.tenant())
            && (self.kind.is_none() || is(&self.kind, &event_type(rules, event)))
    }

    fn scan(
        &self,
        service: &Service,
        after: Position,
        limit: usize,
    ) -> Result<Redaction, ReadError> {
        let scan = service.events_after(after, limit, &|event| self.wants(event))?;
        let EventScan { records, last } = scan;
        let events = records.iter().map(|record| self.show(service, record));
        Ok(Redaction {
            events: events.collect::<Result<_, _>>()?,
            last,
        })
    }

    fn show(
        &self,
        service: &Service,
        record: &Record,
    ) -> Result<(Position, CloudEvent), ReadError> {
        let content = service.open_content(record)?;
        let event = &record.event;
        // `wants` let it through, so its dialect is known.
        let rules = REGISTRY
            .get(event.header.owner.dialect())
            .unwrap_or(&native::RULES);
        let shown = cloud_event(event, rules, content.as_ref(), self.detail);
        Ok((event.header.position, shown))
    }
}

/// Events as they are shown, and the last position looked at.
struct Redaction {
    events: Vec<(Position, CloudEvent)>,
    last: Position,
}

async fn scan(
    app: &App,
    asked: &Asked,
    after: Position,
    limit: usize,
) -> Result<Redaction, Refusal> {
    let (service, asked) = (&app.gateway.service, asked.clone());
    let patience = app.limits.request_timeout;
    let scanned = service.look(patience, move |service| asked.scan(service, after, limit));
    scanned.await.map_err(|error| match error {
        ReadError::Busy => Refusal::Overloaded,
        error => {
            tracing::error!(%error, "the events can't be read");
            Refusal::Internal
        }
    })
}

async fn page(app: &App, asked: Asked, correlation: &Correlation) -> Result<Response, Refusal> {
    let shown = scan(app, &asked, asked.after, asked.limit).await?;
    let body = PageBody {
        next: shown.last.get(),
        events: shown.events.into_iter().map(|(_, event)| event).collect(),
    };
    Ok(answer::response(
        Reply::json(StatusCode::OK, &body),
        correlation,
    ))
}

/// A response that grows: to the head of the moment, or on and on.
fn stream(
    app: &Arc<App>,
    asked: Asked,
    open: Stream,
    media_type: &'static str,
    correlation: &Correlation,
) -> Response {
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    let feed = feed(app.clone(), asked, lines);
    tokio::spawn(async move {
        feed.await;
        drop(open);
    });
    let body = Body::from_stream(ReceiverStream::new(waiting));
    let mut response = answer::response(Reply::empty(StatusCode::OK), correlation);
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

type Line = Result<Bytes, std::io::Error>;

/// Writes events to a reader until they go away, the end is reached, or the service stops.
async fn feed(app: Arc<App>, asked: Asked, lines: mpsc::Sender<Line>) {
    let mut head = app.gateway.service.follow();
    let mut stopping = app.stopping.clone();
    let to = *head.borrow();
    let mut after = asked.after;
    let mut left = asked.limit;
    let mut page = STREAM_PAGE.0;
    loop {
        let target = if asked.follow {
            *head.borrow_and_update()
        } else {
            to
        };
        while after < target && left > 0 {
            let shown = match scan(&app, &asked, after, page.min(left)).await {
                Ok(shown) => shown,
                // Others are first; whoever reads a stream would take its end for that of the log.
                Err(Refusal::Overloaded) if !*app.stopping.borrow() => continue,
                Err(_) => return,
            };
            after = shown.last;
            left -= shown.events.len().min(left);
            let (count, mut bytes) = (shown.events.len(), 0);
            for (position, event) in shown.events {
                let line = line(asked.form, position, &event);
                bytes += line.len();
                if (!asked.follow && position > to) || lines.send(Ok(line)).await.is_err() {
                    return;
                }
            }
            page = page_after(count, bytes);
        }
        if !asked.follow || left == 0 {
            return;
        }
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return },
            () = stopped(&mut stopping) => return,
            () = lines.closed() => return,
            () = tokio::time::sleep(HEARTBEAT) => {
                if asked.form == Form::ServerSent && lines.send(Ok(Bytes::from_static(b":\n\n"))).await.is_err() {
                    return;
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

async fn stopped(stopping: &mut tokio::sync::watch::Receiver<bool>) {
    // An error means that whoever would say so is gone: the service is stopping too.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// The time after which a quiet stream sends a comment, to show that it is alive.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(15);

fn line(form: Form, position: Position, event: &CloudEvent) -> Bytes {
    let json = serde_json::to_string(event).unwrap_or_default();
    match form {
        Form::ServerSent => {
            let kind = event.kind();
            format!("id: {position}\nevent: {kind}\ndata: {json}\n\n").into()
        }
        Form::Page | Form::Lines => format!("{json}\n").into(),
    }
}
