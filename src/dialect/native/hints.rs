//! What a first guess at a Card's members most likely meant.
//!
//! RFC 9553 has unknown members kept, so that `email` beside `emails` is no error, and no search
//! finds it either. Whoever sends one is told in a header; who asks for strictness is refused.

use serde_json::Value;

use crate::dialect::{Query, Refusal, Reply};
use crate::domain::{Problem, Violation};

/// The header that tells of what was taken but probably means something else.
pub const WARNING: &str = "contact-warning";
/// The parameter that has such a request refused.
pub const STRICT: &str = "strict";

/// Members that other systems have, each with what a Card has instead.
static INSTEAD: [(&str, &str); 33] = [
    ("email", "emails.<key>.address"),
    ("emailAddress", "emails.<key>.address"),
    ("mail", "emails.<key>.address"),
    ("phone", "phones.<key>.number"),
    ("phoneNumber", "phones.<key>.number"),
    ("mobile", "phones.<key>.number"),
    ("tel", "phones.<key>.number"),
    ("fullName", "name.full"),
    ("displayName", "name.full"),
    ("firstName", "name.components with the kind given"),
    ("givenName", "name.components with the kind given"),
    ("middleName", "name.components with the kind given2"),
    ("lastName", "name.components with the kind surname"),
    ("familyName", "name.components with the kind surname"),
    ("surname", "name.components with the kind surname"),
    ("nickname", "nicknames.<key>.name"),
    ("company", "organizations.<key>.name"),
    ("organization", "organizations.<key>.name"),
    ("organisation", "organizations.<key>.name"),
    ("title", "titles.<key>.name"),
    ("jobTitle", "titles.<key>.name"),
    ("role", "titles.<key>.name with the kind role"),
    ("address", "addresses.<key>.full or .components"),
    ("note", "notes.<key>.note"),
    ("comment", "notes.<key>.note"),
    ("url", "links.<key>.uri"),
    ("website", "links.<key>.uri"),
    ("birthday", "anniversaries.<key> with the kind birth"),
    ("photo", "media.<key>.uri with the kind photo"),
    ("tags", "keywords"),
    ("externalId", "contactd.local:externalId"),
    (
        "card",
        "name.full and the Card's other properties without card around them",
    ),
    ("tenant", "?tenant= in the address"),
];

/// What a Card has instead of a member of this name, where it is a known near miss.
pub fn instead_of(name: &str) -> Option<&'static str> {
    let (_, instead) = INSTEAD.iter().find(|(near, _)| *near == name)?;
    Some(instead)
}

/// The near misses among the members of a Card, or of a patch of one. A patch may take one away.
pub fn near_misses(card: &Value) -> Vec<&'static str> {
    let given = card.as_object().into_iter().flatten();
    let given: Vec<&str> = given
        .filter(|(_, value)| !value.is_null())
        .map(|(name, _)| name.as_str())
        .collect();
    let names = INSTEAD.iter().map(|(name, _)| *name);
    names.filter(|name| given.contains(name)).collect()
}

/// The text of `Contact-Warning` for a member that is kept and is no property of a Card, with the property to
/// write instead; `None` where the name is no known near miss.
fn told(name: &str) -> Option<String> {
    let instead = instead_of(name)?;
    Some(format!(
        "{name} is kept, but is no property of a Card; write {instead}"
    ))
}

/// What a create of a Card tells of its near misses.
pub fn warnings(card: &Value) -> impl Iterator<Item = String> {
    near_misses(card).into_iter().filter_map(told)
}

/// Whether a request is to be refused for them: `strict=true` or `strict=1`.
///
/// # Errors
/// The refusal of another value, which would not be honoured.
pub fn is_strict(query: &Query) -> Result<bool, Refusal> {
    let read = |text: &str| match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    };
    let strict = query.read(STRICT, read);
    let strict = strict.map_err(|_| Refusal::BadParameter {
        name: STRICT,
        must: "true or false",
    })?;
    Ok(strict.unwrap_or_default())
}

/// The violations that near misses are to a strict request.
pub fn violations(near_misses: &[&'static str]) -> Vec<Violation> {
    let wrong = |name: &&'static str| Violation::new(*name, Problem::NotAllowed);
    near_misses.iter().map(wrong).collect()
}

/// An answer that tells of near misses, unless it is a refusal.
pub fn warned(mut reply: Reply, near_misses: &[&'static str]) -> Reply {
    if !reply.status.is_success() {
        return reply;
    }
    for told in near_misses.iter().filter_map(|name| told(name)) {
        reply = reply.with(WARNING, told);
    }
    reply
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::dialect::native::tables::CARD;

    #[test]
    fn no_near_miss_is_a_property() {
        for (name, instead) in INSTEAD {
            assert!(CARD.properties().all(|known| known.name != name), "{name}");
            let property = instead.split('.').next().unwrap_or_default();
            let known = |known: &str| known == property || known == instead;
            let is_parameter = instead.starts_with('?');
            assert!(
                is_parameter || CARD.properties().any(|it| known(it.name)),
                "{instead}"
            );
        }
    }

    #[test]
    fn a_success_tells_of_each_and_a_refusal_of_none() {
        let card = json!({"email": "a@b.co", "fullName": "Ann", "note": null, "emails": {}});
        let found = near_misses(&card);
        assert_eq!(found, ["email", "fullName"]);
        let told = warned(Reply::empty(StatusCode::CREATED), &found).headers;
        let want = "email is kept, but is no property of a Card; write emails.<key>.address";
        assert_eq!(told.first(), Some(&(WARNING, want.to_owned())));
        assert_eq!(told.len(), 2);
        let refused = warned(Reply::empty(StatusCode::BAD_REQUEST), &found);
        assert_eq!(refused.headers, []);
    }

    #[test]
    fn strictness_is_asked_for() {
        for (query, want) in [
            ("strict=true", Some(true)),
            ("strict=1", Some(true)),
            ("strict=false", Some(false)),
            ("", Some(false)),
            ("strict=yes", None),
            ("strict=", None),
        ] {
            assert_eq!(is_strict(&Query::parse(query)).ok(), want, "{query}");
        }
    }
}
