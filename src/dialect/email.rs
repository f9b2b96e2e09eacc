//! "format email", as every vendor but Kare has it (`shared` rules for all dialects).

/// Whether a text is an e-mail address: one `@`; a local part of 1-64 bytes without spaces,
/// controls, or a leading, trailing or double dot; a domain of at most 253 bytes with two labels
/// or more, the last of at least two letters. Non-ASCII is allowed, the quoted form is not.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    is_local(local) && is_domain(domain)
}

fn is_local(local: &str) -> bool {
    (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !local
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '"')
}

fn is_domain(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| {
        let mut chars = label.chars();
        !label.is_empty() && !chars.any(|c| c.is_whitespace() || c.is_control() || c == '@')
    };
    let last = labels.last().copied().unwrap_or_default();
    domain.len() <= 253
        && labels.len() >= 2
        && labels.iter().all(is_label)
        && (last.starts_with("xn--") || last.chars().all(char::is_alphabetic))
        && last.chars().count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in [
            "a@b.co",
            "john.doe+tag@example.com",
            "ü@exämple.de",
            "o'neil@a-b.org",
            "a,b@c_d.de",
        ] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@b.co", "x".repeat(65));
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
            "\"a\"@b.co",
            "a@b.c",
            "a@b@c.de",
            "a@b c.de",
            "a@b..co",
            "a@b.c0",
            &long,
            "a@b.co\n",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
