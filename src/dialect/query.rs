//! A query string's parameters, decoded, in the order in which they were sent.

use super::{Refusal, json};

/// The most characters of an unknown parameter's name that a refusal repeats.
const NAME_CHARS_MAX: usize = 64;

/// The number of a text that is decimal digits and nothing else.
#[must_use]
pub fn digits(text: &str) -> Option<usize> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The whole number of a text that is a JSON number: `10`, `10.0` and `1e1` are 10.
#[must_use]
pub fn whole(text: &str) -> Option<i64> {
    // JSON may have white space around it, a parameter may not.
    let starts = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let ends = text.ends_with(|last: char| last.is_ascii_digit());
    let number = (starts && ends).then(|| serde_json::from_str(text).ok());
    json::whole(&number.flatten()?)
}

/// The number from 0 on of a text: decimal digits, or a JSON number that is whole.
#[must_use]
pub fn count(text: &str) -> Option<usize> {
    digits(text).or_else(|| usize::try_from(whole(text)?).ok())
}

/// The parameters of a query string.
///
/// ```
/// use contactd::dialect::Query;
///
/// let query = Query::parse("q=ann+b&email=a%40b.co&email=c%40d.co");
/// assert_eq!(query.get("q"), Some("ann b"));
/// assert_eq!(query.all("email").count(), 2);
/// assert_eq!(query.get("page"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b=2`, percent-encoded or with plus signs as HTML forms have them.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The last value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next_back()
    }

    /// The last value of a parameter; one that is empty is as if it had not been sent.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The value of a parameter as `read` finds it in its text; nothing where it was not sent.
    ///
    /// # Errors
    /// The text, where `read` finds nothing in it.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, &str> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        read(text).map(Some).ok_or(text)
    }

    /// Every value of a repeated parameter.
    pub fn all<'q>(&'q self, name: &str) -> impl DoubleEndedIterator<Item = &'q str> {
        let named = self.pairs().filter(move |(key, _)| *key == name);
        named.map(|(_, value)| value)
    }

    /// The items of a list: its parameter may be repeated, hold several with commas between them, and
    /// have brackets behind its name, as programs write lists: `types`, `types[]`, `types[0]`. Blank
    /// items are as if they had not been sent.
    ///
    /// ```
    /// use contactd::dialect::Query;
    ///
    /// let query = Query::parse("types=a,b&types[]=c&types[7]=d&types[x]=e");
    /// assert_eq!(query.list("types").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    /// ```
    pub fn list<'q>(&'q self, name: &str) -> impl Iterator<Item = &'q str> {
        let named = self.pairs().filter(move |(key, _)| is_list(key, name));
        let items = named.flat_map(|(_, value)| value.split(','));
        items.map(str::trim).filter(|item| !item.is_empty())
    }

    /// Checks that every parameter is one of these names, and that each is there once and not empty.
    ///
    /// # Errors
    /// [`Refusal::UnknownParameter`] for the first name that is not, as a misspelled filter would
    /// filter nothing; [`Refusal::BadParameter`] for one that is empty, as a script sends whose
    /// variable is not set, or is there twice, where only one of the values could count.
    pub fn only(&self, known: &'static [&'static str]) -> Result<(), Refusal> {
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in self.pairs() {
            let Some(name) = known.iter().copied().find(|known| *known == name) else {
                return Err(Refusal::UnknownParameter {
                    name: name.chars().take(NAME_CHARS_MAX).collect(),
                    known,
                });
            };
            let bad = |must| Err(Refusal::BadParameter { name, must });
            if value.is_empty() {
                return bad("left out, or have a value");
            }
            if seen.contains(&name) {
                return bad("sent once");
            }
            seen.push(name);
        }
        Ok(())
    }

    /// Every parameter, in the order of the query.
    pub fn pairs(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }
}

/// Whether a parameter is a list's: its name, with or without brackets.
fn is_list(parameter: &str, name: &str) -> bool {
    let Some(rest) = parameter.strip_prefix(name) else {
        return false;
    };
    let index = rest.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    rest.is_empty() || index.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_not_known_is_refused_by_its_name() {
        const KNOWN: &[&str] = &["q", "email"];
        assert_eq!(Query::parse("").only(KNOWN), Ok(()));
        assert_eq!(Query::parse("email=a&q=x").only(KNOWN), Ok(()));
        for (wrong, name, must) in [
            ("email=", "email", "left out, or have a value"),
            ("q=x&q=y", "q", "sent once"),
        ] {
            let refused = Err(Refusal::BadParameter { name, must });
            assert_eq!(Query::parse(wrong).only(KNOWN), refused);
        }
        let long = format!("{}=1", "x".repeat(100));
        for (query, name) in [
            ("q=1&emial=a%40b.co", "emial"),
            ("Q=1", "Q"),
            ("=1", ""),
            (long.as_str(), &"x".repeat(64)),
        ] {
            let refused = Query::parse(query).only(KNOWN);
            let (name, known) = (name.to_owned(), KNOWN);
            assert_eq!(refused, Err(Refusal::UnknownParameter { name, known }));
        }
    }

    #[test]
    fn a_count_is_a_whole_number() {
        for (text, want) in [
            ("7", Some(7)),
            ("007", Some(7)),
            ("7.0", Some(7)),
            ("0.7e1", Some(7)),
            ("7.5", None),
            ("-1.0", None),
            ("", None),
            (" 7.0", None),
            ("7.", None),
            ("+7", None),
            ("inf", None),
            ("1e999", None),
        ] {
            assert_eq!(count(text), want, "{text}");
        }
    }
}
