//! What holds for the head of every request before it is led anywhere: its host, its framing, and
//! the one spelling of its path.

use std::net::Ipv6Addr;

use axum::extract::Request;
use http::uri::{Authority, PathAndQuery};
use http::{Uri, Version, header};

use crate::dialect::Refusal;

/// A request that names no host, several, or something that is none.
const HOST_IS_WRONG: Refusal = Refusal::BadParameter {
    name: "Host",
    must: "sent once, as a host with or without a port",
};

/// A request whose body is encoded otherwise than in chunks.
const CODING_IS_WRONG: Refusal = Refusal::BadParameter {
    name: "Transfer-Encoding",
    must: "chunked, or left out",
};

/// What is wrong with the head of a request, whatever it asks for.
pub fn wrong(request: &Request) -> Option<Refusal> {
    if !has_its_host(request) {
        return Some(HOST_IS_WRONG);
    }
    (!is_plain_or_chunked(request)).then_some(CODING_IS_WRONG)
}

/// Whether the body came as it is, or in chunks. No other coding is read (RFC 9112, section 6.1).
fn is_plain_or_chunked(request: &Request) -> bool {
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    codings.all(|coding| {
        let coding = coding.as_bytes().trim_ascii();
        coding.eq_ignore_ascii_case(b"chunked")
    })
}

/// Whether a request names its host: never more than once, and once from HTTP/1.1 on (RFC 9112,
/// section 3.2). An empty name is one.
fn has_its_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => host.is_empty() || is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// Whether this is a host, with or without a port: a name, an IPv4 address, or an IPv6 address in
/// brackets.
fn is_host(text: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(text) else {
        return false;
    };
    let host = authority.host();
    let is_port = |port: &str| {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        digits && (port.is_empty() || port.parse::<u16>().is_ok())
    };
    let has_port = authority
        .as_str()
        .strip_prefix(host)
        .is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
    let inner = host.strip_prefix('[').map(|rest| rest.strip_suffix(']'));
    let is_address = |inner: &str| inner.parse::<Ipv6Addr>().is_ok();
    has_port && inner.is_none_or(|inner| inner.is_some_and(is_address))
}

/// Writes a path in its normal form: what needs no percent-encoding has none, so that `/%63ontacts`
/// is `/contacts` (RFC 3986, section 6.2.2.2). Everything else stays encoded.
pub fn make_path_normal(uri: &mut Uri) {
    let Some(path) = normal_path(uri.path()) else {
        return;
    };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    // It is one: of what was there only such signs were decoded as need no encoding.
    if let Ok(target) = PathAndQuery::try_from(target) {
        let mut parts = std::mem::take(uri).into_parts();
        parts.path_and_query = Some(target);
        *uri = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// The normal form of a path; `None` where it has that already.
fn normal_path(path: &str) -> Option<String> {
    let (plain, encoded) = path.split_once('%')?;
    let mut normal = plain.to_owned();
    for piece in encoded.split('%') {
        match piece.get(..2).and_then(unreserved) {
            Some(sign) => {
                normal.push(sign);
                normal.push_str(piece.get(2..).unwrap_or_default());
            }
            None => {
                normal.push('%');
                normal.push_str(piece);
            }
        }
    }
    (normal.len() < path.len()).then_some(normal)
}

/// The sign of two hexadecimal digits, if it never needs an encoding (RFC 3986, section 2.3).
fn unreserved(digits: &str) -> Option<char> {
    let sign = char::from(u8::from_str_radix(digits, 16).ok()?);
    (sign.is_ascii_alphanumeric() || "-._~".contains(sign)).then_some(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        let check = |sent: &str, want: &str| {
            let mut uri: Uri = sent.parse().expect("a target");
            make_path_normal(&mut uri);
            assert_eq!(uri.to_string(), want, "{sent}");
        };
        check("/contacts/a%20b?q=%61", "/contacts/a%20b?q=%61");
        check("/%63ontacts?q=%61", "/contacts?q=%61");
        check("/c%6Fntacts/%7e%2F%25%41", "/contacts/~%2F%25A");
        check("/contacts/%C3%A9", "/contacts/%C3%A9");
        check("/contacts/%+1%", "/contacts/%+1%");
        check("http://localhost:1/%63", "http://localhost:1/c");
        check("*", "*");
    }
}
