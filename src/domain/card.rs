//! A contact's content: a JSContact Card (RFC 9553), version 1.0.
//!
//! Every dialect maps its contact to a Card and back. What only a vendor
//! knows stands in properties with a prefix of the vendor's domain, as
//! RFC 9553 (section 1.8.1) has it; they are bounded and opaque here, and
//! their dialect alone reads them.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{ContactId, limits};

/// The version of JSContact that cards have.
pub const VERSION: &str = "1.0";
/// The beginning of the text of every Card that was written by [`Card::json`].
const BEGINNING: &str = r#"{"@type":"Card","version":"1.0""#;

/// A JSContact Card: a JSON object with `@type` "Card" and `version` "1.0".
///
/// Clones share it: on its way to the log and to its answer it is handed on often, changed once.
/// One that was stored is kept as its text, and taken apart when a property is first asked for: a
/// page of many is answered with the texts as they are. One that was made is written as a text once,
/// for the log, and answered and published with that.
///
/// ```
/// use contactd::domain::{Card, CardError};
/// use serde_json::json;
///
/// let card = Card::from_value(json!({
///     "name": {"full": "Ann Example"},
///     "emails": {"work": {"address": "ann@example.com"}},
/// }))
/// .expect("an object");
/// assert_eq!(card.text("@type"), Some("Card"));
/// assert_eq!(card.full_name().as_deref(), Some("Ann Example"));
/// assert_eq!(card.emails().next(), Some("ann@example.com"));
/// assert_eq!(Card::from_value(json!("Ann")), Err(CardError::NotAnObject));
/// ```
#[derive(Clone, Debug)]
pub struct Card(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    /// The text that it is stored as, once it is.
    text: OnceLock<Arc<RawValue>>,
    properties: OnceLock<Map<String, Value>>,
}

impl PartialEq for Card {
    fn eq(&self, other: &Self) -> bool {
        self.properties() == other.properties()
    }
}

impl Serialize for Card {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.text.get() {
            Some(text) => text.serialize(serializer),
            None => self.properties().serialize(serializer),
        }
    }
}

/// The reasons for which a JSON value is not a Card.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CardError {
    /// The value is not a JSON object.
    #[error("a Card is a JSON object")]
    NotAnObject,
    /// `@type`, `version` or `uid` is there and is not what a Card has.
    #[error("the Card's `{property}` must be {must}")]
    Property {
        /// The name of the wrong property.
        property: &'static str,
        /// The value that the property must have, as a message says it.
        must: &'static str,
    },
    /// The value is nested deeper than [`limits::JSON_DEPTH_MAX`].
    #[error("the Card is nested deeper than {max} levels", max = limits::JSON_DEPTH_MAX)]
    TooDeep,
    /// The bytes are not well-formed JSON.
    #[error("the Card's bytes are no JSON")]
    NotJson,
}

impl Card {
    /// The Card of these properties; `@type` and `version` are filled in where they are missing.
    ///
    /// # Errors
    /// [`CardError`] where `@type`, `version` or `uid` are there and wrong, or the nesting is too deep.
    pub fn new(mut properties: Map<String, Value>) -> Result<Self, CardError> {
        for (property, must) in [("@type", "Card"), ("version", VERSION)] {
            if properties.get(property).is_some_and(|value| value != must) {
                return Err(CardError::Property { property, must });
            }
        }
        if properties
            .get("uid")
            .is_some_and(|uid| !matches!(uid, Value::String(s) if !s.is_empty()))
        {
            return Err(CardError::Property {
                property: "uid",
                must: "a text that is not empty",
            });
        }
        properties.shift_insert(0, "version".into(), VERSION.into());
        properties.shift_insert(0, "@type".into(), "Card".into());
        let card = Value::Object(properties);
        if depth(&card) > limits::JSON_DEPTH_MAX {
            return Err(CardError::TooDeep);
        }
        match card {
            Value::Object(card) => Ok(Self::of(OnceLock::new(), OnceLock::from(card))),
            _ => Err(CardError::NotAnObject),
        }
    }

    fn of(text: OnceLock<Arc<RawValue>>, properties: OnceLock<Map<String, Value>>) -> Self {
        Self(Arc::new(Inner { text, properties }))
    }

    /// The Card that a JSON value is.
    ///
    /// # Errors
    /// As [`Card::new`], and where the value is no object.
    pub fn from_value(value: Value) -> Result<Self, CardError> {
        match value {
            Value::Object(properties) => Self::new(properties),
            _ => Err(CardError::NotAnObject),
        }
    }

