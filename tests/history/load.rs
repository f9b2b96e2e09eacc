//! Generated requests: what is asked, before it is known which contacts there are.
//!
//! Names, addresses, ids and keys come from small pools, so that requests meet:
//! the same e-mail address, the same chosen id, the same idempotency key.

use std::borrow::Cow;

use contactd::{
    dialect::{emnify, kare, mattr, native, oracle, thena},
    domain::{
        Action, Actor, Attempt, BatchMode, Card, Command, ContactId, Context, Correlation,
        EraseReason, Expected, IdempotencyKey, IdempotentRequest, LookupKey, Match, Operation,
        Owner, Patch, Patched, Precondition, Problem, Rules, Target, Violation,
    },
};
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::model::Model;

/// The property by which a client's own id is looked up.
pub const EXTERNAL_ID: &str = "contactd.local:externalId";

/// The owners of contacts: some share a tenant, some only a dialect.
pub static OWNERS: [(&Rules, &[&str]); 11] = [
    (&native::RULES, &["a"]),
    (&native::RULES, &["b"]),
    (&mattr::RULES, &["e", "p1"]),
    (&mattr::RULES, &["e", "p2"]),
    (&oracle::RULES, &["a"]),
    (&oracle::RULES, &["b"]),
    (&emnify::RULES, &["1"]),
    (&emnify::RULES, &["2"]),
    (&thena::RULES, &["a"]),
    (&thena::RULES, &["b"]),
    (&kare::RULES, &["1"]),
];

/// The owner of this number.
pub fn owner(number: usize) -> Owner {
    let (rules, ids) = OWNERS[number % OWNERS.len()];
    Owner::new(rules.dialect, ids).expect("good ids")
}

/// One request of the load.
#[derive(Clone, Debug)]
pub struct Ask {
    owner: usize,
    client: u8,
    key: Option<u8>,
    whole: bool,
    tries: Vec<Try>,
}

/// One thing that a request asks.
#[derive(Clone, Debug)]
struct Try {
    what: What,
    which: usize,
    precondition: Precondition,
    name: u8,
    email: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Create,
    Choose,
    Update,
    Spoil,
    Delete,
    Erase,
    Upsert,
    Malformed,
}

/// A request, or one that was sent before, sent again.
#[derive(Clone, Debug)]
pub enum Sent {
    New(Ask),
    Again(usize),
}

/// Groups of requests: those of a group are sent together.
pub fn history(groups: usize) -> impl Strategy<Value = Vec<Vec<Sent>>> {
    let sent = prop_oneof![
        6 => ask().prop_map(Sent::New),
        1 => any::<usize>().prop_map(Sent::Again),
    ];
    let sizes = prop_oneof![2 => Just(1..=1), 1 => Just(2..=9)];
    vec(
        sizes.prop_flat_map(move |size| vec(sent.clone(), size)),
        1..=groups,
    )
}

fn ask() -> impl Strategy<Value = Ask> + Clone {
    let tries = prop_oneof![4 => vec(attempt(), 1), 1 => vec(attempt(), 2..6)];
    // A few owners are asked more often than the others, to fill them up.
    let owner = prop_oneof![2 => 0..OWNERS.len(), 1 => Just(2), 1 => Just(4), 1 => Just(8)];
    let key = option::weighted(0.3, 0_u8..4);
    (owner, 0_u8..2, key, any::<bool>(), tries)
        .prop_map(|(owner, client, key, whole, tries)| Ask {
            owner,
            client,
            key,
            whole,
            tries,
        })
        .boxed()
}

fn attempt() -> impl Strategy<Value = Try> + Clone {
    let what = prop_oneof![
        6 => Just(What::Create),
        3 => Just(What::Choose),
        5 => Just(What::Update),
        1 => Just(What::Spoil),
        2 => Just(What::Delete),
        2 => Just(What::Erase),
        3 => Just(What::Upsert),
        1 => Just(What::Malformed),
    ];
    let precondition = prop_oneof![
        4 => Just(Precondition::NONE),
        1 => Just(Precondition::EXISTS),
        1 => Just(Precondition::ABSENT),
        2 => vec(1_u64..4, 1..3).prop_map(Precondition::versions),
    ];
    let email = option::weighted(0.7, 0_u8..5);
    (what, any::<usize>(), precondition, 0_u8..3, email)
        .prop_map(|(what, which, precondition, name, email)| Try {
            what,
            which,
            precondition,
            name,
            email,
        })
        .boxed()
}

impl Ask {
    /// The command of this request; `digest` tells it from every other.
    pub fn command(&self, model: &Model, digest: u64) -> Command {
        let owner = owner(self.owner);
        let mut request = [0; 32];
        request[..8].copy_from_slice(&digest.to_be_bytes());
        let key = self.key.map(|key| format!("key-{key}"));
        Command {
            context: Context {
                actor: Actor {
                    client_id: Some(format!("client-{}", self.client).into()),
                    ..Actor::default()
                },
                correlation: Correlation::parse(&format!("request-{digest}")).expect("a token"),
                traceparent: None,
                idempotency: key
                    .and_then(|key| IdempotencyKey::parse(&key))
                    .map(|key| IdempotentRequest { key, request }),
            },
            batch: if self.whole {
                BatchMode::AllOrNothing
            } else {
                BatchMode::ItemByItem
            },
            attempts: self
                .tries
                .iter()
                .map(|one| one.attempt(&owner, model))
                .collect(),
            owner,
        }
    }
}

