//! A Card of properties (RFC 9555), so that none of them is lost on the way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use calcard::jscontact::JSContact;
use calcard::vcard::VCard;
use serde_json::{Map, Value, json};

use super::super::note::Note;
use super::super::record::Wrong;
use super::entry;
use super::jsprop;
use super::property::Property;
use crate::dialect::native::{self, Unfit};
use crate::domain::limits;

/// The largest Card, in bytes of JSON: a record of the log holds a little more than the Card.
const CARD_BYTES_MAX: usize = limits::RECORD_BYTES_MAX - 2 * 1024;

/// The Card of a vCard's properties. Of those that no Card can hold, and of `odd` ones, it keeps
/// the raw text.
///
/// # Errors
/// The conversion gives no Card.
pub fn card(
    mut properties: Vec<Property>,
    mut odd: Vec<Property>,
    notes: &mut Vec<Note>,
) -> Result<Value, Wrong> {
    let patches = take(&mut properties, |p| p.name == "JSPROP");
    odd.extend(take(&mut properties, |p| !entry::is_converted(&p.name)));
    let mut card = converted(&properties)?;
    let size = |card: &Value, odd: &[Property]| {
        card.to_string().len() + odd.iter().map(|p| p.value.len()).sum::<usize>()
    };
    let over = size(&card, &odd).saturating_sub(CARD_BYTES_MAX);
    if over > 0 {
        // The pictures first: the person is worth more.
        notes.extend(drop_files(&mut properties, &mut odd, over));
        card = converted(&properties)?;
        if size(&card, &odd) > CARD_BYTES_MAX {
            return Err(Wrong::longer_than(limits::RECORD_BYTES_MAX));
        }
    }
    odd.extend(take_left(&mut properties, &mut card)?);
    odd.extend(take_lost(&mut properties, &mut card)?);
    if !is_card(&card) {
        odd.extend(take_unfit(&mut properties));
        card = converted(&properties)?;
    }
    // Before what a JSPROP says, which may be that nothing was to be kept.
    keep(&mut card, &odd);
    let rest = apply(&mut card, patches);
    keep(&mut card, &rest);
    odd.extend(rest);
    let kept = odd.iter().filter(|property| is_kept(&card, property));
    notes.extend(kept.map(|p| Note::Kept(p.shown())));
    Ok(card)
}

/// Drops the files that stand in a vCard, the largest first, until so many bytes are saved.
fn drop_files(good: &mut Vec<Property>, odd: &mut Vec<Property>, mut over: usize) -> Vec<Note> {
    let is_file = |p: &Property| p.is_base64 || p.text().starts_with("data:");
    let mut sizes: Vec<usize> = good
        .iter()
        .chain(odd.iter())
        .filter(|p| is_file(p))
        .map(|p| p.value.len())
        .collect();
    sizes.sort_unstable();
    let mut least = usize::MAX;
    while let Some(size) = sizes.pop().filter(|_| over > 0) {
        over = over.saturating_sub(size);
        least = size;
    }
    let mut dropped = take(good, |p| is_file(p) && p.value.len() >= least);
    dropped.extend(take(odd, |p| is_file(p) && p.value.len() >= least));
    dropped.into_iter().map(|p| Note::Dropped(p.name)).collect()
}

/// Applies JSPROPs: all of them, where that gives a good Card, else each that does. Gives the rest.
fn apply(card: &mut Value, patches: Vec<Property>) -> Vec<Property> {
    let mut patched = card.clone();
    if patches
        .iter()
        .all(|patch| jsprop::apply(&mut patched, patch))
        && is_card(&patched)
    {
        *card = patched;
        return Vec::new();
    }
    let mut rest = patches;
    take(&mut rest, |patch| {
        let mut patched = card.clone();
        let fits = jsprop::apply(&mut patched, patch) && is_card(&patched);
        if fits {
            *card = patched;
        }
        !fits
    })
}

/// Takes the properties out that are so, in their order.
fn take(properties: &mut Vec<Property>, is_so: impl FnMut(&Property) -> bool) -> Vec<Property> {
    let all = std::mem::take(properties);
    let (taken, left) = all.into_iter().partition(is_so);
    *properties = left;
    taken
}

/// Takes the properties out with which there is no good Card. What others depend on comes first:
/// the kind, and the date of a place.
fn take_unfit(properties: &mut Vec<Property>) -> Vec<Property> {
    let rank = |p: &Property| match p.name.as_str() {
        "KIND" => 0,
        "BIRTHPLACE" | "DEATHPLACE" | "ROLE" => 2,
        _ => 1,
    };
    let mut order: Vec<usize> = (0..properties.len()).collect();
    order.sort_by_key(|at| properties.get(*at).map(rank));
    let mut good = Vec::new();
    admit(properties, &order, &mut good);
    let mut at = 0..;
    take(properties, |_| {
        at.next().is_none_or(|at| !good.contains(&at))
    })
}

