//! What the core must know of emnify: its number in records, the names of its events and owners, and its limits.

use super::contact;
use crate::dialect::query::digits;
use crate::domain::{DialectId, IdRule, Rules};

/// The dialect of emnify's REST API.
#[derive(Clone, Copy, Debug)]
pub struct Emnify;

/// A positive integer without a sign.
pub fn positive(text: &str) -> Option<u64> {
    let number = digits(text).and_then(|number| u64::try_from(number).ok());
    number.filter(|number| *number > 0)
}

/// The rules of emnify that the core decides by.
pub static RULES: Rules = Rules {
    dialect: DialectId(4),
    name: "emnify",
    event_prefix: "ORGANISATION_CONTACT",
    owner_names: &["org_id"],
    tenant: |text| Some(positive(text)?.to_string()),
    ids: IdRule::Sequence,
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    ..Rules::NONE
};
