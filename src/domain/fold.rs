//! Texts made comparable: without case, with one spelling of a character, a digit and a domain.
//!
//! Two strengths: [`caseless`] and [`address`] say whether two texts are the same and stand in
//! unique keys; [`bare`] says whether a person would take them for the same, and stands in the
//! search. Keys and indexes are made of the log, so a change here needs a new version of the views
//! that hold them ([`crate::projection`]), and nothing else.

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// A text without case, and in one spelling of what Unicode calls compatible (its definition D146,
/// composed at the end): the full case folding, by which `ß` is `ss` and `ς` is `σ`.
///
/// ```
/// use contactd::domain::fold::caseless;
///
/// assert_eq!(caseless("STRASSE"), caseless("Straße"));
/// assert_eq!(caseless("Σίσυφος"), caseless("ΣΊΣΥΦΟΣ"));
/// assert_ne!(caseless("muller"), caseless("Müller"));
/// ```
#[must_use]
pub fn caseless(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let seen: String = text.nfd().filter(|c| !is_invisible(*c)).collect();
    let once: String = full_fold(seen).nfkd().collect();
    let twice = full_fold(once);
    twice.nfkc().filter(|c| !is_invisible(*c)).collect()
}

/// A text without case and accents, with the digits of any script as ASCII's, and the letters that
/// Unicode does not take apart spelt as is usual in ASCII.
///
/// ```
/// use contactd::domain::fold::bare;
///
/// assert_eq!(bare("Straße"), "strasse");
/// assert_eq!(bare("Zoë"), bare("ZOE"));
/// assert_eq!(bare("٠١٢"), "012");
/// ```
#[must_use]
pub fn bare(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Folding the case of what is left makes no new accent.
    let parts = text.nfkd().filter(|c| !is_accent(*c) && !is_invisible(*c));
    let mut bare = String::with_capacity(text.len());
    for c in full_fold(parts.collect()).nfkd() {
        match c {
            'æ' => bare.push_str("ae"),
            'œ' => bare.push_str("oe"),
            'þ' => bare.push_str("th"),
            'ø' => bare.push('o'),
            'đ' | 'ð' => bare.push('d'),
            'ł' => bare.push('l'),
            'ħ' => bare.push('h'),
            'ı' => bare.push('i'),
            c => bare.push(digit(c).unwrap_or(c)),
        }
    }
    // What was taken apart and has no accents is put together: a Hangul syllable, a voiced kana.
    bare.nfc().collect()
}

fn full_fold(text: String) -> String {
    UniCase::unicode(text).to_folded_case()
}

/// An e-mail address as it is compared: without case, its domain in ASCII (RFC 5890, A-labels).
///
/// ```
/// use contactd::domain::fold::address;
///
/// assert_eq!(address("Müller@BÜCHER.de"), "müller@xn--bcher-kva.de");
/// assert_eq!(address("müller@xn--bcher-kva.de"), "müller@xn--bcher-kva.de");
/// ```
#[must_use]
pub fn address(text: &str) -> String {
    let folded = match text.rsplit_once('@') {
        Some((local, domain)) => [&caseless(local), "@", &ascii_domain(domain)].concat(),
        None => caseless(text),
    };
    // Other forms of the sign, such as the one of full width, are that sign once they are folded.
    let signs = |text: &str| text.matches('@').count();
    if signs(&folded) > signs(text) {
        address(&folded)
    } else {
        folded
    }
}

/// A domain in ASCII; one that cannot be written so is only without case.
fn ascii_domain(domain: &str) -> String {
    let ascii = |text: &str| idna::domain_to_ascii(text).ok();
    ascii(domain).unwrap_or_else(|| {
        let folded = caseless(domain);
        ascii(&folded).unwrap_or(folded)
    })
}

/// An e-mail address as people write it: its domain in the letters of its language (U-labels).
///
/// ```
/// use contactd::domain::fold::readable_address;
///
/// assert_eq!(readable_address("Ann@xn--bcher-kva.de"), "Ann@bücher.de");
/// ```
#[must_use]
pub fn readable_address(text: &str) -> String {
    let readable = |(local, domain): (&str, &str)| match idna::domain_to_unicode(domain) {
        (readable, Ok(())) => Some([local, "@", &readable].concat()),
        (_, Err(_)) => None,
    };
    let address = text.rsplit_once('@').and_then(readable);
    address.unwrap_or_else(|| text.to_owned())
}

/// The ASCII digit of a decimal digit of any script.
///
/// ```
/// use contactd::domain::fold::digit;
///
/// assert_eq!(digit('٣'), Some('3'));
/// assert_eq!(digit('x'), None);
/// ```
#[must_use]
pub fn digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c).filter(char::is_ascii_digit);
    }
    let next = ZEROS.partition_point(|zero| *zero <= c);
    let zero = ZEROS.get(next.checked_sub(1)?)?;
    char::from_digit(u32::from(c) - u32::from(*zero), 10)
}

/// The zeros of Unicode 16's decimal digits (general category Nd), in order. The nine others
/// follow each of them.
const ZEROS: [char; 76] = [
    '\u{30}',
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{ff10}',
    '\u{104a0}',
    '\u{10d30}',
    '\u{10d40}',
    '\u{11066}',
    '\u{110f0}',
    '\u{11136}',
    '\u{111d0}',
    '\u{112f0}',
    '\u{11450}',
    '\u{114d0}',
    '\u{11650}',
    '\u{116c0}',
    '\u{116d0}',
    '\u{116da}',
    '\u{11730}',
    '\u{118e0}',
    '\u{11950}',
    '\u{11bf0}',
    '\u{11c50}',
    '\u{11d50}',
    '\u{11da0}',
    '\u{11f50}',
    '\u{16130}',
    '\u{16a60}',
    '\u{16ac0}',
    '\u{16b50}',
    '\u{16d70}',
    '\u{1ccf0}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
    '\u{1e140}',
    '\u{1e2f0}',
    '\u{1e4f0}',
    '\u{1e5f1}',
    '\u{1e950}',
    '\u{1fbf0}',
];

