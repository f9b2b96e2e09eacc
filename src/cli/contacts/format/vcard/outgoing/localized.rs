//! A Card in other languages: what the patches of `localizations` set (RFC 9553, section 2.7.1).

use serde_json::{Value, json};

use super::super::jsprop;
use crate::domain::limits;

/// For each language the members that its patches set, in their places in a Card. Of a list that
/// is patched, the items that are not are `null`.
pub fn of(card: &Value) -> Vec<(&str, Value)> {
    let languages = card.get("localizations").and_then(Value::as_object);
    let languages = languages.into_iter().flatten();
    languages
        .map(|(language, patches)| {
            let mut members = json!({});
            for (pointer, value) in patches.as_object().into_iter().flatten() {
                let path = jsprop::path(pointer);
                if path.len() <= limits::JSON_DEPTH_MAX {
                    put(&mut members, Some(card), &path, value);
                }
            }
            (language.as_str(), members)
        })
        .collect()
}

fn put(at: &mut Value, base: Option<&Value>, path: &[String], value: &Value) {
    let Some((name, rest)) = path.split_first() else {
        *at = value.clone();
        return;
    };
    if let Some(Value::Array(items)) = base {
        let index = name
            .parse::<usize>()
            .ok()
            .filter(|index| *index < items.len());
        let Some(index) = index else {
            return;
        };
        if !at.is_array() {
            *at = Value::Array(vec![Value::Null; items.len()]);
        }
        if let Some(item) = at.get_mut(index) {
            put(item, items.get(index), rest, value);
        }
        return;
    }
    if !at.is_object() {
        *at = json!({});
    }
    if let Value::Object(members) = at {
        let member = members.entry(name).or_insert(Value::Null);
        put(member, base.and_then(|base| base.get(name)), rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_sets_a_member_in_its_place() {
        let card = json!({
            "name": {"components": [{"kind": "surname"}, {"kind": "given"}]},
            "localizations": {
                "de": {"titles/a~1b/name": "Chef", "name/components/1/phonetic": "x"},
                "fr": {"name": {"full": "y"}, "name/components/2/value": "z"},
            },
        });
        let want = vec![
            (
                "de",
                json!({"titles": {"a/b": {"name": "Chef"}},
                    "name": {"components": [null, {"phonetic": "x"}]}}),
            ),
            ("fr", json!({"name": {"full": "y", "components": null}})),
        ];
        assert_eq!(of(&card), want);
    }
}
