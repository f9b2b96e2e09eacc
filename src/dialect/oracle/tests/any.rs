//! What holds for any contact and for any input.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{CONTACTS, HEX, LIST, in_memory};
use crate::dialect::oracle::contact::{ADDRESS, CONTACT, MODE, PROPERTY};
use crate::dialect::schema::testing::{good, survives_its_card};
use crate::domain::Card;

/// Any JSON, its keys mostly the schema's own so that it gets past the first field.
fn anything() -> BoxedStrategy<Value> {
    let names: Vec<String> = CONTACT
        .fields()
        .chain(ADDRESS.fields)
        .chain(MODE.fields)
        .chain(PROPERTY.fields)
        .map(|field| field.name.to_owned())
        .chain(["contact".to_owned()])
        .collect();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(HEX.into()),
    ];
    let key = prop_oneof![4 => prop::sample::select(names), 1 => any::<String>()];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

proptest! {
    #[test]
    fn a_contact_survives_its_card(body in good(&CONTACT)) {
        let card = survives_its_card(&CONTACT, &body)?;
        // RFC 9553, section 2.5.1: an address has at least one of these.
        let addresses = card.get("addresses").and_then(Value::as_object);
        for address in addresses.into_iter().flat_map(Map::values) {
            let written = address.get("components").or_else(|| address.get("full"));
            prop_assert!(written.is_some(), "{}", address);
        }
    }

    #[test]
    fn any_json_is_answered(body in anything(), contact in anything()) {
        for body in [body.clone(), json!({"contact": contact, "contactAddressesDetails": body})] {
            let seen = in_memory().send_json("POST", CONTACTS, &body);
            prop_assert!(matches!(seen.reply.status.as_u16(), 200 | 400), "{body}");
        }
    }

    #[test]
    fn any_bytes_and_any_query_are_answered(
        body in prop::collection::vec(any::<u8>(), 0..64), query in "[a-zA-Z]{0,12}=.{0,40}",
    ) {
        let seen = in_memory().send_with("POST", CONTACTS, &[], &body);
        prop_assert_eq!(seen.reply.status, 400);
        let seen = in_memory().send("GET", &format!("{LIST}?{query}"), "");
        prop_assert!(matches!(seen.reply.status.as_u16(), 200 | 400));
    }

    #[test]
    fn any_card_is_shown(card in anything()) {
        // Another dialect's door may have written it.
        if let Ok(card) = Card::from_value(card) {
            let record = CONTACT.record(&card);
            let contact = CONTACT.card(&record, None).expect("a card");
            prop_assert_eq!(CONTACT.record(&contact), record);
        }
    }
}
