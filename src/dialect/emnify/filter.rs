//! Pages, filters and sorting of the vendor's collections (its page "Collections and pagination").

use std::cmp::Ordering;
use std::sync::Arc;

use http::StatusCode;
use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::contact::{CONTACT, ID};
use super::replies;
use crate::dialect::query::whole;
use crate::dialect::schema::{Field, Kind};
use crate::dialect::{Filter, Order, Query, Reply, Window};
use crate::domain::Contact;
use crate::domain::fold::caseless;

/// Items on a page: the vendor's default, and its maximum.
pub const PER_PAGE: usize = 1_000;
/// The most bytes of a page's headers that repeat what was asked for. `Link` does so up to four times,
/// and a client such as Node's reads no answer with more than 16 KiB of headers.
const ECHO_BYTES_MAX: usize = 8 * 1024;

/// The page of a collection that is asked for, and how it is filtered and sorted.
#[derive(Clone, Debug)]
pub struct View {
    /// The path of the collection.
    path: String,
    /// The page's number, from 1.
    page: usize,
    /// Items on a page.
    per_page: usize,
    /// The filter as it was sent.
    pub q: Option<String>,
    /// The order as it was sent.
    pub sort: Option<String>,
}

impl View {
    /// What a query asks for: too small numbers are the default, too large ones the maximum.
    pub fn new(path: String, query: &Query) -> Result<Self, Reply> {
        let number = |name: &'static str| {
            let number = query.read(name, integer);
            let number = number.map_err(|_| replies::bad_paging(name))?;
            Ok::<_, Reply>(usize::try_from(number.unwrap_or(0)).unwrap_or(0))
        };
        let per_page = number("per_page")?;
        Ok(Self {
            path,
            page: number("page")?.max(1),
            per_page: if per_page == 0 {
                PER_PAGE
            } else {
                per_page.min(PER_PAGE)
            },
            q: query.filled("q").map(str::to_owned),
            sort: query.filled("sort").map(str::to_owned),
        })
    }

    /// The part of a list, a page past the last being the last.
    pub const fn window(&self) -> Window {
        Window::ClampedPage {
            page: self.page,
            per_page: self.per_page,
        }
    }

    /// The headers of a page of a list that has so many items in all.
    pub fn counted(&self, reply: Reply, offset: usize, total: usize) -> Reply {
        let last = total.div_ceil(self.per_page);
        let page = offset / self.per_page + 1;
        let links: Vec<String> = [
            Some((1, "first")),
            (page > 1).then(|| (page - 1, "prev")),
            (page < last).then(|| (page + 1, "next")),
            Some((last.max(1), "last")),
        ]
        .into_iter()
        .flatten()
        .map(|(page, name)| format!("<{}>; rel=\"{name}\"", self.link(page)))
        .collect();
        let mut reply = reply
            .with("x-count-per-page", self.per_page.to_string())
            .with("x-current-page", page.to_string())
            .with("x-total-count", total.to_string())
            .with("x-total-pages", last.to_string());
        // A header holds visible ASCII; what else was sent is shown encoded.
        let shown = |sent: &String| utf8_percent_encode(sent.trim(), CONTROLS).to_string();
        let mut left = ECHO_BYTES_MAX;
        for (name, value) in [
            ("link", Some(links.join(", "))),
            ("x-filter", self.q.as_ref().map(shown)),
            ("x-sort", self.sort.as_ref().map(shown)),
        ] {
            if let Some(value) = value
                && let Some(rest) = left.checked_sub(value.len())
            {
                left = rest;
                reply = reply.with(name, value);
            }
        }
        reply
    }

    fn link(&self, page: usize) -> String {
        let path = format!("{}?", self.path);
        let start = path.len();
        let mut query = form_urlencoded::Serializer::for_suffix(path, start);
        query.append_pair("page", &page.to_string());
        query.append_pair("per_page", &self.per_page.to_string());
        for (name, sent) in [("q", &self.q), ("sort", &self.sort)] {
            if let Some(sent) = sent {
                query.append_pair(name, sent);
            }
        }
        query.finish()
    }
}

