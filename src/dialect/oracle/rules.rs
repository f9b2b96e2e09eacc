//! What the core must know of Oracle Clinical One: its number in records, the names of its events and owners, and its limits.

use super::contact;
use crate::domain::{DialectId, IdRule, Rules};

/// The Oracle Clinical One dialect.
#[derive(Clone, Copy, Debug)]
pub struct Oracle;

/// The rules of Oracle Clinical One that the core decides by.
pub static RULES: Rules = Rules {
    dialect: DialectId(3),
    name: "oracle",
    event_prefix: "SITE_CONTACT",
    owner_names: &["tenant"],
    ids: IdRule::Hex,
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    ..Rules::NONE
};
