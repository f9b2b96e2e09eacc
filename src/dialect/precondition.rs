//! `If-Match` and `If-None-Match` (RFC 9110, section 13), the same for every dialect.
//!
//! A write hands its precondition to the service, which alone knows the current version when it is
//! decided. A read is answered first, and [`conditional`] looks at the tag of the answer. The order
//! of both is that of section 13.2.2. No answer has a `Last-Modified`, so the conditions that are
//! dates are ignored, as sections 13.1.3 and 13.1.4 want it.

use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};

use super::{Refusal, Reply};
use crate::domain::{Precondition, Versions};

/// The precondition of a write, from the headers of its request.
#[must_use]
pub fn of_headers(headers: &HeaderMap) -> Precondition {
    let versions = |tags| match tags {
        Tags::Any => Versions::Any,
        Tags::Listed(tags) => Versions::Listed(tags.into_iter().filter_map(version).collect()),
    };
    Precondition {
        if_match: Tags::of(headers, &IF_MATCH, Comparison::Strong).map(versions),
        if_none_match: Tags::of(headers, &IF_NONE_MATCH, Comparison::Weak).map(versions),
    }
}

/// The reply to a read whose headers may have conditions on the tag of what it shows: the reply
/// itself, or 304 where the caller has that already.
///
/// # Errors
/// [`Refusal::PreconditionFailed`] where `If-Match` names another version.
pub fn conditional(headers: &HeaderMap, reply: Reply) -> Result<Reply, Refusal> {
    let is_tag = |(name, _): &&(&str, String)| *name == "etag";
    let Some((_, tag)) = reply.headers.iter().find(is_tag) else {
        return Ok(reply);
    };
    if !reply.status.is_success() {
        return Ok(reply);
    }
    let named = |header, comparison| {
        let tags = Tags::of(headers, header, comparison)?;
        let tag = opaque(tag, comparison);
        Some(match tags {
            Tags::Any => true,
            Tags::Listed(tags) => tag.is_some_and(|tag| tags.contains(&tag)),
        })
    };
    if named(&IF_MATCH, Comparison::Strong) == Some(false) {
        return Err(Refusal::PreconditionFailed);
    }
    match named(&IF_NONE_MATCH, Comparison::Weak) {
        Some(true) => Ok(not_modified(reply)),
        Some(false) | None => Ok(reply),
    }
}

/// 304 with the headers of the reply in whose place it stands, but for those of its body.
fn not_modified(mut reply: Reply) -> Reply {
    reply.headers.retain(|(name, _)| *name != "content-type");
    Reply {
        status: StatusCode::NOT_MODIFIED,
        headers: reply.headers,
        body: Vec::new(),
    }
}

/// The entity tags of a header.
enum Tags<'a> {
    /// The header is an asterisk: whatever there is.
    Any,
    /// The quoted parts of the tags; none where the header is empty.
    Listed(Vec<&'a str>),
}

impl<'a> Tags<'a> {
    /// The tags of a header; `None` where it was not sent. One that is no text names no tag.
    fn of(headers: &'a HeaderMap, name: &HeaderName, comparison: Comparison) -> Option<Self> {
        let mut lines = headers.get_all(name).iter().peekable();
        lines.peek()?;
        let lines: Vec<&str> = lines
            .map(|line| line.to_str().unwrap_or_default().trim())
            .collect();
        if lines.contains(&"*") {
            return Some(Self::Any);
        }
        let tags = lines.into_iter().flat_map(|line| line.split(','));
        let tags = tags.filter_map(|tag| opaque(tag.trim(), comparison));
        Some(Self::Listed(tags.collect()))
    }
}

/// The two ways to compare entity tags (RFC 9110, section 8.8.3.2).
#[derive(Clone, Copy)]
enum Comparison {
    /// Weak tags equal nothing.
    Strong,
    /// The mark of a weak tag does not count.
    Weak,
}

/// The quoted part of a tag, by which it is compared; `None` for what is no tag, or may not count.
fn opaque(tag: &str, comparison: Comparison) -> Option<&str> {
    let quoted = match (tag.strip_prefix("W/"), comparison) {
        (Some(_), Comparison::Strong) => return None,
        (Some(quoted), Comparison::Weak) => quoted,
        (None, _) => tag,
    };
    quoted.strip_prefix('"')?.strip_suffix('"')
}

