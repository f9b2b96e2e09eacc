//! Which contacts a list wants, from its query.
//!
//! The page labels every parameter "required" and describes it as optional; they are optional.

use serde_json::Value;

use super::contact::{
    ADDRESS_PROPERTIES, ADDRESSES, BESIDE, CONTACT, COUNTRY, ENTITY, FIRST_NAME, LAST_NAME,
    MIDDLE_NAME, MODE_ID, MODES, SPECIALITY, STATE, contact_type, status,
};
use super::ids::HexId;
use crate::dialect::fields::{ANY_TEXT, Text};
use crate::dialect::query::count;
use crate::dialect::schema::Record;
use crate::dialect::{Filter, Order, Query};
use crate::domain::fold::caseless;
use crate::domain::{Contact, Problem, Violation};

/// Rows at most, and as many as there are where the request names no limit.
pub const LIMIT_MAX: usize = 1_000;
/// Rows that can be passed over: what the vendor's language calls an int.
pub const OFFSET_MAX: usize = i32::MAX as usize;

/// The directions of creation in which a list can be ordered. Lower case is taken as well.
pub const ORDERS: [&str; 2] = ["ASC", "DESC"];
/// Whether a contact's properties are to name an entity.
pub const ENTITIES_OPTIONS: [&str; 3] = ["all", "associated", "notAssociated"];

