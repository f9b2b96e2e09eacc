//! What a file leaves out of the contacts that are written to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Properties that say nothing of a person.
const FORM: [&str; 2] = ["@type", "version"];

/// A file that does not hold all of a contact.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A table, whose columns hold a part of a contact.
    Table,
    /// A vCard 3.0, which has no words for some of it.
    Vcard3,
}

/// Counts the contacts of which a file holds not all, and by which property.
pub struct Lost {
    holder: Holder,
    contacts: u64,
    properties: BTreeMap<String, u64>,
}

impl Lost {
    /// Counts from none, for a file of a kind.
    pub const fn of(holder: Holder) -> Self {
        Self {
            holder,
            contacts: 0,
            properties: BTreeMap::new(),
        }
    }

    /// Compares a Card with the one that the file will be read as.
    pub fn count(&mut self, card: &Value, back: Option<&Value>) {
        let mut is_whole = true;
        for (name, value) in card.as_object().into_iter().flatten() {
            let there = back.and_then(|back| back.get(name));
            let is_kept = FORM.contains(&name.as_str())
                || (name == "kind" && value == "individual")
                || self.holder.holds(name, value, there);
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
        let names = names.join(", ");
        Some(match self.holder {
            Holder::Table => format!(
                "the table does not hold all of {of}; left out there or cut: {names}; --format \
                 ndjson holds all (JSContact)"
            ),
            Holder::Vcard3 => format!(
                "vCard 3.0 does not hold all of {of}; left out there or changed: {names}; \
                 --vcard-version 4.0 holds all"
            ),
        })
    }
}

impl Holder {
    /// Whether a property of a Card came back as it was.
    fn holds(self, name: &str, value: &Value, there: Option<&Value>) -> bool {
        if self == Self::Vcard3 && name == "vCard" {
            return holds_kept(value, there);
        }
        let plain = |value: &Value| self.plain(name, value.clone());
        there.map(plain) == Some(plain(value))
    }

    /// A property without what neither the file nor a reader of it needs: the ids of members, the
    /// types of objects, and the order of the parts of a name or an address.
    fn plain(self, property: &str, mut value: Value) -> Value {
        self.strip(&mut value);
        let has_ids = !matches!(
            property,
            "name" | "keywords" | "relatedTo" | "localizations"
        );
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

    fn strip(self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, value| match name.as_str() {
                    "@type" => false,
                    // A table has an order of its own, and so has a name that says none.
                    "isOrdered" => self == Self::Vcard3 && *value == true,
                    // What a title is that says nothing else.
                    "kind" => *value != "title",
                    _ => true,
                });
                members.values_mut().for_each(|value| self.strip(value));
                members.sort_keys();
            }
            Value::Array(items) => {
                items.iter_mut().for_each(|value| self.strip(value));
                items.sort_by_key(ToString::to_string);
            }
            _ => {}
        }
    }
}

/// Whether the properties came back that a Card keeps as they stood in a vCard; how its others
/// stood there is nothing of a person.
fn holds_kept(value: &Value, there: Option<&Value>) -> bool {
    let kept = |value: &Value| value.get("properties")?.as_array().cloned();
    let back = there.and_then(kept).unwrap_or_default();
    let mut all = kept(value).unwrap_or_default().into_iter();
    all.all(|property| back.contains(&property))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_comes_back_otherwise_is_counted_and_named() {
        let mut lost = Lost::of(Holder::Table);
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