/// The version whose tag this is, in the one spelling that we send.
fn version(tag: &str) -> Option<u64> {
    let canonical = tag == "0" || !tag.starts_with(['0', '+']);
    canonical.then(|| tag.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::dialect::reply::etag;

    fn headers(sent: &[(HeaderName, &str)]) -> HeaderMap {
        let line = |(name, value): &(HeaderName, &str)| {
            (
                name.clone(),
                HeaderValue::from_str(value).expect("a header"),
            )
        };
        sent.iter().map(line).collect()
    }

    #[test]
    fn a_write_s_tags_are_read_and_others_match_nothing() {
        for (value, strong, weak) in [
            ("*", Versions::Any, Versions::Any),
            (
                "\"3\"",
                Versions::Listed(vec![3]),
                Versions::Listed(vec![3]),
            ),
            (
                "\"3\", W/\"4\",\"x\"",
                Versions::Listed(vec![3]),
                Versions::Listed(vec![3, 4]),
            ),
            ("3", Versions::Listed(vec![]), Versions::Listed(vec![])),
            ("\"03\"", Versions::Listed(vec![]), Versions::Listed(vec![])),
            ("", Versions::Listed(vec![]), Versions::Listed(vec![])),
        ] {
            let got = of_headers(&headers(&[(IF_MATCH, value), (IF_NONE_MATCH, value)]));
            assert_eq!(got.if_match, Some(strong), "{value}");
            assert_eq!(got.if_none_match, Some(weak), "{value}");
        }
        let mut two = headers(&[(IF_MATCH, "\"3\"")]);
        two.append(IF_MATCH, HeaderValue::from_static("\"4\""));
        assert_eq!(of_headers(&two), Precondition::versions(vec![3, 4]));
        assert_eq!(of_headers(&HeaderMap::new()), Precondition::NONE);
        let absent = headers(&[(IF_NONE_MATCH, "*")]);
        assert_eq!(of_headers(&absent), Precondition::ABSENT);
    }

    #[test]
    fn a_read_is_answered_as_rfc_9110_has_it() {
        let reply = || Reply::text(StatusCode::OK, "Ann").with("etag", etag(3));
        let check = |sent: &[(HeaderName, &str)], want: u16| {
            let got = conditional(&headers(sent), reply());
            let status = got.as_ref().map_or(412, |reply| reply.status.as_u16());
            assert_eq!(status, want, "{sent:?}");
            if want == 304 {
                let want = Reply::empty(StatusCode::NOT_MODIFIED).with("etag", etag(3));
                assert_eq!(got, Ok(want), "{sent:?}");
            }
        };
        check(&[], 200);
        check(&[(IF_NONE_MATCH, "\"3\"")], 304);
        check(&[(IF_NONE_MATCH, "W/\"3\"")], 304);
        check(&[(IF_NONE_MATCH, "\"2\", \"3\"")], 304);
        check(&[(IF_NONE_MATCH, "*")], 304);
        check(&[(IF_NONE_MATCH, "\"2\"")], 200);
        check(&[(IF_NONE_MATCH, "")], 200);
        check(&[(IF_MATCH, "*")], 200);
        check(&[(IF_MATCH, "\"3\"")], 200);
        check(&[(IF_MATCH, "W/\"3\"")], 412);
        check(&[(IF_MATCH, "\"2\"")], 412);
        check(&[(IF_MATCH, "")], 412);
        check(&[(IF_MATCH, "\"2\""), (IF_NONE_MATCH, "\"3\"")], 412);
        check(&[(IF_MATCH, "\"3\""), (IF_NONE_MATCH, "\"3\"")], 304);
    }

    #[test]
    fn what_is_no_success_or_has_no_tag_is_answered_as_it_is() {
        let any = headers(&[(IF_NONE_MATCH, "*"), (IF_MATCH, "\"9\"")]);
        for reply in [
            Reply::empty(StatusCode::OK),
            Reply::empty(StatusCode::NOT_FOUND).with("etag", etag(3)),
        ] {
            assert_eq!(conditional(&any, reply.clone()), Ok(reply));
        }
    }
}
