//! Values that files write in more than one way: links without a scheme, and e-mail addresses.

use crate::dialect::uri::is_uri;

/// The link that is meant by an address without a scheme, such as `www.example.org`; another text
/// stays as it is.
pub fn link(text: &str) -> String {
    let host = text.split('/').next().unwrap_or_default();
    let meant = format!("https://{text}");
    if !is_uri(text) && host.contains('.') && !host.contains('@') && is_uri(&meant) {
        meant
    } else {
        text.to_owned()
    }
}

/// The address in `Ann <ann@example.com>`, `mailto:ann@example.com` and `ann@example.com.`
pub fn mail_address(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_suffix('>')
        .and_then(|text| Some(text.rsplit_once('<')?.1));
    let text = inner.unwrap_or(text).trim();
    let scheme = text.get(..7).unwrap_or_default();
    let text = if scheme.eq_ignore_ascii_case("mailto:") {
        text.get(7..).unwrap_or(text)
    } else {
        text
    };
    text.strip_suffix('.')
        .filter(|text| text.contains('@'))
        .unwrap_or(text)
}