    /// The Card in these bytes of JSON.
    ///
    /// # Errors
    /// As [`Card::from_value`], and where the bytes are no JSON.
    pub fn from_json(bytes: &[u8]) -> Result<Self, CardError> {
        let value = serde_json::from_slice(bytes).map_err(|_| CardError::NotJson)?;
        Self::from_value(value)
    }

    /// The Card in bytes that [`json`](Self::json) once gave. They are seen to be JSON, and
    /// are taken apart when that is needed.
    ///
    /// # Errors
    /// As [`Card::from_json`].
    pub fn from_stored(bytes: &[u8]) -> Result<Self, CardError> {
        if !bytes.starts_with(BEGINNING.as_bytes()) {
            return Self::from_json(bytes);
        }
        let text: Box<RawValue> = serde_json::from_slice(bytes).map_err(|_| CardError::NotJson)?;
        let text: Arc<RawValue> = text.into();
        Ok(Self::of(text.into(), OnceLock::new()))
    }

    /// This Card without the properties that were taken out of its text, for who keeps many:
    /// they take ten times as much memory as the text does.
    #[must_use]
    pub fn folded_up(&self) -> Self {
        match self.0.text.get() {
            Some(text) => Self::of(text.clone().into(), OnceLock::new()),
            None => self.clone(),
        }
    }

    /// Makes this Card its text alone, to be sent to another thread: a tree of small parts is cheap
    /// to let go of for the thread that made it, and dear for every other.
    pub fn fold_up(&mut self) {
        let _text = self.json();
        *self = self.folded_up();
    }

    /// Whether it is a text that was not taken apart.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.0.properties.get().is_none()
    }

    /// The bytes of the text that it is stored as; none of a Card that is not stored yet.
    #[must_use]
    pub fn stored_bytes(&self) -> Option<usize> {
        self.0.text.get().map(|text| text.get().len())
    }

    /// The Card as compact JSON, which is written once.
    #[must_use]
    pub fn json(&self) -> &str {
        let written = || {
            // Properties are texts and values, so this does not fail.
            let text = to_raw_value(self.properties()).unwrap_or_default();
            text.into()
        };
        self.0.text.get_or_init(written).get()
    }

    /// Takes the properties out, so that they can be changed without being copied; what is left is no
    /// Card any more.
    pub(super) fn take(&mut self) -> Self {
        let nothing = Inner {
            text: OnceLock::new(),
            properties: OnceLock::from(Map::new()),
        };
        Self(std::mem::replace(&mut self.0, Arc::new(nothing)))
    }

    /// This Card with its `uid` set to the contact's id; a `uid` that the client gave stays.
    #[must_use]
    pub fn with_uid(self, id: ContactId) -> Self {
        if self.has_uid() {
            return self;
        }
        let text = self.0.text.get().filter(|_| self.is_text());
        if let Some(text) = text.and_then(|text| with_uid_third(text, id)) {
            return Self::of(text.into(), OnceLock::new());
        }
        let mut properties = self.into_properties();
        let uid = format!("urn:uuid:{id}");
        properties.shift_insert(2, "uid".into(), uid.into());
        Self::of(OnceLock::new(), properties.into())
    }

    fn has_uid(&self) -> bool {
        #[derive(Deserialize)]
        struct Own {
            uid: Option<IgnoredAny>,
        }
        if !self.is_text() {
            return self.properties().contains_key("uid");
        }
        let own = || serde_json::from_str(self.json()).is_ok_and(|own: Own| own.uid.is_some());
        !self.is_without("\"", "uid") && own()
    }

    /// The value of a property, looked up by its name.
    #[must_use]
    pub fn get(&self, property: &str) -> Option<&Value> {
        if self.is_without("\"", property) {
            return None;
        }
        self.properties().get(property)
    }

    /// Whether there may be a property whose name ends so. Where the answer is no, the Card is not
    /// taken apart for it.
    #[must_use]
    pub fn may_have(&self, name_end: &str) -> bool {
        !self.is_without("", name_end)
    }

    /// Whether it is still a text in which no name is or ends like this one: visible ASCII is written
    /// as it is.
    fn is_without(&self, before: &str, name: &str) -> bool {
        let Inner { text, properties } = &*self.0;
        let mut bytes = name.bytes();
        let is_plain = bytes.all(|it| it.is_ascii_graphic() && it != b'"' && it != b'\\');
        let is_text = is_plain && properties.get().is_none();
        let text = text.get().filter(|_| is_text);
        text.is_some_and(|text| !text.get().contains(&format!("{before}{name}\"")))
    }

    /// The value of a property, if it is a JSON string.
    #[must_use]
    pub fn text(&self, property: &str) -> Option<&str> {
        self.get(property)?.as_str()
    }

    /// All properties by name, in the order in which they were given.
    #[must_use]
    pub fn properties(&self) -> &Map<String, Value> {
        let Inner { text, properties } = &*self.0;
        properties.get_or_init(|| taken_apart(text.get().map(|text| &**text)))
    }

    /// Takes the Card apart into its properties, to make another Card from them.
    #[must_use]
    pub fn into_properties(self) -> Map<String, Value> {
        let Inner { text, properties } = Arc::unwrap_or_clone(self.0);
        let properties = properties.into_inner();
        properties.unwrap_or_else(|| taken_apart(text.get().map(|text| &**text)))
    }

    /// The Card as a JSON value.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.into_properties())
    }

    /// The name as a person would write it: `name.full`, else its components in their order.
    #[must_use]
    pub fn full_name(&self) -> Option<String> {
        let name = self.get("name")?;
        if let Some(full) = name.get("full").and_then(Value::as_str) {
            return Some(full.to_owned());
        }
        let words: Vec<&str> = name
            .get("components")?
            .as_array()?
            .iter()
            .filter(|part| part.get("kind").and_then(Value::as_str) != Some("separator"))
            .filter_map(|part| part.get("value").and_then(Value::as_str))
            .filter(|word| !word.is_empty())
            .collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// What to call the contact in a list: its name, else its first organization, e-mail address or
    /// phone number.
    #[must_use]
    pub fn display_name(&self) -> Option<String> {
        let first = || {
            let mut organizations = self.members("organizations", "name");
            let known = organizations.next().or_else(|| self.emails().next());
            known.or_else(|| self.phones().next()).map(str::to_owned)
        };
        self.full_name().or_else(first)
    }

    /// The e-mail addresses, in the Card's order.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.members("emails", "address")
    }

    /// The phone numbers, in the Card's order.
    pub fn phones(&self) -> impl Iterator<Item = &str> {
        self.members("phones", "number")
    }

    fn members<'a>(&'a self, map: &str, text: &'a str) -> impl Iterator<Item = &'a str> {
        self.get(map)
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::values)
            .filter_map(move |member| member.get(text).and_then(Value::as_str))
    }
}

