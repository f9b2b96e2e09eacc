//! A search over every dialect's contacts, its pages, and points of the past.
//!
//! This is the question in full, parsed; the views answer what of it they can
//! from their indexes and may judge the rest by [`Search::wants`], which is
//! what each filter means.

use std::cmp::Ordering;

use super::find::{Keyset, Profile, Sort, SortKey, Term, sort_name};
use super::{AsOf, Contact, DialectId, Event, Position, Registry, Timestamp, fold};

/// A search over every dialect's contacts that the caller may see, live ones only.
///
/// A contact is wanted when it meets every filter that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Each of its words begins a word of the name, an organization or an e-mail address; an
    /// address with an `@` in it begins an e-mail address; digits begin or end a phone number.
    /// Neither case nor accents count.
    pub text: Option<String>,
    /// It has exactly this e-mail address, whatever the case and the spelling of the domain.
    pub email: Option<String>,
    /// It has a phone number of exactly these digits.
    pub phone: Option<String>,
    /// Each of its words begins a word of the name; neither case nor accents count.
    pub name: Option<String>,
    /// Its vendor shows it by this id, in any case.
    pub vendor_id: Option<String>,
    /// It is this tenant's.
    pub tenant: Option<String>,
    /// It is this dialect's.
    pub dialect: Option<DialectId>,
    /// Its dialect calls it active; one that has no such word for it is active.
    pub active: Option<bool>,
    /// It was created after this time.
    pub created_after: Option<Timestamp>,
    /// It was created before this time.
    pub created_before: Option<Timestamp>,
    /// It was last written after this time.
    pub updated_after: Option<Timestamp>,
    /// It was last written before this time.
    pub updated_before: Option<Timestamp>,
    /// The order of the contacts found.
    pub sort: Sort,
    /// The most contacts that a page may have.
    pub limit: usize,
    /// The end of the page before; `None` for the first page.
    pub after: Option<Keyset>,
    /// The id of the log that the end of the page before is of.
    pub log: Option<String>,
    /// The contacts as they were then, not as they are.
    pub as_of: Option<AsOf>,
    /// Whether the contacts that meet every filter are counted, on whatever page they are.
    pub counts: bool,
}

/// One page of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchPage {
    /// The contacts of the page, in the order of the search.
    pub contacts: Vec<Contact>,
    /// Whether more contacts come after this page.
    pub more: bool,
    /// The number of contacts on all pages; `None` where nobody asked, or counting them would look
    /// at too much.
    pub total: Option<usize>,
    /// Whether contacts are left out because their keys are not there.
    pub lacks_keys: bool,
}

impl Search {
    /// What of it is asked of a contact's texts.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let text = self.text.as_deref().map(Term::of_text);
        let name = self.name.as_deref().map(Term::of_name);
        let email = self.email.as_deref().map(Term::of_email);
        let phone = self.phone.as_deref().map(Term::of_phone);
        let mut terms: Vec<Term> = text.into_iter().chain(name).flatten().collect();
        terms.extend(email.into_iter().chain(phone));
        terms.extend(self.active.map(Term::Active));
        terms
    }

    /// Whether a contact meets every filter; `registry` holds its dialect's rules.
    #[must_use]
    pub fn wants(&self, contact: &Contact, registry: Registry) -> bool {
        let card = &contact.card;
        let tenant = self.tenant.as_deref();
        let has_address = |want: &str| {
            let want = fold::address(want);
            card.emails().any(|have| fold::address(have) == want)
        };
        let dialect = self.dialect;
        let after = |time: Timestamp, then: Option<Timestamp>| then.is_none_or(|then| time > then);
        let before = |time: Timestamp, then: Option<Timestamp>| then.is_none_or(|then| time < then);
        let has_vendor_id = |want: &str| {
            let rules = registry.get(contact.owner.dialect());
            let want = rules.and_then(|rules| rules.ids.canonical(want));
            want.is_some_and(|want| contact.vendor_id == want)
        };
        let owner = &contact.owner;
        let is_of = |want| registry.names_tenant(owner.dialect(), want, owner.tenant());
        tenant.is_none_or(is_of)
            && self.vendor_id.as_deref().is_none_or(has_vendor_id)
            && dialect.is_none_or(|want| contact.owner.dialect() == want)
            && after(contact.created_at, self.created_after)
            && before(contact.created_at, self.created_before)
            && after(contact.modified_at, self.updated_after)
            && before(contact.modified_at, self.updated_before)
            && self.email.as_deref().is_none_or(has_address)
            && all_met(&self.terms(), contact, registry)
    }

    /// Compares two contacts by the order of the search.
    #[must_use]
    pub fn compare(&self, one: &Contact, other: &Contact) -> Ordering {
        let [one, other] = [one, other].map(|contact| Self::keyset(self.sort, contact));
        self.turned(one.cmp(&other))
    }

    /// Whether a contact comes after the page before.
    #[must_use]
    pub fn comes_after(&self, contact: &Contact) -> bool {
        let after = |last| {
            self.turned(Self::keyset(self.sort, contact).cmp(last))
                .is_gt()
        };
        self.after.as_ref().is_none_or(after)
    }

    const fn turned(&self, ascending: Ordering) -> Ordering {
        if self.sort.descending {
            ascending.reverse()
        } else {
            ascending
        }
    }

    /// The cursor of a page whose last contact this is.
    #[must_use]
    pub fn keyset(sort: Sort, last: &Contact) -> Keyset {
        match sort.by {
            SortKey::Created => Keyset::Created(last.id),
            SortKey::Updated => Keyset::Updated(last.position),
            SortKey::Name => Keyset::Name(sort_name(&last.card), last.id),
        }
    }
}

