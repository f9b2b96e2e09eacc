//! What holds for any contact and for any input.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{CONTACTS, HEX, LIST, rig};
use crate::dialect::oracle::contact::{ADDRESS, CONTACT, MODE, PROPERTY};
use crate::dialect::schema::{Field, Kind, Mode};
use crate::domain::Card;

/// Good JSON for a field of a table.
fn good(field: &'static Field) -> BoxedStrategy<Value> {
    match field.kind {
        Kind::Text(rule) if rule.format.is_some() => Just("2024-01-15T00:00:00Z".into()).boxed(),
        Kind::Text(_) => any::<String>()
            .prop_map(|text| text.chars().take(20).collect::<String>().into())
            .boxed(),
        Kind::Id(_) => any::<u128>()
            .prop_map(|id| Uuid::from_u128(id).to_string().into())
            .boxed(),
        Kind::Flag => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Items(items) => prop::collection::vec(object(items.fields), 0..3)
            .prop_map(Value::from)
            .boxed(),
        _ => unreachable!("no such kind here"),
    }
}

/// Good JSON for an object: every field that is required, and some of the others.
fn object(fields: &'static [Field]) -> BoxedStrategy<Value> {
    let members: Vec<_> = fields
        .iter()
        .filter(|field| field.is_sent())
        .map(|field| {
            let value = good(field).prop_map(move |value| (field.name.to_owned(), value));
            if field.is_required(Mode::Whole) {
                value.prop_map(Some).boxed()
            } else {
                prop::option::weighted(0.6, value).boxed()
            }
        })
        .collect();
    members
        .prop_map(|members| Value::Object(members.into_iter().flatten().collect()))
        .boxed()
}

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
    fn a_contact_survives_its_card(contact in object(CONTACT.groups[0].fields), beside in object(CONTACT.groups[1].fields)) {
        let mut body: Map<String, Value> = beside.as_object().cloned().expect("an object");
        body.insert("contact".into(), contact);
        let draft = CONTACT.read(&body.into(), "", Mode::Whole);
        // Two items without a field are equal, which is refused; everything else here is good.
        if let Err(violations) = draft.record() {
            let doubles = violations.iter().all(|v| v.problem.code() == "duplicate");
            prop_assert!(doubles, "{violations:?}");
            return Err(TestCaseError::reject("equal items"));
        }
        let contact = draft.record().expect("good");
        let card = draft.card().expect("a card");
        prop_assert_eq!(&CONTACT.record(&card), &contact);
        let stored = Card::from_json(&card.to_json()).expect("a card");
        prop_assert_eq!(CONTACT.record(&stored), contact);
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
            let seen = rig().send_json("POST", CONTACTS, &body);
            prop_assert!(matches!(seen.reply.status.as_u16(), 200 | 400), "{body}");
        }
    }

    #[test]
    fn any_bytes_and_any_query_are_answered(
        body in prop::collection::vec(any::<u8>(), 0..64), query in "[a-zA-Z]{0,12}=.{0,40}",
    ) {
        let seen = rig().send_with("POST", CONTACTS, &[], &body);
        prop_assert_eq!(seen.reply.status, 400);
        let seen = rig().send("GET", &format!("{LIST}?{query}"), "");
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
