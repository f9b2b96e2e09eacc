//! What the service promises, in the plainest words: a list of contacts and a list of events.
//!
//! Written apart from `decide`, `evolve` and the overlay; it knows of groups,
//! positions on a disk and tags nothing.

use std::collections::HashMap;

use contactd::{
    dialect::{emnify, kare, mattr, oracle, thena},
    domain::{
        Action, Attempt, BatchMode, Card, Command, ContactId, DialectId, FailureCode, FieldName,
        LookupKey, LookupKind, Operation, Owner, Patch, Precondition, Target, Versions, Violation,
    },
};
use serde_json::{Map, Value};

use super::load::EXTERNAL_ID;

/// The model: everything that happened, in plain lists.
#[derive(Clone, Default)]
pub struct Model {
    pub contacts: Vec<Contact>,
    /// The event at position 1 is the first.
    pub events: Vec<Happened>,
    idempotency: HashMap<Scope, Replayed>,
}

/// Tenant, dialect, client and key.
type Scope = (DialectId, String, String, String);

#[derive(Clone)]
struct Replayed {
    request: [u8; 32],
    outcomes: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Live,
    Deleted,
    Erased,
}

/// A contact; `id` is learnt from the answer.
#[derive(Clone, Debug)]
pub struct Contact {
    pub owner: Owner,
    pub id: Option<ContactId>,
    pub number: Option<u64>,
    pub chosen: Option<String>,
    pub state: State,
    pub version: u64,
    pub card: Map<String, Value>,
    pub created_at: u64,
    pub changed_at: u64,
    pub created_by: String,
    pub changed_by: String,
    first_card: Map<String, Value>,
}

/// An event as the model records it.
#[derive(Clone, Debug)]
pub struct Happened {
    pub operation: Operation,
    pub owner: Owner,
    pub contact: Option<usize>,
    pub fields: Vec<FieldName>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Start {
        keyed: bool,
    },
    Written {
        version: u64,
        card: Map<String, Value>,
    },
    Removed {
        version: u64,
    },
    Refused(FailureCode, Vec<Violation>),
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub enum Answer {
    KeyReused,
    /// The events at these positions, just written.
    Fresh(Vec<u64>),
    /// The events at these positions, written before.
    Again(Vec<u64>),
}

/// The reason for which an attempt is refused, and what is wrong with it.
type Refused = (FailureCode, Vec<Violation>);

/// What comes of one attempt: an event, or the position of the one that did it already.
enum Judged {
    Event(Operation, Option<usize>, Vec<FieldName>, Kind),
    PriorCreate(u64),
}

impl Model {
    /// The position of the last event.
    pub fn head(&self) -> u64 {
        self.events.len() as u64
    }

    /// The event at a position.
    pub fn event(&self, position: u64) -> &Happened {
        &self.events[position as usize - 1]
    }

    /// What a request is answered with.
    pub fn submit(&mut self, command: &Command) -> Answer {
        let scope = scope(command);
        if let Some((scope, request)) = &scope
            && let Some(idempotency) = self.idempotency.get(scope)
        {
            return if idempotency.request == *request {
                Answer::Again(idempotency.outcomes.clone())
            } else {
                Answer::KeyReused
            };
        }
        let outcomes = match &command.attempts[..] {
            [attempt] => match self.judge(command, attempt) {
                Judged::PriorCreate(position) => return Answer::Again(vec![position]),
                judged => vec![self.record(command, attempt, judged, true)],
            },
            _ if command.batch == BatchMode::AllOrNothing => self.all_or_nothing(command),
            _ => self.attempts(command),
        };
        if let Some((scope, request)) = scope {
            let outcomes = outcomes.clone();
            self.idempotency
                .insert(scope, Replayed { request, outcomes });
        }
        Answer::Fresh(outcomes)
    }

    fn attempts(&mut self, command: &Command) -> Vec<u64> {
        let mut outcomes = Vec::new();
        for attempt in &command.attempts {
            let judged = self.judge(command, attempt);
            outcomes.push(self.record(command, attempt, judged, outcomes.is_empty()));
        }
        outcomes
    }

