//! One property of a vCard (RFC 6350, section 3.3): a group, a name, parameters and a raw value.
//!
//! The value keeps its escapes until something asks for its text, so that what fits no Card can
//! be kept as it stands in the file.

/// A property of a vCard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Property {
    /// The group before the name, such as `item1`, in the file's own case.
    pub group: Option<String>,
    /// The name in upper case.
    pub name: String,
    /// The parameters in the order of the file.
    pub params: Vec<Param>,
    /// The value, with the escapes of RFC 6350, section 3.4.
    pub value: String,
    /// Whether the value is base64, which `ENCODING=b` said.
    pub is_base64: bool,
    /// Whether the value was longer than any contact, so that the rest of it was not read.
    pub is_cut: bool,
}

/// A parameter of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The name in upper case.
    pub name: String,
    /// The values, without quotes and the escapes of RFC 6868.
    pub values: Vec<String>,
}

impl Property {
    /// A property of which only the name is known yet.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// A property without group and parameters, whose value is this text.
    pub fn of_text(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: escape(text),
            ..Self::default()
        }
    }

    /// Whether it only repeats that this is a vCard: `PROFILE:VCARD` (RFC 2426, section 2.1.2).
    pub fn says_nothing(&self) -> bool {
        self.name == "PROFILE" && self.value.trim().eq_ignore_ascii_case("vcard")
    }

    /// The first value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        let mut named = self.params.iter().filter(|param| param.name == name);
        named.find_map(|param| param.values.first().map(String::as_str))
    }

    /// All values of a parameter, which may stand there several times.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.params.iter().filter(move |param| param.name == name);
        named.flat_map(|param| param.values.iter().map(String::as_str))
    }

    /// Takes a parameter out, and gives its values.
    pub fn take_param(&mut self, name: &str) -> Vec<String> {
        let mut taken = Vec::new();
        self.params.retain_mut(|param| {
            let is_named = param.name == name;
            if is_named {
                taken.append(&mut param.values);
            }
            !is_named
        });
        taken
    }

    /// Adds a value of a parameter.
    pub fn add_param(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.params.iter_mut().find(|param| param.name == name) {
            Some(param) => param.values.push(value),
            None => self.params.push(Param {
                name: name.to_owned(),
                values: vec![value],
            }),
        }
    }

    /// Adds values of a parameter, of which there may be none.
    pub fn add_all<T: Into<String>>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        for value in values {
            self.add_param(name, value);
        }
    }

    /// Whether a TYPE is among the types, whatever its case.
    pub fn has_type(&self, name: &str) -> bool {
        self.values("TYPE")
            .any(|value| value.eq_ignore_ascii_case(name))
    }

    /// The value as one text.
    pub fn text(&self) -> String {
        unescape(&self.value)
    }

    /// Makes this text the value.
    pub fn set_text(&mut self, text: &str) {
        self.value = escape(text);
    }

    /// The value as a list of texts, which commas separate.
    pub fn list(&self) -> Vec<String> {
        split(&self.value, ',').map(unescape).collect()
    }

    /// The value as components, which semicolons separate, each a list of texts.
    pub fn components(&self) -> Vec<Vec<String>> {
        split(&self.value, ';')
            .map(|part| split(part, ',').map(unescape).collect())
            .collect()
    }

    /// The property as people see it in a report: the name and the value, shortened.
    pub fn shown(&self) -> String {
        const SHOWN_CHARS_MAX: usize = 60;
        let mut value: String = self.value.chars().take(SHOWN_CHARS_MAX).collect();
        if self.value.chars().nth(SHOWN_CHARS_MAX).is_some() {
            value.push('…');
        }
        let value = value.replace(|c: char| c.is_control(), " ");
        format!("{}:{value}", self.name)
    }
}

/// The text that an escaped value stands for. Other escapes than those of RFC 6350 stay as they
/// are, but for the `\:` that Google writes and the `\r` before a `\n`.
pub fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('n' | 'N') => text.push('\n'),
            Some(c @ ('\\' | ',' | ';' | ':')) => text.push(c),
            Some('r') if rest.as_str().starts_with("\\n") => {}
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }
    text
}

/// A text with the escapes of RFC 6350; every kind of line break becomes `\n`.
pub fn escape(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' | ',' | ';' => value.extend(['\\', c]),
            '\n' => value.push_str("\\n"),
            '\r' => {
                rest.next_if_eq(&'\n');
                value.push_str("\\n");
            }
            c => value.push(c),
        }
    }
    value
}

/// A text with the escapes that a value without components needs in vCard 4.0. There a semicolon
/// may be escaped, but the reader `ical.js` would not undo it.
pub fn escape_simple(text: &str) -> String {
    escape(text).replace("\\;", ";")
}

/// The pieces of a value between separators that are not escaped.
pub fn split(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    value.split(move |c| {
        let ends = c == separator && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_and_written() {
        for (value, text) in [
            (r"a\, b\; c\\d\ne\Nf", "a, b; c\\d\ne\nf"),
            (r"Dept\: Sales", "Dept: Sales"),
            (r"a\r\nb", "a\nb"),
            (r"C:\data\", "C:\\data\\"),
            (r"x\\\, y", "x\\, y"),
        ] {
            assert_eq!(unescape(value), text, "{value}");
            assert_eq!(unescape(&escape(text)), text, "{text}");
        }
        assert_eq!(escape("a\r\nb\rc\nd"), r"a\nb\nc\nd");
    }

    #[test]
    fn components_are_split_where_no_escape_stands() {
        let property = Property {
            value: r"Smith;J\;r,Q;;Dr\\;".into(),
            ..Property::default()
        };
        let want: [&[&str]; 5] = [&["Smith"], &["J;r", "Q"], &[""], &["Dr\\"], &[""]];
        assert_eq!(property.components(), want);
    }
}
