//! What the core must know of Kare: its number in records, the names of its events and owners, and its limits.

use super::{contact, issue};
use crate::domain::{DialectId, IdRule, Rules, limits};

/// The dialect of Kare's API.
#[derive(Clone, Copy, Debug)]
pub struct Kare;

/// The rules of Kare that the core decides by.
pub static RULES: Rules = Rules {
    dialect: DialectId(6),
    name: "kare",
    event_prefix: "COMPANY_CONTACT",
    owner_names: &["companyId"],
    tenant: |text| Some(issue::integer(text).ok()?.to_string()),
    ids: IdRule::Sequence,
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    batch_items_max: limits::BATCH_ITEMS_MAX,
    ..Rules::NONE
};
