//! What the core must know of emnify: its number in records, the names of its events and owners, and its limits.

use super::contact;
use crate::domain::{DialectId, IdRule, Rules};

/// The dialect of emnify's REST API.
#[derive(Clone, Copy, Debug)]
pub struct Emnify;

/// The rules of emnify that the core decides by.
pub static RULES: Rules = Rules {
    dialect: DialectId(4),
    name: "emnify",
    event_prefix: "ORGANISATION_CONTACT",
    owner_names: &["org_id"],
    ids: IdRule::Sequence,
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    ..Rules::NONE
};
