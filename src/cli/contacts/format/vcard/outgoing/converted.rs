//! How the properties of a vCard looked of which a Card was made, as far as the Card's own members
//! do not tell: `convertedProperties` (RFC 9555, section 2.15).

use serde_json::Value;

use super::super::jsprop;
use super::super::property::Property;

/// What a Card says of the properties that it was made of.
pub struct Converted<'a>(Vec<Was<'a>>);

struct Was<'a> {
    /// The language, where the property is of a localization.
    language: Option<String>,
    /// The way to the member that the property became.
    path: Vec<String>,
    /// The property's name and parameters.
    what: &'a Value,
}

impl<'a> Converted<'a> {
    /// The properties that a Card was made of.
    pub fn of(card: &'a Value) -> Self {
        let all = card.pointer("/vCard/convertedProperties");
        let all = all.and_then(Value::as_object).into_iter().flatten();
        let was = all.map(|(pointer, what)| {
            let path = jsprop::path(pointer);
            match path.as_slice() {
                [first, language, rest @ ..] if first == "localizations" => Was {
                    language: Some(language.clone()),
                    path: rest.iter().flat_map(|part| jsprop::path(part)).collect(),
                    what,
                },
                _ => Was {
                    language: None,
                    path,
                    what,
                },
            }
        });
        Self(was.collect())
    }

    /// The name of the property that a member was, where it is not the one that it becomes.
    pub fn name(&self, language: Option<&str>, path: &[&str]) -> Option<String> {
        name_of(self.find(language, path)?)
    }

    /// Gives a property the name and the parameters that it had.
    pub fn restore(&self, language: Option<&str>, path: &[&str], property: &mut Property) {
        let Some(what) = self.find(language, path) else {
            return;
        };
        if let Some(name) = name_of(what) {
            property.name = name;
        }
        let Some(params) = what.get("parameters").and_then(Value::as_object) else {
            return;
        };
        let own_kind = property.take_param("VALUE");
        jsprop::add_params(property, params);
        let old_kind = property.take_param("VALUE");
        if let Some(kind) = own_kind.into_iter().chain(old_kind).next() {
            property.add_param("VALUE", kind);
        }
        let is_word = |name: &str| matches!(name, "VALUE" | "TYPE");
        for param in property
            .params
            .iter_mut()
            .filter(|param| is_word(&param.name))
        {
            for value in &mut param.values {
                *value = value.to_lowercase();
            }
        }
    }

    fn find(&self, language: Option<&str>, path: &[&str]) -> Option<&'a Value> {
        let mut all = self.0.iter();
        let found = all.find(|was| was.language.as_deref() == language && was.path == path);
        found.map(|was| was.what)
    }
}

fn name_of(what: &Value) -> Option<String> {
    jsprop::property_name(what.get("name")?.as_str()?)
}
