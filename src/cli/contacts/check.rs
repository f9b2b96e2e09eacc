//! Judges a Card by the rules of our own API, before anything of it is sent.
//!
//! The rules are the API's own, so that a dry run says what the service would
//! say, and a Card that the service would refuse leaves no trace there.

use serde::Deserialize;
use serde_json::Value;

use super::format::{Wrong, WrongField};
use crate::dialect::native::{self, Unfit};
use crate::domain::{FailureCode, limits};

/// The Card's JSON, or what is wrong with it.
///
/// # Errors
/// What the service would answer to a create of the Card.
pub fn check(card: &Value) -> Result<Vec<u8>, Wrong> {
    match native::check(card.clone()) {
        Ok(()) => Ok(card.to_string().into_bytes()),
        Err(Unfit::TooLarge) => Err(Wrong::longer_than(limits::RECORD_BYTES_MAX)),
        Err(Unfit::Invalid(violations)) => Err(Wrong {
            code: FailureCode::Invalid.name().to_owned(),
            detail: FailureCode::Invalid.message().to_owned(),
            violations: violations
                .iter()
                .map(|violation| WrongField {
                    field: violation.path().to_owned(),
                    code: violation.problem.code().to_owned(),
                    message: native::sentence(violation),
                })
                .collect(),
        }),
    }
}

/// What an answer of our API says is wrong: its problem details (RFC 9457), or its text.
pub fn problem(body: &[u8]) -> Wrong {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
        detail: String,
        #[serde(default)]
        violations: Vec<WrongField>,
    }
    match serde_json::from_slice(body) {
        Ok(Problem {
            code,
            detail,
            violations,
        }) => Wrong {
            code,
            detail,
            violations,
        },
        Err(_) => Wrong::new("refused", String::from_utf8_lossy(body)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_is_judged_as_the_service_judges_it() {
        let good = json!({"name": {"full": "Ann"}});
        assert_eq!(check(&good), Ok(br#"{"name":{"full":"Ann"}}"#.to_vec()));
        let bad = json!({"emails": {"e": {"address": 7}}});
        let wrong = check(&bad).expect_err("no address");
        assert_eq!(wrong.code, "invalid");
        let first = wrong.violations.first().expect("a violation");
        assert_eq!(first.field, "emails.e.address");
        assert_eq!(first.code, "wrong_type");
        assert_eq!(check(&json!([])).expect_err("no Card").code, "invalid");
        let large = json!({"x.example:x": "x".repeat(48 * 1024)});
        assert_eq!(check(&large).expect_err("large").code, "too_large");
    }
}
