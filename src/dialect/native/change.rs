//! How a Card changes: JSON merge patches (RFC 7396), and the difference of two Cards.

use serde::Serialize;
use serde_json::{Map, Value};

use super::validate;
use super::walker::Object;
use crate::dialect::pointer::escaped;
use crate::domain::{Card, CardError, Expected, FieldName, Patch, Patched, Problem, Violation};

/// The Card of these properties, or what is wrong with them.
///
/// # Errors
/// The violations, at least one.
pub fn card(properties: Object) -> Result<Card, Vec<Violation>> {
    let violations = validate::card(&properties);
    if !violations.is_empty() {
        return Err(violations);
    }
    Card::new(properties).map_err(|error| {
        let (field, problem) = match error {
            CardError::Property { property, .. } => (property, Problem::OutOfRange),
            CardError::NotAnObject | CardError::NotJson => {
                ("card", Problem::WrongType(Expected::Object))
            }
            CardError::TooDeep => ("card", Problem::NotAllowed),
        };
        vec![Violation::new(field, problem)]
    })
}

/// The change that a merge patch makes.
pub fn merge(patch: Object) -> Patch {
    Patch::new(move |current| {
        let mut properties = current.properties().clone();
        merge_into(&mut properties, &patch);
        patched(current, properties)
    })
}

/// The change that makes a Card of another; its `uid` stays where the new one has none.
pub fn replace(card: Card) -> Patch {
    Patch::new(move |current| {
        let mut properties = card.properties().clone();
        if let Some(uid) = current.get("uid").filter(|_| card.get("uid").is_none()) {
            properties.insert("uid".into(), uid.clone());
        }
        patched(current, properties)
    })
}

fn patched(current: &Card, properties: Object) -> Result<Patched, Vec<Violation>> {
    let card = card(properties)?;
    let changed = changed(current, &card);
    Ok(Patched { card, changed })
}

