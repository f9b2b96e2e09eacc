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
use crate::dialect::{Dialect, Query, REGISTRY, Refusal, Reply, native};
use crate::domain::{Correlation, Event, Operation, Position};
use crate::gateway::sees_contents;
use crate::log::record::Record;
use crate::service::{EventScan, ReadError, Service};
use crate::wire::{CloudEvent, Detail, cloud_event, event_type, event_types};

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
            app.gateway.has_reached(asked.after)?;
            let position = app.gateway.service.head();
            let media_type = match asked.form {
                Form::Page => {
                    let page = page(&app, asked, &head.headers, correlation).await?;
                    return Ok((page, position));
                }
                Form::Lines => "application/x-ndjson",
                Form::ServerSent => "text/event-stream",
            };
            let open = app.streams.open(asked.principal.rate_key(peer.ip()));
            let open = open.ok_or(Refusal::RateLimited {
                retry_after_seconds: 5,
            })?;
            let (principal, named) = (&asked.principal, asked.tenant.as_deref());
            app.gateway
                .record_events_read(principal, named, correlation, &head.headers);
            let ended = ended(&app, &head.headers, &asked.principal);
            let response = stream(&app, asked, open, ended, media_type, correlation);
            Ok((response, position))
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
    let (kind, dialect) = (text("type"), text("dialect"));
    check_names(kind.as_deref(), dialect.as_deref())?;
    Ok(Asked {
        detail: if sees_contents(&principal) {
            Detail::Full
        } else {
            Detail::NonSensitive
        },
        principal,
        after,
        limit,
        kind,
        tenant: text("tenant"),
        dialect,
        follow,
        form,
    })
}

/// Checks that there is such a type of events and such a dialect: with any other name the page would
/// be empty for ever.
fn check_names(kind: Option<&str>, dialect: Option<&str>) -> Result<(), Refusal> {
    let mut types = REGISTRY.iter().flat_map(event_types);
    if kind.is_some_and(|kind| !types.any(|known| known == kind)) {
        return Err(Refusal::BadParameter {
            name: "type",
            must: "a type that events have, CONTACT_CREATE_SUCCESS for instance",
        });
    }
    if dialect.is_some_and(|name| REGISTRY.named(name).is_none()) {
        return Err(Refusal::BadParameter {
            name: "dialect",
            must: "the name of a dialect, in lower case",
        });
    }
    Ok(())
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
        let mut operations = records.iter().map(|record| record.event.header.operation);
        Ok(Redaction {
            events: events.collect::<Result<_, _>>()?,
            last,
            only_reads: operations.all(Operation::is_read),
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
    /// Whether all of them are records of reads. A look at those is not recorded itself, or each
    /// look would find the record of the one before.
    only_reads: bool,
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

async fn page(
    app: &App,
    asked: Asked,
    headers: &HeaderMap,
    correlation: &Correlation,
) -> Result<Response, Refusal> {
    let shown = scan(app, &asked, asked.after, asked.limit).await?;
    if !shown.only_reads {
        let (principal, named) = (&asked.principal, asked.tenant.as_deref());
        app.gateway
            .record_events_read(principal, named, correlation, headers);
    }
    let body = PageBody {
        next: shown.last.get(),
        events: shown.events.into_iter().map(|(_, event)| event).collect(),
    };
    Ok(answer::response(
        Reply::json(StatusCode::OK, &body),
        correlation,
    ))
}

/// Waits until the token of a stream is no longer good, for which the stream then ends.
fn ended(
    app: &Arc<App>,
    headers: &HeaderMap,
    principal: &Principal,
) -> impl Future<Output = Refusal> + Send + use<> {
    let (gateway, headers, expires) = (app.gateway.clone(), headers.clone(), principal.expires);
    async move { gateway.refused_later(&headers, expires).await }
}

/// A response that grows: to the head of the moment, or on and on, but no longer than its token is
/// good.
fn stream(
    app: &Arc<App>,
    asked: Asked,
    open: Stream,
    ended: impl Future<Output = Refusal> + Send + 'static,
    media_type: &'static str,
    correlation: &Correlation,
) -> Response {
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
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
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Ends a stream before its time, and says why in its last line. Lines then break off as a lost
/// connection does, so that nobody takes them for all that there are.
async fn break_off(form: Form, refusal: &Refusal, lines: &mpsc::Sender<Line>) {
    let problem = native::Native.refuse(refusal).body;
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

type Line = Result<Bytes, std::io::Error>;

/// Writes events to a reader until they go away, the end is reached, or the service stops.
///
/// # Errors
/// The events can't be read.
async fn feed(app: Arc<App>, asked: Asked, lines: mpsc::Sender<Line>) -> Result<(), Refusal> {
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
                Err(refusal) => return Err(refusal),
            };
            after = shown.last;
            left -= shown.events.len().min(left);
            let (count, mut bytes) = (shown.events.len(), 0);
            for (position, event) in shown.events {
                let line = line(asked.form, position, &event);
                bytes += line.len();
                if (!asked.follow && position > to) || lines.send(Ok(line)).await.is_err() {
                    return Ok(());
                }
            }
            page = page_after(count, bytes);
        }
        if !asked.follow || left == 0 {
            return Ok(());
        }
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return Ok(()) },
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
