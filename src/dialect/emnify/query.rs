//! Pages, filters and sorting of the vendor's collections (its page "Collections and pagination").

use std::cmp::Ordering;
use std::sync::Arc;

use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::contact::OrganisationContact;
use super::encode;
use crate::dialect::{Filter, Order, Query, Reply, Window};
use crate::domain::Contact;

/// Items on a page: the vendor's default, and its maximum.
pub const PER_PAGE: usize = 1_000;

/// Which page of a collection is asked for, and how it was filtered and sorted.
#[derive(Clone, Debug)]
pub struct View {
    /// The collection's path.
    path: String,
    /// The page's number, from 1.
    page: usize,
    /// Items on a page.
    pub per_page: usize,
    /// The filter as it was sent.
    pub q: Option<String>,
    /// The order as it was sent.
    pub sort: Option<String>,
}

impl View {
    /// What a query asks for: too small numbers are the default, too large ones the maximum.
    pub fn new(path: String, query: &Query) -> Result<Self, Reply> {
        let number = |name: &'static str| match query.get(name) {
            None => Ok(0),
            Some(text) => integer(text).ok_or_else(|| encode::bad_paging(name)),
        };
        let per_page = usize::try_from(number("per_page")?).unwrap_or(0);
        Ok(Self {
            path,
            page: usize::try_from(number("page")?).unwrap_or(0).max(1),
            per_page: if per_page == 0 {
                PER_PAGE
            } else {
                per_page.min(PER_PAGE)
            },
            q: query.get("q").map(str::to_owned),
            sort: query.get("sort").map(str::to_owned),
        })
    }

    /// The part of a list, a page past the last being the last.
    pub const fn window(&self) -> Window {
        Window::ClampedPage {
            page: self.page,
            per_page: self.per_page,
        }
    }

    /// How many items come before the page.
    pub const fn offset(&self) -> usize {
        (self.page - 1).saturating_mul(self.per_page)
    }

    /// The headers of a page of a list that has so many items in all.
    pub fn counted(&self, reply: Reply, offset: usize, total: usize) -> Reply {
        let last = total.div_ceil(self.per_page);
        let page = offset / self.per_page + 1;
        let reply = self.headers(reply, page, page < last, Some(last.max(1)));
        reply
            .with("x-total-count", total.to_string())
            .with("x-total-pages", last.to_string())
    }

    /// The headers of a page of a list that nobody counted.
    pub fn uncounted(&self, reply: Reply, more: bool) -> Reply {
        self.headers(reply, self.page, more, None)
    }

    fn headers(&self, reply: Reply, page: usize, more: bool, last: Option<usize>) -> Reply {
        let links: Vec<String> = [
            Some((1, "first")),
            (page > 1).then(|| (page - 1, "prev")),
            more.then(|| (page + 1, "next")),
            last.map(|last| (last, "last")),
        ]
        .into_iter()
        .flatten()
        .map(|(page, name)| format!("<{}>; rel=\"{name}\"", self.link(page)))
        .collect();
        let mut reply = reply
            .with("link", links.join(", "))
            .with("x-count-per-page", self.per_page.to_string())
            .with("x-current-page", page.to_string());
        for (name, sent) in [("x-filter", &self.q), ("x-sort", &self.sort)] {
            if let Some(sent) = sent {
                // A header holds visible ASCII; what else was sent is shown encoded.
                let shown = utf8_percent_encode(sent.trim(), CONTROLS).to_string();
                reply = reply.with(name, shown);
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
                .ok_or_else(|| encode::bad_criterion(part))
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
    text.to_lowercase().contains(&wanted.to_lowercase())
}

/// What a contact can be filtered and sorted by.
#[derive(Clone, Debug)]
enum Field {
    Id,
    Kind,
    Country,
    Text(&'static str),
}

impl Field {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "type" => Self::Kind,
            "country" => Self::Country,
            "name" => Self::Text("name"),
            "title" => Self::Text("title"),
            "department" => Self::Text("department"),
            "street" => Self::Text("street"),
            "zipcode" => Self::Text("zipcode"),
            "city" => Self::Text("city"),
            "email" => Self::Text("email"),
            "phone" => Self::Text("phone"),
            "mobile" => Self::Text("mobile"),
            "state" => Self::Text("state"),
            "secondary_address" => Self::Text("secondary_address"),
            "purchase_order_number" => Self::Text("purchase_order_number"),
            _ => return None,
        })
    }

    fn compare(&self, a: &Contact, b: &Contact) -> Ordering {
        let (one, other) = (read(a), read(b));
        match self {
            Self::Id => a.id.cmp(&b.id),
            Self::Kind => one.kind.number().cmp(&other.kind.number()),
            Self::Country => one.details.country.cmp(&other.details.country),
            Self::Text(name) => {
                let folded = |c: &OrganisationContact| c.details.text(name).map(str::to_lowercase);
                folded(&one).cmp(&folded(&other))
            }
        }
    }
}