    /// The refused keep their reason; the others are refused because of them.
    fn all_or_nothing(&mut self, command: &Command) -> Vec<u64> {
        let mut trial = self.clone();
        let outcomes = trial.attempts(command);
        let refused = |at: &u64| matches!(trial.event(*at).kind, Kind::Refused(..));
        if !outcomes.iter().any(refused) {
            *self = trial;
            return outcomes;
        }
        for (index, (attempt, at)) in command.attempts.iter().zip(&outcomes).enumerate() {
            let kind = match &trial.event(*at).kind {
                refused @ Kind::Refused(..) => refused.clone(),
                _ => Kind::Refused(FailureCode::BatchRefused, Vec::new()),
            };
            let (operation, contact) = self.subject(command, attempt);
            let judged = Judged::Event(operation, contact, attempt.fields.clone(), kind);
            self.record(command, attempt, judged, index == 0);
        }
        outcomes
    }

    /// Writes START and outcome; gives the outcome's position.
    fn record(&mut self, command: &Command, attempt: &Attempt, judged: Judged, first: bool) -> u64 {
        let (operation, contact, fields, kind) = match judged {
            Judged::Event(operation, contact, fields, kind) => (operation, contact, fields, kind),
            Judged::PriorCreate(_) => {
                let (operation, contact) = self.subject(command, attempt);
                let kind = Kind::Refused(FailureCode::DuplicateId, Vec::new());
                (operation, contact, attempt.fields.clone(), kind)
            }
        };
        let created = operation == Operation::Create && matches!(kind, Kind::Written { .. });
        self.events.push(Happened {
            operation,
            owner: command.owner.clone(),
            contact: contact.filter(|_| !created),
            fields: attempt.fields.clone(),
            kind: Kind::Start {
                keyed: first && command.context.idempotency.is_some(),
            },
        });
        self.events.push(Happened {
            operation,
            owner: command.owner.clone(),
            contact,
            fields,
            kind,
        });
        self.head()
    }

    /// What an attempt is called, and the contact that it is about.
    fn subject(&self, command: &Command, attempt: &Attempt) -> (Operation, Option<usize>) {
        match &attempt.action {
            Ok(Action::Create { .. }) => (Operation::Create, None),
            Ok(Action::Upsert { by, .. }) => match self.holders(&command.owner, &by.0)[..] {
                [one] => (Operation::Update, Some(one)),
                _ => (Operation::Create, None),
            },
            _ => {
                let target = attempt.target.as_ref();
                let found = target.and_then(|target| self.find(&command.owner, target));
                (attempt.operation, found)
            }
        }
    }

    /// Judges an attempt, and changes the contact if it is done.
    fn judge(&mut self, command: &Command, attempt: &Attempt) -> Judged {
        let (operation, contact) = self.subject(command, attempt);
        self.done(command, attempt, contact)
            .unwrap_or_else(|(code, violations)| {
                let kind = Kind::Refused(code, violations);
                Judged::Event(operation, contact, attempt.fields.clone(), kind)
            })
    }

