//! Tells URIs from other texts.

/// RFC 3986: a scheme, a colon, and characters that need no escape.
#[must_use]
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let good_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let mut pieces = rest.split('%');
    let first = pieces.next().unwrap_or_default();
    let escaped = |piece: &str| {
        piece.len() >= 2
            && piece.bytes().take(2).all(|b| b.is_ascii_hexdigit())
            && piece.bytes().all(is_uri_byte)
    };
    good_scheme && !rest.is_empty() && first.bytes().all(is_uri_byte) && pieces.all(escaped)
}

fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte)
}
