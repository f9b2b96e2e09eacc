//! "format email", one rule for every vendor but Kare.
//!
//! It is the dot-atom form of RFC 5321 and 5322, with the domain labels of RFC 1035 and letters of
//! every language in both (RFC 6531). The `isEmail` of validator.js, which two of the vendors run,
//! takes what this takes, and quoted local parts beside.

/// The longest local part, in bytes (RFC 5321, section 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// The longest domain as text, in bytes (RFC 1035, section 2.3.4, less the bytes of lengths).
const DOMAIN_BYTES_MAX: usize = 253;
/// The longest label, in bytes of its ASCII form.
const LABEL_BYTES_MAX: usize = 63;
/// The special characters that an atom may have (RFC 5322, section 3.2.3).
const ATOM_MARKS: &str = "!#$%&'*+-/=?^_`{|}~";
/// The beginning of a label that is the ASCII form of another (RFC 5890).
const ACE_PREFIX: &str = "xn--";

/// Whether a text is an e-mail address: atoms joined by dots, an `@`, and at least two labels
/// joined by dots, of which the last has no digits.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    is_local(local) && is_domain(domain)
}

fn is_local(local: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ATOM_MARKS.contains(c) || is_foreign(c);
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(fits);
    local.len() <= LOCAL_BYTES_MAX && local.split('.').all(is_atom)
}

fn is_domain(domain: &str) -> bool {
    let mut above = domain.rsplit('.');
    let last = above.next().unwrap_or_default();
    domain.len() <= DOMAIN_BYTES_MAX
        && is_label(last)
        && is_top_level(last)
        && domain.contains('.')
        && above.all(is_label)
}

fn is_label(label: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || is_foreign(c);
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(fits)
        && is_short(label)
}

/// Whether a label is short enough; one of other letters must have an ASCII form that is.
fn is_short(label: &str) -> bool {
    if label.is_ascii() {
        return label.len() <= LABEL_BYTES_MAX;
    }
    idna::domain_to_ascii(label).is_ok_and(|ascii| ascii.len() <= LABEL_BYTES_MAX)
}

/// Whether a label can be the last: two letters or more, or the ASCII form of such.
fn is_top_level(label: &str) -> bool {
    let prefix = label.get(..ACE_PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(ACE_PREFIX))
        || (label.chars().count() >= 2
            && label
                .chars()
                .all(|c| c.is_ascii_alphabetic() || is_foreign(c)))
}

/// Whether a character is one that RFC 6531 adds and can be seen: neither ASCII nor a control, a
/// space, a full-width double of ASCII, for private use or outside of the basic plane.
fn is_foreign(c: char) -> bool {
    matches!(c,
        '\u{a1}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fefe}'
        | '\u{ff5f}'..='\u{ffef}')
        && !c.is_whitespace()
        && !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_atoms_and_labels() {
        let label = "x".repeat(63);
        let (label_max, local_max) = (format!("a@{label}.co"), format!("{label}x@b.co"));
        for good in [
            "a@b.co",
            "john.doe+tag@example.com",
            "ü@exämple.de",
            "o'neil@a-b.org",
            "!#$%&'*+-/=?^_`{|}~@b.co",
            "1@2.co",
            "a@例え.jp",
            "a@b.भारत",
            "a@b.xn--h2brj9c",
            "a@B.XN--H2BRJ9C",
            "a@xn--bcher-kva.de",
            "a@a--b.de",
            &label_max,
            &local_max,
        ] {
            assert!(is_email(good), "{good}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let label = "x".repeat(63);
        let long_local = format!("{label}xx@b.co");
        let long_label = format!("a@{label}x.co");
        let long_foreign = format!("a@{}.co", "ü".repeat(60));
        let long_domain = format!("a@{}co", format!("{}.", "x".repeat(61)).repeat(5));
        for bad in [
            "",
            "a",
            "a@b",
            "@b.co",
            "a@",
            "a@@b.co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.de",
            "a b@c.de",
            "a,b@c.de",
            "a;b@c.de",
            "a:b@c.de",
            "a<b@c.de",
            "a(b)@c.de",
            "a[b@c.de",
            "a\\b@c.de",
            "mailto:a@b.de",
            "Ann <a@b.de>",
            "\"a\"@b.co",
            "a@b.c",
            "a@b@c.de",
            "a@b c.de",
            "a@b..co",
            "a@.b.co",
            "a@b.co.",
            "a@b.c0",
            "a@b.12",
            "a@b_c.de",
            "a@-b.co",
            "a@b-.co",
            "a@b.-co",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@ｂ.de",
            "a@b!c.de",
            "a\u{a0}b@c.de",
            "😀@b.co",
            &long_local,
            &long_label,
            &long_foreign,
            &long_domain,
            "a@b.co\n",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