    fn done(
        &mut self,
        command: &Command,
        attempt: &Attempt,
        contact: Option<usize>,
    ) -> Result<Judged, Refused> {
        use FailureCode::{AmbiguousMatch, Gone, NotFound, VersionMismatch};
        let action = attempt.action.as_ref();
        let action = action.map_err(|wrong| (FailureCode::Invalid, wrong.clone()))?;
        let there = contact.map(|at| (at, self.contacts[at].state));
        match (action, there) {
            (Action::Create { card, chosen_id }, _) => {
                return self.create(command, attempt, card, chosen_id.as_deref());
            }
            (Action::Upsert { by, card, .. }, None) => {
                return if !self.holders(&command.owner, &by.0).is_empty() {
                    Err((AmbiguousMatch, Vec::new()))
                } else if attempt.precondition.if_match.is_some() {
                    Err((VersionMismatch, Vec::new()))
                } else {
                    self.create(command, attempt, card, None)
                };
            }
            (Action::Erase { .. }, Some((at, State::Erased))) => {
                return Ok(Judged::PriorCreate(self.contacts[at].changed_at));
            }
            (Action::Erase { .. }, Some((_, State::Deleted))) | (_, Some((_, State::Live))) => {}
            (_, Some((_, State::Erased))) => return Err((Gone, Vec::new())),
            _ => return Err((NotFound, Vec::new())),
        }
        let at = contact.expect("it is there");
        let version = self.contacts[at].version;
        let names = |versions: &Versions| match versions {
            Versions::Any => true,
            Versions::Listed(versions) => versions.contains(&version),
        };
        let Precondition {
            if_match,
            if_none_match,
        } = &attempt.precondition;
        let stale = if_match.as_ref().is_some_and(|versions| !names(versions));
        if stale || if_none_match.as_ref().is_some_and(names) {
            return Err((VersionMismatch, Vec::new()));
        }
        match action {
            Action::Update(patch) | Action::Upsert { patch, .. } => self.update(command, at, patch),
            Action::Delete => Ok(self.remove(command, at, Operation::Delete, State::Deleted)),
            _ => Ok(self.remove(command, at, Operation::Erase, State::Erased)),
        }
    }

    fn create(
        &mut self,
        command: &Command,
        attempt: &Attempt,
        card: &Card,
        chosen: Option<&str>,
    ) -> Result<Judged, Refused> {
        let owner = &command.owner;
        let card = card.properties().clone();
        if let Some(taken) = chosen.and_then(|text| self.taken(owner, text)) {
            let same =
                taken.owner == *owner && taken.state != State::Erased && taken.first_card == card;
            return if same {
                Ok(Judged::PriorCreate(taken.created_at))
            } else {
                Err((FailureCode::DuplicateId, Vec::new()))
            };
        }
        let dialect = owner.dialect();
        let live = self.live(owner).count();
        if dialect == mattr::RULES.dialect && live >= 10 {
            return Err((FailureCode::TooManyContacts, Vec::new()));
        }
        self.check_emails(owner, &card, None)?;
        let numbered = [emnify::RULES.dialect, kare::RULES.dialect].contains(&dialect);
        let earlier = self
            .contacts
            .iter()
            .filter(|c| c.owner.dialect() == dialect);
        let position = self.head() + 2;
        let contact = Contact {
            owner: owner.clone(),
            id: None,
            number: numbered.then(|| earlier.count() as u64 + 1),
            chosen: chosen.map(str::to_owned),
            state: State::Live,
            version: 1,
            card: card.clone(),
            created_at: position,
            changed_at: position,
            created_by: client(command),
            changed_by: client(command),
            first_card: card.clone(),
        };
        self.contacts.push(contact);
        let at = self.contacts.len() - 1;
        let kind = Kind::Written { version: 1, card };
        let fields = attempt.fields.clone();
        Ok(Judged::Event(Operation::Create, Some(at), fields, kind))
    }

    fn update(&mut self, command: &Command, at: usize, patch: &Patch) -> Result<Judged, Refused> {
        let card = Card::new(self.contacts[at].card.clone()).expect("a card");
        let patched = patch.apply(&card);
        let patched = patched.map_err(|wrong| (FailureCode::Invalid, wrong))?;
        let card = patched.card.into_properties();
        self.check_emails(&command.owner, &card, Some(at))?;
        let version = self.change(command, at);
        self.contacts[at].card = card.clone();
        let kind = Kind::Written { version, card };
        Ok(Judged::Event(
            Operation::Update,
            Some(at),
            patched.changed,
            kind,
        ))
    }

    fn remove(
        &mut self,
        command: &Command,
        at: usize,
        operation: Operation,
        state: State,
    ) -> Judged {
        let version = self.change(command, at);
        self.contacts[at].state = state;
        Judged::Event(operation, Some(at), Vec::new(), Kind::Removed { version })
    }

    fn change(&mut self, command: &Command, at: usize) -> u64 {
        let position = self.head() + 2;
        let contact = &mut self.contacts[at];
        contact.version += 1;
        contact.changed_at = position;
        contact.changed_by = client(command);
        contact.version
    }

