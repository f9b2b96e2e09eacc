//! A page of events, as one JSON object.

use http::StatusCode;
use serde::Serialize;

use super::asked::{Asked, Shown};
use crate::dialect::{Refusal, Reply};
use crate::domain::Position;
use crate::http::App;
use crate::service::{ReadError, Service};
use crate::wire::CloudEvent;

#[derive(Serialize)]
struct PageBody {
    events: Vec<CloudEvent>,
    next: u64,
}

/// The body of a page.
pub fn body(shown: Shown) -> Reply {
    let body = PageBody {
        next: shown.last.get(),
        events: shown.events.into_iter().map(|(_, event)| event).collect(),
    };
    Reply::json(StatusCode::OK, &body)
}

/// The next events of what is asked, after a position.
///
/// # Errors
/// Too many others look at the log, or it can't be read.
pub async fn scan(
    app: &App,
    asked: &Asked,
    after: Position,
    limit: usize,
) -> Result<Shown, Refusal> {
    let asked = asked.clone();
    look(app, move |service| asked.scan(service, after, limit)).await
}

/// What is asked, with its times as positions.
///
/// # Errors
/// Too many others look at the log, or it can't be read.
pub async fn bounded(app: &App, asked: Asked) -> Result<Asked, Refusal> {
    if asked.is_bounded() {
        return Ok(asked);
    }
    look(app, move |service| asked.bounded(service)).await
}

/// What some work on the service comes to, beside the threads that serve sockets.
///
/// # Errors
/// Too many others look at the log, or it can't be read.
pub async fn look<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Service) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Refusal> {
    let looked = app.gateway.service.look(app.limits.request_timeout, work);
    looked.await.map_err(|error| match error {
        ReadError::Busy => Refusal::Overloaded,
        ReadError::TooBroad { limit } => Refusal::TooBroad { limit },
        error => {
            tracing::error!(%error, "the events can't be read");
            Refusal::Internal
        }
    })
}