/// Adds those of some properties to the good ones with which these are still a Card: all at once
/// where that goes, else in halves.
fn admit(properties: &[Property], some: &[usize], good: &mut Vec<usize>) {
    let mut tried = [good.as_slice(), some].concat();
    tried.sort_unstable();
    let chosen = tried.iter().filter_map(|at| properties.get(*at)).cloned();
    let chosen: Vec<Property> = chosen.collect();
    if converted(&chosen).is_ok_and(|card| is_card(&card)) {
        *good = tried;
    } else if let Some((first, second)) = some.split_at_checked(some.len() / 2)
        && !first.is_empty()
    {
        admit(properties, first, good);
        admit(properties, second, good);
    }
}

/// Takes the properties out for which `calcard` has no place, such as a second name, so that
/// their raw text is kept and not what it has read of it.
fn take_left(properties: &mut Vec<Property>, card: &mut Value) -> Result<Vec<Property>, Wrong> {
    let left = |card: &Value| -> Vec<String> {
        let left = card.pointer("/vCard/properties").and_then(Value::as_array);
        let names = left
            .into_iter()
            .flatten()
            .filter_map(|jcard| jcard.get(0)?.as_str());
        names.map(str::to_uppercase).collect()
    };
    let mut taken = Vec::new();
    let mut names = left(card);
    for at in (0..properties.len()).rev() {
        if names.is_empty() {
            break;
        }
        if !properties.get(at).is_some_and(|p| names.contains(&p.name)) {
            continue;
        }
        let mut rest = properties.clone();
        let candidate = rest.remove(at);
        let without = converted(&rest)?;
        let names_without = left(&without);
        if names_without.len() < names.len() {
            taken.insert(0, candidate);
            (*properties, *card, names) = (rest, without, names_without);
        }
    }
    Ok(taken)
}

/// One vCard that trips the crate must not end the work of a whole file.
fn guarded<T>(turn: impl FnOnce() -> T) -> Result<T, Wrong> {
    catch_unwind(AssertUnwindSafe(turn))
        .map_err(|_| Wrong::new("not_convertible", "There is no Card for this vCard."))
}

fn converted(properties: &[Property]) -> Result<Value, Wrong> {
    let mut entries: Vec<_> = properties.iter().map(entry::of_property).collect();
    entries.extend(language(properties).as_ref().map(entry::of_property));
    let card = guarded(|| {
        let card: JSContact<'static, String, String> = VCard { entries }.into_jscontact();
        serde_json::to_value(&card)
    })?;
    let card = card.map_err(|error| Wrong::new("not_convertible", error))?;
    Ok(match card {
        Value::Object(mut card) => {
            tidy(&mut card);
            Value::Object(card)
        }
        card => card,
    })
}

/// The language of a vCard that says none, but has properties in several. `calcard` chooses it
/// itself, and in another way each time where two are in equal use; the same file would so become
/// two contacts.
fn language(properties: &[Property]) -> Option<Property> {
    if properties.iter().any(|p| p.name == "LANGUAGE") {
        return None;
    }
    let mut counts: Vec<(String, usize)> = Vec::new();
    let named = properties
        .iter()
        .filter_map(|p| Some((p, p.param("LANGUAGE")?)));
    for (_, language) in named.clone() {
        let language = language.to_ascii_lowercase();
        match counts.iter_mut().find(|(known, _)| *known == language) {
            Some((_, count)) => *count += 1,
            None => counts.push((language, 1)),
        }
    }
    let names: Vec<&str> = named.map(|(p, _)| p.name.as_str()).collect();
    let without = properties
        .iter()
        .filter(|p| p.param("LANGUAGE").is_none() && names.contains(&p.name.as_str()))
        .count();
    let most = counts.iter().map(|(_, count)| *count).max()?;
    let first = counts.iter().find(|(_, count)| *count == most)?;
    (names.len() > 1 && most > without).then(|| Property::of_text("LANGUAGE", &first.0))
}

/// What `calcard` leaves in a Card that says nothing: empty lists and names.
fn tidy(card: &mut Map<String, Value>) {
    for (map, member, empty) in [
        ("addresses", "components", json!([])),
        ("organizations", "name", json!("")),
    ] {
        let members = card.get_mut(map).and_then(Value::as_object_mut);
        for value in members.into_iter().flat_map(Map::values_mut) {
            if let Some(object) = value.as_object_mut()
                && object.get(member) == Some(&empty)
            {
                object.remove(member);
            }
        }
    }
    users(card);
    organizations_of_roles(card);
}

