//! What the core must know of our own API: its number in records, the names of its events and owners, and its limits.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{tables, values};
use crate::domain::{Card, DialectId, IdRule, LookupKey, Rules};

/// The rules of our own API that the core decides by.
pub static RULES: Rules = Rules {
    dialect: DialectId(1),
    name: "native",
    event_prefix: "CONTACT",
    owner_names: &["tenant"],
    ids: IdRule::Uuid,
    lookup_keys: Some(|card| external_id(card).into_iter().collect()),
    is_active: Some(is_active),
    non_sensitive,
    batch_items_max: 200,
    ..Rules::NONE
};

fn external_id(card: &Card) -> Option<LookupKey> {
    card.text(tables::EXTERNAL_ID).map(LookupKey::external_id)
}

/// A Card from another system may say that its contact is inactive, in a property that the vendor
/// there calls `<its domain>:active` (RFC 9553, section 1.8.1, names such properties).
fn is_active(card: &Card) -> bool {
    if !card.may_have(":active") {
        return true;
    }
    let mut properties = card.properties().iter();
    !properties.any(|(name, value)| name.ends_with(":active") && value == false)
}

/// The Card's own kind, which is found without taking the Card apart: a replay asks for it with
/// every event.
fn kind(card: &Card) -> Option<String> {
    #[derive(Deserialize)]
    struct Own<'a> {
        #[serde(borrow)]
        kind: Option<&'a RawValue>,
    }
    if !card.may_have("kind") {
        return None;
    }
    let own: Own<'_> = serde_json::from_str(card.json()).ok()?;
    serde_json::from_str(own.kind?.get()).ok()
}

/// What of a contact harms nobody: its kind, where it is one of the RFC's and not a client's text.
pub(super) fn non_sensitive(card: &Card) -> Map<String, Value> {
    let kind = kind(card).filter(|kind| values::CARD_KINDS.contains(&kind.as_str()));
    kind.map(|kind| ("kind".to_owned(), kind.into()))
        .into_iter()
        .collect()
}