/// A Card's text with a `uid` as its third property; `None` for a text that begins otherwise.
fn with_uid_third(text: &RawValue, id: ContactId) -> Option<Arc<RawValue>> {
    let rest = text.get().strip_prefix(BEGINNING)?;
    // Room for the name, the UUID and what stands between them.
    let mut with = String::with_capacity(text.get().len() + 64);
    write!(with, "{BEGINNING},\"uid\":\"urn:uuid:{id}\"{rest}").ok()?;
    Some(RawValue::from_string(with).ok()?.into())
}

/// The properties in a text that we wrote of such.
fn taken_apart(text: Option<&RawValue>) -> Map<String, Value> {
    let properties = text.map(|text| serde_json::from_str(text.get()));
    properties.and_then(Result::ok).unwrap_or_default()
}

/// Levels of nesting: a scalar has one.
fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_is_filled_in() {
        let card = Card::from_value(json!({"name": {"full": "Ann"}})).expect("a card");
        let id = ContactId(uuid::Uuid::nil());
        assert!(!card.json().contains("uid"), "there is no id yet");
        let card = card.with_uid(id);
        assert_eq!(card.text("@type"), Some("Card"));
        assert_eq!(card.text("version"), Some("1.0"));
        assert_eq!(card.text("uid"), Some(format!("urn:uuid:{id}").as_str()));
        assert_eq!(Card::from_json(card.json().as_bytes()).as_ref(), Ok(&card));
        assert_eq!(card.clone().into_value(), json!(card.properties()));
    }

    #[test]
    fn a_card_that_is_its_text_alone_gets_the_same_uid() {
        let id = ContactId(uuid::Uuid::from_u128(7));
        for properties in [
            json!({}),
            json!({"name": {"full": "Ann \u{e9}\n"}}),
            json!({"uid": "mine", "kind": "org"}),
            json!({"relatedTo": {"x": {"uid": "no name of the Card's own"}}}),
        ] {
            let tree = Card::from_value(properties).expect("a card");
            let mut text = tree.clone();
            text.fold_up();
            assert!(text.is_text() && !tree.is_text());
            let text = text.with_uid(id);
            assert!(text.is_text(), "nothing took it apart");
            let tree = tree.with_uid(id);
            assert_eq!(text.json(), tree.json());
            assert_eq!(text, tree);
        }
    }

    #[test]
    fn a_card_is_as_deep_as_json_may_be_and_no_deeper() {
        let card = |depth| {
            let value = (2..depth).fold(json!({}), |inner, _| json!({"x": inner}));
            Card::from_value(json!({ "x": value }))
        };
        assert!(card(limits::JSON_DEPTH_MAX).is_ok());
        let deeper = card(limits::JSON_DEPTH_MAX + 1);
        assert_eq!(deeper.err(), Some(CardError::TooDeep));
    }

    #[test]
    fn a_stored_card_is_the_same_card() {
        let made = json!({"name": {"full": "Ann"}, "x": [1.5, "\u{e9}\n"], "a\"b": 1, "b:c": 2});
        let made = Card::from_value(made);
        let made = made.expect("a card").with_uid(ContactId(uuid::Uuid::nil()));
        let stored = Card::from_stored(made.json().as_bytes()).expect("a card");
        assert_eq!(stored.stored_bytes(), Some(made.json().len()));
        assert_eq!(stored.json(), made.json());
        assert_eq!(json!(stored), json!(made));
        for property in ["name", "x", "full", "kind", "@type", "a:b", "a\"b", "b:c"] {
            assert_eq!(stored.folded_up().get(property), made.get(property));
        }
        for (end, there) in [(":c", true), ("ame", true), ("\"b", true), ("z", false)] {
            assert_eq!(stored.folded_up().may_have(end), there, "{end}");
        }
        assert!(made.may_have("z"), "it is taken apart already");
        assert_eq!(stored, made);
        assert_ne!(stored, Card::from_value(json!({})).expect("a card"));
        assert_eq!(stored.folded_up(), made);
        assert_eq!(stored.into_properties(), *made.properties());
        let plain = Card::from_value(json!({})).expect("a card");
        let plain = Card::from_stored(plain.json().as_bytes()).expect("a card");
        let named = plain.with_uid(ContactId(uuid::Uuid::nil()));
        assert!(
            named
                .json()
                .ends_with(r#""uid":"urn:uuid:00000000-0000-0000-0000-000000000000"}"#)
        );
        let bad: [&[u8]; 4] = [
            b"[]",
            br#"{"@type":"Card","version":"1.0""#,
            br#"{"@type":"Card","version":"1.0"} x"#,
            b"{\"@type\":\"Card\",\"version\":\"1.0\",\"x\":\"\xff\"}",
        ];
        assert!(bad.into_iter().all(|bad| Card::from_stored(bad).is_err()));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for bad in [
            json!([]),
            json!({"@type": "Group"}),
            json!({"version": "2.0"}),
            json!({"uid": 7}),
            json!({"uid": ""}),
        ] {
            assert!(Card::from_value(bad.clone()).is_err(), "{bad}");
        }
        let mut deep = json!(1);
        for _ in 0..limits::JSON_DEPTH_MAX {
            deep = json!([deep]);
        }
        assert_eq!(
            Card::from_value(json!({"x": deep})),
            Err(CardError::TooDeep)
        );
    }

    #[test]
    fn a_contact_without_a_name_is_called_by_what_it_has() {
        let called = |card: Value| Card::from_value(card).expect("a card").display_name();
        let mut card = json!({"name": {"full": "Ann"}, "phones": {"p": {"number": "+49 1"}},
            "emails": {"e": {"address": "a@x.org"}}, "organizations": {"o": {"name": "Ex"}}});
        for (property, name) in [
            ("name", "Ann"),
            ("organizations", "Ex"),
            ("emails", "a@x.org"),
            ("phones", "+49 1"),
        ] {
            assert_eq!(called(card.clone()).as_deref(), Some(name));
            card[property] = json!({});
        }
        assert_eq!(called(card), None);
    }

    #[test]
    fn a_name_is_read_whole_or_from_its_components() {
        let card = |name| Card::from_value(json!({"name": name})).expect("a card");
        assert_eq!(
            card(json!({"full": "A B"})).full_name().as_deref(),
            Some("A B")
        );
        let parts = json!({"components": [
            {"kind": "given", "value": "John"}, {"kind": "surname", "value": "Doe"}]});
        assert_eq!(card(parts).full_name().as_deref(), Some("John Doe"));
    }
}
