//! The query parameters of our own API, and the cursor of its lists.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::body::Mask;
use super::problem;
use crate::dialect::query::digits;
use crate::dialect::{AsOf, Keyset, Query, REGISTRY, Reply, Search, Sort, SortKey};
use crate::domain::{ContactId, DialectId, Position, Timestamp};

/// Contacts on a page, unless the request says otherwise.
const LIMIT: usize = 100;
/// Contacts on a page, at most.
pub const LIMIT_MAX: usize = 1_000;
/// The most characters of a text to search for.
pub const TEXT_CHARS_MAX: usize = 320;
/// The longest cursor that is read, in bytes: a name of any stored contact fits.
const CURSOR_BYTES_MAX: usize = 72 * 1024;

/// The orders that `sort` can name; a minus sign in front turns one round.
pub const SORTS: [(&str, SortKey); 3] = [
    ("created", SortKey::Created),
    ("updated", SortKey::Updated),
    ("name", SortKey::Name),
];

/// A search and which members of the contacts found are shown.
pub fn search(query: &Query) -> Result<(Search, Mask), Reply> {
    let sort = sort(query)?;
    let (log, after) = cursor(query, sort)?.unzip();
    let search = Search {
        text: text(query, "q")?,
        email: text(query, "email")?,
        phone: phone(query)?,
        name: text(query, "name")?,
        tenant: tenant(query)?,
        dialect: dialect(query)?,
        active: flag(query, "active")?,
        created_after: time(query, "created_after")?,
        updated_after: time(query, "updated_after")?,
        sort,
        limit: limit(query, LIMIT)?,
        after,
        log,
        as_of: as_of(query, "as_of")?,
    };
    Ok((search, mask(query)?))
}

/// Reads the members of contacts to show: all, unless the request says otherwise.
pub fn mask(query: &Query) -> Result<Mask, Reply> {
    match query.get("fields") {
        None => Ok(Mask::default()),
        Some(names) => Mask::parse(names).ok_or_else(|| {
            problem::parameter("fields", "names of a contact's members, or card.<property> with a property that a Card can have")
        }),
    }
}

fn text(query: &Query, name: &'static str) -> Result<Option<String>, Reply> {
    bounded(query.get(name).map(str::trim), name)
}

fn bounded(text: Option<&str>, name: &'static str) -> Result<Option<String>, Reply> {
    match text {
        None => Ok(None),
        Some(text) if (1..=TEXT_CHARS_MAX).contains(&text.chars().count()) => {
            Ok(Some(text.to_owned()))
        }
        Some(_) => Err(problem::parameter(name, "1 to 320 characters, not blank")),
    }
}

fn phone(query: &Query) -> Result<Option<String>, Reply> {
    let phone = text(query, "phone")?;
    match phone {
        Some(text) if !text.contains(|c: char| c.is_ascii_digit()) => {
            Err(problem::parameter("phone", "a number with digits in it"))
        }
        phone => Ok(phone),
    }
}

/// A dialect, by its name.
pub fn dialect(query: &Query) -> Result<Option<DialectId>, Reply> {
    let Some(name) = query.get("dialect") else {
        return Ok(None);
    };
    match REGISTRY.named(name) {
        Some(rules) => Ok(Some(rules.dialect)),
        None => Err(problem::parameter(
            "dialect",
            "the name of a dialect, in lower case",
        )),
    }
}

/// A tenant to look at, where one is named.
pub fn tenant(query: &Query) -> Result<Option<String>, Reply> {
    // A tenant is its own spelling, blanks and all.
    bounded(query.get("tenant"), "tenant")
}

fn flag(query: &Query, name: &'static str) -> Result<Option<bool>, Reply> {
    match query.get(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(problem::parameter(name, "true or false")),
    }
}

fn time(query: &Query, name: &'static str) -> Result<Option<Timestamp>, Reply> {
    match as_of(query, name)? {
        None => Ok(None),
        Some(AsOf::Time(time)) => Ok(Some(time)),
        Some(AsOf::Position(_)) => Err(problem::parameter(name, "a time (RFC 3339)")),
    }
}

/// A point of the past, where one is named.
pub fn as_of(query: &Query, name: &'static str) -> Result<Option<AsOf>, Reply> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    let point = AsOf::parse(text);
    let must = "a position or a time (RFC 3339) since 1970";
    point
        .map(Some)
        .ok_or_else(|| problem::parameter(name, must))
}

/// The position after which to go on; none named is before the first.
pub fn after(query: &Query) -> Result<Position, Reply> {
    match query.get("after") {
        None => Ok(Position::ZERO),
        Some(text) => {
            Position::parse(text).ok_or_else(|| problem::parameter("after", "a position in digits"))
        }
    }
}

/// Reads the most contacts that a page may have.
pub fn limit(query: &Query, default: usize) -> Result<usize, Reply> {
    match query.get("limit") {
        None => Ok(default),
        Some(text) => digits(text)
            .filter(|limit| (1..=LIMIT_MAX).contains(limit))
            .ok_or_else(|| problem::parameter("limit", "a number from 1 to 1000")),
    }
}

fn sort(query: &Query) -> Result<Sort, Reply> {
    let Some(text) = query.get("sort") else {
        return Ok(Sort::default());
    };
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    match SORTS.into_iter().find(|(known, _)| *known == name) {
        Some((_, by)) => Ok(Sort { by, descending }),
        None => Err(problem::parameter(
            "sort",
            "created, updated or name, with a minus sign in front for the last first",
        )),
    }
}