/// Whether a mark is an accent, or a vowel sign that its script may leave out: what a person who
/// searches may leave out too. Marks that spell a word are none, such as those of Indian scripts and
/// the Greek iota below a vowel, which has the iota as its other case.
fn is_accent(c: char) -> bool {
    let optional = matches!(c,
        '\u{300}'..='\u{344}' | '\u{346}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
        // Points of Hebrew, Arabic and Syriac.
        | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6ed}' | '\u{711}' | '\u{730}'..='\u{74a}');
    optional && canonical_combining_class(c) != 0
}

/// Whether a character has no form of its own: joiners, marks of direction, soft hyphens, the
/// selectors of a glyph. A telephone's contact book puts such marks around numbers.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_and_accents_are_folded() {
        for (text, want) in [
            ("Zoë", "zoe"),
            ("ÅNGSTRÖM", "angstrom"),
            ("Søren Łuksza", "soren luksza"),
            ("Straße", "strasse"),
            ("GROẞ", "gross"),
            ("ﬁne", "fine"),
            ("İstanbul", "istanbul"),
            ("Ａｎｎ", "ann"),
            ("Ёлка", "елка"),
            ("Σίσυφος", "σισυφοσ"),
            ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
            ("Ꮳꮃꭹ", "ᏣᎳᎩ"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("が", "が"),
            ("ｶﾞ", "ガ"),
            ("हिन्दी", "हिन्दी"),
            ("김", "김"),
            ("so\u{ad}ft", "soft"),
        ] {
            assert_eq!(bare(text), want, "{text}");
        }
    }

    #[test]
    fn the_digits_of_every_script_are_those_of_ascii() {
        for text in [
            "0123456789",
            "٠١٢٣٤٥٦٧٨٩",
            "۰۱۲۳۴۵۶۷۸۹",
            "०१२३४५६७८९",
            "๐๑๒๓๔๕๖๗๘๙",
            "０１２３４５６７８９",
        ] {
            assert_eq!(bare(text), "0123456789");
        }
        for none in ["a", "²", "Ⅷ", "五", "/", ":"] {
            assert_eq!(none.chars().find_map(digit), None, "{none}");
        }
        assert!(ZEROS.is_sorted());
    }

    #[test]
    fn an_address_has_one_spelling() {
        let same = |texts: &[&str]| {
            let first = texts.iter().map(|text| address(text)).next();
            for text in texts {
                assert_eq!(Some(address(text)), first, "{text}");
            }
        };
        same(&[
            "Ann@Example.com",
            "ann@example.COM",
            "ANN@ＥＸＡＭＰＬＥ.com",
        ]);
        same(&[
            "müller@bücher.de",
            "MÜLLER@BÜCHER.DE",
            "mu\u{308}ller@xn--bcher-kva.de",
        ]);
        same(&["a@例え。jp", "a@xn--r8jz45g.jp"]);
        // No domain, and what cannot be one, is compared as it is.
        same(&["ANN", "ann"]);
        same(&["ann\u{ff20}bücher.de", "Ann@xn--bcher-kva.de"]);
        same(&["@\u{fffc}\u{fe6b}\u{aa50}", "@\u{fffc}@xn--cr9a"]);
        same(&["ann@xn--ÿ", "Ann@XN--Ÿ"]);
        assert_ne!(address("straße@a.de"), address("strase@a.de"));
        // These are two domains (RFC 5892), and their owners two as well.
        assert_ne!(address("a@straße.de"), address("a@strasse.de"));
        assert_eq!(readable_address("a@b"), "a@b");
        assert_eq!(readable_address("Ä@xn--99999999"), "Ä@xn--99999999");
    }

    #[test]
    fn every_character_is_folded_once_and_for_all() {
        // Behind them are ideographs, which have one form, and what nobody has given out.
        for c in ('\0'..='\u{1ffff}').map(String::from) {
            let (same, like) = (caseless(&c), bare(&c));
            assert_eq!(caseless(&same), same, "{c:?}");
            assert_eq!(bare(&like), like, "{c:?}");
            assert_eq!(bare(&same), like, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn a_folded_text_is_folded(text in "\\PC{0,24}", local in "\\PC{0,8}", domain in "\\PC{0,12}") {
            let (same, like) = (caseless(&text), bare(&text));
            prop_assert_eq!(caseless(&same), same.as_str());
            prop_assert_eq!(bare(&like), like.as_str());
            let whole = address(&format!("{local}@{domain}"));
            prop_assert_eq!(address(&whole), whole.as_str());
        }

        /// What is the same to an index is alike to a search, whatever the case it is typed in.
        #[test]
        fn the_case_does_not_matter(text in "\\PC{0,24}") {
            // Upper case makes a letter of an iota below, which marks behind it must not have passed.
            let ordered: String = text.nfd().collect();
            prop_assert_eq!(caseless(&ordered.to_uppercase()), caseless(&text));
            prop_assert_eq!(bare(&text.to_lowercase()), bare(&text));
        }
    }
}
