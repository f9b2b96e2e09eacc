//! What the core must know of MATTR VII: its number in records, the names of its events and owners, and its limits.

use super::contact;
use crate::domain::{DialectId, IdRule, Rules};

/// The MATTR VII dialect.
#[derive(Clone, Copy, Debug)]
pub struct Mattr;

/// The rules of MATTR VII that the core decides by.
pub static RULES: Rules = Rules {
    dialect: DialectId(2),
    name: "mattr",
    event_prefix: "ECOSYSTEM_PARTICIPANT_CONTACT",
    owner_names: &["ecosystemId", "participantId"],
    contacts_max: Some(10),
    ids: IdRule::Uuid,
    is_active: Some(contact::is_active),
    non_sensitive: |card| contact::CONTACT.non_sensitive(card),
    ..Rules::NONE
};
