//! What contacts are found and ordered by: folded words, digits, addresses, and orders.
//!
//! A contact is cut into tokens once, and a question into terms; a term is met by the tokens in
//! certain ranges of the alphabet. Whoever asks a single contact and whoever keeps an index of
//! many read the same two lists, so that they can't differ in what a word is.
//!
//! Tokens of different kinds never meet: a word begins with a letter or a digit, `#` stands before
//! a number's digits and `$` before the same digits from behind, an address holds an `@`, and `!`
//! stands before what a contact is.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::{Card, ContactId, Position};

/// The characters of a token that count.
const TOKEN_CHARS_MAX: usize = 64;
/// The characters of a name that it is ordered by.
const NAME_CHARS_MAX: usize = 256;
/// The words of a contact that count, its name's before all others. Its addresses and numbers all
/// count: a record's size bounds them.
const WORDS_MAX: usize = 256;
/// The token of a contact that its dialect calls inactive.
const INACTIVE: &str = "!inactive";

/// The key by which a list is sorted; equal ones follow the order of creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// By the time of creation, the oldest first.
    #[default]
    Created,
    /// By the time of the last write.
    Updated,
    /// By the full name, folded as [`sort_name`] does.
    Name,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// The key by which the list is sorted.
    pub by: SortKey,
    /// Whether the order is reversed: newest or last first.
    pub descending: bool,
}

/// The end of a page as a cursor: the sort key of its last contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keyset {
    /// The last contact's id, in the order of creation.
    Created(ContactId),
    /// The position of the last contact's last write; no two contacts share one.
    Updated(Position),
    /// The last contact's folded name, and its id to tell equal names apart.
    Name(String, ContactId),
}

/// The texts by which a search finds a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name it is ordered by: [`sort_name`].
    pub name: String,
    /// The search tokens, each once and at most 64 characters long: every address and number, and
    /// at most 256 words.
    pub tokens: BTreeSet<String>,
}

/// One condition of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// A word of its name, an organization or an e-mail address begins so.
    Word(String),
    /// A word begins so, or a phone number begins or ends so.
    Number(String),
    /// An e-mail address, or its part from the `@` on, begins so.
    Address(String),
    /// The contact has this e-mail address. Accents are folded, so an exact comparison must follow.
    Email(String),
    /// A phone number of the contact has exactly these digits.
    Phone(String),
    /// A word of its name begins so.
    Name(String),
    /// The contact's vendor calls it active (true) or inactive (false).
    Active(bool),
    /// No contact matches: the search text held nothing to search for.
    Never,
}

/// A token that a contact must have to meet a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any token that begins with this text.
    Beginning(String),
    /// The token that equals this text.
    Exactly(String),
}

impl Wanted {
    /// Whether a token is the wanted one.
    #[must_use]
    pub fn has(&self, token: &str) -> bool {
        match self {
            Self::Beginning(with) => token.starts_with(with.as_str()),
            Self::Exactly(this) => token == this,
        }
    }
}

impl Profile {
    /// What a contact with this Card is found by, given whether its vendor calls it active.
    #[must_use]
    pub fn of(card: &Card, is_active: bool) -> Self {
        let mut tokens = BTreeSet::new();
        let name = card.full_name().unwrap_or_default();
        if !is_active {
            tokens.insert(INACTIVE.to_owned());
        }
        let texts = std::iter::once(name.as_str())
            .chain(organizations(card))
            .chain(card.emails());
        let most = tokens.len().saturating_add(WORDS_MAX);
        for word in texts.flat_map(words) {
            if tokens.len() == most {
                break;
            }
            tokens.insert(word);
        }
        for email in card.emails().filter(|email| !email.is_empty()) {
            let address = cut(&fold(email));
            if let Some((_, domain)) = address.rsplit_once('@') {
                tokens.insert(format!("@{domain}"));
            }
            tokens.insert(address);
        }
        for digits in card.phones().map(digits).filter(|all| !all.is_empty()) {
            tokens.insert(cut(&format!("#{digits}")));
            tokens.insert(cut(&format!("${}", backwards(&digits))));
        }
        Self {
            name: sort_name(card),
            tokens,
        }
    }
}