/// The pairs of `field:value,field:value`.
pub fn criteria(q: &str) -> Result<Vec<(&str, &str)>, Reply> {
    q.split(',')
        .map(|part| {
            let pair = part.trim().split_once(':');
            pair.filter(|(_, value)| !value.is_empty())
                .ok_or_else(|| replies::bad_criterion(part))
        })
        .collect()
}

/// The fields of `-field,+field`, each with whether it is descending.
///
/// A form-encoded plus sign arrives as a space, which is as good.
pub fn sort_fields(sort: &str) -> impl Iterator<Item = (&str, bool)> {
    sort.split(',').map(|part| {
        let part = part.trim();
        match part.strip_prefix('-') {
            Some(field) => (field, true),
            None => (part.strip_prefix('+').unwrap_or(part), false),
        }
    })
}

/// Whether a text holds another, in any case.
pub fn holds(text: &str, wanted: &str) -> bool {
    caseless(text).contains(&caseless(wanted))
}

/// The field of this name, by which contacts can be filtered and sorted.
fn named(name: &str) -> Option<&'static Field> {
    let found = CONTACT.fields().find(|field| field.name == name)?;
    let known = found.name == ID || matches!(found.kind, Kind::Text(_) | Kind::Code(_));
    known.then_some(found)
}

fn compare(field: &Field, a: &Contact, b: &Contact) -> Ordering {
    let number = |contact: &Contact| CONTACT.value(&contact.card, field)?.as_u64();
    let folded = |contact: &Contact| Some(caseless(CONTACT.value(&contact.card, field)?.as_str()?));
    match field.kind {
        Kind::Text(_) => folded(a).cmp(&folded(b)),
        Kind::Code(_) => number(a).cmp(&number(b)),
        _ => a.id.cmp(&b.id),
    }
}

/// One condition on a contact; none where the field cannot have the value.
fn condition(field: &'static Field, value: &str) -> Option<Filter<Contact>> {
    let (text, number) = (value.to_owned(), id(value));
    Some(match (field.kind, number) {
        (Kind::Text(_), _) => Filter::new(move |contact: &Contact| {
            let own = CONTACT.value(&contact.card, field);
            own.is_some_and(|own| own.as_str().is_some_and(|own| holds(own, &text)))
        }),
        (Kind::Code(_), Some(number)) => Filter::new(move |contact: &Contact| {
            let own = CONTACT.value(&contact.card, field);
            own.is_some_and(|own| *own == number)
        }),
        (_, Some(number)) => {
            let id = number.to_string();
            Filter::new(move |contact: &Contact| contact.vendor_id == id)
        }
        (_, None) => return None,
    })
}

/// The contacts that `q` wants: all its conditions hold.
pub fn filter(q: &str) -> Result<Filter<Contact>, Reply> {
    let conditions = criteria(q)?.into_iter().map(|(name, value)| {
        let condition = named(name).and_then(|field| condition(field, value));
        condition.ok_or_else(|| replies::bad_criterion(&format!("{name}:{value}")))
    });
    let conditions: Result<_, Reply> = conditions.collect();
    Ok(Filter::all(conditions?))
}

/// The order that `sort` wants; ids, which is the order of creation, decide between equals.
pub fn order(sort: &str) -> Result<Order, Reply> {
    let mut fields = Vec::new();
    for (name, descending) in sort_fields(sort) {
        let field =
            named(name).ok_or_else(|| replies::bad_sort(StatusCode::UNPROCESSABLE_ENTITY, name))?;
        fields.push((field, descending));
    }
    Ok(Order::By(Arc::new(move |a, b| {
        let by_field = fields.iter().map(|(field, descending)| {
            let order = compare(field, a, b);
            if *descending { order.reverse() } else { order }
        });
        let mut unequal = by_field.filter(|order| order.is_ne());
        unequal.next().unwrap_or(Ordering::Equal)
    })))
}

/// The number of an id or a code, however it is written.
pub fn id(text: &str) -> Option<u64> {
    let plain = text.parse().ok();
    plain.or_else(|| u64::try_from(whole(text)?).ok())
}

/// An integer; one that no machine counts to is as good as the largest.
fn integer(text: &str) -> Option<i64> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) => match error.kind() {
            PosOverflow => Some(i64::MAX),
            NegOverflow => Some(i64::MIN),
            _ => whole(text),
        },
    }
}
