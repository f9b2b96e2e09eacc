//! People who do not exist, and the requests that make contacts of them, in each vendor's form.

use http::Method;
use serde_json::{Value, json};

/// A request to the service.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The HTTP method of the request.
    pub method: Method,
    /// The path with its ids in it.
    pub path: String,
    /// The organisation's header that Thena's API needs; empty where none is sent.
    pub organisation: &'static str,
    /// The JSON that is sent.
    pub body: Value,
}

const FIRST: [&str; 25] = [
    "Ada", "Amir", "Bela", "Chiara", "Deniz", "Elif", "Femi", "Greta", "Hana", "Ines", "Jonas",
    "Kofi", "Lena", "Mateo", "Noor", "Olu", "Petra", "Quinn", "Rosa", "Sven", "Tara", "Umar",
    "Vera", "Wim", "Yuki",
];
const LAST: [&str; 21] = [
    "Achterberg",
    "Bellweather",
    "Cordwain",
    "Dunmoor",
    "Eschental",
    "Farrowby",
    "Grunewold",
    "Hollister",
    "Ivarsen",
    "Jarrow",
    "Kestrelle",
    "Lindqvarn",
    "Marlowski",
    "Nordhaven",
    "Okonjere",
    "Pellegrane",
    "Quillon",
    "Ravensby",
    "Solhaug",
    "Tamsin",
    "Underhay",
];
const COMPANY: [(&str, &str); 8] = [
    ("Amber Freight", "amber-freight.example"),
    ("Birchline Clinic", "birchline.example"),
    ("Cobalt Optics", "cobalt-optics.example"),
    ("Driftwood Books", "driftwood.example"),
    ("Elderflower Foods", "elderflower.example"),
    ("Fjordlight Energy", "fjordlight.example"),
    ("Gravel & Sons", "gravel-sons.example"),
    ("Harbour Robotics", "harbour-robotics.example"),
];
const TITLE: [&str; 6] = [
    "Buyer",
    "Head of Sales",
    "Field Engineer",
    "Study Coordinator",
    "Accountant",
    "Director",
];

/// The number of APIs that contacts are made through.
pub const APIS: usize = 6;

/// Somebody invented, the same for the same number.
struct Person {
    number: usize,
    first: &'static str,
    last: &'static str,
    company: &'static str,
    email: String,
    phone: String,
    title: &'static str,
}

/// One of a list, whatever the number.
fn one_of<T: Copy + Default>(list: &[T], number: usize) -> T {
    list.get(number % list.len().max(1))
        .copied()
        .unwrap_or_default()
}

impl Person {
    fn new(number: usize) -> Self {
        let first = one_of(&FIRST, number);
        let last = one_of(&LAST, number);
        let (company, domain) = one_of(&COMPANY, number / 3);
        let address = format!("{first}.{last}").to_lowercase();
        Self {
            number,
            first,
            last,
            company,
            email: format!("{address}@{domain}"),
            // Numbers that are kept for fiction.
            phone: format!("+1 202 555 01{:02}", number % 100),
            title: one_of(&TITLE, number),
        }
    }

    fn full(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// The request that makes a contact of a person: each API in turn.
pub fn create(number: usize) -> Asked {
    let person = Person::new(number);
    let (path, body) = match number % APIS {
        0 => ("/contacts?tenant=acme".to_owned(), card(&person)),
        1 => (
            participant(&person),
            json!({
                "fullName": person.full(), "emailAddress": person.email, "active": number % 4 != 1,
            }),
        ),
        2 => (
            "/ec-site-svc/rest/v1.0/contacts".to_owned(),
            json!({"contact": {
                    "firstName": person.first, "lastName": person.last,
                    "degree": one_of(&["MD", "PhD", "RN"], number / APIS)},
                "contactAddressesDetails": [], "modes": ["test"], "properties": []}),
        ),
        3 => (
            "/api/v1/organisation/org_id/contact".to_owned(),
            json!({
                "type": {"id": 1}, "name": person.full(), "title": person.title, "email": person.email,
                "phone": person.phone, "street": format!("{} Harbour Road", number % 90 + 1),
                "zipcode": "10224", "city": "Berlin", "country": {"id": 1},
            }),
        ),
        4 => (
            "/v1/accounts/contacts".to_owned(),
            json!({
                "firstName": person.first, "lastName": person.last, "email": person.email,
                "phoneNumber": person.phone, "accountIds": [format!("A{}", number % 9)],
            }),
        ),
        _ => (
            "/companies/v2/rs/7/contacts".to_owned(),
            json!([{
                "name": person.full(), "notify": number % 2 == 1, "email": person.email,
                "phones": [person.phone], "comment": person.company,
            }]),
        ),
    };
    Asked {
        method: Method::POST,
        path,
        organisation: if number % APIS == 4 { "acme" } else { "" },
        body,
    }
}

fn card(person: &Person) -> Value {
    json!({
        "name": {"full": person.full(), "components": [
            {"kind": "given", "value": person.first}, {"kind": "surname", "value": person.last}]},
        "organizations": {"o": {"name": person.company}},
        "titles": {"t": {"name": person.title}},
        "emails": {"work": {"address": person.email, "contexts": {"work": true}}},
        "phones": {"work": {"number": person.phone}},
    })
}

/// A participant of MATTR's has at most ten contacts.
fn participant(person: &Person) -> String {
    let number = person.number / APIS / 10;
    let id = |group: usize, number: usize| format!("{group:08}-0000-4000-8000-{number:012}");
    format!(
        "/v1/ecosystems/{}/participants/{}/contacts",
        id(1, 1),
        id(2, number)
    )
}

/// Requests that are refused, so that there is something to see of that, too.
pub fn refused() -> Vec<Asked> {
    let nobody = json!({"emails": {"e": {"address": "nobody"}}});
    let nameless = json!({"firstName": "Nameless", "email": "no address"});
    [
        ("/contacts?tenant=acme", "", nobody),
        ("/v1/accounts/contacts", "acme", nameless),
    ]
    .map(|(path, organisation, body)| Asked {
        method: Method::POST,
        path: path.to_owned(),
        organisation,
        body,
    })
    .to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_people_are_the_same_and_none_can_be_reached() {
        let people: Vec<_> = (0..500).map(Person::new).collect();
        let names: BTreeSet<_> = people.iter().map(Person::full).collect();
        let emails: BTreeSet<_> = people.iter().map(|person| &person.email).collect();
        assert_eq!((names.len(), emails.len()), (500, 500));
        assert!(emails.iter().all(|email| email.ends_with(".example")));
    }

    #[test]
    fn no_participant_gets_more_than_ten() {
        let paths = (0..500).map(|number| create(number).path);
        let mut counts = std::collections::BTreeMap::new();
        for path in paths.filter(|path| path.contains("/participants/")) {
            *counts.entry(path).or_insert(0) += 1;
        }
        assert!(counts.values().all(|count| *count <= 10), "{counts:?}");
    }
}
