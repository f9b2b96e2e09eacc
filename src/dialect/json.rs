//! A body's JSON, read once, by the rules that hold for every dialect.
//!
//! Of duplicate keys the last wins; lone surrogates, trailing data, numbers
//! out of range and an empty body are malformed; so is nesting deeper than 64.
//! A byte order mark before it is passed over, and a number that is whole is
//! one however it is written: JSON has a single kind of number.

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Number, Value};
use thiserror::Error;

use crate::domain::limits;

/// The mark that some programs write before UTF-8; a reader may pass over it (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// The largest number up to which every whole number has a floating-point form of its own: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The members of an object whose names are compared one by one, at most.
const COMPARED_MAX: usize = 24;

/// The reasons for which a body is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// The `Content-Type` is not JSON.
    #[error("Content-Type must be application/json")]
    MediaType,
    /// The body is compressed, or encoded otherwise.
    #[error("Content-Encoding is not read; send the body as it is, without that header")]
    Encoding,
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

impl BodyError {
    /// The HTTP status most vendors give it.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::MediaType | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Empty | Self::Malformed { .. } | Self::TooDeep => StatusCode::BAD_REQUEST,
        }
    }
}

/// The JSON of a body whose `Content-Type` is JSON or missing.
///
/// # Errors
/// [`BodyError`] says what is wrong and where, never what was sent.
pub fn body(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, BodyError> {
    if !media_type_is_json(headers, &["application/json"]) {
        return Err(BodyError::MediaType);
    }
    of_any_type(headers, bytes)
}

/// The JSON of a body, whatever its `Content-Type` says.
///
/// # Errors
/// As [`body`].
pub fn of_any_type(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, BodyError> {
    let encodings = headers.get_all(http::header::CONTENT_ENCODING).iter();
    let is_plain = |value: &http::HeaderValue| {
        let value = value.as_bytes().trim_ascii();
        value.is_empty() || value.eq_ignore_ascii_case(b"identity")
    };
    if !encodings.into_iter().all(is_plain) {
        return Err(BodyError::Encoding);
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
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
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

/// The member of this name. To compare the few names that most objects have is quicker than to hash
/// one.
#[must_use]
pub fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if object.len() > COMPARED_MAX {
        return object.get(name);
    }
    let (_, value) = object.iter().find(|(own, _)| *own == name)?;
    Some(value)
}

/// The whole number that a JSON number is: `1.0` and `1e0` are 1.
///
/// ```
/// use contactd::dialect::json::whole;
/// use serde_json::Number;
///
/// let number = |text| serde_json::from_str::<Number>(text).ok();
/// assert_eq!(number("74.0").as_ref().and_then(whole), Some(74));
/// assert_eq!(number("1.5").as_ref().and_then(whole), None);
/// ```
#[must_use]
pub fn whole(number: &Number) -> Option<i64> {
    let of_float = || {
        let float = number.as_f64()?;
        let is_whole = float.fract() == 0.0 && float.abs() <= EXACT_MAX;
        // Up to 2^53 nothing is cut off.
        is_whole.then_some(float as i64)
    };
    number.as_i64().or_else(of_float)
}

/// Writes every whole number of a value as one: JSON has one kind of number, so that `1.0` and `1`
/// are the same, and programs of some languages have but the first.
///
/// ```
/// use contactd::dialect::json::make_whole;
/// use serde_json::json;
///
/// let mut value = json!({"a": [1.0, 1.5]});
/// make_whole(&mut value);
/// assert_eq!(value, json!({"a": [1, 1.5]}));
/// ```
pub fn make_whole(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = whole(number) {
                *number = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(members) => members.values_mut().for_each(make_whole),
        _ => {}
    }
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
    fn a_byte_order_mark_is_passed_over_once() {
        assert_eq!(parse(b"\xef\xbb\xbf {\"a\":1}"), Ok(json!({"a": 1})));
        assert_eq!(parse(b"\xef\xbb\xbf"), Err(BodyError::Empty));
        let twice = parse(b"\xef\xbb\xbf\xef\xbb\xbf{}");
        assert!(
            matches!(twice, Err(BodyError::Malformed { .. })),
            "{twice:?}"
        );
    }

    #[test]
    fn an_encoded_body_is_not_read() {
        let with = |value: &'static str| {
            let headers = [(http::header::CONTENT_ENCODING, value)];
            let headers =
                headers.map(|(name, value)| (name, http::HeaderValue::from_static(value)));
            body(&HeaderMap::from_iter(headers), b"{}")
        };
        for plain in ["identity", "Identity", " "] {
            assert_eq!(with(plain), Ok(json!({})), "{plain}");
        }
        for encoded in ["gzip", "br", "identity, gzip", "aws-chunked"] {
            assert_eq!(with(encoded), Err(BodyError::Encoding), "{encoded}");
        }
    }

    #[test]
    fn a_whole_number_is_whole_however_it_is_written() {
        let whole_of = |text| serde_json::from_str(text).ok().and_then(|n| whole(&n));
        for (text, want) in [
            ("1", Some(1)),
            ("1.0", Some(1)),
            ("1e0", Some(1)),
            ("-2.50e1", Some(-25)),
            ("-0.0", Some(0)),
            ("9007199254740993", Some(9_007_199_254_740_993)),
            ("9007199254740992.0", Some(9_007_199_254_740_992)),
            ("1.5", None),
            ("1e300", None),
            ("18446744073709551615", None),
        ] {
            assert_eq!(whole_of(text), want, "{text}");
        }
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
        for (json, want) in [
            (r#"{"a": "[[", "b": [1]}"#, 2),
            (r#"["\"", [[]]]"#, 3),
            (r#"["]]", [[]]]"#, 3),
            (r#"["\\", [[]]]"#, 3),
            (r#"["\"[[[", 1]"#, 1),
            // No JSON: outside a string a backslash escapes nothing.
            (r#"\"[["#, 0),
        ] {
            assert_eq!(depth(json.as_bytes()), want, "{json}");
        }
    }
}