impl Term {
    /// The terms of a free text. Digits and what stands between them are one number where there is
    /// nothing else; a part with an `@` is an address; the rest are words.
    ///
    /// ```
    /// use contactd::domain::Card;
    /// use contactd::domain::find::{Profile, Term};
    /// use serde_json::json;
    ///
    /// let card = Card::from_value(json!({
    ///     "name": {"full": "Änne Example"},
    ///     "phones": {"p": {"number": "+1 (555) 010"}},
    /// }))
    /// .expect("an object");
    /// let profile = Profile::of(&card, true);
    /// let finds = |text| {
    ///     let terms = Term::of_text(text);
    ///     terms.iter().all(|term| term.met_by(&profile.name, profile.tokens.iter().map(String::as_str)))
    /// };
    /// assert!(finds("anne exam"));
    /// assert!(finds("1555"));
    /// assert!(!finds("bob"));
    /// ```
    #[must_use]
    pub fn of_text(text: &str) -> Vec<Self> {
        let mut terms = Vec::new();
        if is_number(text) {
            terms.push(Self::Number(cut(&digits(text))));
        } else {
            for part in text.split_whitespace() {
                if part.contains('@') {
                    terms.push(Self::Address(cut(&fold(part))));
                } else if is_number(part) {
                    terms.push(Self::Number(cut(&digits(part))));
                } else {
                    terms.extend(words(part).into_iter().map(Self::Word));
                }
            }
        }
        or_never(terms)
    }

    /// The terms of a text that a name is asked for.
    #[must_use]
    pub fn of_name(text: &str) -> Vec<Self> {
        or_never(words(text).into_iter().map(Self::Name).collect())
    }

    /// The term for an e-mail address, folded to lower case without accents.
    #[must_use]
    pub fn of_email(address: &str) -> Self {
        Self::Email(cut(&fold(address)))
    }

    /// The term for a phone number, compared by its digits alone.
    #[must_use]
    pub fn of_phone(number: &str) -> Self {
        match digits(number) {
            none if none.is_empty() => Self::Never,
            digits => Self::Phone(cut(&format!("#{digits}"))),
        }
    }

    /// The tokens of which a contact that meets this has one; `None` where no token says so.
    #[must_use]
    pub fn wanted(&self) -> Option<Vec<Wanted>> {
        let beginning = |text: &String| vec![Wanted::Beginning(text.clone())];
        match self {
            Self::Word(word) | Self::Name(word) => Some(beginning(word)),
            Self::Address(address) => Some(beginning(address)),
            Self::Number(digits) => {
                let texts = [
                    digits.clone(),
                    format!("#{digits}"),
                    format!("${}", backwards(digits)),
                ];
                Some(texts.into_iter().map(Wanted::Beginning).collect())
            }
            Self::Email(token) | Self::Phone(token) => Some(vec![Wanted::Exactly(token.clone())]),
            Self::Active(false) => Some(vec![Wanted::Exactly(INACTIVE.to_owned())]),
            Self::Active(true) => None,
            Self::Never => Some(Vec::new()),
        }
    }

    /// Whether a contact of this name and these tokens meets it.
    pub fn met_by<'a>(&self, name: &str, mut tokens: impl Iterator<Item = &'a str>) -> bool {
        match self {
            Self::Name(word) => words(name).iter().any(|have| have.starts_with(word)),
            Self::Active(true) => !tokens.any(|token| token == INACTIVE),
            _ => {
                let wanted = self.wanted().unwrap_or_default();
                tokens.any(|token| wanted.iter().any(|wanted| wanted.has(token)))
            }
        }
    }
}

fn or_never(terms: Vec<Term>) -> Vec<Term> {
    if terms.is_empty() {
        vec![Term::Never]
    } else {
        terms
    }
}

/// The name that contacts are ordered by: the full name, folded, at most 256 characters, or nothing.
///
/// ```
/// use contactd::domain::{Card, sort_name};
/// use serde_json::json;
///
/// let card = Card::from_value(json!({"name": {"full": "Łukasz ÅNGSTRÖM"}})).expect("an object");
/// assert_eq!(sort_name(&card), "lukasz angstrom");
/// ```
#[must_use]
pub fn sort_name(card: &Card) -> String {
    let name = card.full_name().unwrap_or_default();
    fold(&name).chars().take(NAME_CHARS_MAX).collect()
}

/// The names of a Card's organizations and their units.
fn organizations(card: &Card) -> Vec<&str> {
    let members = card.get("organizations").and_then(Value::as_object);
    let mut names = Vec::new();
    for organization in members.into_iter().flat_map(Map::values) {
        let units = organization.get("units").and_then(Value::as_array);
        let all = std::iter::once(organization).chain(units.into_iter().flatten());
        names.extend(all.filter_map(|part| part.get("name")?.as_str()));
    }
    names
}

