//! The forms in which events are answered, and which of them a request asks for.

use http::{HeaderMap, header};

use crate::dialect::{Query, Refusal};

/// The form in which events are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON object with a page of events.
    Page,
    /// A line of JSON for each event (NDJSON).
    Lines,
    /// Server-sent events, as browsers follow them.
    ServerSent,
}

impl Form {
    /// The form that a request asks for: `format`, for clients that can set no header, else the first
    /// that it accepts.
    ///
    /// # Errors
    /// `format` names none.
    pub fn of(headers: &HeaderMap, query: &Query) -> Result<Self, Refusal> {
        match query.get("format") {
            None => Ok(Self::accepted(headers)),
            Some("json") => Ok(Self::Page),
            Some("ndjson") => Ok(Self::Lines),
            Some(_) => Err(Refusal::BadParameter {
                name: "format",
                must: "json or ndjson",
            }),
        }
    }

    /// The media type of the answer.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Page => "application/json",
            Self::Lines => "application/x-ndjson",
            Self::ServerSent => "text/event-stream",
        }
    }

    /// The form that a request accepts: the first that it names and does not weigh with nothing.
    fn accepted(headers: &HeaderMap) -> Self {
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
