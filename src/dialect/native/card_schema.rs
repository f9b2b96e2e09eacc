//! The JSON Schemas of a Card and what it is made of, out of the tables by which it is judged.
//!
//! What JSON Schema cannot say (a list of values that is open, but not to
//! another case of one; the rules between components) is left to the service.

use serde_json::{Value, json};

use super::schema::{Form, Property, Rule, Shape, Type};
use super::tables::CARD;
use crate::dialect::describe::{any_text, flag, list, object, refer, set, whole};

/// Each object type's schema, the Card's first.
pub fn schemas() -> Vec<(&'static str, Value)> {
    let mut found: Vec<&'static Type> = vec![&CARD];
    let mut next = 0;
    while let Some(kind) = found.get(next) {
        for inner in kind.properties().flat_map(types_of) {
            if !found.iter().any(|known| known.name == inner.name) {
                found.push(inner);
            }
        }
        next += 1;
    }
    found.iter().map(|kind| (kind.name, schema(kind))).collect()
}

fn types_of(property: &Property) -> Vec<&'static Type> {
    match property.shape {
        Shape::Object(kinds) => kinds.to_vec(),
        Shape::Ids(kind) | Shape::Keys(kind) | Shape::List(kind) => vec![kind],
        Shape::Text(_)
        | Shape::Number(..)
        | Shape::Flag
        | Shape::Set(_)
        | Shape::Texts(_)
        | Shape::Localizations => Vec::new(),
    }
}

fn schema(kind: &Type) -> Value {
    let named = ("@type", false, json!({ "const": kind.name }));
    let properties = kind.properties().map(|property| {
        let shape = shape(&property.shape, kind.rules, property.name);
        (property.name, property.mandatory, shape)
    });
    let mut schema = object(std::iter::once(named).chain(properties));
    for rule in kind.rules {
        if let Rule::AnyOf(names) = rule {
            let forms = names.iter().map(|name| json!({"required": [name]}));
            set(&mut schema, "anyOf", forms.collect::<Value>());
        }
    }
    schema
}

fn shape(shape: &Shape, rules: &[Rule], name: &str) -> Value {
    match shape {
        Shape::Text(form) => text(*form),
        Shape::Number(min, max) => whole(*min, *max),
        Shape::Flag => flag(),
        Shape::Set(_) => json!({"type": "object", "additionalProperties": {"const": true}}),
        Shape::Texts(_) => json!({"type": "object", "additionalProperties": any_text()}),
        Shape::Object([only]) => refer(only.name),
        Shape::Object(kinds) => {
            let forms: Vec<Value> = kinds.iter().map(|kind| refer(kind.name)).collect();
            json!({ "anyOf": forms })
        }
        Shape::Ids(kind) => {
            let ids = json!({"pattern": "^[A-Za-z0-9_-]{1,255}$"});
            json!({"type": "object", "propertyNames": ids, "additionalProperties": refer(kind.name)})
        }
        Shape::Keys(kind) => json!({"type": "object", "additionalProperties": refer(kind.name)}),
        Shape::List(kind) => {
            let mut items = list(refer(kind.name));
            let filled = |rule: &Rule| matches!(rule, Rule::NotEmptyList(list) if *list == name);
            if rules.iter().any(filled) {
                set(&mut items, "minItems", 1);
            }
            items
        }
        Shape::Localizations => {
            let patch = json!({"type": "object", "description": "A PatchObject, by its language."});
            json!({"type": "object", "additionalProperties": patch})
        }
    }
}

fn text(form: Form) -> Value {
    let formatted = |format: &str| json!({"type": "string", "format": format});
    let patterned = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match form {
        Form::Any => any_text(),
        Form::NotEmpty => json!({"type": "string", "minLength": 1}),
        Form::ExternalId => json!({
            "type": "string", "pattern": r"\S", "maxLength": super::forms::EXTERNAL_ID_CHARS_MAX,
        }),
        Form::Exactly([one]) => json!({ "const": one }),
        Form::OneOf(known) => json!({"type": "string", "examples": known}),
        Form::Id => patterned("^[A-Za-z0-9_-]{1,255}$"),
        Form::Email => formatted("email"),
        Form::Uri => formatted("uri"),
        Form::Geo => patterned("^[Gg][Ee][Oo]:"),
        Form::Language => patterned("^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$"),
        Form::Script => patterned("^[A-Za-z]{4}$"),
        Form::Country => patterned("^[A-Z]{2}$"),
        Form::TimeZone | Form::MediaType => json!({"type": "string", "minLength": 1}),
        Form::UtcDateTime => json!({"type": "string", "format": "date-time", "pattern": "Z$"}),
        Form::CalendarScale => patterned("^([a-z0-9-]+|[^:]+:.+)$"),
    }
}