fn cursor(query: &Query, sort: Sort) -> Result<Option<(String, Keyset)>, Reply> {
    let Some(text) = query.get("cursor") else {
        return Ok(None);
    };
    let must = "the nextCursor of a list in the same order";
    read_cursor(text, sort)
        .map(Some)
        .ok_or_else(|| problem::parameter("cursor", must))
}

/// A cursor: base64url of a JSON array, the order's name first, then the id of the log that it is of.
/// Clients only hand it back.
pub fn write_cursor(log: &str, sort: Sort, keyset: &Keyset) -> String {
    let order = order_name(sort);
    let parts = match keyset {
        Keyset::Created(id) => json!([order, log, id.to_string()]),
        Keyset::Updated(position) => json!([order, log, position.get()]),
        Keyset::Name(name, id) => json!([order, log, name, id.to_string()]),
    };
    URL_SAFE_NO_PAD.encode(parts.to_string())
}

fn order_name(sort: Sort) -> String {
    let named = SORTS.into_iter().find(|(_, by)| *by == sort.by);
    let name = named.map_or("", |(name, _)| name);
    let sign = if sort.descending { "-" } else { "" };
    format!("{sign}{name}")
}

/// The log and the place in it that a cursor of this order stands for.
fn read_cursor(text: &str, sort: Sort) -> Option<(String, Keyset)> {
    if text.len() > CURSOR_BYTES_MAX {
        return None;
    }
    let parts: Vec<Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let [order, log, key @ ..] = parts.as_slice() else {
        return None;
    };
    if *order != order_name(sort) {
        return None;
    }
    let keyset = match (sort.by, key) {
        (SortKey::Created, [id]) => Keyset::Created(ContactId::parse(id.as_str()?)?),
        (SortKey::Updated, [position]) => Keyset::Updated(Position::new(position.as_u64()?)),
        (SortKey::Name, [name, id]) => {
            let id = ContactId::parse(id.as_str()?)?;
            Keyset::Name(name.as_str()?.to_owned(), id)
        }
        _ => return None,
    };
    Some((log.as_str()?.to_owned(), keyset))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_parameter_is_read() {
        let (found, mask) = search(&Query::parse(
            "q=ann+b&email=a%40b.co&phone=%2B1&name=Ann&tenant=acme&dialect=mattr&active=false\
             &created_after=2026-01-15T10:30:00Z&updated_after=2026-01-15T10:30:00Z&sort=-name\
             &limit=7&as_of=12&fields=id,card.name",
        ))
        .expect("a search");
        let time = Timestamp::parse("2026-01-15T10:30:00Z");
        let want = Search {
            text: Some("ann b".into()),
            email: Some("a@b.co".into()),
            phone: Some("+1".into()),
            name: Some("Ann".into()),
            tenant: Some("acme".into()),
            dialect: Some(DialectId(2)),
            active: Some(false),
            created_after: time,
            updated_after: time,
            sort: Sort {
                by: SortKey::Name,
                descending: true,
            },
            limit: 7,
            after: None,
            log: None,
            as_of: Some(AsOf::Position(Position::new(12))),
        };
        assert_eq!(found, want);
        assert_eq!(Some(mask), Mask::parse("id,card.name"));
    }

    #[test]
    fn what_is_left_out_is_no_filter() {
        let want = Search {
            limit: LIMIT,
            ..Search::default()
        };
        let found = search(&Query::parse("")).expect("a search");
        assert_eq!(found, (want, Mask::default()));
    }

    #[test]
    fn a_parameter_of_another_form_is_named() {
        let long = format!("q={}", "x".repeat(321));
        let order = write_cursor("log", Sort::default(), &Keyset::Updated(Position::FIRST));
        let order = format!("cursor={order}");
        for (query, name) in [
            (long.as_str(), "q"),
            ("q=", "q"),
            ("name=+", "name"),
            ("phone=abc", "phone"),
            ("dialect=x", "dialect"),
            ("active=1", "active"),
            ("created_after=yesterday", "created_after"),
            ("updated_after=7", "updated_after"),
            ("sort=x", "sort"),
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=x", "limit"),
            ("limit=", "limit"),
            ("cursor=x", "cursor"),
            (order.as_str(), "cursor"),
            ("as_of=-1", "as_of"),
            ("fields=x", "fields"),
        ] {
            let reply = search(&Query::parse(query)).expect_err(query);
            let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
            let detail = body["detail"].as_str().expect("a text");
            assert_eq!(reply.status, 400);
            assert!(detail.starts_with(&format!("{name} must be ")), "{detail}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_back_in_its_own_order_only(
            name in ".*", number: u64, id: u128, descending: bool,
        ) {
            let id = ContactId(uuid::Uuid::from_u128(id));
            for keyset in [
                Keyset::Created(id),
                Keyset::Updated(Position::new(number)),
                Keyset::Name(name.clone(), id),
            ] {
                let by = match keyset {
                    Keyset::Created(_) => SortKey::Created,
                    Keyset::Updated(_) => SortKey::Updated,
                    Keyset::Name(..) => SortKey::Name,
                };
                let sort = Sort { by, descending };
                let text = write_cursor("log", sort, &keyset);
                let want = Some(("log".to_owned(), keyset));
                prop_assert_eq!(read_cursor(&text, sort), want);
                let other = Sort { by, descending: !descending };
                prop_assert_eq!(read_cursor(&text, other), None);
            }
        }

        #[test]
        fn no_cursor_is_too_strange(text in "\\PC*", json in "[\\[\\]\",a-z0-9]*") {
            for sort in SORTS.map(|(_, by)| Sort { by, descending: false }) {
                let _ = read_cursor(&text, sort);
                let _ = read_cursor(&URL_SAFE_NO_PAD.encode(&json), sort);
            }
        }
    }
}