impl SearchPage {
    /// The page of those contacts that meet every filter, in their order; they are all there are.
    #[must_use]
    pub fn of(mut contacts: Vec<Contact>, search: &Search, registry: Registry) -> Self {
        contacts.retain(|contact| search.wants(contact, registry));
        let total = search.counts.then_some(contacts.len());
        contacts.retain(|contact| search.comes_after(contact));
        contacts.sort_by(|one, other| search.compare(one, other));
        let more = contacts.len() > search.limit;
        contacts.truncate(search.limit);
        Self {
            contacts,
            more,
            total,
            lacks_keys: false,
        }
    }
}

/// Whether a contact meets every term. To see that, its Card is taken apart.
fn all_met(terms: &[Term], contact: &Contact, registry: Registry) -> bool {
    if terms.is_empty() {
        return true;
    }
    let card = &contact.card;
    let rules = registry.get(contact.owner.dialect());
    let is_active = rules.is_none_or(|rules| rules.is_active(card));
    let profile = Profile::of(card, is_active);
    let mut terms = terms.iter();
    terms.all(|term| term.met_by(&profile.name, profile.tokens.iter()))
}

/// A question for what changed since a position, over every dialect's contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The one tenant to count, if only one is wanted.
    pub tenant: Option<String>,
    /// The one dialect to count, if only one is wanted.
    pub dialect: Option<DialectId>,
    /// The position after which changes are wanted.
    pub after: Position,
    /// The most contacts that a page may have.
    pub limit: usize,
}

/// Contacts that changed, each once.
#[derive(Clone, Debug, Default)]
pub struct ChangePage {
    /// The last change of each contact that changed, in the order of positions, and the contact
    /// as it is now; none of one that was deleted or erased.
    pub changes: Vec<(Event, Option<Contact>)>,
    /// The position to ask after next time.
    pub next: Position,
    /// Whether there is more by now.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::REGISTRY;
    use crate::domain::{Actor, Card, ContactId, Owner};

    fn contact(number: u128, card: serde_json::Value) -> Contact {
        Contact {
            id: ContactId(uuid::Uuid::from_u128(number)),
            vendor_id: uuid::Uuid::from_u128(number).to_string(),
            owner: Owner::new(DialectId(1), &["acme"]).expect("an owner"),
            version: 1,
            created_at: Timestamp::from_millis(1_000),
            created_by: Actor::default(),
            modified_at: Timestamp::from_millis(2_000),
            modified_by: Actor::default(),
            position: Position::new(100 - u64::try_from(number).expect("small")),
            card: Card::from_value(card).expect("a card"),
        }
    }

