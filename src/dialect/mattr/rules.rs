//! What the core must know of MATTR VII: its number in records, the names of its events and owners, and its limits.

use uuid::Uuid;

use super::contact;
use crate::domain::{DialectId, IdRule, Rules};

/// The MATTR VII dialect.
#[derive(Clone, Copy, Debug)]
pub struct Mattr;

/// A UUID in its hyphenated form and any case.
pub fn uuid(text: &str) -> Option<Uuid> {
    let hyphenated = text.len() == 36;
    hyphenated.then(|| Uuid::try_parse(text).ok()).flatten()
}

/// The rules of MATTR VII that the core decides by.
pub static RULES: Rules = Rules {
    dialect: DialectId(2),
    name: "mattr",
    event_prefix: "ECOSYSTEM_PARTICIPANT_CONTACT",
    owner_names: &["ecosystemId", "participantId"],
    tenant: |text| Some(uuid(text)?.hyphenated().to_string()),
    contacts_max: Some(10),
    ids: IdRule::Uuid,
    is_active: Some(contact::is_active),
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    ..Rules::NONE
};
