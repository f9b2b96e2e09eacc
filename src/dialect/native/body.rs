//! A contact as our own API shows it, whichever dialect's it is.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::schema::Property;
use super::tables::CARD;
use crate::dialect::REGISTRY;
use crate::dialect::describe::{any_text, count, refer, time, uuid};
use crate::domain::{Actor, Card, Contact, DialectId, Owner};
use crate::wire::OwnerIds;

/// The body of an answer that holds a contact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactBody<'a> {
    id: String,
    vendor_id: &'a str,
    tenant: &'a str,
    dialect: &'static str,
    owner: OwnerIds,
    version: u64,
    created_at: String,
    created_by: By<'a>,
    last_modified_at: String,
    last_modified_by: By<'a>,
    card: &'a Card,
}

/// The caller who wrote a contact, as far as the token said.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct By<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    management_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
}

impl<'a> From<&'a Actor> for By<'a> {
    fn from(actor: &'a Actor) -> Self {
        Self {
            client_id: actor.client_id.as_deref(),
            management_user_id: actor.user_id.as_deref(),
            subject: actor.subject.as_deref(),
        }
    }
}

impl<'a> From<&'a Contact> for ContactBody<'a> {
    fn from(contact: &'a Contact) -> Self {
        Self {
            id: contact.id.to_string(),
            vendor_id: &contact.vendor_id,
            tenant: contact.owner.tenant(),
            dialect: dialect_name(contact.owner.dialect()),
            owner: owner_ids(&contact.owner),
            version: contact.version,
            created_at: contact.created_at.to_string(),
            created_by: By::from(&contact.created_by),
            last_modified_at: contact.modified_at.to_string(),
            last_modified_by: By::from(&contact.modified_by),
            card: &contact.card,
        }
    }
}

/// A dialect's name; nothing for a number that this process does not speak.
pub fn dialect_name(dialect: DialectId) -> &'static str {
    REGISTRY.get(dialect).map_or("", |rules| rules.name)
}

/// An owner's ids by the names that its dialect has for them.
fn owner_ids(owner: &Owner) -> OwnerIds {
    let rules = REGISTRY.get(owner.dialect());
    OwnerIds::new(rules.map_or(&[], |rules| rules.owner_names), owner.clone())
}

/// The members of a contact that an answer shows: `fields=id,version,card.name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask(Option<Vec<String>>);

/// Whether a Card can have a property of this name: one of the RFC's, or one that a vendor or a
/// user adds, whose domain stands in front of a colon (RFC 9553, section 1.8.1).
fn is_property(name: &str) -> bool {
    let known = |property: &Property| property.name == name;
    name == "@type" || name.contains(':') || CARD.properties.iter().any(known)
}

/// Names that one `fields` may hold.
const NAMES_MAX: usize = 64;

/// A member's name, and what makes its JSON Schema.
type Member = (&'static str, fn() -> Value);

/// The members of a contact, which `fields` can name beside `card.<property>`, and what each holds.
pub static MEMBERS: [Member; 11] = [
    ("id", uuid),
    ("vendorId", any_text),
    ("tenant", any_text),
    ("dialect", any_text),
    ("owner", owner_schema),
    ("version", count),
    ("createdAt", time),
    ("createdBy", || refer("Actor")),
    ("lastModifiedAt", time),
    ("lastModifiedBy", || refer("Actor")),
    ("card", || refer("Card")),
];

fn owner_schema() -> Value {
    json!({"type": "object", "additionalProperties": any_text()})
}

impl Mask {
    /// Reads a list of names; `None` where one is no member's, or there are too many.
    pub fn parse(text: &str) -> Option<Self> {
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        let known = |name: &String| {
            let is_member = MEMBERS.iter().any(|(member, _)| member == name);
            is_member || name.strip_prefix("card.").is_some_and(is_property)
        };
        (names.len() <= NAMES_MAX && names.iter().all(known)).then_some(Self(Some(names)))
    }

    /// What it shows of a contact; always its id.
    pub fn of<'a>(&self, contact: &'a Contact) -> Masked<'a> {
        let whole = ContactBody::from(contact);
        let Some(names) = &self.0 else {
            return Masked::Whole(Box::new(whole));
        };
        let mut part = serde_json::to_value(whole).unwrap_or_default();
        if let Value::Object(part) = &mut part {
            keep(names, part);
        }
        Masked::Part(part)
    }
}

/// What a mask shows of a contact.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Masked<'a> {
    /// The whole contact, with every member.
    Whole(Box<ContactBody<'a>>),
    /// The members that the request named.
    Part(Value),
}

/// Keeps of a contact's members those that are named, and its id.
fn keep(names: &[String], body: &mut Map<String, Value>) {
    let named = |name: &str| names.iter().any(|there| there == name);
    if let Some(Value::Object(card)) = body.get_mut("card").filter(|_| !named("card")) {
        card.retain(|property, _| named(&format!("card.{property}")));
    }
    let part_of_card = names.iter().any(|name| name.starts_with("card."));
    body.retain(|name, _| name == "id" || named(name) || (name == "card" && part_of_card));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::native::tests::contact;

    #[test]
    fn a_contact_is_shown_whole_or_in_part() {
        let contact = contact(json!({"name": {"full": "Ann"}, "kind": "individual"}));
        let id = contact.id.to_string();
        let whole = json!({
            "id": id, "vendorId": id, "tenant": "acme", "dialect": "native",
            "owner": {"tenant": "acme"}, "version": 3,
            "createdAt": "1970-01-01T00:00:01.000Z", "createdBy": {"clientId": "c"},
            "lastModifiedAt": "1970-01-01T00:00:02.000Z", "lastModifiedBy": {"subject": "s"},
            "card": contact.card.properties(),
        });
        let check = |fields: &str, want: Value| {
            let mask = Mask::parse(fields).expect("fields");
            let shown = serde_json::to_value(mask.of(&contact)).expect("JSON");
            assert_eq!(shown, want, "{fields}");
        };
        let all = serde_json::to_value(Mask::default().of(&contact)).expect("JSON");
        assert_eq!(all, whole);
        check("version", json!({"id": id, "version": 3}));
        check(
            "id, card.name",
            json!({"id": id, "card": {"name": {"full": "Ann"}}}),
        );
        check("card", json!({"id": id, "card": contact.card.properties()}));
        check(
            "card.kind,card.phones,card.example.com:score",
            json!({"id": id, "card": {"kind": "individual"}}),
        );
        let many = vec!["id"; 65].join(",");
        for bad in [
            "",
            "x",
            "id,,version",
            "card.",
            "card.nmae",
            "card.name.full",
            &many,
        ] {
            assert_eq!(Mask::parse(bad), None, "{bad}");
        }
    }
}
