//! The event log: as JSON pages, as lines to the head of the moment, or followed live; and what came
//! of one command.
//!
//! | file | what is there |
//! | --- | --- |
//! | `form` | the form of the answer |
//! | `filter` | the events that are wanted |
//! | `asked` | the whole question, and what of the log answers it |
//! | `page`, `stream`, `replay` | the ways to send events: a page, or on and on, ahead of the reader |
//! | `lines` | some events as they are sent |

mod asked;
mod filter;
mod form;
mod lines;
mod page;
mod replay;
mod stream;

use axum::response::Response;

use self::asked::Asked;
use self::filter::Filter;
use self::form::Form;
use super::system::{Question, Segment};
use super::{answer, system};
use crate::auth::role;
use crate::dialect::Refusal;
use crate::domain::Correlation;

/// Serves `GET /events`: the event log as a page, as lines or as a live stream.
pub async fn events(question: Question) -> Response {
    let Question {
        app,
        peer,
        headers,
        query,
    } = &question;
    const ROLES: &[&str] = &[role::ADMIN, role::AUDITOR];
    let answered = system::answer(&question, ROLES, async |caller, correlation| {
        let asked = Asked::read(headers, query, caller)?;
        app.gateway.has_reached(asked.needs()).await?;
        let asked = page::bounded(app, asked).await?;
        let position = app.gateway.service.settled();
        let record = |asked: &Asked| {
            let (principal, named) = (&asked.principal, asked.filter.tenant.as_deref());
            app.gateway
                .record_events_read(principal, named, correlation, headers);
        };
        if asked.form == Form::Page {
            let shown = page::scan(app, &asked, asked.after, asked.limit).await?;
            if !shown.only_reads {
                record(&asked);
            }
            return Ok((answer::response(page::body(shown), correlation), position));
        }
        let open = app.streams.open(asked.principal.rate_key(peer.ip()));
        let open = open.ok_or(Refusal::RateLimited {
            retry_after_seconds: 5,
        })?;
        record(&asked);
        let ended = stream::ended(app, headers, &asked.principal);
        let response = stream::stream(app, asked, open, ended, correlation);
        Ok((response, position))
    });
    let mut response = answered.await;
    answer::vary_by_accept(&mut response);
    response
}

/// Serves `GET /commands/{correlation}`: the events of one command, in the order of the log, for
/// whoever may send commands or read events.
pub async fn command(named: Segment, question: Question) -> Response {
    let Question {
        app,
        headers,
        query,
        ..
    } = &question;
    let named = Correlation::parse(&system::text(named));
    system::answer(&question, &role::ALL, async |caller, correlation| {
        let filter = Filter {
            correlation: Some(named.ok_or(Refusal::NoSuchCommand)?),
            ..Filter::default()
        };
        let asked = Asked::of_command(filter, query, caller)?;
        app.gateway.has_reached(asked.needs()).await?;
        let position = app.gateway.service.settled();
        let shown = page::scan(app, &asked, asked.after, asked.limit).await?;
        if shown.events.is_empty() && query.get("after").is_none() {
            return Err(Refusal::NoSuchCommand);
        }
        if !shown.only_reads {
            let principal = &asked.principal;
            app.gateway
                .record_events_read(principal, None, correlation, headers);
        }
        Ok((answer::response(page::body(shown), correlation), position))
    })
    .await
}