    #[test]
    fn each_filter_takes_and_leaves() {
        let ann = contact(
            1,
            json!({
                "name": {"full": "Ann Example"}, "emails": {"e": {"address": "Ann@Example.com"}},
                "phones": {"p": {"number": "+1 (555) 010"}}, "vendor.example:active": false
            }),
        );
        let check = |yes: Search, no: Search| {
            assert!(yes.wants(&ann, REGISTRY), "{yes:?}");
            assert!(!no.wants(&ann, REGISTRY), "{no:?}");
        };
        let any = Search::default;
        let text = |text: &str| Search {
            text: Some(text.into()),
            ..any()
        };
        check(text("EXÁ 155"), text("xample"));
        check(text("@example.com"), text("ann 999"));
        check(text("ann@ex"), text("nn@ex"));
        check(text("555-010"), text("555"));
        let email = |text: &str| Search {
            email: Some(text.into()),
            ..any()
        };
        check(email("ann@example.COM"), email("ann@example.co"));
        let phone = |text: &str| Search {
            phone: Some(text.into()),
            ..any()
        };
        check(phone("1555010"), phone("555"));
        let name = |text: &str| Search {
            name: Some(text.into()),
            ..any()
        };
        check(name("EXAMP"), name("bob"));
        let vendor_id = |text: &str| Search {
            vendor_id: Some(text.into()),
            ..any()
        };
        check(vendor_id(&ann.vendor_id.to_uppercase()), vendor_id("7"));
        let tenant = |text: &str| Search {
            tenant: Some(text.into()),
            ..any()
        };
        check(tenant("acme"), tenant("other"));
        let dialect = |id| Search {
            dialect: Some(DialectId(id)),
            ..any()
        };
        check(dialect(1), dialect(2));
        let active = |active| Search {
            active: Some(active),
            ..any()
        };
        check(active(false), active(true));
    }

    #[test]
    fn times_take_what_is_strictly_between() {
        let ann = contact(1, json!({"name": {"full": "Ann"}}));
        let check = |yes: Search, no: Search| {
            assert!(yes.wants(&ann, REGISTRY), "{yes:?}");
            assert!(!no.wants(&ann, REGISTRY), "{no:?}");
        };
        let any = Search::default;
        let time = Timestamp::from_millis;
        let created = |at| Search {
            created_after: Some(time(at)),
            ..any()
        };
        check(created(999), created(1_000));
        let updated = |at| Search {
            updated_after: Some(time(at)),
            ..any()
        };
        check(updated(1_999), updated(2_000));
        let created = |at| Search {
            created_before: Some(time(at)),
            ..any()
        };
        check(created(1_001), created(1_000));
        let updated = |at| Search {
            updated_before: Some(time(at)),
            ..any()
        };
        check(updated(2_001), updated(2_000));
    }

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        let mut contacts: Vec<Contact> = [(1, "Bob"), (2, "ann"), (3, "Ann"), (4, "Cy")]
            .map(|(id, name)| contact(id, json!({"name": {"full": name}})))
            .into();
        for by in [SortKey::Created, SortKey::Updated, SortKey::Name] {
            for descending in [false, true] {
                let sort = Sort { by, descending };
                let all = Search {
                    sort,
                    ..Search::default()
                };
                contacts.sort_by(|a, b| all.compare(a, b));
                for split in 1..contacts.len() {
                    let (page, rest) = contacts.split_at(split);
                    let after = page.last().map(|last| Search::keyset(sort, last));
                    let next = Search {
                        sort,
                        after,
                        ..Search::default()
                    };
                    let found: Vec<_> = contacts.iter().filter(|c| next.comes_after(c)).collect();
                    assert_eq!(found, rest.iter().collect::<Vec<_>>(), "{sort:?}");
                }
            }
        }
    }

    #[test]
    fn a_point_of_the_past_is_a_position_or_a_time() {
        let time = Timestamp::parse("2026-01-15T10:30:00Z").expect("a time");
        for text in ["2026-01-15T10:30:00Z", "2026-01-15T11:30:00 01:00"] {
            assert_eq!(AsOf::parse(text), Some(AsOf::Time(time)));
        }
        let seven = AsOf::Position(Position::new(7));
        assert_eq!(AsOf::parse("7"), Some(seven));
        assert!(seven.covers(Position::new(7), time));
        assert!(!seven.covers(Position::new(8), time));
        for bad in ["", "-1", "+1", "x", "99999999999999999999"] {
            assert_eq!(AsOf::parse(bad), None, "{bad}");
        }
    }
}
