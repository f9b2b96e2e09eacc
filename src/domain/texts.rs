//! The texts that a Card is found by, read from its JSON in one go, without taking it apart.
//!
//! An index reads millions of Cards and wants four properties of each: a tree of all of them costs
//! more than all that is made of what was wanted. A value that is not of the type it should be says
//! nothing, as in [`Card::full_name`] and its like.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Card;

/// A text of a Card, borrowed where it is written without escapes.
pub type Text<'a> = Cow<'a, str>;

/// The texts that a Card is found by.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Texts<'a> {
    /// The names of its organizations and their units.
    pub organizations: Vec<Text<'a>>,
    /// The e-mail addresses in its members.
    pub emails: Vec<Text<'a>>,
    /// The phone numbers in its members.
    pub phones: Vec<Text<'a>>,
    full: Option<Text<'a>>,
    words: Vec<Text<'a>>,
    /// The part of the name that is being read: whether it stands between others, and its text.
    part: (bool, Option<Text<'a>>),
}

impl<'a> Texts<'a> {
    /// The texts of a Card.
    #[must_use]
    pub fn of(card: &'a Card) -> Self {
        let mut texts = Self::default();
        let mut json = serde_json::Deserializer::from_str(card.json());
        let seed = At(Place::Card, &mut texts);
        // A Card is JSON, so that this does not fail.
        seed.deserialize(&mut json).unwrap_or_default();
        texts
    }

    /// The name as a person would write it, as [`Card::full_name`] has it.
    #[must_use]
    pub fn full_name(&self) -> Option<Text<'a>> {
        if self.full.is_some() {
            return self.full.clone();
        }
        (!self.words.is_empty()).then(|| self.words.join(" ").into())
    }

    fn take(&mut self, place: Place, text: Text<'a>) {
        match place {
            Place::Full => self.full = Some(text),
            Place::Kind => self.part.0 = text == "separator",
            Place::Word => self.part.1 = Some(text),
            Place::OrganizationName => self.organizations.push(text),
            Place::Address => self.emails.push(text),
            Place::Number => self.phones.push(text),
            _ => {}
        }
    }

    /// Notes the end of an object.
    fn end(&mut self, place: Place) {
        if place == Place::Component {
            let (is_between, word) = std::mem::take(&mut self.part);
            let word = word.filter(|word| !is_between && !word.is_empty());
            self.words.extend(word);
        }
    }
}

/// A place in a Card where something stands that is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Card,
    Name,
    Full,
    Components,
    Component,
    Kind,
    Word,
    Organizations,
    Organization,
    OrganizationName,
    Units,
    Unit,
    Emails,
    Email,
    Address,
    Phones,
    Phone,
    Number,
}

impl Place {
    /// The place of an object's member; `None` where nothing is wanted of it.
    fn member(self, name: &str) -> Option<Self> {
        Some(match (self, name) {
            (Self::Card, "name") => Self::Name,
            (Self::Card, "organizations") => Self::Organizations,
            (Self::Card, "emails") => Self::Emails,
            (Self::Card, "phones") => Self::Phones,
            (Self::Name, "full") => Self::Full,
            (Self::Name, "components") => Self::Components,
            (Self::Component, "kind") => Self::Kind,
            (Self::Component, "value") => Self::Word,
            (Self::Organizations, _) => Self::Organization,
            (Self::Organization, "units") => Self::Units,
            (Self::Organization | Self::Unit, "name") => Self::OrganizationName,
            (Self::Emails, _) => Self::Email,
            (Self::Email, "address") => Self::Address,
            (Self::Phones, _) => Self::Phone,
            (Self::Phone, "number") => Self::Number,
            _ => return None,
        })
    }

    /// The place of an array's items.
    const fn item(self) -> Option<Self> {
        match self {
            Self::Components => Some(Self::Component),
            Self::Units => Some(Self::Unit),
            _ => None,
        }
    }
}

/// Reads the value at a place.
struct At<'t, 'a>(Place, &'t mut Texts<'a>);

