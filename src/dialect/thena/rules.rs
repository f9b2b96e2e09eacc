//! What the core must know of Thena: its number in records, the names of its events and owners, and its limits.

use super::contact;
use crate::domain::{DialectId, IdRule, Rules, limits};

/// The dialect of Thena's API.
#[derive(Clone, Copy, Debug)]
pub struct Thena;

/// The rules of Thena that the core decides by.
pub static RULES: Rules = Rules {
    dialect: DialectId(5),
    name: "thena",
    event_prefix: "ACCOUNT_CONTACT",
    owner_names: &["x-org-id"],
    unique_email: true,
    ids: IdRule::Ulid,
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    batch_items_max: limits::BATCH_ITEMS_MAX,
    ..Rules::NONE
};
