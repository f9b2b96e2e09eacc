//! What contacts are found and ordered by: folded words, digits, addresses, and orders.
//!
//! A contact is cut into tokens once, and a question into terms; a term is met by the tokens in
//! certain ranges of the alphabet. Whoever asks a single contact and whoever keeps an index of
//! many read the same two lists, so that they can't differ in what a word is.
//!
//! Tokens of different kinds never meet: a word begins with a letter or a digit, `#` stands before
//! a number's digits and `$` before the same digits reversed, an address holds an `@`, and `!`
//! stands before what a contact is.
//!
//! Where a script writes no spaces between words, every two neighbouring characters are a word, and
//! so is the last one: `田中` finds 山田中 by its two characters, `中` by the one that begins a pair or
//! ends the run.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::fold::{self, bare, digit, readable_address};
use super::{Card, ContactId, Position, Texts, Tokens};

/// The characters of a token that count.
const TOKEN_CHARS_MAX: usize = 64;
/// The characters of a name that it is ordered by.
const NAME_CHARS_MAX: usize = 256;
/// The words of a contact that count, its name's before all others. Its addresses and numbers all
/// count: a record's size bounds them.
const WORDS_MAX: usize = 256;
/// The tokens that most contacts have no more of, and their bytes.
const TOKENS: (usize, usize) = (24, 256);
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The search tokens in order, each once and at most 64 characters long: every address and
    /// number, and at most 256 words.
    pub tokens: Tokens,
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
    /// The contact has an address like this. Accents are folded, so an exact comparison must follow.
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
        Self::of_texts(&Texts::of(card), is_active)
    }

    /// What a contact is found by whose Card has these texts.
    #[must_use]
    pub fn of_texts(found: &Texts<'_>, is_active: bool) -> Self {
        let (texts, bytes) = TOKENS;
        let mut tokens = Tokens::with_capacity(texts, bytes);
        let name = found.full_name().unwrap_or_default();
        let emails: Vec<String> = found.emails.iter().map(|it| readable_address(it)).collect();
        let texts = std::iter::once(&*name)
            .chain(found.organizations.iter().map(|text| &**text))
            .chain(emails.iter().map(String::as_str));
        for text in texts {
            each_word(text, |word| {
                if tokens.len() < WORDS_MAX && tokens.iter().all(|other| other != word) {
                    tokens.push(&[word]);
                }
            });
        }
        for email in emails.iter().filter(|email| !email.is_empty()) {
            push_address(&mut tokens, bare(email));
            if !email.is_ascii() {
                push_address(&mut tokens, bare(&fold::address(email)));
            }
        }
        for phone in &found.phones {
            push_number(&mut tokens, digits(phone));
            if let Some(called) = without_extension(phone) {
                push_number(&mut tokens, digits(called));
            }
        }
        if !is_active {
            tokens.push(&[INACTIVE]);
        }
        Self {
            name: shortened(bare(&name), NAME_CHARS_MAX),
            tokens: tokens.sorted(),
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
    ///     terms.iter().all(|term| term.met_by(&profile.name, profile.tokens.iter()))
    /// };
    /// assert!(finds("anne exam"));
    /// assert!(finds("1555"));
    /// assert!(!finds("bob"));
    /// ```
    #[must_use]
    pub fn of_text(text: &str) -> Vec<Self> {
        let mut terms = Vec::new();
        if is_number(text) {
            terms.push(Self::Number(cut(digits(text))));
        } else {
            for part in text.split_whitespace() {
                if part.contains('@') {
                    terms.push(Self::Address(cut(bare(part))));
                } else if is_number(part) {
                    terms.push(Self::Number(cut(digits(part))));
                } else {
                    terms.extend(words_asked(part).into_iter().map(Self::Word));
                }
            }
        }
        or_never(terms)
    }

    /// The terms of a text that a name is asked for.
    #[must_use]
    pub fn of_name(text: &str) -> Vec<Self> {
        or_never(words_asked(text).into_iter().map(Self::Name).collect())
    }

    /// The term for an e-mail address, without case and accents.
    #[must_use]
    pub fn of_email(address: &str) -> Self {
        Self::Email(cut(bare(&fold::address(address))))
    }

    /// The term for a phone number, compared by its digits alone.
    #[must_use]
    pub fn of_phone(number: &str) -> Self {
        match digits(number) {
            none if none.is_empty() => Self::Never,
            digits => Self::Phone(cut(format!("#{digits}"))),
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
            Self::Name(word) => {
                let mut is_met = false;
                each_word(name, |have| is_met |= have.starts_with(word));
                is_met
            }
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
    shortened(bare(&name), NAME_CHARS_MAX)
}

/// Shows the words of a text, folded: runs of letters and digits, and pairs where there are no
/// spaces.
fn each_word(text: &str, mut show: impl FnMut(&str)) {
    if text.is_ascii() {
        let text = text.to_ascii_lowercase();
        let runs = text.split(|c: char| !c.is_ascii_alphanumeric());
        let runs = runs.filter(|run| !run.is_empty());
        runs.for_each(|run| show(run.get(..TOKEN_CHARS_MAX).unwrap_or(run)));
    } else {
        let words = runs(text).into_iter().flat_map(pieces);
        words.for_each(|word| show(&word));
    }
}

/// The words that a text asks for: of a run without spaces its pairs, or the one character it is.
fn words_asked(text: &str) -> Vec<String> {
    let asked = runs(text).into_iter().flat_map(|run| {
        let mut words = pieces(run);
        if words.len() > 1 {
            // The last character alone is the end of the last pair too.
            words.pop();
        }
        words
    });
    asked.collect()
}

/// A run of letters and digits, and whether its script puts spaces between words.
type Run = (String, bool);

fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut open = false;
    for c in bare(text).chars() {
        if !(c.is_alphanumeric() || is_combining_mark(c)) {
            open = false;
            continue;
        }
        let spaced = !is_written_without_spaces(c);
        match runs.last_mut() {
            Some((run, of)) if open && *of == spaced => run.push(c),
            _ => runs.push((c.into(), spaced)),
        }
        open = true;
    }
    runs
}

/// The words of a run: itself, or every two neighbours in it and its last character.
fn pieces((run, spaced): Run) -> Vec<String> {
    if spaced {
        return vec![cut(run)];
    }
    let seconds = run.char_indices().map(|(at, c)| at + c.len_utf8());
    let ends = seconds.skip(1).chain([run.len()]);
    let pairs = run.char_indices().zip(ends);
    let pairs = pairs.filter_map(|((start, _), end)| run.get(start..end));
    pairs.map(str::to_owned).collect()
}

/// Whether a character is of a script that is written without spaces between words, or, as Hangul,
/// is found by parts of what stands between them (the classes SA and ID of UAX 14).
const fn is_written_without_spaces(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Myanmar, Hangul's letters, Khmer, Tai Le, New Tai Lue, Tai Tham.
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}'
        | '\u{1780}'..='\u{17ff}' | '\u{1950}'..='\u{19df}' | '\u{1a20}'..='\u{1aaf}'
        // Ideographs and their marks, kana, bopomofo, Yi.
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{303c}'
        | '\u{3041}'..='\u{318f}' | '\u{31a0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}' | '\u{a9e0}'..='\u{a9ff}'
        | '\u{aa60}'..='\u{aadf}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}'
        | '\u{1b000}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}

/// Adds the tokens of a folded address: all of it, and its domain behind the `@`.
fn push_address(tokens: &mut Tokens, address: String) {
    let address = cut(address);
    tokens.push(&[&address]);
    if let Some((_, domain)) = address.rsplit_once('@') {
        tokens.push(&["@", domain]);
    }
}

/// Adds the tokens of a number's digits, which it begins or ends with.
fn push_number(tokens: &mut Tokens, digits: String) {
    if !digits.is_empty() {
        tokens.push(&[&cut(["#", &digits].concat())]);
        tokens.push(&[&cut(["$", &backwards(&digits)].concat())]);
    }
}

/// The part of a phone number before its extension or its parameters, where it has any: those of a
/// `tel` URI (RFC 3966: `;ext=9`, `;phone-context=+1`), or `x9` and `ext. 9` as people write.
fn without_extension(phone: &str) -> Option<&str> {
    let end = phone.find([';', 'x', 'X', '#'])?;
    let called = phone.get(..end)?;
    Some(called.strip_suffix(['e', 'E']).unwrap_or(called))
}

/// Whether a text is digits and what stands between the digits of a phone number.
fn is_number(text: &str) -> bool {
    let between = |c: char| {
        c.is_whitespace() || fold::is_invisible(c) || "+-()./\u{2212}".contains(c) || is_dash(c)
    };
    text.nfkc().any(|c| digit(c).is_some()) && text.nfkc().all(|c| digit(c).is_some() || between(c))
}

/// Whether a character is one of Unicode's hyphens and dashes.
const fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}')
}

/// The digits of a text in ASCII, in order.
fn digits(text: &str) -> String {
    text.chars().filter_map(digit).collect()
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

fn cut(text: String) -> String {
    shortened(text, TOKEN_CHARS_MAX)
}

/// A text without what is beyond so many characters.
fn shortened(mut text: String, chars_max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests;
