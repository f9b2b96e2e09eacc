//! Reads the fields of a JSON object one by one and collects what is wrong with them.
//!
//! A dialect's decoder is then a list of its fields, in the order of its
//! schema. Absent and null are told apart by the dialect's own rule.

use serde_json::{Map, Value};

use crate::domain::{Expected, FieldName, Problem, Violation};

/// What null means for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// As if the field had not been sent.
    Absent,
    /// A wrong type.
    Refused,
}

/// The rule of a text field.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Whether it must be there.
    pub required: bool,
    /// The most characters (Unicode code points) it may have.
    pub chars_max: Option<u32>,
    /// Whether it may be empty or only white space.
    pub may_be_blank: bool,
    /// Its format's name, and whether a text is of it.
    pub format: Option<Format>,
}

/// A format's name, and whether a text is of it.
pub type Format = (&'static str, fn(&str) -> bool);

/// A text of any length that may be left out.
pub const ANY_TEXT: Text = Text {
    required: false,
    chars_max: None,
    may_be_blank: true,
    format: None,
};

impl Text {
    /// The same, required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// The same, of at most this many characters.
    #[must_use]
    pub const fn at_most(self, chars: u32) -> Self {
        Self {
            chars_max: Some(chars),
            ..self
        }
    }

    /// The same, with something in it that can be seen.
    #[must_use]
    pub const fn not_blank(self) -> Self {
        Self {
            may_be_blank: false,
            ..self
        }
    }

    /// The same, of a format.
    #[must_use]
    pub const fn of(self, name: &'static str, is: fn(&str) -> bool) -> Self {
        Self {
            format: Some((name, is)),
            ..self
        }
    }
}

/// The reader of one object's fields.
#[derive(Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    prefix: String,
    nulls: Nulls,
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

    /// The path of a field, as violations name it.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Notes that something is wrong with a field, echoing what was sent.
    pub fn wrong(&mut self, name: &str, problem: Problem) {
        let mut violation = Violation::new(self.path(name), problem);
        violation.value = self.object.get(name).cloned();
        self.violations.push(violation);
    }

    /// A field's value, by the rule for null; noted as sent where it is there.
    pub fn value(&mut self, name: &'static str, required: bool) -> Option<&'a Value> {
        let value = self.object.get(name);
        if value.is_some() {
            self.sent.push(FieldName::Borrowed(name));
        }
        let value = value.filter(|v| !(v.is_null() && self.nulls == Nulls::Absent));
        if value.is_none() && required {
            self.wrong(name, Problem::Required);
        }
        value
    }

    /// A text.
    pub fn text(&mut self, name: &'static str, rule: Text) -> Option<String> {
        let value = self.value(name, rule.required)?;
        let Value::String(text) = value else {
            self.wrong(name, Problem::WrongType(Expected::String));
            return None;
        };
        match text_problem(text, rule) {
            Some(problem) => {
                self.wrong(name, problem);
                None
            }
            None => Some(text.clone()),
        }
    }

    /// True or false.
    pub fn flag(&mut self, name: &'static str, required: bool) -> Option<bool> {
        let value = self.value(name, required)?;
        if value.as_bool().is_none() {
            self.wrong(name, Problem::WrongType(Expected::Boolean));
        }
        value.as_bool()
    }

    /// An object.
    pub fn object(&mut self, name: &'static str, required: bool) -> Option<&'a Map<String, Value>> {
        let value = self.value(name, required)?;
        if value.as_object().is_none() {
            self.wrong(name, Problem::WrongType(Expected::Object));
        }
        value.as_object()
    }

    /// An array of at most this many items.
    pub fn array(
        &mut self,
        name: &'static str,
        required: bool,
        items_max: Option<u32>,
    ) -> Option<&'a Vec<Value>> {
        let value = self.value(name, required)?;
        let Value::Array(items) = value else {
            self.wrong(name, Problem::WrongType(Expected::Array));
            return None;
        };
        if let Some(max) = items_max.filter(|max| items.len() > *max as usize) {
            self.wrong(name, Problem::TooMany(max));
            return None;
        }
        Some(items)
    }

    /// An array of texts, each of a rule.
    pub fn texts(
        &mut self,
        name: &'static str,
        rule: Text,
        items_max: Option<u32>,
    ) -> Option<Vec<String>> {
        let items = self.array(name, rule.required, items_max)?;
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let problem = match item {
                Value::String(text) => text_problem(text, rule),
                _ => Some(Problem::WrongType(Expected::String)),
            };
            match (problem, item) {
                (None, Value::String(text)) => texts.push(text.clone()),
                (problem, item) => {
                    let path = self.path(&format!("{name}.{index}"));
                    let problem = problem.unwrap_or(Problem::WrongType(Expected::String));
                    self.violations
                        .push(Violation::new(path, problem).with_value(item.clone()));
                }
            }
        }
        (texts.len() == items.len()).then_some(texts)
    }
}

/// What is wrong with a text, by its rule.
#[must_use]
pub fn text_problem(text: &str, rule: Text) -> Option<Problem> {
    if !rule.may_be_blank && text.trim().is_empty() {
        return Some(Problem::Blank);
    }
    if let Some(max) = rule.chars_max
        && text.chars().count() > max as usize
    {
        return Some(Problem::TooLong(max));
    }
    match rule.format {
        Some((name, is)) if !is(text) => Some(Problem::Format(name)),
        _ => None,
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
        let rule = ANY_TEXT.required().at_most(3).not_blank();
        let check = |object, nulls, want: Option<&str>, problems: &[Problem]| {
            let (text, found) = read(object, nulls, |f| f.text("a", rule));
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
        check(json!({}), Nulls::Refused, None, &[Problem::Required]);
        check(
            json!({"a": null}),
            Nulls::Absent,
            None,
            &[Problem::Required],
        );
        let wrong = [Problem::WrongType(Expected::String)];
        check(json!({"a": null}), Nulls::Refused, None, &wrong);
        check(json!({"a": 1}), Nulls::Absent, None, &wrong);
    }

    #[test]
    fn each_item_of_a_list_is_judged() {
        let object = json!({"a": ["x", 1, "yy"]});
        let (texts, problems) = read(object, Nulls::Absent, |f| {
            f.texts("a", ANY_TEXT.at_most(1), Some(5))
        });
        assert_eq!(texts, None);
        let want = [Problem::WrongType(Expected::String), Problem::TooLong(1)];
        assert_eq!(problems, want);
    }
}