/// What a contact and the values of its fields must meet.
type Condition = Box<dyn Fn(&Contact, &Record<'_>) -> bool + Send + Sync>;

fn condition(
    met: impl Fn(&Contact, &Record<'_>) -> bool + Send + Sync + 'static,
) -> Option<Condition> {
    Some(Box::new(met))
}

/// The filter of a query; none where it sets no condition.
///
/// # Errors
/// The first parameter that is not of its form.
pub fn filter(query: &Query) -> Result<Option<Filter<Contact>>, Violation> {
    let conditions: Vec<Condition> = conditions(query)?.into_iter().flatten().collect();
    let wanted = !conditions.is_empty();
    Ok(wanted.then(|| {
        Filter::new(move |contact: &Contact| {
            let record = CONTACT.record(&contact.card);
            conditions.iter().all(|met| met(contact, &record))
        })
    }))
}

/// The conditions a query sets, all of which a contact must meet.
fn conditions(query: &Query) -> Result<[Option<Condition>; 9], Violation> {
    let entity = id(query, "entityId")?;
    let associated = match query.filled("entitiesOption") {
        None | Some("all") => None,
        Some("associated") => Some(true),
        Some("notAssociated") => Some(false),
        Some(_) => {
            let problem = Problem::OneOf(&ENTITIES_OPTIONS);
            return Err(Violation::new("entitiesOption", problem));
        }
    };
    Ok([
        code(query, "contactType", 50)?
            .and_then(|(id, _)| condition(move |_, it| contact_type(it) == id.to_string())),
        text(query, "name", 255)?
            .map(caseless)
            .and_then(|part| condition(move |_, it| is_named(it, &part))),
        code(query, "status", 200)?
            .and_then(|(id, code)| condition(move |_, it| has_status(it, id, &code))),
        id(query, "specialityId")?
            .and_then(|id| condition(move |_, it| is(id, it.get(SPECIALITY)))),
        id(query, "countryId")?
            .and_then(|id| condition(move |_, it| any(it, ADDRESSES, COUNTRY, id))),
        id(query, "stateId")?.and_then(|id| condition(move |_, it| any(it, ADDRESSES, STATE, id))),
        // An investigator is a contact, so it is that contact's own id.
        id(query, "investigatorId")?
            .and_then(|id| condition(move |it, _| it.vendor_id == id.to_string())),
        id(query, "modeId")?.and_then(|id| condition(move |_, it| any(it, MODES, MODE_ID, id))),
        associated.and_then(|wanted| condition(move |_, it| is_associated(it, entity) == wanted)),
    ])
}

/// The number of rows that a query skips, and the number it wants.
///
/// # Errors
/// As [`filter`].
pub fn rows(query: &Query) -> Result<(usize, usize), Violation> {
    Ok((
        number(query, "offset", OFFSET_MAX)?.unwrap_or(0),
        number(query, "limit", LIMIT_MAX)?.unwrap_or(LIMIT_MAX),
    ))
}

/// The order that a query wants: by creation, since the page names a direction and no field.
///
/// # Errors
/// As [`filter`].
pub fn order(query: &Query) -> Result<Order, Violation> {
    match query.filled("order") {
        None | Some("ASC" | "asc") => Ok(Order::Created),
        Some("DESC" | "desc") => Ok(Order::CreatedDescending),
        Some(_) => Err(Violation::new("order", Problem::OneOf(&ORDERS))),
    }
}

/// A code of a list: its id and its text, either of which may be sent.
fn code(
    query: &Query,
    name: &'static str,
    chars_max: u32,
) -> Result<Option<(HexId, String)>, Violation> {
    let text = text(query, name, chars_max)?;
    Ok(text.map(|text| {
        let id = HexId::parse(text).unwrap_or_else(|| HexId::of_code(name, text));
        (id, text.to_owned())
    }))
}

fn is(id: HexId, value: Option<&Value>) -> bool {
    value.and_then(Value::as_str).and_then(HexId::parse) == Some(id)
}

/// Whether an item of a list has this id in a field.
fn any(record: &Record<'_>, items: &str, field: &str, id: HexId) -> bool {
    list(record, items).any(|item| is(id, item.get(field)))
}

/// Whether a part, folded, stands in the name, written with or without the middle one.
fn is_named(record: &Record<'_>, part: &str) -> bool {
    let name = |parts: &[&str]| {
        let words: Vec<&str> = parts
            .iter()
            .filter_map(|part| record.get(part)?.as_str())
            .filter(|word| !word.is_empty())
            .collect();
        caseless(&words.join(" "))
    };
    name(&[FIRST_NAME, LAST_NAME]).contains(part)
        || name(&[FIRST_NAME, MIDDLE_NAME, LAST_NAME]).contains(part)
}

fn has_status(record: &Record<'_>, id: HexId, code: &str) -> bool {
    let (own_id, own_code) = status(record);
    own_id == id.to_string() || own_code.is_some_and(|own| own.eq_ignore_ascii_case(code))
}

/// The items of a list that stands beside the contact.
fn list<'a>(record: &'a Record<'_>, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let items = record.get(name).and_then(Value::as_array);
    items.into_iter().flatten()
}

/// Whether a property of the contact or of its addresses names the entity, or any entity.
fn is_associated(record: &Record<'_>, entity: Option<HexId>) -> bool {
    let names = |property: &Value| {
        let own = property.get(ENTITY).and_then(Value::as_str);
        own.is_some_and(|own| entity.is_none_or(|entity| HexId::parse(own) == Some(entity)))
    };
    let of_address = |item: &Value| {
        let properties = item.get(ADDRESS_PROPERTIES).and_then(Value::as_array);
        properties.into_iter().flatten().any(names)
    };
    let mut items = BESIDE.iter().flat_map(|name| list(record, name));
    items.any(|item| names(item) || of_address(item))
}

/// A text of 1 to `chars_max` characters.
fn text<'a>(
    query: &'a Query,
    name: &'static str,
    chars_max: u32,
) -> Result<Option<&'a str>, Violation> {
    const NOT_EMPTY: Text = ANY_TEXT.not_blank();
    let text = query.filled(name);
    let problem = text.and_then(|text| NOT_EMPTY.at_most(chars_max).problems(text).next());
    match problem {
        Some(problem) => Err(Violation::new(name, problem)),
        None => Ok(text),
    }
}

fn id(query: &Query, name: &'static str) -> Result<Option<HexId>, Violation> {
    let id = query.filled(name).map(HexId::parse);
    match id {
        Some(None) => Err(Violation::new(name, Problem::Format("uuid"))),
        id => Ok(id.flatten()),
    }
}

/// A whole number from 0 to `max`.
fn number(query: &Query, name: &'static str, max: usize) -> Result<Option<usize>, Violation> {
    let number = query.read(name, |text| count(text).filter(|number| *number <= max));
    number.map_err(|_| Violation::new(name, Problem::Range(0, max as u64)))
}
