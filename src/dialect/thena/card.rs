//! The vendor's contact as a Card (RFC 9553), and back without loss.

use serde_json::{Map, Value, json};

use super::contact::CustomerContact;
use crate::dialect::uri::is_uri;
use crate::domain::{Card, CardError};

/// The Card properties for what only this vendor knows.
const AVATAR: &str = "thena.ai:avatarUrl";
const TYPE: &str = "thena.ai:contactType";
const ACCOUNTS: &str = "thena.ai:accountIds";
const CUSTOM_FIELDS: &str = "thena.ai:customFieldValues";
const METADATA: &str = "thena.ai:metadata";
const SOURCE: &str = "thena.ai:source";

impl CustomerContact {
    /// The contact's Card.
    ///
    /// # Errors
    /// [`CardError::TooDeep`] where metadata or custom fields are nested too deeply.
    pub fn to_card(&self, uid: Option<&Value>) -> Result<Card, CardError> {
        let mut card = Map::new();
        let mut put = |name: &str, there: bool, value: Value| {
            if there {
                card.insert(name.into(), value);
            }
        };
        if let Some(uid) = uid {
            put("uid", true, uid.clone());
        }
        let names: Vec<Value> = [("given", &self.first_name), ("surname", &self.last_name)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(kind, value)| json!({"kind": kind, "value": value}))
            .collect();
        put("name", !names.is_empty(), json!({"components": names}));
        let email = json!({"email": {"address": self.email}});
        put("emails", !self.email.is_empty(), email);
        let phone = json!({"phone": {"number": self.phone_number}});
        put("phones", !self.phone_number.is_empty(), phone);
        // The vendor takes any text; a Card's medium has a URI.
        let avatar = json!({"avatar": {"kind": "photo", "uri": self.avatar_url}});
        let is_uri = is_uri(&self.avatar_url);
        put("media", is_uri, avatar);
        let other = !is_uri && !self.avatar_url.is_empty();
        put(AVATAR, other, self.avatar_url.as_str().into());
        let contact_type = self.contact_type.as_str();
        put(TYPE, !contact_type.is_empty(), contact_type.into());
        let accounts = self.account_ids.clone();
        put(ACCOUNTS, !accounts.is_empty(), accounts.into());
        let custom = self.custom_field_values.clone();
        put(CUSTOM_FIELDS, !custom.is_empty(), custom.into());
        let metadata = self.metadata.clone();
        put(METADATA, !metadata.is_empty(), metadata.into());
        put(SOURCE, !self.source.is_empty(), self.source.as_str().into());
        Card::new(card)
    }

    /// The contact that a Card of this dialect holds.
    pub fn from_card(card: &Card) -> Self {
        let text = |path: &[&str]| at(card, path).and_then(Value::as_str).unwrap_or_default();
        let name = |kind: &str| {
            let parts = at(card, &["name", "components"])?.as_array()?;
            let mut parts = parts.iter();
            let part = parts.find(|part| part.get("kind").is_some_and(|k| k == kind))?;
            part.get("value")?.as_str().map(str::to_owned)
        };
        let custom = card.get(CUSTOM_FIELDS).and_then(Value::as_array);
        let metadata = card.get(METADATA).and_then(Value::as_object);
        Self {
            first_name: name("given").unwrap_or_default(),
            last_name: name("surname").unwrap_or_default(),
            email: text(&["emails", "email", "address"]).to_owned(),
            phone_number: text(&["phones", "phone", "number"]).to_owned(),
            avatar_url: match text(&["media", "avatar", "uri"]) {
                "" => text(&[AVATAR]).to_owned(),
                uri => uri.to_owned(),
            },
            contact_type: text(&[TYPE]).to_owned(),
            account_ids: account_ids(card).map(str::to_owned).collect(),
            custom_field_values: custom
                .into_iter()
                .flatten()
                .filter_map(|value| value.as_object().cloned())
                .collect(),
            metadata: metadata.cloned().unwrap_or_default(),
            source: text(&[SOURCE]).to_owned(),
        }
    }
}

/// What stands in a Card at the end of a path of members.
fn at<'a>(card: &'a Card, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(card.get(first)?, |value, member| value.get(member))
}

/// The ids of a contact's accounts.
pub fn account_ids(card: &Card) -> impl Iterator<Item = &str> {
    let ids = card.get(ACCOUNTS).and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(Value::as_str)
}

/// The id of a contact's type, where it was given one.
pub fn type_id(card: &Card) -> Option<&str> {
    card.text(TYPE)
}

/// What of a contact harms nobody: its type and its accounts.
pub fn non_sensitive(card: &Card) -> Map<String, Value> {
    let type_id = type_id(card).unwrap_or(super::contact::DEFAULT_TYPE);
    Map::from_iter([
        ("contactTypeId".to_owned(), type_id.into()),
        ("accountIds".to_owned(), account_ids(card).collect()),
    ])
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn object() -> impl Strategy<Value = Map<String, Value>> {
        let value = prop_oneof![
            ".*".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(json!({"a": [null, true]})),
        ];
        vec((".*", value), 0..3).prop_map(Map::from_iter)
    }

    prop_compose! {
        fn contact()(
            (first_name, last_name, email) in (".*", ".*", ".*"),
            avatar_url in prop_oneof![".*", "https://[a-z]{1,9}/"],
            (phone_number, contact_type) in (".*", ".*"),
            account_ids in vec(".*", 0..3), custom_field_values in vec(object(), 0..3),
            metadata in object(), source in ".*",
        ) -> CustomerContact {
            CustomerContact {
                first_name, last_name, email, phone_number, avatar_url, contact_type,
                account_ids, custom_field_values, metadata, source,
            }
        }
    }

    proptest! {
        #[test]
        fn a_contact_survives_its_card(contact in contact()) {
            let card = contact.to_card(None).expect("a card");
            if let Some(avatar) = at(&card, &["media", "avatar", "uri"]) {
                prop_assert!(avatar.as_str().is_some_and(is_uri), "{}", avatar);
            }
            prop_assert_eq!(CustomerContact::from_card(&card), contact);
        }
    }

    #[test]
    fn only_type_and_accounts_are_non_sensitive() {
        let contact = CustomerContact {
            first_name: "Ann".into(),
            account_ids: vec!["A1".into()],
            ..CustomerContact::default()
        };
        let card = contact.to_card(None).expect("a card");
        let want = json!({"contactTypeId": "PRIMARY", "accountIds": ["A1"]});
        assert_eq!(Value::Object(non_sensitive(&card)), want);
    }
}
