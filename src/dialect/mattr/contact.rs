//! The vendor's contact, its JSON, and its Card.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::dialect::email::is_email;
use crate::dialect::fields::{ANY_TEXT, Fields, Nulls, Text};
use crate::domain::{Actor, Card, Contact, FieldName, Violation};

/// The Card property for what only this vendor knows.
const ACTIVE: &str = "mattr.global:active";

/// A point of contact as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PointOfContact {
    /// Full name.
    pub full_name: String,
    /// Whether the contact is active.
    pub active: bool,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_address: Option<String>,
    /// Primary phone number, free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_phone_number: Option<String>,
    /// Secondary phone number, free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary_phone_number: Option<String>,
}

/// A name has something in it that can be seen.
pub const NAME: Text = ANY_TEXT.not_blank();
/// The vendor says format e-mail.
pub const EMAIL: Text = ANY_TEXT.of("email", is_email).known_as("email");

impl PointOfContact {
    /// Reads a body: the contact or what is wrong with it, and the names of the fields sent.
    pub fn read(body: &Map<String, Value>) -> (Result<Self, Vec<Violation>>, Vec<FieldName>) {
        let mut fields = Fields::new(body, "", Nulls::Refused);
        let full_name = fields.text("fullName", NAME, true);
        let active = fields.flag("active", true);
        let email_address = fields.text("emailAddress", EMAIL, false);
        let primary_phone_number = fields.text("primaryPhoneNumber", ANY_TEXT, false);
        let secondary_phone_number = fields.text("secondaryPhoneNumber", ANY_TEXT, false);
        let contact = match (full_name, active) {
            (Some(full_name), Some(active)) if fields.violations.is_empty() => Ok(Self {
                full_name,
                active,
                email_address,
                primary_phone_number,
                secondary_phone_number,
            }),
            _ => Err(fields.violations),
        };
        (contact, fields.sent)
    }

    /// The contact's Card properties.
    pub fn to_properties(&self) -> Map<String, Value> {
        let mut card = Map::new();
        card.insert("kind".into(), "individual".into());
        card.insert("name".into(), json!({"full": self.full_name}));
        if let Some(address) = &self.email_address {
            card.insert("emails".into(), json!({"email": {"address": address}}));
        }
        let mut phones = Map::new();
        for (key, number) in [
            ("primary", &self.primary_phone_number),
            ("secondary", &self.secondary_phone_number),
        ] {
            if let Some(number) = number {
                phones.insert(key.into(), json!({"number": number}));
            }
        }
        if !phones.is_empty() {
            card.insert("phones".into(), phones.into());
        }
        card.insert(ACTIVE.into(), self.active.into());
        card
    }

    /// The contact that a Card of this dialect holds.
    pub fn from_card(card: &Card) -> Self {
        let phone = |key: &str| {
            let number = card.get("phones")?.get(key)?.get("number")?.as_str()?;
            Some(number.to_owned())
        };
        Self {
            full_name: card.full_name().unwrap_or_default(),
            active: is_active(card),
            email_address: card.emails().next().map(str::to_owned),
            primary_phone_number: phone("primary"),
            secondary_phone_number: phone("secondary"),
        }
    }

    /// The contact's fields as the vendor names them, those that are there.
    pub fn to_fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            // A struct of texts and a flag is an object, whatever they hold.
            _ => Map::new(),
        }
    }

    /// The names of the fields in which two contacts differ.
    pub fn changed(&self, other: &Self) -> Vec<FieldName> {
        let differs = [
            ("fullName", self.full_name != other.full_name),
            ("active", self.active != other.active),
            ("emailAddress", self.email_address != other.email_address),
            (
                "primaryPhoneNumber",
                self.primary_phone_number != other.primary_phone_number,
            ),
            (
                "secondaryPhoneNumber",
                self.secondary_phone_number != other.secondary_phone_number,
            ),
        ];
        differs
            .into_iter()
            .filter_map(|(name, differs)| differs.then_some(FieldName::Borrowed(name)))
            .collect()
    }
}

fn is_active(card: &Card) -> bool {
    card.get(ACTIVE)
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

/// What of a contact harms nobody: whether it is active.
pub fn non_sensitive(card: &Card) -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), is_active(card).into())])
}

/// The vendor's answer that holds a contact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactBody {
    id: String,
    #[serde(flatten)]
    contact: PointOfContact,
    created_by: By,
    created_at: String,
    last_modified_by: By,
    last_modified_at: String,
}

/// Who did it: normally only one of the two is there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct By {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    management_user_id: Option<String>,
}

impl From<&Actor> for By {
    fn from(actor: &Actor) -> Self {
        Self {
            client_id: actor.client_id.as_deref().map(str::to_owned),
            management_user_id: actor.management_user_id.as_deref().map(str::to_owned),
        }
    }
}

impl From<&Contact> for ContactBody {
    fn from(contact: &Contact) -> Self {
        Self {
            id: contact.vendor_id.clone(),
            contact: PointOfContact::from_card(&contact.card),
            created_by: By::from(&contact.created_by),
            created_at: contact.created_at.to_string(),
            last_modified_by: By::from(&contact.modified_by),
            last_modified_at: contact.modified_at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_contact_survives_its_card(
            full_name in ".+", active: bool, email_address in proptest::option::of(".*"),
            primary_phone_number in proptest::option::of(".*"),
            secondary_phone_number in proptest::option::of(".*"),
        ) {
            let contact = PointOfContact {
                full_name, active, email_address, primary_phone_number, secondary_phone_number,
            };
            let card = Card::new(contact.to_properties()).expect("a card");
            prop_assert_eq!(PointOfContact::from_card(&card), contact);
        }
    }
}
