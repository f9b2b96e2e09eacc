//! The vendor's e-mail pattern, which is zod 4's own.
//!
//! Its two look-aheads (no leading dot, no double dot) are plain conditions
//! here, for the `regex` crate has none; the rest is the pattern as published.
//! `$` is the end of the text, as in JavaScript: a trailing line feed is no address.

use std::sync::LazyLock;

use regex::Regex;

const PATTERN: &str =
    r"^[A-Za-z0-9_'+\-.]*[A-Za-z0-9_+\-]@(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$";

/// `None` only if the pattern were no pattern, which its tests would tell.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(PATTERN).ok());

/// Whether the vendor takes a text for an e-mail address.
pub fn is_email(text: &str) -> bool {
    !text.starts_with('.')
        && !text.contains("..")
        && ADDRESS
            .as_ref()
            .is_some_and(|address| address.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_as_zod_tells_them() {
        for good in [
            "example@email.com",
            "'a@b.co",
            "-@b.co",
            "a@b-.co",
            "a.b+c_d'e-f@x.y-z.org",
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a'@b.co",
            "a.@b.de",
            ".a@b.de",
            "a..b@c.de",
            "a@b..de",
            "a@b.c",
            "a@b.co1",
            "a@-b.co",
            "ü@b.de",
            "a@b.de\n",
            "a@b.de ",
            "a@b@c.de",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
