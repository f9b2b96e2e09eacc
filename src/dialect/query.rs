//! A query string's parameters, decoded, in the order in which they were sent.

/// The number of a text that is decimal digits and nothing else.
#[must_use]
pub fn digits(text: &str) -> Option<usize> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
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
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a repeated parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every parameter, in the order of the query.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }
}
