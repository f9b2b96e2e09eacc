//! The query parameters of our own API, and the cursor of its lists.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Deserializer, Value, json};

use super::body::Mask;
use super::problem;
use crate::dialect::query::digits;
use crate::dialect::{AsOf, Caller, Keyset, Query, REGISTRY, Reply, Search, Sort, SortKey};
use crate::domain::fold::digit;
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
pub fn search(query: &Query, caller: &Caller) -> Result<(Search, Mask), Reply> {
    let sort = sort(query)?;
    let (log, after) = cursor(query, caller, sort)?.unzip();
    let search = Search {
        text: text(query, "q")?,
        email: text(query, "email")?,
        phone: phone(query)?,
        name: text(query, "name")?,
        vendor_id: text(query, "vendor_id")?,
        tenant: tenant(query)?,
        dialect: dialect(query)?,
        active: flag(query, "active")?,
        created_after: time(query, "created_after")?,
        created_before: time(query, "created_before")?,
        updated_after: time(query, "updated_after")?,
        updated_before: time(query, "updated_before")?,
        sort,
        limit: limit(query, LIMIT)?,
        after: after.flatten(),
        log,
        as_of: as_of(query, "as_of")?,
        counts: flag(query, "total")?.unwrap_or(false),
    };
    Ok((search, mask(query)?))
}

