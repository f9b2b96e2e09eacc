//! What the codes of problems mean, as pages: the `type` of a problem's details leads to one.

use axum::response::Response;
use http::StatusCode;

use super::system::{Segment, text};
use super::{answer, console};
use crate::dialect::native::{self, CODES, Code, PROBLEM_PAGES, code_named};
use crate::dialect::{Refusal, Reply};
use crate::gateway::fresh_correlation;

/// Serves `GET /problems`: every code with its meaning.
pub async fn all() -> Response {
    let rows: String = CODES.iter().map(row).collect();
    let body = format!("<h1>Problems</h1>\n<dl class=\"problems\">\n{rows}</dl>\n");
    answer::response(page("Problems", &body), &fresh_correlation())
}

/// Serves `GET /problems/{code}`: what one code means and what to do.
pub async fn one(code: Segment) -> Response {
    let reply = match code_named(&text(code)) {
        Some(code) => page(code.name, &told(code)),
        None => native::DIALECT.refuse(&Refusal::UnknownPath),
    };
    answer::response(reply, &fresh_correlation())
}

fn row(code: &Code) -> String {
    let Code { name, meaning, .. } = code;
    format!(
        "<dt><a href=\"{PROBLEM_PAGES}{name}\"><code>{name}</code></a></dt><dd>{meaning}</dd>\n"
    )
}

fn told(code: &Code) -> String {
    let Code {
        name,
        status,
        meaning,
        remedy,
    } = code;
    let reason = StatusCode::from_u16(*status).ok();
    let reason = reason.and_then(|status| status.canonical_reason());
    let reason = reason.unwrap_or_default();
    format!(
        "<h1><code>{name}</code></h1>\n<p class=\"hint\">{status} {reason}</p>\n<p>{meaning}</p>\n\
         <p>{remedy}</p>\n<p><a href=\"/problems\">Every problem</a> · <a href=\"/docs\">API reference</a></p>\n"
    )
}

/// A page of text from the table of codes, in which nothing needs an escape.
fn page(title: &str, body: &str) -> Reply {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · contactd</title>\n\
         <link rel=\"icon\" href=\"/console/icon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"/console/console.css\">\n\
         <link rel=\"stylesheet\" href=\"/console/docs.css\">\n</head>\n\
         <body>\n<main class=\"prose\">\n{body}</main>\n</body>\n</html>\n"
    );
    let mut reply = Reply::empty(StatusCode::OK).with("content-type", "text/html; charset=utf-8");
    reply.body = html.into_bytes();
    console::guarded(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_the_table_is_markup() {
        for code in &CODES {
            for text in [code.name, code.meaning, code.remedy] {
                assert!(!text.contains(['<', '>', '&', '"']), "{text}");
            }
        }
    }
}
