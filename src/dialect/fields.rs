//! Reads the fields of a JSON object one by one and collects what is wrong with them.
//!
//! A dialect's decoder is then a list of its fields, in the order of its
//! schema. Absent and null are told apart by the dialect's own rule.

use serde_json::{Map, Value};

use super::json::member;
use crate::domain::{Expected, FieldName, Problem, Violation};

/// What null means for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// As if the field had not been sent.
    Absent,
    /// Null is a value of a wrong type.
    Refused,
    /// The field is to have no value.
    Clears,
}

/// The rule of a text.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Text {
    /// The most characters (Unicode code points) it may have.
    pub chars_max: Option<u32>,
    /// Whether it may be empty or only white space.
    pub may_be_blank: bool,
    /// Whether an empty text is as good as none, whatever else the rule says.
    pub empty_is_none: bool,
    /// The format that it is of.
    pub format: Option<Format>,
    /// The texts that it may be, where they are few.
    pub one_of: Option<&'static [&'static str]>,
    /// Whether everything that is wrong is told, the format first, and not the first thing alone.
    pub all_told: bool,
}

/// The format of a text.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Its name in messages.
    pub name: &'static str,
    /// Its name in JSON Schema, where it has one.
    pub json: Option<&'static str>,
    /// Whether a text is of it.
    pub is: fn(&str) -> bool,
}

/// A text of any length.
pub const ANY_TEXT: Text = Text {
    chars_max: None,
    may_be_blank: true,
    empty_is_none: false,
    format: None,
    one_of: None,
    all_told: false,
};

impl Text {
    /// This rule for a text of at most this many characters.
    pub const fn at_most(mut self, chars: u32) -> Self {
        self.chars_max = Some(chars);
        self
    }

    /// This rule for a text with at least one visible character.
    pub const fn not_blank(mut self) -> Self {
        self.may_be_blank = false;
        self
    }

    /// This rule, by which an empty text counts as absent.
    pub const fn empty_is_none(mut self) -> Self {
        self.empty_is_none = true;
        self
    }

    /// This rule for one of these texts.
    pub const fn one_of(mut self, texts: &'static [&'static str]) -> Self {
        self.one_of = Some(texts);
        self
    }

    /// This rule for a text of a format, by its name in messages and in JSON Schema, if it has one
    /// there.
    pub const fn of(
        mut self,
        name: &'static str,
        json: Option<&'static str>,
        is: fn(&str) -> bool,
    ) -> Self {
        self.format = Some(Format { name, json, is });
        self
    }

    /// This rule, by which everything that is wrong is told, the format first.
    pub const fn all_told(mut self) -> Self {
        self.all_told = true;
        self
    }

    /// What is wrong with a text: the first thing, or everything where the rule has it told.
    pub fn problems(self, text: &str) -> impl Iterator<Item = Problem> {
        let blank = !self.may_be_blank && text.trim().is_empty();
        let chars_max = self.chars_max;
        let too_long = chars_max.filter(|max| text.chars().count() > *max as usize);
        let none_of = self.one_of.filter(|texts| !texts.contains(&text));
        let format = self.format.filter(|format| !(format.is)(text));
        let mut problems = [
            blank.then_some(Problem::Blank),
            too_long.map(Problem::TooLong),
            none_of.map(Problem::OneOf),
            format.map(|format| Problem::Format(format.name)),
        ];
        if self.all_told {
            problems.rotate_right(1);
        }
        let told = match (self.empty_is_none && text.is_empty(), self.all_told) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => problems.len(),
        };
        problems.into_iter().flatten().take(told)
    }
}

/// The reader of one object's fields.
#[derive(Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    prefix: String,
    /// The meaning of null in these fields.
    pub nulls: Nulls,
    /// The names of the fields that were sent, as far as they were asked for.
    pub sent: Vec<FieldName>,
    /// What is wrong so far, in the order in which fields were asked for.
    pub violations: Vec<Violation>,
}

impl<'a> Fields<'a> {
    /// A reader of this object. `prefix` stands before its fields' names in violations: `contact.`.
    #[must_use]
    pub fn new(object: &'a Map<String, Value>, prefix: impl Into<String>, nulls: Nulls) -> Self {
        Self {
            object,
            prefix: prefix.into(),
            nulls,
            sent: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// A reader of the object that is the field of this name, by the same rule for null.
    #[must_use]
    pub fn inner<'b>(&self, object: &'b Map<String, Value>, name: &str) -> Fields<'b> {
        Fields::new(object, format!("{}.", self.path(name)), self.nulls)
    }

    /// The path of a field, as violations name it.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Notes that something is wrong with a field, echoing what was sent.
    pub fn wrong(&mut self, name: &str, problem: Problem) {
        let mut violation = Violation::new(self.path(name), problem);
        violation.value = member(self.object, name).cloned().map(Box::new);
        self.violations.push(violation);
    }

    /// Notes that something is wrong with an item of a list, echoing it.
    pub fn wrong_item(&mut self, name: &str, index: usize, problem: Problem, item: &Value) {
        let path = self.path(&format!("{name}.{index}"));
        let violation = Violation::new(path, problem).with_value(item.clone());
        self.violations.push(violation);
    }

    /// Notes that a field was sent.
    pub fn note_sent(&mut self, name: &'static str) {
        self.sent.push(FieldName::Borrowed(name));
    }

