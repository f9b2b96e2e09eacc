//! Many short texts in one buffer: what a contact is found by costs two pieces of memory, not thirty.

/// Texts one behind the other.
///
/// ```
/// use contactd::domain::Tokens;
///
/// let tokens: Tokens = ["b", "a", "b"].into_iter().collect();
/// assert_eq!(tokens.iter().collect::<Vec<_>>(), ["b", "a", "b"]);
/// assert_eq!(tokens.sorted().iter().collect::<Vec<_>>(), ["a", "b"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    text: String,
    /// The number of bytes up to the end of each.
    ends: Vec<u32>,
}

impl Tokens {
    /// No texts, with memory for so many, and for so many bytes of them.
    #[must_use]
    pub fn with_capacity(texts: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(texts),
        }
    }

    /// Adds a text that is made of parts. Four gigabytes of them are never together.
    pub fn push(&mut self, parts: &[&str]) {
        self.text.extend(parts.iter().copied());
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.ends.push(end);
    }

    /// The number of texts.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The texts, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut begin = 0;
        self.ends.iter().filter_map(move |end| {
            let end = *end as usize;
            let text = self.text.get(begin..end);
            begin = end;
            text
        })
    }

    /// The texts in the order of their bytes, each once.
    #[must_use]
    pub fn sorted(&self) -> Self {
        let mut texts: Vec<&str> = self.iter().collect();
        texts.sort_unstable();
        texts.dedup();
        let mut sorted = Self::with_capacity(texts.len(), self.text.len());
        texts.iter().for_each(|text| sorted.push(&[text]));
        sorted
    }
}

impl<'a> FromIterator<&'a str> for Tokens {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut tokens = Self::default();
        texts.into_iter().for_each(|text| tokens.push(&[text]));
        tokens
    }
}