/// A ROLE is of the organization whose group it has (RFC 9555, section 2.9.5). One without a group is
/// of none that anybody wrote: `calcard` takes the first that has none either.
fn organizations_of_roles(card: &mut Map<String, Value>) {
    let groups = card.get("vCard").and_then(|v| v.get("convertedProperties"));
    let groups = groups.cloned().unwrap_or_default();
    let titles = card.get_mut("titles").and_then(Value::as_object_mut);
    for (id, title) in titles.into_iter().flatten() {
        let converted = groups.get(format!("titles/{id}/name"));
        let group = converted.and_then(|it| it.pointer("/parameters/group"));
        if let Some(title) = title.as_object_mut().filter(|_| group.is_none()) {
            title.shift_remove("organizationId");
        }
    }
}

/// A SOCIALPROFILE that is text names a user (RFC 9555, section 2.6.3): `calcard` takes it for a URI.
fn users(card: &mut Map<String, Value>) {
    let pointers: Vec<String> = card
        .get("vCard")
        .and_then(|v| v.get("convertedProperties")?.as_object())
        .into_iter()
        .flatten()
        .filter(|(at, converted)| {
            let is_text = converted
                .pointer("/parameters/value")
                .is_some_and(|v| v == "TEXT");
            at.starts_with("onlineServices/") && is_text
        })
        .map(|(at, _)| at.clone())
        .collect();
    for at in pointers {
        let mut path = at.split('/').skip(1);
        let service = path
            .next()
            .and_then(|id| card.get_mut("onlineServices")?.get_mut(id)?.as_object_mut());
        if let Some(service) = service
            && !service.contains_key("user")
            && let Some(user) = service.remove("uri")
        {
            service.insert("user".into(), user);
            remove(
                card,
                &["vCard", "convertedProperties", &at, "parameters", "value"],
            );
        }
    }
}

/// Removes a member, and the objects around it that are empty then.
fn remove(object: &mut Map<String, Value>, path: &[&str]) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        object.remove(*first);
    } else if let Some(Value::Object(inner)) = object.get_mut(*first) {
        remove(inner, rest);
        if inner.is_empty() {
            object.remove(*first);
        }
    }
}

/// Takes the properties out of which a text is nowhere in the Card, which is then made without
/// them: `calcard` drops a second value where it knows one place, and says nothing.
fn take_lost(properties: &mut Vec<Property>, card: &mut Value) -> Result<Vec<Property>, Wrong> {
    let mut texts = Vec::new();
    collect(card, &mut texts);
    let has = |text: &String| {
        let text = text.trim();
        text.is_empty() || texts.iter().any(|there| there.contains(text))
    };
    let is_lost = |p: &Property| {
        // These are read here, and come back in another form.
        let is_own = matches!(p.name.as_str(), "KIND" | "GRAMGENDER" | "REV" | "CREATED")
            || matches!(p.name.as_str(), "BDAY" | "ANNIVERSARY" | "DEATHDATE");
        let params = p.params.iter().filter(|param| match param.name.as_str() {
            "TYPE" | "JSCOMPS" | "LEVEL" | "CREATED" | "SORT-AS" => false,
            // The service's `user` says it.
            "VALUE" => p.name != "SOCIALPROFILE",
            _ => true,
        });
        let mut values = params.flat_map(|param| &param.values);
        let lost_value = if p.name == "N" || p.name == "ADR" || p.name == "ORG" {
            !p.components().iter().flatten().all(has)
        } else {
            !is_own && !p.list().iter().all(has)
        };
        lost_value
            || !values
                .all(|value| has(value) || has(&value.to_lowercase()) || has(&value.to_uppercase()))
    };
    let lost = take(properties, is_lost);
    if !lost.is_empty() {
        *card = converted(properties)?;
    }
    Ok(lost)
}

/// All texts, names and numbers in a value.
fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => {
            for (name, value) in members {
                texts.push(name.clone());
                collect(value, texts);
            }
        }
        Value::Number(_) | Value::Bool(_) => texts.push(value.to_string()),
        Value::Null => {}
    }
}

/// Puts properties into the Card as they are (RFC 9555, section 2.15.1).
fn keep(card: &mut Value, odd: &[Property]) {
    let Some(card) = card.as_object_mut() else {
        return;
    };
    for property in odd {
        let Value::Object(vcard) = card.entry("vCard").or_insert_with(|| json!({})) else {
            return;
        };
        let Value::Array(kept) = vcard.entry("properties").or_insert_with(|| json!([])) else {
            return;
        };
        kept.push(jsprop::to_jcard(property));
    }
}

/// Whether a property stands in the Card as it is.
fn is_kept(card: &Value, property: &Property) -> bool {
    let kept = card.pointer("/vCard/properties").and_then(Value::as_array);
    kept.is_some_and(|kept| kept.contains(&jsprop::to_jcard(property)))
}

fn is_card(card: &Value) -> bool {
    !matches!(native::check(card.clone()), Err(Unfit::Invalid(_)))
}