    /// Whether a field was sent.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        member(self.object, name).is_some()
    }

    /// Whether a field was sent and is null.
    #[must_use]
    pub fn is_null(&self, name: &str) -> bool {
        member(self.object, name).is_some_and(Value::is_null)
    }

    /// A field's value, by the rule for null; noted as sent where it is there. It is required
    /// where its JSON type is given.
    pub fn value(&mut self, name: &'static str, required: Option<Expected>) -> Option<&'a Value> {
        let value = member(self.object, name);
        if value.is_some() {
            self.note_sent(name);
        }
        let value = value.filter(|v| !v.is_null() || self.nulls == Nulls::Refused);
        if let (None, Some(expected)) = (value, required) {
            self.wrong(name, Problem::Required(expected));
        }
        value
    }

    /// A field's value as `read` finds it in JSON of the expected type.
    pub fn of_type<T>(
        &mut self,
        name: &'static str,
        expected: Expected,
        required: bool,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name, required.then_some(expected))?;
        let read = read(value);
        if read.is_none() {
            self.wrong(name, Problem::WrongType(expected));
        }
        read
    }

    /// A text of a rule.
    pub fn text(&mut self, name: &'static str, rule: Text, required: bool) -> Option<&'a str> {
        self.text_value(name, rule, required)?.as_str()
    }

    /// A text of a rule, as the JSON that it is.
    pub fn text_value(
        &mut self,
        name: &'static str,
        rule: Text,
        required: bool,
    ) -> Option<&'a Value> {
        let value = self.of_kind(name, Expected::String, required)?;
        let sound = self.violations.len();
        let problems = rule.problems(value.as_str().unwrap_or_default());
        problems.for_each(|it| self.wrong(name, it));
        (self.violations.len() == sound).then_some(value)
    }

    /// A field's value as it was sent, if it is JSON of the expected type.
    pub fn of_kind(
        &mut self,
        name: &'static str,
        expected: Expected,
        required: bool,
    ) -> Option<&'a Value> {
        let fits = |value| expected.fits(value).then_some(value);
        self.of_type(name, expected, required, fits)
    }

    /// Reads a field that is a JSON object.
    pub fn object(&mut self, name: &'static str, required: bool) -> Option<&'a Map<String, Value>> {
        self.of_type(name, Expected::Object, required, Value::as_object)
    }

    /// An array, or as an array of one a value that passes a test.
    pub fn list(
        &mut self,
        name: &'static str,
        required: bool,
        is_one: fn(&Value) -> bool,
    ) -> Option<&'a [Value]> {
        let items = |value: &'a Value| match value {
            Value::Array(items) => Some(items.as_slice()),
            one => is_one(one).then(|| std::slice::from_ref(one)),
        };
        self.of_type(name, Expected::Array, required, items)
    }

    /// Texts of a rule, the items of a list. Those above the maximum are not judged one by one: an
    /// answer stays small.
    pub fn texts(
        &mut self,
        name: &'static str,
        items: &[Value],
        rule: Text,
        items_max: Option<u32>,
    ) -> Option<Vec<String>> {
        let sound = self.violations.len();
        let max = items_max.map_or(usize::MAX, |max| max as usize);
        let mut texts = Vec::with_capacity(items.len().min(max));
        for (index, item) in items.iter().take(max).enumerate() {
            let problem = match item.as_str() {
                Some(text) => rule.problems(text).next(),
                None => Some(Problem::WrongType(Expected::String)),
            };
            if let Some(problem) = problem {
                self.wrong_item(name, index, problem, item);
            }
            texts.extend(item.as_str().map(str::to_owned));
        }
        if let Some(max) = items_max.filter(|max| items.len() > *max as usize) {
            self.wrong(name, Problem::TooMany(max));
        }
        (self.violations.len() == sound).then_some(texts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<T>(object: Value, nulls: Nulls, f: impl Fn(&mut Fields<'_>) -> T) -> (T, Vec<Problem>) {
        let object = object.as_object().cloned().expect("an object");
        let mut fields = Fields::new(&object, "", nulls);
        let value = f(&mut fields);
        (value, fields.violations.iter().map(|v| v.problem).collect())
    }

    #[test]
    fn a_text_is_judged_by_its_rule() {
        let rule = ANY_TEXT.at_most(3).not_blank();
        let check = |object, nulls, want: Option<&str>, problems: &[Problem]| {
            let text = |fields: &mut Fields<'_>| fields.text("a", rule, true).map(str::to_owned);
            let (text, found) = read(object, nulls, text);
            assert_eq!((text.as_deref(), found.as_slice()), (want, problems));
        };
        check(json!({"a": "éüß"}), Nulls::Refused, Some("éüß"), &[]);
        check(
            json!({"a": "abcd"}),
            Nulls::Refused,
            None,
            &[Problem::TooLong(3)],
        );
        check(json!({"a": "  "}), Nulls::Refused, None, &[Problem::Blank]);
        let required = [Problem::Required(Expected::String)];
        check(json!({}), Nulls::Refused, None, &required);
        check(json!({"a": null}), Nulls::Absent, None, &required);
        let wrong = [Problem::WrongType(Expected::String)];
        check(json!({"a": null}), Nulls::Refused, None, &wrong);
        check(json!({"a": 1}), Nulls::Absent, None, &wrong);
    }

    #[test]
    fn each_item_of_a_list_is_judged() {
        let object = json!({"a": ["x", 1, "yy", 2]});
        let (texts, problems) = read(object, Nulls::Absent, |f| {
            let items = f.list("a", true, |_| false).expect("an array");
            f.texts("a", items, ANY_TEXT.at_most(1), Some(3))
        });
        assert_eq!(texts, None);
        let want = [
            Problem::WrongType(Expected::String),
            Problem::TooLong(1),
            Problem::TooMany(3),
        ];
        assert_eq!(problems, want);
    }
}
