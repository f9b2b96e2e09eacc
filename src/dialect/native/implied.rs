//! What a Card says that is so anyway: the one type that an object can have where it stands, and that
//! components are in no order (RFC 9553, sections 1.3.4 and 2.2.1).

use serde_json::Value;

use super::schema::{Shape, Type};
use super::tables::CARD;
use super::walker::Object;
use crate::dialect::pointer::unescaped;

/// The member by which a date is another than the usual one, so that it says something.
const OTHER_DATE: &str = "Timestamp";

/// Takes away what a Card says that is so anyway. Nobody knows what is so in a member that RFC 9553
/// does not have.
pub fn without_implied(card: &mut Value) {
    Place::Object(&CARD).clear(card);
}

/// Whether RFC 9553 has a property of a Card of this name.
pub fn is_of_a_card(name: &str) -> bool {
    name == "@type" || CARD.properties().any(|property| property.name == name)
}

/// A place in a Card, by what RFC 9553 lets stand there.
#[derive(Clone, Copy)]
enum Place {
    /// An object of a type.
    Object(&'static Type),
    /// The value of a property.
    Value(&'static Shape),
}

impl Place {
    /// The place of a member, or of an item of a list.
    fn member(self, name: &str) -> Option<Self> {
        match self {
            Self::Object(kind) => {
                let property = kind.properties().find(|property| property.name == name)?;
                Some(Self::Value(&property.shape))
            }
            Self::Value(Shape::Object([kind, ..])) => Self::Object(kind).member(name),
            Self::Value(Shape::Ids(kind) | Shape::Keys(kind) | Shape::List(kind)) => {
                Some(Self::Object(kind))
            }
            Self::Value(_) => None,
        }
    }

    fn clear(self, value: &mut Value) {
        match (self, value) {
            (Self::Object(kind), Value::Object(object)) => clear_object(kind, object),
            (Self::Value(Shape::Object(kinds)), Value::Object(object)) => {
                let is_its = |kind: &&&Type| object.get("@type").is_none_or(|it| it == kind.name);
                if let Some(kind) = kinds.iter().find(is_its) {
                    clear_object(kind, object);
                }
            }
            (Self::Value(Shape::Ids(kind) | Shape::Keys(kind)), Value::Object(map)) => {
                map.values_mut().for_each(|it| Self::Object(kind).clear(it));
            }
            (Self::Value(Shape::List(kind)), Value::Array(items)) => {
                items.iter_mut().for_each(|it| Self::Object(kind).clear(it));
            }
            (Self::Value(Shape::Localizations), Value::Object(languages)) => {
                let patches = languages.values_mut().filter_map(Value::as_object_mut);
                for (pointer, value) in patches.flatten() {
                    let mut names = pointer.split('/').map(unescaped);
                    let place = names.try_fold(Self::Object(&CARD), |at, name| at.member(&name));
                    if let Some(place) = place {
                        place.clear(value);
                    }
                }
            }
            _ => {}
        }
    }
}

fn clear_object(kind: &'static Type, object: &mut Object) {
    let is_ordered = kind.properties().any(|it| it.name == "isOrdered");
    object.retain(|name, value| match name.as_str() {
        "@type" => *value != kind.name || kind.name == OTHER_DATE,
        "isOrdered" => !is_ordered || *value != false,
        _ => true,
    });
    for (name, value) in object {
        if let Some(place) = Place::Object(kind).member(name) {
            place.clear(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_so_anyway_is_taken_away_and_nothing_else() {
        let mut card = json!({
            "@type": "Card", "isOrdered": false,
            "name": {"@type": "Name", "isOrdered": false, "components": [
                {"@type": "NameComponent", "kind": "given", "value": "A"}]},
            "emails": {"e": {"@type": "EmailAddress", "address": "a@b.co", "x": {"@type": "X"}}},
            "addresses": {"a": {"isOrdered": true}},
            "anniversaries": {
                "b": {"date": {"@type": "PartialDate", "year": 1990}},
                "w": {"date": {"@type": "Timestamp", "utc": "2020-01-01T00:00:00Z"}}},
            "localizations": {"de": {"titles/t": {"@type": "Title"}, "x": {"@type": "Title"}}},
            "example": {"@type": "Card", "isOrdered": false},
        });
        without_implied(&mut card);
        let want = json!({
            "isOrdered": false,
            "name": {"components": [{"kind": "given", "value": "A"}]},
            "emails": {"e": {"address": "a@b.co", "x": {"@type": "X"}}},
            "addresses": {"a": {"isOrdered": true}},
            "anniversaries": {
                "b": {"date": {"year": 1990}},
                "w": {"date": {"@type": "Timestamp", "utc": "2020-01-01T00:00:00Z"}}},
            "localizations": {"de": {"titles/t": {}, "x": {"@type": "Title"}}},
            "example": {"@type": "Card", "isOrdered": false},
        });
        assert_eq!(card, want);
    }
}