/// A parameter as `read` finds it in its text, or the refusal that says what it must be.
fn param<T>(
    query: &Query,
    name: &'static str,
    must: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Reply> {
    let value = query.read(name, read);
    value.map_err(|_| problem::parameter(name, must))
}

/// Reads the members of contacts to show: all, unless the request says otherwise.
pub fn mask(query: &Query) -> Result<Mask, Reply> {
    let must =
        "names of a contact's members, or card.<property> with a property that a Card can have";
    Ok(param(query, "fields", must, Mask::parse)?.unwrap_or_default())
}

fn text(query: &Query, name: &'static str) -> Result<Option<String>, Reply> {
    param(query, name, TEXT, |text| bounded(text.trim()))
}

/// What a text to search for must be.
const TEXT: &str = "1 to 320 characters, not blank";

fn bounded(text: &str) -> Option<String> {
    let fits = (1..=TEXT_CHARS_MAX).contains(&text.chars().count());
    fits.then(|| text.to_owned())
}

fn phone(query: &Query) -> Result<Option<String>, Reply> {
    text(query, "phone")?;
    let has_digits = |text: &str| text.contains(|c: char| digit(c).is_some());
    let read = |text: &str| has_digits(text).then(|| text.trim().to_owned());
    param(query, "phone", "a number with digits in it", read)
}

/// A dialect, by its name.
pub fn dialect(query: &Query) -> Result<Option<DialectId>, Reply> {
    let must = "the name of a dialect, in lower case";
    let named = |name: &str| REGISTRY.named(name).map(|rules| rules.dialect);
    param(query, "dialect", must, named)
}

/// A tenant to look at, where one is named: it is its own spelling, blanks and all.
pub fn tenant(query: &Query) -> Result<Option<String>, Reply> {
    param(query, "tenant", TEXT, bounded)
}

fn flag(query: &Query, name: &'static str) -> Result<Option<bool>, Reply> {
    param(query, name, "true or false", |text| text.parse().ok())
}

fn time(query: &Query, name: &'static str) -> Result<Option<Timestamp>, Reply> {
    // A plus sign that a client did not percent-encode arrives as a space.
    let read = |text: &str| Timestamp::parse(&text.replace(' ', "+"));
    param(query, name, "a time (RFC 3339) since 1970", read)
}

/// A point of the past, where one is named.
pub fn as_of(query: &Query, name: &'static str) -> Result<Option<AsOf>, Reply> {
    let must = "a position or a time (RFC 3339) since 1970";
    param(query, name, must, AsOf::parse)
}

/// The position after which to go on; none named is before the first.
pub fn after(query: &Query) -> Result<Position, Reply> {
    let after = param(query, "after", "a position in digits", Position::parse)?;
    Ok(after.unwrap_or(Position::ZERO))
}

/// Reads the most contacts that a page may have.
pub fn limit(query: &Query, default: usize) -> Result<usize, Reply> {
    let read = |text: &str| digits(text).filter(|limit| (1..=LIMIT_MAX).contains(limit));
    let limit = param(query, "limit", "a number from 1 to 1000", read)?;
    Ok(limit.unwrap_or(default))
}

fn sort(query: &Query) -> Result<Sort, Reply> {
    let must = "created, updated or name, with a minus sign in front for the last first";
    let read = |text: &str| {
        let name = text.strip_prefix('-');
        let (_, by) = SORTS
            .into_iter()
            .find(|(known, _)| *known == name.unwrap_or(text))?;
        let descending = name.is_some();
        Some(Sort { by, descending })
    };
    Ok(param(query, "sort", must, read)?.unwrap_or_default())
}

fn cursor(
    query: &Query,
    caller: &Caller,
    sort: Sort,
) -> Result<Option<(String, Option<Keyset>)>, Reply> {
    let must = "the nextCursor of a list in the same order";
    param(query, "cursor", must, |text| {
        read_cursor(text, caller, sort)
    })
}

/// A cursor: base64url of a JSON array, the order's name first, then the id of the log that it is of.
/// A name in it is sealed and stands behind the array, for addresses are logged. Clients only hand it
/// back.
pub fn write_cursor(caller: &Caller, sort: Sort, keyset: &Keyset) -> String {
    let (order, log) = (order_name(sort), &*caller.log);
    let sealed = match keyset {
        Keyset::Name(name, id) => {
            let place = json!([name, id.to_string()]);
            caller.cursors.0.seal(&place.to_string())
        }
        Keyset::Created(_) | Keyset::Updated(_) => Vec::new(),
    };
    let parts = match keyset {
        Keyset::Created(id) => json!([order, log, id.to_string()]),
        Keyset::Updated(position) => json!([order, log, position.get()]),
        Keyset::Name(..) => json!([order, log]),
    };
    URL_SAFE_NO_PAD.encode([parts.to_string().as_bytes(), &sealed].concat())
}

fn order_name(sort: Sort) -> String {
    let named = SORTS.into_iter().find(|(_, by)| *by == sort.by);
    let name = named.map_or("", |(name, _)| name);
    let sign = if sort.descending { "-" } else { "" };
    format!("{sign}{name}")
}

/// The log and the place in it that a cursor of this order stands for; a place in another log means
/// nothing here.
fn read_cursor(text: &str, caller: &Caller, sort: Sort) -> Option<(String, Option<Keyset>)> {
    if text.len() > CURSOR_BYTES_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let mut values = Deserializer::from_slice(&bytes).into_iter::<Vec<Value>>();
    let mut parts = values.next()?.ok()?.into_iter();
    let (order, log) = (parts.next()?, parts.next()?);
    let log = log.as_str()?;
    if order != order_name(sort) {
        return None;
    }
    if log != &*caller.log {
        return Some((log.to_owned(), None));
    }
    let sealed = bytes.get(values.byte_offset()..)?;
    let mut place: Vec<Value> = parts.collect();
    if !sealed.is_empty() {
        place.extend(serde_json::from_slice::<Vec<Value>>(&caller.cursors.0.open(sealed)?).ok()?);
    }
    let keyset = match (sort.by, place.as_slice(), sealed.is_empty()) {
        (SortKey::Created, [id], true) => Keyset::Created(ContactId::parse(id.as_str()?)?),
        (SortKey::Updated, [position], true) => Keyset::Updated(Position::new(position.as_u64()?)),
        (SortKey::Name, [name, id], false) => {
            let id = ContactId::parse(id.as_str()?)?;
            Keyset::Name(name.as_str()?.to_owned(), id)
        }
        _ => return None,
    };
    Some((log.to_owned(), Some(keyset)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::sync::Arc;

    use super::*;
    use crate::dialect::Cursors;
    use crate::keys::CursorKey;

    fn caller() -> Caller {
        Caller {
            log: "log".into(),
            ..Caller::default()
        }
    }

    #[test]
    fn every_parameter_is_read() {
        let query = Query::parse(
            "q=ann+b&email=a%40b.co&phone=%2B1&name=Ann&vendor_id=42&tenant=acme&dialect=mattr&active=false\
             &created_after=2026-01-15T10:30:00Z&updated_after=2026-01-15T10:30:00Z\
             &created_before=2026-01-15T10:30:00Z&updated_before=2026-01-15T10:30:00Z&sort=-name\
             &limit=7&as_of=12&total=true&fields=id,card.name",
        );
        let (found, mask) = search(&query, &caller()).expect("a search");
        let time = Timestamp::parse("2026-01-15T10:30:00Z");
        let want = Search {
            text: Some("ann b".into()),
            email: Some("a@b.co".into()),
            phone: Some("+1".into()),
            name: Some("Ann".into()),
            vendor_id: Some("42".into()),
            tenant: Some("acme".into()),
            dialect: Some(DialectId(2)),
            active: Some(false),
            created_after: time,
            created_before: time,
            updated_after: time,
            updated_before: time,
            sort: Sort {
                by: SortKey::Name,
                descending: true,
            },
            limit: 7,
            after: None,
            log: None,
            as_of: Some(AsOf::Position(Position::new(12))),
            counts: true,
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
        let found = search(&Query::parse(""), &caller()).expect("a search");
        assert_eq!(found, (want, Mask::default()));
    }

    #[test]
    fn a_parameter_of_another_form_is_named() {
        let long = format!("q={}", "x".repeat(321));
        let caller = caller();
        let updated = Keyset::Updated(Position::FIRST);
        let order = write_cursor(&caller, Sort::default(), &updated);
        let order = format!("cursor={order}");
        for (query, name) in [
            (long.as_str(), "q"),
            ("q=", "q"),
            ("name=+", "name"),
            ("vendor_id=+", "vendor_id"),
            ("phone=abc", "phone"),
            ("dialect=x", "dialect"),
            ("active=1", "active"),
            ("created_after=yesterday", "created_after"),
            ("updated_after=7", "updated_after"),
            ("created_before=yesterday", "created_before"),
            ("updated_before=7", "updated_before"),
            ("sort=x", "sort"),
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=x", "limit"),
            ("limit=", "limit"),
            ("cursor=x", "cursor"),
            (order.as_str(), "cursor"),
            ("as_of=-1", "as_of"),
            ("total=yes", "total"),
            ("fields=x", "fields"),
        ] {
            let reply = search(&Query::parse(query), &caller).expect_err(query);
            let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
            let detail = body["detail"].as_str().expect("a text");
            assert_eq!(reply.status, 400);
            assert!(detail.starts_with(&format!("{name} must be ")), "{detail}");
        }
    }

    #[test]
    fn a_cursor_shows_no_name() {
        let of_key = |secret| Caller {
            cursors: Cursors(Arc::new(CursorKey::of(&[secret; 32]))),
            ..caller()
        };
        let id = ContactId(uuid::Uuid::nil());
        let sort = Sort {
            by: SortKey::Name,
            descending: false,
        };
        let place = Keyset::Name("Ann Example".to_owned(), id);
        let text = write_cursor(&of_key(1), sort, &place);
        let bytes = URL_SAFE_NO_PAD.decode(&text).expect("base64url");
        assert!(!bytes.windows(3).any(|part| part == b"Ann"));
        let log = "log".to_owned();
        let read = |text: &str, caller: &Caller| read_cursor(text, caller, sort);
        assert_eq!(read(&text, &of_key(1)), Some((log.clone(), Some(place))));
        assert_eq!(read(&text, &of_key(2)), None);
        let elsewhere = Caller {
            log: "another".into(),
            ..of_key(2)
        };
        assert_eq!(read(&text, &elsewhere), Some((log, None)));
        // One as they were before they were sealed.
        let clear = json!(["name", "log", "Ann Example", id.to_string()]);
        let clear = URL_SAFE_NO_PAD.encode(clear.to_string());
        assert_eq!(read(&clear, &of_key(1)), None);
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
                let text = write_cursor(&caller(), sort, &keyset);
                let want = Some(("log".to_owned(), Some(keyset)));
                prop_assert_eq!(read_cursor(&text, &caller(), sort), want);
                let other = Sort { by, descending: !descending };
                prop_assert_eq!(read_cursor(&text, &caller(), other), None);
            }
        }

        #[test]
        fn no_cursor_is_too_strange(text in "\\PC*", json in "[\\[\\]\",a-z0-9]*") {
            for sort in SORTS.map(|(_, by)| Sort { by, descending: false }) {
                let caller = caller();
                let _ = read_cursor(&text, &caller, sort);
                let sealed = caller.cursors.0.seal(&json);
                let behind = [format!("[\"{}\",\"log\"]", order_name(sort)).as_bytes(), &sealed].concat();
                for bytes in [json.as_bytes(), &sealed, &behind] {
                    let _ = read_cursor(&URL_SAFE_NO_PAD.encode(bytes), &caller, sort);
                }
            }
        }
    }
}
