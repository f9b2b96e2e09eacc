//! What a table leaves out of the contacts that are written to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Properties that say nothing of a person.
const FORM: [&str; 2] = ["@type", "version"];

/// Counts the contacts of which a table holds not all, and by which property.
#[derive(Default)]
pub struct Lost {
    contacts: u64,
    properties: BTreeMap<String, u64>,
}

impl Lost {
    /// Compares a Card with the one that its row will be read as.
    pub fn count(&mut self, card: &Value, back: Option<&Value>) {
        let mut is_whole = true;
        for (name, value) in card.as_object().into_iter().flatten() {
            let there = back.and_then(|back| back.get(name)).cloned();
            let is_kept = FORM.contains(&name.as_str())
                || (name == "kind" && value == "individual")
                || there.map(|there| plain(name, there)) == Some(plain(name, value.clone()));
            if !is_kept {
                is_whole = false;
                *self.properties.entry(name.clone()).or_default() += 1;
            }
        }
        self.contacts += u64::from(!is_whole);
    }

    /// A sentence about what is left out, if anything is.
    pub fn said(&self) -> Option<String> {
        let names = self.properties.iter();
        let names: Vec<String> = names.map(|(name, of)| format!("{name} ({of})")).collect();
        let of = match self.contacts {
            0 => return None,
            1 => "1 contact".to_owned(),
            contacts => format!("{contacts} contacts"),
        };
        Some(format!(
            "the table does not hold all of {of}; left out there or cut: {}; --format ndjson holds \
             all (JSContact)",
            names.join(", ")
        ))
    }
}

/// A property without what neither a table nor a reader of it needs: the ids of members, the types
/// of objects, and the order of the parts of a name or an address.
fn plain(property: &str, mut value: Value) -> Value {
    strip(&mut value);
    let has_ids = !matches!(property, "name" | "keywords" | "relatedTo");
    match value {
        Value::Object(members) if has_ids && members.values().all(Value::is_object) => {
            let values: Map<String, Value> = members
                .into_iter()
                .map(|(_, member)| (member.to_string(), member))
                .collect();
            Value::Object(values)
        }
        value => value,
    }
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| name != "@type" && name != "isOrdered");
            members.values_mut().for_each(strip);
            members.sort_keys();
        }
        Value::Array(items) => {
            items.iter_mut().for_each(strip);
            items.sort_by_key(ToString::to_string);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_comes_back_otherwise_is_counted_and_named() {
        let mut lost = Lost::default();
        let card = json!({"@type": "Card", "version": "1.0", "kind": "individual",
            "name": {"components": [{"kind": "surname", "value": "B"}, {"kind": "given", "value": "A"}]},
            "emails": {"a": {"@type": "EmailAddress", "address": "a@b.co"}}});
        let back = json!({"emails": {"1": {"address": "a@b.co"}},
            "name": {"components": [{"kind": "given", "value": "A"}, {"kind": "surname", "value": "B"}]}});
        lost.count(&card, Some(&back));
        assert_eq!(lost.said(), None);
        for (property, value) in [
            (
                "emails",
                json!({"a": {"address": "a@b.co"}, "b": {"address": "c@d.co"}}),
            ),
            (
                "emails",
                json!({"a": {"address": "a@b.co", "contexts": {"work": true}}}),
            ),
            ("kind", json!("group")),
        ] {
            let mut card = card.clone();
            card[property] = value;
            lost.count(&card, Some(&back));
        }
        lost.count(&json!({"members": {}}), None);
        let said = lost.said().unwrap_or_default();
        assert!(said.contains("all of 4 contacts"), "{said}");
        assert!(
            said.contains("cut: emails (2), kind (1), members (1); "),
            "{said}"
        );
    }
}
