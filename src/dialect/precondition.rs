//! `If-Match`, for every dialect's update and delete (RFC 9110, section 13.1.1).

use http::HeaderMap;

use crate::domain::Precondition;

/// The precondition of a request's `If-Match` header.
///
/// The comparison is strong, so weak tags and tags that are none of ours match no version.
#[must_use]
pub fn if_match(headers: &HeaderMap) -> Precondition {
    let mut versions = Vec::new();
    let mut present = false;
    for value in headers.get_all(http::header::IF_MATCH) {
        present = true;
        let text = value.to_str().unwrap_or_default();
        if text.trim() == "*" {
            return Precondition::Exists;
        }
        versions.extend(text.split(',').filter_map(|tag| {
            let digits = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
            let canonical = digits == "0" || !digits.starts_with(['0', '+']);
            canonical.then(|| digits.parse::<u64>().ok()).flatten()
        }));
    }
    if present {
        Precondition::Versions(versions)
    } else {
        Precondition::None
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn strong_tags_of_versions_are_read_and_others_match_nothing() {
        let check = |value: &str, want: Precondition| {
            let mut headers = HeaderMap::new();
            headers.insert("if-match", HeaderValue::from_str(value).expect("a header"));
            assert_eq!(if_match(&headers), want, "{value}");
        };
        check("*", Precondition::Exists);
        check("\"3\"", Precondition::Versions(vec![3]));
        check("\"3\", \"4\"", Precondition::Versions(vec![3, 4]));
        check("W/\"3\"", Precondition::Versions(vec![]));
        check("3", Precondition::Versions(vec![]));
        check("\"03\"", Precondition::Versions(vec![]));
        assert_eq!(if_match(&HeaderMap::new()), Precondition::None);
    }
}
