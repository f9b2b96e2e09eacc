//! Texts as tokens of message subjects and as parts of URIs.
//!
//! In a token everything but `A-Za-z0-9_-` is `%XX` with upper-case digits.
//! There is one spelling for each text, for aliases would evade permissions.

use std::borrow::Cow;

/// Encodes a text as one token of a subject.
///
/// ```
/// use contactd::wire::{escape, unescape};
///
/// assert_eq!(escape("acme.example"), "acme%2Eexample");
/// assert_eq!(unescape("acme%2Eexample").as_deref(), Some("acme.example"));
/// // Another spelling of the same text is refused.
/// assert_eq!(unescape("acme%2eexample"), None);
/// ```
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    use std::fmt::Write;
    if text.bytes().all(is_plain) {
        return text.into();
    }
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut token, byte| {
            if is_plain(byte) {
                token.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(token, "%{byte:02X}");
            }
            token
        })
        .into()
}

/// The text of a token; `None` where it is not the one spelling of a text.
#[must_use]
pub fn unescape(token: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(token)
        .decode_utf8()
        .ok()?;
    (!token.is_empty() && escape(&text) == token).then(|| text.into_owned())
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_survives_its_token(text in ".+") {
            let token = escape(&text);
            prop_assert!(token.bytes().all(|b| is_plain(b) || b == b'%'));
            prop_assert_eq!(unescape(&token), Some(text.clone()));
        }

        #[test]
        fn a_token_has_one_spelling(token in "[A-Za-z0-9_%.-]{0,12}") {
            if let Some(text) = unescape(&token) {
                prop_assert_eq!(escape(&text), token);
            }
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for bad in ["", "a.b", "%2e", "%41", "%zz", "a b", "%FF"] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
        assert_eq!(unescape("a%2Eb"), Some("a.b".into()));
    }
}
