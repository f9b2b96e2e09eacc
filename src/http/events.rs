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
const LINES_WAITING: usize = 64;
/// Events that a stream reads at once.
const STREAM_PAGE: usize = 256;

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

/// `GET /events`.
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
            let response = match asked.form {
                Form::Page => page(&app, asked, correlation).await?,
                Form::Lines => stream(&app, asked, "application/x-ndjson", correlation),
                Form::ServerSent => stream(&app, asked, "text/event-stream", correlation),
            };
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
    let (service, asked) = (app.gateway.service.clone(), asked.clone());
    let scanned = tokio::task::spawn_blocking(move || asked.scan(&service, after, limit)).await;
    match scanned {
        Ok(Ok(shown)) => Ok(shown),
        Ok(Err(error)) => {
            tracing::error!(%error, "the events can't be read");
            Err(Refusal::Internal)
        }
        Err(error) => {
            tracing::error!(%error, "reading events ended by a fault");
            Err(Refusal::Internal)
        }
    }
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
    media_type: &'static str,
    correlation: &Correlation,
) -> Response {
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    tokio::spawn(feed(app.clone(), asked, lines));
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
    loop {
        let target = if asked.follow {
            *head.borrow_and_update()
        } else {
            to
        };
        while after < target && left > 0 {
            let Ok(shown) = scan(&app, &asked, after, STREAM_PAGE.min(left)).await else {
                return;
            };
            after = shown.last;
            left -= shown.events.len().min(left);
            for (position, event) in shown.events {
                let line = line(asked.form, position, &event);
                if (!asked.follow && position > to) || lines.send(Ok(line)).await.is_err() {
                    return;
                }
            }
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

async fn stopped(stopping: &mut tokio::sync::watch::Receiver<bool>) {
    // An error means that whoever would say so is gone: the service is stopping too.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// How often a quiet stream shows that it is alive.
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