impl<'a> DeserializeSeed<'a> for At<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for At<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(place, texts) = self;
        while let Some(name) = map.next_key_seed(Key)? {
            match place.member(&name) {
                Some(place) => map.next_value_seed(At(place, texts))?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        texts.end(place);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        let Self(place, texts) = self;
        match place.item() {
            Some(place) => while items.next_element_seed(At(place, texts))?.is_some() {},
            None => while items.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.1.take(self.0, Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.1.take(self.0, Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

/// Reads the name of a member.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Text<'a>;

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<Text<'a>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Text<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'a str) -> Result<Text<'a>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Text<'a>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    /// Values as Cards have them, and others in their places.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            4 => "[aé\"\\\\ ]{0,3}".prop_map(Value::from),
            1 => prop_oneof![Just(json!(null)), Just(json!(true)), Just(json!(1.5)), Just(json!(-1))],
            1 => Just(json!("separator")),
        ];
        leaf.prop_recursive(5, 40, 4, |inner| {
            let name = prop_oneof![
                Just("full"),
                Just("components"),
                Just("kind"),
                Just("value"),
                Just("name"),
                Just("units"),
                Just("address"),
                Just("number"),
                Just("é\"")
            ];
            let members = prop::collection::vec((name, inner.clone()), 0..4);
            let object = members.prop_map(|members| {
                let members = members.into_iter();
                Value::Object(members.map(|(name, it)| (name.to_owned(), it)).collect())
            });
            prop_oneof![2 => object, 1 => prop::collection::vec(inner, 0..4).prop_map(Value::from)]
        })
    }

    /// The texts of a Card that was taken apart.
    fn of_tree(card: &Card) -> [Vec<String>; 4] {
        let members = |name| card.get(name).and_then(Value::as_object).into_iter();
        let mut organizations: Vec<String> = Vec::new();
        let name = |of: &Value| of.get("name").and_then(Value::as_str).map(str::to_owned);
        for it in members("organizations").flat_map(Map::values) {
            organizations.extend(name(it));
            let units = it.get("units").and_then(Value::as_array);
            organizations.extend(units.into_iter().flatten().filter_map(name));
        }
        organizations.sort();
        [
            card.full_name().into_iter().collect(),
            organizations,
            card.emails().map(str::to_owned).collect(),
            card.phones().map(str::to_owned).collect(),
        ]
    }

    proptest! {
        #[test]
        fn they_are_those_of_the_tree(
            name in value(), organizations in value(), emails in value(), phones in value(),
        ) {
            let card = json!({"kind": "individual", "name": name, "organizations": organizations,
                "x:y": [{"name": 1}], "emails": emails, "phones": phones});
            let card = Card::from_value(card).expect("a Card");
            let texts = Texts::of(&card);
            let owned = |texts: &[Text<'_>]| -> Vec<String> {
                texts.iter().map(|text| text.to_string()).collect()
            };
            let mut organizations = owned(&texts.organizations);
            organizations.sort();
            let of_text = [
                texts.full_name().map(Text::into_owned).into_iter().collect(),
                organizations,
                owned(&texts.emails),
                owned(&texts.phones),
            ];
            prop_assert_eq!(of_text, of_tree(&card));
        }
    }

    #[test]
    fn a_name_in_parts_has_its_words_and_nothing_between() {
        let parts = json!({"components": [
            {"kind": "given", "value": "John"}, {"value": " ", "kind": "separator"},
            {"kind": "surname", "value": "D\u{f6}e \"x\""}, {"kind": "title"}, "none"]});
        let card = json!({"name": parts, "emails": {"e": {"address": "a@b.example"}, "f": 1}});
        let card = Card::from_value(card).expect("a Card");
        let texts = Texts::of(&card);
        assert_eq!(texts.full_name().as_deref(), Some("John D\u{f6}e \"x\""));
        assert_eq!(texts.emails, ["a@b.example"]);
    }
}