/// One condition on a contact.
enum Condition {
    Id(String),
    Kind(u64),
    Country(u64),
    Text(&'static str, String),
}

impl Condition {
    fn new(field: Field, value: &str) -> Option<Self> {
        Some(match field {
            Field::Id => Self::Id(value.parse::<u64>().ok()?.to_string()),
            Field::Kind => Self::Kind(value.parse().ok()?),
            Field::Country => Self::Country(value.parse().ok()?),
            Field::Text(name) => Self::Text(name, value.to_owned()),
        })
    }

    fn met_by(&self, vendor_id: &str, contact: &OrganisationContact) -> bool {
        match self {
            Self::Id(id) => id == vendor_id,
            Self::Kind(kind) => contact.kind.number() == *kind,
            Self::Country(country) => contact.details.country == Some(*country),
            Self::Text(name, wanted) => {
                let text = contact.details.text(name);
                text.is_some_and(|text| holds(text, wanted))
            }
        }
    }
}

fn read(contact: &Contact) -> OrganisationContact {
    OrganisationContact::from_card(&contact.card)
}

/// The contacts that `q` wants: all its conditions hold.
pub fn filter(q: Option<&str>) -> Result<Option<Filter<Contact>>, Reply> {
    let Some(q) = q else {
        return Ok(None);
    };
    let mut conditions = Vec::new();
    for (field, value) in criteria(q)? {
        let condition = Field::named(field).and_then(|field| Condition::new(field, value));
        let bad = || encode::bad_criterion(&format!("{field}:{value}"));
        conditions.push(condition.ok_or_else(bad)?);
    }
    Ok(Some(Filter::new(move |contact: &Contact| {
        let own = read(contact);
        let mut all = conditions.iter();
        all.all(|condition| condition.met_by(&contact.vendor_id, &own))
    })))
}

/// The order that `sort` wants; ids, which is the order of creation, decide between equals.
pub fn order(sort: Option<&str>) -> Result<Order, Reply> {
    let Some(sort) = sort else {
        return Ok(Order::Created);
    };
    let mut fields = Vec::new();
    for (name, descending) in sort_fields(sort) {
        let field = Field::named(name).ok_or_else(|| encode::bad_sort(name))?;
        fields.push((field, descending));
    }
    Ok(Order::By(Arc::new(move |a, b| {
        let by_field = fields.iter().map(|(field, descending)| {
            let order = field.compare(a, b);
            if *descending { order.reverse() } else { order }
        });
        let mut unequal = by_field.filter(|order| order.is_ne());
        unequal.next().unwrap_or(Ordering::Equal)
    })))
}

/// An integer; one that no machine counts to is as good as the largest.
fn integer(text: &str) -> Option<i64> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) => match error.kind() {
            PosOverflow => Some(i64::MAX),
            NegOverflow => Some(i64::MIN),
            _ => None,
        },
    }
}
