//! What is wrong, in the words of zod 4's own English messages.
//!
//! Of an issue's members only `path` and `message` are shown: enough to find
//! the fault, and without what was sent.

use serde::Serialize;
use serde_json::Value;

use crate::dialect::query::whole;
use crate::dialect::schema::BODY;
use crate::domain::{Problem, Violation};

/// The largest integer that the vendor's language counts exactly: 2^53 - 1.
pub const SAFE_MAX: i64 = 9_007_199_254_740_991;

/// One thing wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    path: Vec<Value>,
    message: String,
}

impl Issue {
    /// An issue with a parameter or header.
    pub fn of(name: &str, message: impl Into<String>) -> Self {
        Self {
            path: vec![name.into()],
            message: message.into(),
        }
    }

    /// An issue with one of a parameter's values.
    pub fn of_item(name: &str, index: usize, message: impl Into<String>) -> Self {
        Self {
            path: vec![name.into(), index.into()],
            message: message.into(),
        }
    }
}

impl From<&Violation> for Issue {
    fn from(violation: &Violation) -> Self {
        let path = match violation.field.as_str() {
            BODY => Vec::new(),
            field => field.split('.').map(step).collect(),
        };
        Self {
            path,
            message: message(violation),
        }
    }
}

/// A step of a path: the number of an item, or the name of a field, none of which is a number.
fn step(text: &str) -> Value {
    text.parse::<usize>()
        .map_or_else(|_| text.into(), Value::from)
}

fn message(violation: &Violation) -> String {
    let received = violation.value.as_deref().map_or("undefined", type_name);
    match violation.problem {
        Problem::Required(expected) | Problem::WrongType(expected) => {
            wrong_type(expected.name(), received)
        }
        Problem::TooLong(max) => format!("Too big: expected string to have <={max} characters"),
        Problem::TooMany(max) => format!("Too big: expected array to have <={max} items"),
        Problem::Format(name) => format!("Invalid {name}"),
        Problem::Blank
        | Problem::TooDeep(_)
        | Problem::OneOf(_)
        | Problem::Range(..)
        | Problem::OutOfRange
        | Problem::UnknownReference
        | Problem::NotAllowed
        | Problem::OnlyFor(_)
        | Problem::Duplicate
        | Problem::TooLarge(_) => "Invalid input".into(),
    }
}

fn wrong_type(expected: &str, received: &str) -> String {
    format!("Invalid input: expected {expected}, received {received}")
}

const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The safe integer that a parameter's text is, or the message of what it is not.
pub fn integer(text: &str) -> Result<i64, String> {
    let number = text.parse().ok().or_else(|| whole(text));
    if let Some(number) = number.filter(|number| (-SAFE_MAX..=SAFE_MAX).contains(number)) {
        return Ok(number);
    }
    let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
    Err(match number {
        Some(number) if number.fract() != 0.0 => wrong_type("int", "number"),
        Some(number) if number > SAFE_MAX as f64 => {
            format!("Too big: expected int to be <={SAFE_MAX}")
        }
        Some(number) if number < -SAFE_MAX as f64 => {
            format!("Too small: expected int to be >=-{SAFE_MAX}")
        }
        _ => wrong_type("number", "NaN"),
    })
}

/// The number from 1 to a limit that a parameter's text is, or the message of what it is not.
pub fn count(text: &str, max: i64) -> Result<usize, String> {
    let number = integer(text)?;
    if number > max {
        return Err(format!("Too big: expected number to be <={max}"));
    }
    usize::try_from(number)
        .ok()
        .filter(|number| *number >= 1)
        .ok_or_else(|| "Too small: expected number to be >=1".into())
}

/// The largest page number.
pub const PAGE_MAX: i64 = SAFE_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_is_safe_or_told_why_not() {
        let check = |text: &str, want: Result<i64, &str>| {
            assert_eq!(integer(text), want.map_err(str::to_owned), "{text}");
        };
        let nan = "Invalid input: expected number, received NaN";
        check("7", Ok(7));
        check("-7", Ok(-7));
        check("007", Ok(7));
        check("9007199254740991", Ok(SAFE_MAX));
        check("-9007199254740991", Ok(-SAFE_MAX));
        let big = "Too big: expected int to be <=9007199254740991";
        let small = "Too small: expected int to be >=-9007199254740991";
        check("9007199254740992", Err(big));
        check("99999999999999999999999", Err(big));
        check("-9007199254740992", Err(small));
        check("1.5", Err("Invalid input: expected int, received number"));
        check("7.0", Ok(7));
        check("1e3", Ok(1_000));
        for text in ["", "abc", "companyId", "inf", "NaN", "0x10", " 1"] {
            check(text, Err(nan));
        }
    }

    #[test]
    fn a_count_is_from_one_to_its_limit() {
        assert_eq!(count("10", 10), Ok(10));
        let small = "Too small: expected number to be >=1";
        for text in ["0", "-3"] {
            assert_eq!(count(text, 10), Err(small.to_owned()), "{text}");
        }
        let big = "Too big: expected number to be <=10";
        assert_eq!(count("11", 10), Err(big.to_owned()));
    }
}