/// The text without case and accents: compatibility forms taken apart (NFKD), marks dropped, lower
/// case, and the letters that Unicode does not take apart spelt as is usual in ASCII.
///
/// ```
/// use contactd::domain::find::fold;
///
/// assert_eq!(fold("Straße"), "strasse");
/// assert_eq!(fold("Zoë"), fold("ZOE"));
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    let bare = text.nfkd().filter(|c| canonical_combining_class(*c) == 0);
    let mut folded = String::with_capacity(text.len());
    for c in bare.flat_map(char::to_lowercase) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            c => folded.push(c),
        }
    }
    folded
}

/// The words of a text, folded: runs of letters and digits.
fn words(text: &str) -> Vec<String> {
    fold(text)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(cut)
        .collect()
}

/// Whether a text is digits and what stands between the digits of a phone number.
fn is_number(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-()./".contains(c))
}

/// The ASCII digits of a text, in order.
fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

fn cut(text: &str) -> String {
    text.chars().take(TOKEN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn case_and_accents_are_folded() {
        for (text, want) in [
            ("Zoë", "zoe"),
            ("ÅNGSTRÖM", "angstrom"),
            ("Søren Łuksza", "soren luksza"),
            ("Straße", "strasse"),
            ("ﬁne", "fine"),
            ("İstanbul", "istanbul"),
            ("Ａｎｎ", "ann"),
            ("Ёлка", "елка"),
        ] {
            assert_eq!(fold(text), want, "{text}");
        }
    }

    #[test]
    fn a_text_becomes_terms() {
        let word = |text: &str| Term::Word(text.into());
        let number = |text: &str| Term::Number(text.into());
        for (text, want) in [
            ("Ann O'Brien", vec![word("ann"), word("o"), word("brien")]),
            ("+1 (555) 010", vec![number("1555010")]),
            ("ann 555-010", vec![word("ann"), number("555010")]),
            (
                "Ann@Example.com",
                vec![Term::Address("ann@example.com".into())],
            ),
            ("@example", vec![Term::Address("@example".into())]),
            ("!!", vec![Term::Never]),
            ("", vec![Term::Never]),
        ] {
            assert_eq!(Term::of_text(text), want, "{text}");
        }
    }

    #[test]
    fn a_contact_is_found_by_each_of_many_addresses_and_numbers() {
        let mut card = json!({"name": {"full": "Ann Example"}, "emails": {}, "phones": {}});
        for n in 0..600 {
            let id = format!("k{n}");
            card["emails"][&id] = json!({"address": format!("p{n}@d{n}.example")});
            card["phones"][&id] = json!({"number": format!("+1 555 {n:07}")});
        }
        let profile = Profile::of(&Card::from_value(card).expect("a card"), true);
        let tokens = || profile.tokens.iter().map(String::as_str);
        for n in 0..600 {
            let address = format!("P{n}@d{n}.example");
            for term in [
                Term::of_email(&address),
                Term::of_phone(&format!("1555{n:07}")),
                Term::Address(format!("@d{n}.")),
            ] {
                assert!(term.met_by(&profile.name, tokens()), "{term:?}");
            }
        }
        assert!(Term::Word("exam".into()).met_by(&profile.name, tokens()));
    }

    proptest! {
        /// An index looks at `wanted` only: whoever meets a term must have such a token.
        #[test]
        fn who_meets_a_term_has_a_wanted_token(
            name in "\\PC{0,20}", phone in "[+0-9 ]{0,8}", text in "\\PC{0,6}|[0-9 ]{1,4}",
        ) {
            let card = Card::from_value(json!({
                "name": {"full": name}, "phones": {"p": {"number": phone}},
            })).expect("a card");
            let profile = Profile::of(&card, true);
            let tokens = || profile.tokens.iter().map(String::as_str);
            for term in Term::of_text(&text).into_iter().chain(Term::of_name(&text)) {
                if term.met_by(&profile.name, tokens()) {
                    let wanted = term.wanted().expect("tokens");
                    prop_assert!(tokens().any(|token| wanted.iter().any(|w| w.has(token))));
                }
            }
        }

        #[test]
        fn words_are_bounded_and_cut(name in "\\PC{0,400}|([a-z]{2} ){300,400}") {
            let card = Card::from_value(json!({"name": {"full": name}})).expect("a card");
            let profile = Profile::of(&card, true);
            prop_assert!(profile.tokens.len() <= WORDS_MAX);
            prop_assert!(profile.name.chars().count() <= NAME_CHARS_MAX);
            prop_assert!(profile.tokens.iter().all(|t| t.chars().count() <= TOKEN_CHARS_MAX));
        }
    }
}
