//! The forms in which events are answered, and which of them a request asks for.

use std::cmp::Reverse;

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
    /// The form that a request asks for: `format`, for clients that can set no header, else the one
    /// that it accepts most.
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

    /// The form that a request accepts most, by the weights of RFC 9110, section 12.5.1. Of those
    /// that it accepts alike it is the one that is named first, by its own name before a wildcard;
    /// where it accepts none it is a page.
    fn accepted(headers: &HeaderMap) -> Self {
        let lists = headers.get_all(header::ACCEPT).into_iter();
        let lists = lists.filter_map(|value| value.to_str().ok());
        let ranges: Vec<(&str, f32)> = lists.flat_map(|list| list.split(',')).map(range).collect();
        let weighed = |form: Self| {
            let ranges = ranges.iter().enumerate();
            let fitting = ranges.filter_map(|(place, (range, weight))| {
                Some(((form.is_named_by(range)?, Reverse(place)), *weight))
            });
            let (rank, weight) = fitting.max_by_key(|(rank, _)| *rank)?;
            (weight > 0.0).then_some((form, weight, rank))
        };
        // Of equals the last one is taken.
        let forms = [Self::ServerSent, Self::Lines, Self::Page];
        let best =
            forms
                .into_iter()
                .filter_map(weighed)
                .max_by(|(_, one, rank), (_, other, another)| {
                    one.total_cmp(other).then(rank.cmp(another))
                });
        best.map_or(Self::Page, |(form, ..)| form)
    }

    /// The exactness with which a media range names the form; `None` where it does not.
    fn is_named_by(self, range: &str) -> Option<u8> {
        let own = self.media_type();
        let (kind, _) = own.split_once('/')?;
        match range.split_once('/')? {
            ("*", "*") => Some(0),
            (other, "*") if other.eq_ignore_ascii_case(kind) => Some(1),
            _ if range.eq_ignore_ascii_case(own) => Some(2),
            _ => None,
        }
    }
}

/// A media range and its weight, which is 1 where it says none that is one.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let weight = value
            .parse()
            .ok()
            .filter(|weight| (0.0..=1.0).contains(weight));
        weight.filter(|_| name.eq_ignore_ascii_case("q"))
    });
    (range, weight.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_accepted_most() {
        for (accept, want) in [
            (&[][..], Form::Page),
            (&["*/*"], Form::Page),
            (&["text/html, */*;q=0.8"], Form::Page),
            (&["text/html"], Form::Page),
            (&["text/event-stream"], Form::ServerSent),
            (&["Application/X-NDJSON"], Form::Lines),
            (&["text/event-stream, application/json"], Form::ServerSent),
            (&["application/json, text/event-stream"], Form::Page),
            (&["*/*", "text/event-stream"], Form::ServerSent),
            (
                &["application/json;q=0.1, application/x-ndjson"],
                Form::Lines,
            ),
            (
                &["text/event-stream;q=0.5, application/x-ndjson;q=0.7"],
                Form::Lines,
            ),
            (
                &["text/event-stream; Q=0.001, application/json;v=1;q=1.000"],
                Form::Page,
            ),
            (&["application/x-ndjson;q=0, */*;q=0.1"], Form::Page),
            (&["application/json;q=0.000, application/*"], Form::Lines),
            (
                &["application/json;q=0, application/x-ndjson;q=0.0, */*"],
                Form::ServerSent,
            ),
            (&["text/event-stream;q=0"], Form::Page),
            (&["text/*, application/json;q=0.9"], Form::ServerSent),
            (
                &["text/event-stream;q=2, application/json"],
                Form::ServerSent,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(header::ACCEPT, value.parse().expect("a value"));
            }
            assert_eq!(Form::accepted(&headers), want, "{accept:?}");
        }
    }
}
