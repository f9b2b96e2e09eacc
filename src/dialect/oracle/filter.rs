//! Which contacts a list wants, from its query.
//!
//! The page labels every parameter "required" and describes it as optional; they are optional.

use super::body::{contact_type, status};
use super::card::from_card;
use super::ids::HexId;
use super::record::Record;
use super::schema::{ADDRESSES, BESIDE, MODES};
use crate::dialect::fields::{ANY_TEXT, Text};
use crate::dialect::query::digits;
use crate::dialect::{Filter, Order, Query, Window};
use crate::domain::{Contact, Problem, Violation};

/// Rows at most, and as many as there are where the request names no limit.
pub const LIMIT_MAX: usize = 1_000;
/// Rows that can be passed over: what the vendor's language calls an int.
pub const OFFSET_MAX: usize = i32::MAX as usize;

/// The conditions a query sets, all of which a contact must meet.
#[derive(Debug, Default, PartialEq, Eq)]
struct Criteria {
    /// A type: its id, or the id of its code.
    contact_type: Option<HexId>,
    /// A part of the name, in lower case.
    name: Option<String>,
    /// A status: its id or the id of its code, and the text itself.
    status: Option<(HexId, String)>,
    speciality: Option<HexId>,
    country: Option<HexId>,
    state: Option<HexId>,
    /// An investigator is a contact, so it is that contact's own id.
    investigator: Option<HexId>,
    mode: Option<HexId>,
    /// Whether it must be associated with the entity (with any, where none is named), or not.
    associated: Option<(bool, Option<HexId>)>,
}

/// The filter of a query; none where it sets no condition.
///
/// # Errors
/// The first parameter that is not of its form.
pub fn filter(query: &Query) -> Result<Option<Filter<Contact>>, Violation> {
    let criteria = Criteria::read(query)?;
    let wanted = criteria != Criteria::default();
    Ok(wanted.then(|| Filter::new(move |contact| criteria.met_by(contact))))
}

/// The part of the list that a query wants.
///
/// # Errors
/// As [`filter`].
pub fn window(query: &Query) -> Result<Window, Violation> {
    Ok(Window::Offset {
        offset: number(query, "offset", OFFSET_MAX)?.unwrap_or(0),
        limit: number(query, "limit", LIMIT_MAX)?.unwrap_or(LIMIT_MAX),
    })
}

/// The order that a query wants: by creation, since the page names a direction and no field.
///
/// # Errors
/// As [`filter`].
pub fn order(query: &Query) -> Result<Order, Violation> {
    match query.get("order") {
        None | Some("ASC" | "asc") => Ok(Order::Created),
        Some("DESC" | "desc") => Ok(Order::CreatedDescending),
        Some(_) => Err(Violation::new("order", Problem::OutOfRange)),
    }
}

impl Criteria {
    fn read(query: &Query) -> Result<Self, Violation> {
        let code = |name, chars_max| -> Result<Option<(HexId, String)>, Violation> {
            let text = text(query, name, chars_max)?;
            Ok(text.map(|text| {
                let id = HexId::parse(text).unwrap_or_else(|| HexId::of_code(name, text));
                (id, text.to_owned())
            }))
        };
        let entity = id(query, "entityId")?;
        let associated = match query.get("entitiesOption") {
            None | Some("all") => None,
            Some("associated") => Some((true, entity)),
            Some("notAssociated") => Some((false, entity)),
            Some(_) => return Err(Violation::new("entitiesOption", Problem::OutOfRange)),
        };
        Ok(Self {
            contact_type: code("contactType", 50)?.map(|(id, _)| id),
            name: text(query, "name", 255)?.map(str::to_lowercase),
            status: code("status", 200)?,
            speciality: id(query, "specialityId")?,
            country: id(query, "countryId")?,
            state: id(query, "stateId")?,
            investigator: id(query, "investigatorId")?,
            mode: id(query, "modeId")?,
            associated,
        })
    }

    fn met_by(&self, contact: &Contact) -> bool {
        let Self {
            contact_type: wanted_type,
            name,
            status: wanted_status,
            speciality,
            country,
            state,
            investigator,
            mode,
            associated,
        } = self;
        let record = &from_card(&contact.card);
        let any = |items: &str, field: &str, id: HexId| {
            let mut items = record.items(items).iter();
            items.any(|item| item.id(field) == Some(id))
        };
        wanted_type.is_none_or(|id| contact_type(record) == id)
            && name.as_ref().is_none_or(|part| is_named(record, part))
            && wanted_status
                .as_ref()
                .is_none_or(|(id, code)| has_status(record, *id, code))
            && speciality.is_none_or(|id| record.id("primarySpecialityId") == Some(id))
            && country.is_none_or(|id| any(ADDRESSES, "country", id))
            && state.is_none_or(|id| any(ADDRESSES, "addressStateOrProvOrCounty", id))
            && investigator.is_none_or(|id| contact.vendor_id == id.to_string())
            && mode.is_none_or(|id| any(MODES, "mode", id))
            && associated.is_none_or(|(wanted, entity)| is_associated(record, entity) == wanted)
    }
}

/// Whether a part, in lower case, stands in the name, written with or without the middle one.
fn is_named(record: &Record, part: &str) -> bool {
    let name = |parts: &[&str]| {
        let words: Vec<&str> = parts
            .iter()
            .filter_map(|part| record.text(part))
            .filter(|word| !word.is_empty())
            .collect();
        words.join(" ").to_lowercase()
    };
    name(&["firstName", "lastName"]).contains(part)
        || name(&["firstName", "middleName", "lastName"]).contains(part)
}

fn has_status(record: &Record, id: HexId, code: &str) -> bool {
    let (own_id, own_code) = status(record);
    own_id == id || own_code.is_some_and(|own| own.eq_ignore_ascii_case(code))
}

/// Whether a property of the contact or of its addresses names the entity, or any entity.
fn is_associated(record: &Record, entity: Option<HexId>) -> bool {
    let names = |property: &Record| match (property.text("entityId"), entity) {
        (Some(own), Some(entity)) => HexId::parse(own) == Some(entity),
        (own, None) => own.is_some(),
        (None, Some(_)) => false,
    };
    BESIDE.iter().any(|field| {
        record
            .items(field.name)
            .iter()
            .any(|item| names(item) || item.items("addressProperties").iter().any(names))
    })
}

/// A text of 1 to `chars_max` characters.
fn text<'a>(
    query: &'a Query,
    name: &'static str,
    chars_max: u32,
) -> Result<Option<&'a str>, Violation> {
    const NOT_EMPTY: Text = ANY_TEXT.not_blank();
    let text = query.get(name);
    let problem = text.and_then(|text| NOT_EMPTY.at_most(chars_max).problems(text).next());
    match problem {
        Some(problem) => Err(Violation::new(name, problem)),
        None => Ok(text),
    }
}

fn id(query: &Query, name: &'static str) -> Result<Option<HexId>, Violation> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    match HexId::parse(text) {
        Some(id) => Ok(Some(id)),
        None => Err(Violation::new(name, Problem::Format("uuid"))),
    }
}

/// Decimal digits from 0 to `max`.
fn number(query: &Query, name: &'static str, max: usize) -> Result<Option<usize>, Violation> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    match digits(text) {
        Some(number) if number <= max => Ok(Some(number)),
        _ => Err(Violation::new(name, Problem::OutOfRange)),
    }
}