/// RFC 7396, section 2. The depth of both is bounded where they are read.
fn merge_into(target: &mut Object, patch: &Object) {
    // All at once: to take one out of the middle moves those behind it.
    target.retain(|name, _| !patch.get(name).is_some_and(Value::is_null));
    for (name, value) in patch {
        match value {
            Value::Null => {}
            Value::Object(inner) => {
                let slot = target.entry(name.as_str()).or_insert(Value::Null);
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(slot) = slot {
                    merge_into(slot, inner);
                }
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

/// The names of the properties in which two Cards differ.
fn changed(one: &Card, other: &Card) -> Vec<FieldName> {
    let (one, other) = (one.properties(), other.properties());
    let gone = one.keys().filter(|key| !other.contains_key(*key));
    let differs = other
        .iter()
        .filter(|(key, value)| one.get(*key) != Some(value));
    validate::names(gone.chain(differs.map(|(key, _)| key)))
}

/// One value that differs between two Cards.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The place of the change as a JSON pointer (RFC 6901). Arrays are compared whole, for their
    /// items have no names.
    field: String,
    /// What it was; absent where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Value>,
    /// What it is; absent where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Value>,
}

/// What differs between two Cards, or between one and none.
pub fn difference(old: Option<&Card>, new: Option<&Card>) -> Vec<Difference> {
    let nothing = Map::new();
    let mut found = Vec::new();
    compare(
        old.map_or(&nothing, Card::properties),
        new.map_or(&nothing, Card::properties),
        &mut String::new(),
        &mut found,
    );
    found
}

fn compare(old: &Object, new: &Object, path: &mut String, found: &mut Vec<Difference>) {
    let mark = path.len();
    let added = new.keys().filter(|key| !old.contains_key(*key));
    for key in old.keys().chain(added) {
        path.push('/');
        path.push_str(&escaped(key));
        match (old.get(key), new.get(key)) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => compare(old, new, path, found),
            (old, new) if old != new => found.push(Difference {
                field: path.clone(),
                old: old.cloned(),
                new: new.cloned(),
            }),
            _ => {}
        }
        path.truncate(mark);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_patch_is_merged_as_rfc_7396_has_it() {
        let check = |target: Value, patch: Value, want: Value| {
            let mut merged = object(target);
            merge_into(&mut merged, &object(patch));
            assert_eq!(Value::Object(merged), want);
        };
        // The examples of its appendix A that are about objects.
        check(json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"}));
        check(
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        );
        check(json!({"a": "b"}), json!({"a": null}), json!({}));
        check(
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        );
        check(json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]}));
        check(
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        );
        check(
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        );
        check(
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        );
        check(
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        );
    }

    #[test]
    fn a_change_names_the_properties_that_differ() {
        let check = |patch: Value, want: Result<&[&str], (&str, Problem)>| {
            let before = Card::from_value(json!({
                "uid": "urn:x", "name": {"full": "Ann"}, "secret-name": 1,
                "emails": {"e": {"address": "a@b.co"}}}))
            .expect("a card");
            let got = merge(object(patch)).apply(&before);
            match want {
                Ok(names) => assert_eq!(got.expect("a change").changed, names),
                Err((field, problem)) => {
                    let wrong = got.expect_err("wrong");
                    let told: Vec<_> = wrong.iter().map(|it| (&*it.field, it.problem)).collect();
                    assert_eq!(told, [(field, problem)]);
                }
            }
        };
        check(json!({}), Ok(&[]));
        check(json!({"name": {"full": "Ann"}}), Ok(&[]));
        check(json!({"name": null, "kind": "org"}), Ok(&["name", "kind"]));
        check(json!({"secret-name": 2, "other": 1}), Ok(&["*"]));
        check(
            json!({"@type": "Group"}),
            Err(("@type", Problem::OutOfRange)),
        );
        check(
            json!({"version": "2.0"}),
            Err(("version", Problem::OneOf(&["1.0"]))),
        );
        check(json!({"uid": ""}), Err(("uid", Problem::Blank)));
        check(
            json!({"emails": {"e": {"address": null}}}),
            Err(("emails.*.address", Problem::Required(Expected::String))),
        );
    }

    #[test]
    fn a_replaced_card_keeps_its_uid() {
        let before = Card::from_value(json!({"uid": "urn:x", "kind": "org"})).expect("a card");
        let next = Card::from_value(json!({"name": {"full": "Ann"}})).expect("a card");
        let after = replace(next).apply(&before).expect("a change");
        assert_eq!(after.card.text("uid"), Some("urn:x"));
        assert_eq!(after.changed, ["kind", "name"]);
    }

    #[test]
    fn differences_are_named_by_pointers() {
        let card = |value| Card::from_value(value).expect("a card");
        let old = card(json!({"a/b": {"~": 1, "same": 2}, "list": [1], "gone": 1}));
        let new = card(json!({"a/b": {"~": 2, "same": 2}, "list": [2], "new": {"x": 1}}));
        let found = serde_json::to_value(difference(Some(&old), Some(&new))).expect("JSON");
        let want = json!([
            {"field": "/a~1b/~0", "old": 1, "new": 2},
            {"field": "/list", "old": [1], "new": [2]},
            {"field": "/gone", "old": 1},
            {"field": "/new", "new": {"x": 1}},
        ]);
        assert_eq!(found, want);
        assert_eq!(difference(Some(&old), Some(&old)), []);
        assert_eq!(difference(None, Some(&new)).len(), new.properties().len());
    }

    proptest! {
        #[test]
        fn a_patch_of_what_differs_makes_the_other(
            old in proptest::collection::btree_map("[a-c]", 0_u8..3, 0..4),
            new in proptest::collection::btree_map("[a-c]", 0_u8..3, 0..4),
        ) {
            let card = |map| Card::from_value(json!({"name": {"full": "x"}, "v:x": map})).expect("a card");
            let (old, new) = (card(old), card(new));
            let mut patch = Map::new();
            for found in difference(Some(&old), Some(&new)) {
                let name = found.field.strip_prefix("/v:x/").expect("a nested field").to_owned();
                patch.insert(name, found.new.unwrap_or(Value::Null));
            }
            let patched = merge(object(json!({"v:x": patch}))).apply(&old).expect("a change");
            prop_assert_eq!(patched.card, new);
        }
    }
}
