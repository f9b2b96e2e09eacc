//! The vendor's contact as a Card (RFC 9553), and back without loss.

use serde_json::{Map, Value, json};

use super::contact::{Details, Kind, OrganisationContact};
use crate::domain::{Card, CardError};

/// The Card properties for what only this vendor knows.
const KIND: &str = "emnify.com:type";
const COUNTRY: &str = "emnify.com:country";
const SECONDARY_ADDRESS: &str = "emnify.com:secondaryAddress";
const PURCHASE_ORDER: &str = "emnify.com:purchaseOrderNumber";

impl OrganisationContact {
    /// The contact's Card.
    ///
    /// # Errors
    /// [`CardError`], which no contact of the vendor's brings about.
    pub fn to_card(&self, uid: Option<&Value>) -> Result<Card, CardError> {
        let details = &self.details;
        let mut card = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                card.insert(name.into(), value);
            }
        };
        put("uid", uid.cloned());
        put("name", name(details));
        let unit = |department: &String| json!({"org": {"units": [{"name": department}]}});
        put("organizations", details.department.as_ref().map(unit));
        let address = |email: &String| json!({"email": {"address": email}});
        put("emails", details.email.as_ref().map(address));
        put("phones", phones(details));
        put("addresses", addresses(details));
        put(KIND, Some(self.kind.number().into()));
        put(COUNTRY, details.country.map(Value::from));
        let text = |text: &Option<String>| text.clone().map(Value::from);
        put(SECONDARY_ADDRESS, text(&details.secondary_address));
        put(PURCHASE_ORDER, text(&details.purchase_order_number));
        Card::new(card)
    }

    /// The contact that a Card of this dialect holds.
    pub fn from_card(card: &Card) -> Self {
        let text = |path: &[&str]| at(card, path).and_then(Value::as_str).map(str::to_owned);
        let part = |path: &[&str], kind: &str| {
            let parts = at(card, path)?.as_array()?;
            let part = parts
                .iter()
                .find(|part| part.get("kind").is_some_and(|k| k == kind))?;
            part.get("value")?.as_str().map(str::to_owned)
        };
        let address = |kind: &str| part(&["addresses", "address", "components"], kind);
        let unit = at(card, &["organizations", "org", "units"]).and_then(|units| units.get(0));
        let department = unit.and_then(|unit| unit.get("name")?.as_str());
        Self {
            kind: kind(card).unwrap_or(Kind::Commercial),
            details: Details {
                country: card.get(COUNTRY).and_then(Value::as_u64),
                name: text(&["name", "full"]),
                title: part(&["name", "components"], "title"),
                department: department.map(str::to_owned),
                street: address("name"),
                zipcode: address("postcode"),
                city: address("locality"),
                email: text(&["emails", "email", "address"]),
                phone: text(&["phones", "phone", "number"]),
                mobile: text(&["phones", "mobile", "number"]),
                state: address("region"),
                secondary_address: text(&[SECONDARY_ADDRESS]),
                purchase_order_number: text(&[PURCHASE_ORDER]),
            },
        }
    }
}

fn kind(card: &Card) -> Option<Kind> {
    Kind::numbered(card.get(KIND)?.as_u64()?)
}

/// What stands in a Card at the end of a path of members.
fn at<'a>(card: &'a Card, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(card.get(first)?, |value, member| value.get(member))
}

fn name(details: &Details) -> Option<Value> {
    let mut name = Map::new();
    if let Some(full) = &details.name {
        name.insert("full".into(), full.as_str().into());
    }
    if let Some(title) = &details.title {
        name.insert(
            "components".into(),
            json!([{"kind": "title", "value": title}]),
        );
    }
    (!name.is_empty()).then(|| name.into())
}

fn phones(details: &Details) -> Option<Value> {
    let mut phones = Map::new();
    for (key, feature, number) in [
        ("phone", "voice", &details.phone),
        ("mobile", "mobile", &details.mobile),
    ] {
        if let Some(number) = number {
            let phone = json!({"number": number, "features": {feature: true}});
            phones.insert(key.into(), phone);
        }
    }
    (!phones.is_empty()).then(|| phones.into())
}

fn addresses(details: &Details) -> Option<Value> {
    let parts: Vec<Value> = [
        ("name", &details.street),
        ("postcode", &details.zipcode),
        ("locality", &details.city),
        ("region", &details.state),
    ]
    .into_iter()
    .filter_map(|(kind, value)| Some(json!({"kind": kind, "value": value.as_ref()?})))
    .collect();
    (!parts.is_empty()).then(|| json!({"address": {"components": parts}}))
}

/// What of a contact harms nobody: what it is for and its country.
pub fn non_sensitive(card: &Card) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(kind) = kind(card) {
        fields.insert("type".into(), json!({"id": kind.number()}));
    }
    if let Some(country) = card.get(COUNTRY) {
        fields.insert("country".into(), json!({"id": country}));
    }
    fields
}

#[cfg(test)]
mod tests {
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn details()(
            country in of(1_u64..), name in of(".*"), title in of(".*"), department in of(".*"),
            (street, zipcode, city, state) in (of(".*"), of(".*"), of(".*"), of(".*")),
            email in of(".+"), phone in of(".*"), mobile in of(".*"),
            secondary_address in of(".*"), purchase_order_number in of(".*"),
        ) -> Details {
            Details {
                country, name, title, department, street, zipcode, city, email, phone, mobile,
                state, secondary_address, purchase_order_number,
            }
        }
    }

    proptest! {
        #[test]
        fn a_contact_survives_its_card(kind in 1_u64..=6, details in details()) {
            let kind = Kind::numbered(kind).expect("one of six");
            let contact = OrganisationContact { kind, details };
            let card = contact.to_card(None).expect("a card");
            prop_assert_eq!(OrganisationContact::from_card(&card), contact);
        }
    }

    #[test]
    fn only_kind_and_country_are_non_sensitive() {
        let details = Details {
            name: Some("Ann".into()),
            country: Some(74),
            ..Details::default()
        };
        let contact = OrganisationContact {
            kind: Kind::Finance,
            details,
        };
        let card = contact.to_card(None).expect("a card");
        let want = json!({"type": {"id": 3}, "country": {"id": 74}});
        assert_eq!(Value::Object(non_sensitive(&card)), want);
    }
}