    /// An owner's live contacts, oldest first.
    pub fn live(&self, owner: &Owner) -> impl Iterator<Item = &Contact> {
        let owner = owner.clone();
        let live = move |c: &&Contact| c.state == State::Live && c.owner == owner;
        self.contacts.iter().filter(live)
    }

    /// The contact that took an id which a client chose: for ever, and as our own id it is taken
    /// everywhere.
    fn taken(&self, owner: &Owner, text: &str) -> Option<&Contact> {
        let own = ContactId::parse(text);
        self.contacts.iter().find(|contact| {
            let chosen = contact.chosen.as_deref() == Some(text);
            let near = contact.owner.dialect() == owner.dialect()
                && contact.owner.tenant() == owner.tenant();
            (chosen && near) || (own.is_some() && contact.id == own)
        })
    }

    fn find(&self, owner: &Owner, target: &Target) -> Option<usize> {
        let is = |contact: &Contact| match target {
            Target::Id(id) => contact.id == Some(*id),
            Target::Sequence(number) => contact.number == Some(*number),
            Target::Chosen { text, id } => match &contact.chosen {
                Some(chosen) => **chosen == **text,
                None => contact.id == Some(*id),
            },
        };
        self.contacts
            .iter()
            .position(|contact| contact.owner == *owner && is(contact))
    }

    /// The live contacts of the tenant that have a key.
    fn holders(&self, owner: &Owner, key: &LookupKey) -> Vec<usize> {
        let has = |contact: &Contact| match key.kind {
            LookupKind::Email => emails(&contact.card).contains(&key.text),
            LookupKind::ExternalId => {
                contact.card.get(EXTERNAL_ID).and_then(Value::as_str) == Some(&key.text)
            }
        };
        (0..self.contacts.len())
            .filter(|at| {
                let contact = &self.contacts[*at];
                contact.state == State::Live
                    && contact.owner.dialect() == owner.dialect()
                    && contact.owner.tenant() == owner.tenant()
                    && has(contact)
            })
            .collect()
    }

    fn check_emails(
        &self,
        owner: &Owner,
        card: &Map<String, Value>,
        own: Option<usize>,
    ) -> Result<(), Refused> {
        let others = emails(card).into_iter().flat_map(|text| {
            let kind = LookupKind::Email;
            self.holders(owner, &LookupKey { kind, text })
        });
        let unique = owner.dialect() == thena::RULES.dialect;
        if unique && others.into_iter().any(|at| Some(at) != own) {
            return Err((FailureCode::DuplicateEmail, Vec::new()));
        }
        Ok(())
    }
}

/// The id that a vendor shows.
pub fn vendor_id(contact: &Contact, id: ContactId) -> String {
    let dialect = contact.owner.dialect();
    match (&contact.chosen, contact.number) {
        (Some(chosen), _) => chosen.clone(),
        (None, Some(number)) => number.to_string(),
        _ if dialect == oracle::RULES.dialect => id.0.simple().to_string().to_uppercase(),
        _ if dialect == thena::RULES.dialect => ulid::Ulid(id.0.as_u128()).to_string(),
        _ => id.0.hyphenated().to_string(),
    }
}

fn emails(card: &Map<String, Value>) -> Vec<String> {
    let addresses = card.get("emails").and_then(Value::as_object);
    addresses
        .into_iter()
        .flat_map(Map::values)
        .filter_map(|email| email["address"].as_str())
        .map(str::to_lowercase)
        .collect()
}

fn client(command: &Command) -> String {
    let client = command.context.actor.client_id.as_deref();
    client.expect("a client").to_owned()
}

fn scope(command: &Command) -> Option<(Scope, [u8; 32])> {
    let idempotency = command.context.idempotency.as_ref()?;
    let owner = &command.owner;
    let tenant = owner.tenant().to_owned();
    let scope = (
        owner.dialect(),
        tenant,
        client(command),
        idempotency.key.as_str().to_owned(),
    );
    Some((scope, idempotency.request))
}
