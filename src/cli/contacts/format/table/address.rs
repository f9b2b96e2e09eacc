//! A postal address of a table: the columns of one family.

use serde_json::{Map, Value, json};

use super::fields::Field;

/// One postal address, of the columns of one family.
#[derive(Default)]
pub struct Address {
    /// The context of RFC 9553 that the columns or a label name.
    pub context: Option<&'static str>,
    /// The number that the columns have, or 0.
    pub number: u32,
    /// The word that tells the columns from others, such as `other`.
    pub word: &'static str,
    /// The address as one text.
    pub text: Option<String>,
    /// The parts of the address, in the order of the columns.
    pub parts: Vec<(Field, String)>,
}

impl Address {
    /// The address of a Card (RFC 9553, section 2.5.1).
    pub fn to_card(&self) -> Value {
        let mut address = Map::new();
        let mut components: Vec<Value> = Vec::new();
        // An address alone, in one line, is a street: Thunderbird calls it so.
        let is_street = self.text.as_ref().is_some_and(|text| !text.contains('\n'))
            && !self.parts.is_empty()
            && !self.parts.iter().any(|(field, _)| *field == Field::Street);
        match &self.text {
            Some(text) if is_street => components.push(json!({"kind": "name", "value": text})),
            Some(text) => {
                address.insert("full".into(), text.clone().into());
            }
            None => {}
        }
        for (field, text) in &self.parts {
            let kind = match field {
                Field::PostOfficeBox => "postOfficeBox",
                Field::Extended => "apartment",
                Field::City => "locality",
                Field::Region => "region",
                Field::Postcode => "postcode",
                Field::Country => "country",
                _ => "name",
            };
            components.push(json!({"kind": kind, "value": text}));
        }
        if !components.is_empty() {
            address.insert("components".into(), components.into());
        }
        if let Some(context) = self.context {
            address.insert("contexts".into(), json!({context: true}));
        }
        address.into()
    }
}