impl Try {
    fn attempt(&self, owner: &Owner, model: &Model) -> Attempt {
        let card = self.card(owner);
        let target = Some(self.target(owner, model));
        let create = |chosen_id| Action::Create {
            card: card.clone(),
            chosen_id,
        };
        let (operation, target, action) = match self.what {
            What::Create => (Operation::Create, None, Ok(create(None))),
            What::Choose if owner.dialect() == oracle::RULES.dialect => {
                let text = self.chosen(model);
                (Operation::Create, None, Ok(create(Some(text.into()))))
            }
            What::Choose => (Operation::Create, None, Ok(create(None))),
            What::Update => (Operation::Update, target, Ok(Action::Update(self.patch()))),
            What::Spoil => (Operation::Update, target, Ok(Action::Update(spoil()))),
            What::Delete => (Operation::Delete, target, Ok(Action::Delete)),
            What::Erase => {
                let reason = EraseReason::Legal;
                let reference = Some("case-1".into());
                let erase = Action::Erase { reason, reference };
                (Operation::Erase, target, Ok(erase))
            }
            What::Upsert => match self.upsert(owner, &card) {
                Some(upsert) => (Operation::Create, None, Ok(upsert)),
                None => (Operation::Create, None, Ok(create(None))),
            },
            What::Malformed if self.which.is_multiple_of(2) => {
                (Operation::Create, None, Err(malformed()))
            }
            What::Malformed => (Operation::Update, target, Err(malformed())),
        };
        Attempt {
            operation,
            target,
            precondition: self.precondition.clone(),
            fields: vec![Cow::Borrowed("name"), Cow::Borrowed("emails")],
            action,
        }
    }

    fn card(&self, owner: &Owner) -> Card {
        let mut card = Map::new();
        card.insert(
            "name".into(),
            json!({"full": format!("Name {}", self.name)}),
        );
        if let Some(email) = self.email {
            card.insert("emails".into(), emails(email));
        }
        if owner.dialect() == native::RULES.dialect && self.which.is_multiple_of(3) {
            card.insert(EXTERNAL_ID.into(), format!("x{}", self.name).into());
        }
        Card::new(card).expect("a card")
    }

    /// Found by the address, or by the client's own id.
    fn upsert(&self, owner: &Owner, card: &Card) -> Option<Action> {
        let native = owner.dialect() == native::RULES.dialect;
        let external = card.text(EXTERNAL_ID).map(LookupKey::external_id);
        let email = card.emails().next().map(LookupKey::email);
        let by = if native { external.or(email) } else { email }?;
        (native || owner.dialect() == thena::RULES.dialect).then(|| Action::Upsert {
            by: Match(by),
            card: card.clone(),
            patch: self.patch(),
        })
    }

    fn patch(&self) -> Patch {
        let (name, email) = (self.name, self.email);
        Patch::new(move |card| {
            let mut next = card.properties().clone();
            let full = json!({"full": format!("Changed {name}")});
            next.insert("name".into(), full);
            if let Some(email) = email {
                next.insert("emails".into(), emails(email));
            }
            Ok(Patched {
                card: Card::new(next).expect("a card"),
                changed: vec![Cow::Borrowed("name")],
            })
        })
    }

    /// A contact that is there, or was, or is another's, or never was.
    fn target(&self, owner: &Owner, model: &Model) -> Target {
        let dialect = owner.dialect();
        if [emnify::RULES.dialect, kare::RULES.dialect].contains(&dialect) {
            return Target::Sequence(self.which as u64 % 6 + 1);
        }
        let known: Vec<_> = model
            .contacts
            .iter()
            .filter(|contact| contact.owner.dialect() == dialect)
            .collect();
        let contact = known.get(self.which % (known.len() + 1));
        let id = contact
            .and_then(|contact| contact.id)
            .unwrap_or(ContactId(Uuid::from_u128(7)));
        if dialect != oracle::RULES.dialect {
            return Target::Id(id);
        }
        let text = match self.which % 3 {
            0 => pooled(self.which),
            1 => contact.and_then(|contact| contact.chosen.clone()),
            _ => None,
        };
        let text = text.unwrap_or_else(|| hex(id));
        let id = ContactId::parse(&text).expect("an id");
        Target::Chosen {
            text: text.into(),
            id,
        }
    }

    /// An id of the client's choice: now and then one that a contact has of ours.
    fn chosen(&self, model: &Model) -> String {
        let own = model.contacts.get(self.which % 50);
        own.and_then(|contact| contact.id)
            .map(hex)
            .or_else(|| pooled(self.which))
            .expect("a text")
    }
}

fn pooled(which: usize) -> Option<String> {
    Some(format!("{:032X}", 0xC0_FFEE + which % 3))
}

fn hex(id: ContactId) -> String {
    format!("{:X}", id.0.simple())
}

/// Addresses that differ in their case only are the same address.
fn emails(number: u8) -> Value {
    let name = if number == 4 {
        "P3".into()
    } else {
        format!("p{number}")
    };
    json!({"work": {"address": format!("{name}@example.com")}})
}

/// A change after which the contact would be wrong.
fn spoil() -> Patch {
    Patch::new(|_| {
        let wrong = Violation::new("name.full", Problem::TooLong(3));
        Err(vec![wrong.with_value("long".into())])
    })
}

fn malformed() -> Vec<Violation> {
    vec![Violation::new("name", Problem::Required(Expected::String)).with_value(json!([1]))]
}
