//! Judges a Card by the rules of our own API, before anything of it is sent.
//!
//! The API's own decoder is asked, so that a dry run says what the service
//! would say, and a Card that the service would refuse leaves no trace there.

use http::HeaderMap;
use serde_json::Value;

use super::super::exit::Failure;
use super::format::Wrong;
use crate::dialect::native::Native;
use crate::dialect::{
    ApiOperation, Call, Caller, Decode, Dialect, Query, Reply, Request, Route, Write,
};
use crate::domain::{self, FailureCode, Owner};

/// What a Card is, as far as our own API minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A contact can be made of it.
    Fits,
    /// It is larger than a contact may be.
    TooLarge,
    /// It is none.
    Invalid,
}

/// Judges Cards.
pub struct Checker {
    route: &'static Route,
    owner: Owner,
}

impl Checker {
    /// A judge of Cards, which are nobody's yet.
    pub fn new() -> Result<Self, Failure> {
        let mut routes = Native.routes().iter();
        let route = routes.find(|route| route.operation == ApiOperation::Create);
        let owner = Native.owner_of_ids(&["default"]).ok();
        match (route, owner) {
            (Some(route), Some(owner)) => Ok(Self { route, owner }),
            _ => Err(Failure::failed("our own API creates no contacts")),
        }
    }

    /// Whether it is a Card, and how large.
    pub fn judge(&self, card: &Value) -> Judgement {
        match self.check(card) {
            Err(wrong) if wrong.code == "invalid" => Judgement::Invalid,
            Err(wrong) if wrong.code == "too_large" => Judgement::TooLarge,
            _ => Judgement::Fits,
        }
    }

    /// The Card's JSON, or what is wrong with it.
    pub fn check(&self, card: &Value) -> Result<Vec<u8>, Wrong> {
        let body = card.to_string().into_bytes();
        let request = Request {
            target: None,
            params: &[],
            query: &Query::default(),
            headers: &HeaderMap::new(),
            body: &body,
            caller: &Caller::default(),
        };
        let Decode::Owned(decode) = self.route.decode else {
            return Ok(body);
        };
        let call = decode(&request, &self.owner).map_err(|reply| wrong(&reply))?;
        let Call::Write {
            write: Write { attempts, .. },
            reply,
        } = call
        else {
            return Ok(body);
        };
        match attempts.into_iter().next().map(|attempt| attempt.action) {
            Some(Err(violations)) => {
                let failure = domain::Failure {
                    code: FailureCode::Invalid,
                    violations: Vec::new(),
                };
                let refused = domain::Outcome::Refused {
                    failure,
                    violations,
                };
                Err(wrong(&reply(vec![refused])))
            }
            _ => Ok(body),
        }
    }
}

fn wrong(reply: &Reply) -> Wrong {
    problem(&reply.body)
}

/// What an answer of our API says is wrong.
pub fn problem(body: &[u8]) -> Wrong {
    serde_json::from_slice(body).unwrap_or_else(|_| Wrong {
        code: "refused".to_owned(),
        detail: String::from_utf8_lossy(body).into_owned(),
        violations: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_is_judged_as_the_service_judges_it() {
        let checker = Checker::new().expect("a checker");
        let good = json!({"name": {"full": "Ann"}});
        assert_eq!(
            checker.check(&good),
            Ok(br#"{"name":{"full":"Ann"}}"#.to_vec())
        );
        let bad = json!({"emails": {"e": {"address": 7}}});
        let wrong = checker.check(&bad).expect_err("no address");
        assert_eq!(wrong.code, "invalid");
        let first = wrong.violations.first().expect("a violation");
        assert_eq!(first.field, "emails.*.address");
        assert_eq!(first.code, "wrong_type");
        let none = checker.check(&json!([])).expect_err("no Card");
        assert_eq!(none.code, "invalid");
        let large = json!({"x.example:x": "x".repeat(48 * 1024)});
        assert_eq!(checker.check(&large).expect_err("large").code, "too_large");
    }
}
