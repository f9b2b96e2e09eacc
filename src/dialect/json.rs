//! A body's JSON, read once, by the rules that hold for every dialect.
//!
//! Of duplicate keys the last wins; lone surrogates, trailing data, numbers
//! out of range and an empty body are malformed; so is nesting deeper than 64.

use http::HeaderMap;
use serde_json::Value;
use thiserror::Error;

use crate::domain::limits;

/// The reasons for which a body is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// The `Content-Type` is not JSON.
    #[error("Content-Type must be application/json")]
    MediaType,
    /// There is nothing in it.
    #[error("the body is empty; send JSON")]
    Empty,
    /// It is not JSON.
    #[error("the body is not valid JSON at line {line}, column {column}")]
    Malformed {
        /// The line of the mistake, from 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
    },
    /// It is nested too deeply.
    #[error("the body is nested deeper than {max} levels", max = limits::JSON_DEPTH_MAX)]
    TooDeep,
}

/// The JSON of a body whose `Content-Type` is JSON or missing.
///
/// # Errors
/// [`BodyError`] says what is wrong and where, never what was sent.
pub fn body(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, BodyError> {
    if !media_type_is_json(headers, &["application/json"]) {
        return Err(BodyError::MediaType);
    }
    parse(bytes)
}

/// Whether the `Content-Type` is one of these, whatever its case and parameters, or missing.
#[must_use]
pub fn media_type_is_json(headers: &HeaderMap, wanted: &[&str]) -> bool {
    let Some(value) = headers.get(http::header::CONTENT_TYPE) else {
        return true;
    };
    let text = value.to_str().unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    wanted
        .iter()
        .any(|want| media_type.eq_ignore_ascii_case(want))
}

/// The JSON in these bytes.
///
/// # Errors
/// As [`body`].
pub fn parse(bytes: &[u8]) -> Result<Value, BodyError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(BodyError::Empty);
    }
    if depth(bytes) > limits::JSON_DEPTH_MAX {
        return Err(BodyError::TooDeep);
    }
    serde_json::from_slice(bytes).map_err(|error| BodyError::Malformed {
        line: error.line(),
        column: error.column(),
    })
}

/// The deepest nesting of brackets outside of strings; it needs no stack of its own.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_of_duplicate_keys_wins() {
        assert_eq!(parse(br#"{"a":1,"a":2}"#), Ok(json!({"a": 2})));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for bad in ["{", "{} {}", r#""\ud800""#, "1e999", "nul"] {
            assert!(
                matches!(parse(bad.as_bytes()), Err(BodyError::Malformed { .. })),
                "{bad}"
            );
        }
        assert!(matches!(
            parse(b"\"\xff\""),
            Err(BodyError::Malformed { .. })
        ));
        assert_eq!(parse(b" \n"), Err(BodyError::Empty));
    }

    #[test]
    fn nesting_is_bounded_and_brackets_in_strings_do_not_count() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(64).as_bytes()).is_ok());
        assert_eq!(parse(nested(65).as_bytes()), Err(BodyError::TooDeep));
        assert_eq!(
            parse("[".repeat(10_000).as_bytes()),
            Err(BodyError::TooDeep)
        );
        let text = serde_json::to_vec(&"[".repeat(100)).expect("a string");
        assert!(parse(&text).is_ok());
    }
}
