//! Walks a Card along its tables and collects what is wrong with it.
//!
//! Unknown properties are kept and not looked into (RFC 9553, section 1.7.4);
//! one that differs from a known one only in case is refused, and so is the
//! reserved name `extra` (sections 1.7.1 and 1.7.3). A violation's path holds
//! names of the tables, numbers of array items, and `*` for a client's key.

use serde_json::{Map, Value};

use super::forms;
use super::localize;
use super::rules;
use super::schema::{Property, Shape, Type};
use super::tables::CARD;
use crate::domain::{Expected, FieldName, Problem, Violation, limits};

/// The members of a JSON object.
pub type Object = Map<String, Value>;

/// What is wrong with a Card's properties: nothing, where it is a good one.
#[must_use]
pub fn card(properties: &Object) -> Vec<Violation> {
    let mut walker = Walker::default();
    walker.object(properties, &CARD);
    // A localized variant of a bad Card would only say the same again.
    if walker.violations.is_empty() {
        localize::check(properties, &mut walker);
    }
    walker.violations
}

/// The names of the properties that a Card or a patch of one has, each as the tables call it;
/// `*` stands for those they do not know.
pub fn names<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<FieldName> {
    let mut names: Vec<FieldName> = Vec::new();
    for key in keys {
        let known = CARD.properties().find(|known| known.name == key);
        let name = match (known, key.as_str()) {
            (Some(known), _) => known.name,
            (None, "@type") => "@type",
            (None, _) => "*",
        };
        if !names.iter().any(|there| there == name) {
            names.push(name.into());
        }
    }
    names
}

/// The place where the walk is, and the violations it found.
#[derive(Debug, Default)]
pub struct Walker {
    path: String,
    /// What is wrong so far, each thing once.
    pub violations: Vec<Violation>,
}

impl Walker {
    /// Notes that something is wrong with what stands here.
    pub fn wrong(&mut self, problem: Problem) {
        let violation = Violation::new(self.path.clone(), problem);
        if self.violations.len() < limits::VIOLATIONS_MAX && !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// Notes that something is wrong with a member of what stands here.
    pub fn wrong_at(&mut self, name: &str, problem: Problem) {
        self.at(name, |walker| walker.wrong(problem));
    }

    /// Walks a member of what stands here.
    pub fn at(&mut self, name: &str, walk: impl FnOnce(&mut Self)) {
        let mark = self.path.len();
        if mark > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        walk(self);
        self.path.truncate(mark);
    }

    /// Judges an object of a type.
    pub fn object(&mut self, object: &Object, kind: &'static Type) {
        match object.get("@type") {
            None => {}
            Some(Value::String(name)) if name == kind.name => {}
            Some(Value::String(_)) => self.wrong_at("@type", Problem::OutOfRange),
            Some(_) => self.wrong_at("@type", Problem::WrongType(Expected::String)),
        }
        for property in kind.properties() {
            match object.get(property.name) {
                Some(value) => self.at(property.name, |walker| walker.value(value, property)),
                None if property.mandatory => {
                    let required = Problem::Required(expected(&property.shape));
                    self.wrong_at(property.name, required);
                }
                None => {}
            }
        }
        for key in object.keys() {
            if let Some(name) = misspelt(key, kind) {
                self.wrong_at(name, Problem::NotAllowed);
            }
        }
        for rule in kind.rules {
            rules::check(*rule, object, self);
        }
    }

    fn value(&mut self, value: &Value, property: &'static Property) {
        match (&property.shape, value) {
            (Shape::Text(form), Value::String(text)) => {
                if let Some(problem) = forms::problem(text, *form) {
                    self.wrong(problem);
                }
            }
            (Shape::Number(min, max), Value::Number(number)) => {
                if !number.as_u64().is_some_and(|n| (*min..=*max).contains(&n)) {
                    self.wrong(Problem::Range(*min, *max));
                }
            }
            (Shape::Flag, Value::Bool(_)) => {}
            (Shape::Set(known), Value::Object(set)) => self.set(set, known),
            (Shape::Texts(known), Value::Object(texts)) => self.texts(texts, known),
            (Shape::Object(kinds), Value::Object(object)) => self.one_of(object, kinds),
            (Shape::Ids(kind), Value::Object(map)) => self.map(map, kind, true),
            (Shape::Keys(kind), Value::Object(map)) => self.map(map, kind, false),
            (Shape::List(kind), Value::Array(items)) => self.list(items, kind),
            // Judged last and whole, against the rest of the Card.
            (Shape::Localizations, Value::Object(_)) => {}
            (shape, _) => self.wrong(Problem::WrongType(expected(shape))),
        }
    }

    fn set(&mut self, set: &Object, known: &[&str]) {
        self.at("*", |walker| {
            for (key, value) in set {
                if !forms::is_open_value(key, known) {
                    walker.wrong(Problem::OutOfRange);
                }
                match value {
                    Value::Bool(true) => {}
                    Value::Bool(false) => walker.wrong(Problem::OutOfRange),
                    _ => walker.wrong(Problem::WrongType(Expected::Boolean)),
                }
            }
        });
    }

    fn texts(&mut self, texts: &Object, known: &[&str]) {
        self.at("*", |walker| {
            for (key, value) in texts {
                if !forms::is_open_value(key, known) {
                    walker.wrong(Problem::OutOfRange);
                }
                if !value.is_string() {
                    walker.wrong(Problem::WrongType(Expected::String));
                }
            }
        });
    }

    fn one_of(&mut self, object: &Object, kinds: &'static [&'static Type]) {
        let named = kinds
            .iter()
            .find(|kind| object.get("@type").is_some_and(|name| name == kind.name));
        if let Some(kind) = named.or(kinds.first()) {
            self.object(object, kind);
        }
    }

    fn map(&mut self, map: &Object, kind: &'static Type, ids: bool) {
        self.at("*", |walker| {
            for (key, value) in map {
                if ids && !forms::is_id(key) {
                    walker.wrong(Problem::Format("id"));
                }
                match value {
                    Value::Object(object) => walker.object(object, kind),
                    _ => walker.wrong(Problem::WrongType(Expected::Object)),
                }
            }
        });
    }

    fn list(&mut self, items: &[Value], kind: &'static Type) {
        for (index, item) in items.iter().enumerate() {
            self.at(&index.to_string(), |walker| match item {
                Value::Object(object) => walker.object(object, kind),
                _ => walker.wrong(Problem::WrongType(Expected::Object)),
            });
        }
    }
}

/// The name that a key is another case of, or the reserved one that it is.
fn misspelt(key: &str, kind: &'static Type) -> Option<&'static str> {
    let near = |name: &str| name != key && name.eq_ignore_ascii_case(key);
    if key == "extra" {
        return Some("extra");
    }
    if near("@type") {
        return Some("@type");
    }
    let known = kind.properties().find(|known| near(known.name))?;
    Some(known.name)
}

const fn expected(shape: &Shape) -> Expected {
    match shape {
        Shape::Text(_) => Expected::String,
        Shape::Number(..) => Expected::Number,
        Shape::Flag => Expected::Boolean,
        Shape::List(_) => Expected::Array,
        Shape::Set(_)
        | Shape::Texts(_)
        | Shape::Object(_)
        | Shape::Ids(_)
        | Shape::Keys(_)
        | Shape::Localizations => Expected::Object,
    }
}
