//! The body that everybody gets, and what a service makes of it before it stores anything.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use uuid::Uuid;

static NUMBER: AtomicU64 = AtomicU64::new(0);
static RUN: OnceLock<u64> = OnceLock::new();

/// A number never given before, in this run of the generator or another of the same minute.
pub fn number() -> u64 {
    let run = RUN.get_or_init(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        (now.expect("after 1970").as_millis() as u64 % 100_000_000) * 1_000_000
    });
    run + NUMBER.fetch_add(1, Ordering::Relaxed)
}

const FIRST: [&str; 16] = [
    "Ann", "Björn", "Chloe", "Dmitri", "Esra", "Fatou", "Grace", "Hiro", "Ines", "Jonas", "Katya",
    "Liam", "Mara", "Nils", "Olga", "Pia",
];
const LAST: [&str; 16] = [
    "Abel", "Becker", "Castro", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito",
    "Jensen", "Kowalski", "Lang", "Moreau", "Novak", "Okafor", "Petrov",
];

fn names(n: u64) -> (&'static str, &'static str) {
    (FIRST[(n % 16) as usize], LAST[(n / 16 % 16) as usize])
}

/// A JSContact Card, 319 bytes or so, of a person who is new.
pub fn card(n: u64) -> String {
    let (first, last) = names(n);
    format!(
        r#"{{"name":{{"full":"{first} {last} {n}"}},"emails":{{"e":{{"address":"c{n}@example.org"}}}},"phones":{{"p":{{"number":"+49 30 {n}"}}}},"organizations":{{"o":{{"name":"Works {}"}}}},"titles":{{"t":{{"name":"Head of Department {}"}}}},"notes":{{"n":{{"note":"Met at the fair in hall {}; call back in May."}}}}}}"#,
        n % 1_000,
        n % 17,
        n % 9,
    )
}

/// MATTR's form, of about the same size.
pub fn mattr(n: u64) -> String {
    let (first, last) = names(n);
    format!(
        r#"{{"fullName":"{first} {last} {n}, Head of Department {}, Works {}, met at the fair in hall {}; call back in May, not before noon","active":true,"emailAddress":"c{n}@example.org","primaryPhoneNumber":"+49 30 {n}","secondaryPhoneNumber":"+49 171 {n}"}}"#,
        n % 17,
        n % 1_000,
        n % 9,
    )
}

#[derive(Deserialize)]
struct Name {
    full: String,
}
#[derive(Deserialize)]
struct Email {
    address: String,
}
/// What the peers look at: less than contactd does (it checks the whole against RFC 9553).
#[derive(Deserialize)]
struct Card {
    name: Name,
    emails: BTreeMap<String, Email>,
}

/// What is stored of one command.
pub struct Prepared {
    pub id: Uuid,
    pub name: String,
    pub email: String,
    pub card: String,
    pub start: String,
    pub success: String,
}

#[derive(Serialize)]
struct Actor {
    #[serde(rename = "clientId")]
    client: &'static str,
}
#[derive(Serialize)]
struct Event<'a> {
    id: Uuid,
    correlationid: Uuid,
    tenant: &'static str,
    actor: Actor,
    fields: [&'static str; 6],
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<&'a RawValue>,
}

/// Judges a body and makes the two events of it, about 900 bytes together. `None`: refused.
pub fn prepare(body: &[u8]) -> Option<Prepared> {
    let raw: &RawValue = serde_json::from_slice(body).ok()?;
    let card: Card = serde_json::from_str(raw.get()).ok()?;
    let email = card.emails.into_values().next()?.address;
    let (local, domain) = email.split_once('@')?;
    if card.name.full.trim().is_empty() || local.is_empty() || !domain.contains('.') {
        return None;
    }
    let (id, started, correlationid) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let event = |id, causationid, contact| {
        let event = Event {
            id,
            correlationid,
            tenant: "default",
            actor: Actor {
                client: "f7b9ecfc-8431-470e-a1de-94b68dd92f68",
            },
            fields: [
                "name",
                "emails",
                "phones",
                "organizations",
                "titles",
                "notes",
            ],
            causationid,
            contact,
        };
        serde_json::to_string(&event).expect("it is JSON")
    };
    Some(Prepared {
        id,
        start: event(started, None, None),
        success: event(Uuid::now_v7(), Some(started), Some(raw)),
        name: card.name.full,
        email,
        card: raw.get().to_owned(),
    })
}

/// A new body, judged: what a client that has no HTTP service between does itself.
pub fn prepared() -> Prepared {
    prepare(card(number()).as_bytes()).expect("our own card")
}
