//! What holds for the contact of every table, for the tests of the dialects.

use proptest::prelude::*;
use serde_json::Value;

use super::{Field, Kind, Mode, Schema};
use crate::dialect::fields::Text;
use crate::domain::Card;

/// Bodies of whole contacts in which each field is good by itself.
pub fn good(schema: &'static Schema) -> BoxedStrategy<Value> {
    let groups: Vec<_> = schema
        .groups
        .iter()
        .map(|group| (Just(group.inside), object(group.fields)))
        .collect();
    let whole = |groups: Vec<(Option<&str>, Value)>| {
        let mut body = serde_json::Map::new();
        for (inside, members) in groups {
            match (inside, members) {
                (Some(name), members) => body.extend([(name.to_owned(), members)]),
                (None, Value::Object(members)) => body.extend(members),
                (None, _) => {}
            }
        }
        Value::Object(body)
    };
    groups.prop_map(whole).boxed()
}

/// Objects with every field that is required, and with some of the others.
fn object(fields: &'static [Field]) -> BoxedStrategy<Value> {
    let members: Vec<_> = fields
        .iter()
        .filter(|field| field.is_sent())
        .map(|field| {
            let value = value(field.kind).prop_map(move |value| (field.name.to_owned(), value));
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

/// Good values of a kind.
fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Text(Text {
            one_of: Some(texts),
            ..
        }) => prop::sample::select(texts).prop_map(Value::from).boxed(),
        Kind::Text(rule) if json_format(rule) == Some("email") => {
            "[a-z]{1,9}@[a-z]{1,9}\\.org".prop_map(Value::from).boxed()
        }
        Kind::Text(rule) if json_format(rule) == Some("date-time") => {
            Just("2024-01-15T00:00:00Z".into()).boxed()
        }
        Kind::Text(rule) if !rule.may_be_blank => "[a-zé]{1,9}".prop_map(Value::from).boxed(),
        Kind::Text(_) => ".{0,20}".prop_map(Value::from).boxed(),
        Kind::Flag => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Id(form) => "[0-9a-f]{32}"
            .prop_filter_map("no id", |text| (form.canonical)(&text))
            .prop_map(Value::from)
            .boxed(),
        Kind::Code(codes) => {
            let numbers: Vec<u64> = codes.names.iter().map(|(number, _)| *number).collect();
            let number = prop::sample::select(numbers);
            number.prop_map(|id| serde_json::json!({"id": id})).boxed()
        }
        Kind::Texts { max, .. } => {
            let most = max.map_or(4, |max| max as usize);
            prop::collection::vec("[a-z]{1,9}".prop_map(Value::from), 0..=most)
                .prop_map(Value::from)
                .boxed()
        }
        Kind::Object => any_object().boxed(),
        Kind::Objects => prop::collection::vec(any_object(), 0..3)
            .prop_map(Value::from)
            .boxed(),
        Kind::Items(items) => prop::collection::vec(object(items.fields), 0..3)
            .prop_map(Value::from)
            .boxed(),
        Kind::ReadOnly => Just(Value::Null).boxed(),
    }
}

fn json_format(rule: Text) -> Option<&'static str> {
    rule.format?.json
}

fn any_object() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from)
    ];
    prop::collection::btree_map("[a-z]{1,5}", scalar, 0..3)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// A contact that is good is the same after it was a Card, in memory and on disk.
///
/// # Errors
/// The test's failure, or that the contact is not good: items equal, or fields not together.
pub fn survives_its_card(schema: &'static Schema, body: &Value) -> Result<Card, TestCaseError> {
    let draft = schema.read(body, "", Mode::Whole);
    let record = match draft.onto(None) {
        Ok(record) => record,
        Err(violations) => {
            let between = |code| ["duplicate", "not_allowed"].contains(&code);
            let expected = violations.iter().all(|it| between(it.problem.code()));
            prop_assert!(expected, "{violations:?}");
            return Err(TestCaseError::reject("fields that do not go together"));
        }
    };
    let card = schema.card(&record, None).expect("a card");
    prop_assert_eq!(&schema.record(&card), &record);
    let stored = Card::from_json(card.json().as_bytes()).expect("a card");
    prop_assert_eq!(schema.record(&stored), record);
    Ok(card)
}
