//! What clients ask, and what they are answered.

use contactd::dialect::thena;
use contactd::domain::{
    Action as Does, Actor, Attempt, BatchMode, Card, Command, Context, Correlation, EraseReason,
    IdempotencyKey, IdempotentRequest, Operation, Outcome, Owner, Patch, Patched, Precondition,
    Target,
};
use contactd::service::{Committed, SubmitError};
use serde_json::json;

use super::*;

/// The addresses that contacts may have, so few that many are taken.
const ADDRESSES: usize = 12;
/// The contacts that are changed.
const KNOWN_MAX: usize = 12;

impl World {
    /// A client asks a leader for something, new or not.
    pub(super) fn ask(&mut self, at: usize) {
        let Some(process) = &self.processes[at] else {
            return;
        };
        let idle = process.judged.is_none() && process.work.is_none();
        if process.storing.is_some() && !process.paused {
            return self.store(at);
        }
        if !process.leads || !idle || process.paused {
            return;
        }
        let again = !self.unknown.is_empty() && self.chance.happens(300);
        let (number, command) = if again {
            let index = self.chance.below(self.unknown.len());
            let sent = self.unknown.swap_remove(index);
            (sent.number, sent.command)
        } else {
            self.next_id += 1;
            (self.next_id, self.command(self.next_id))
        };
        self.judge(at, number, command);
    }

    fn judge(&mut self, at: usize, number: u64, command: Command) {
        let process = self.processes[at].as_mut().expect("it runs");
        let Some(question) = process.submit(&self.runtime, number, command) else {
            return self.collect(at);
        };
        let root = self.homes[at].place().root;
        self.judged_on
            .insert(question.group.entries[0].clone(), root);
        let (group, slots) = (question.group.clone(), question.slots.clone());
        process.judged = Some(question);
        let keys = if slots.is_empty() || self.plan.left_out == LeftOut::KeysBeforeOrder {
            None
        } else {
            let sealed = process.service.export_keys(slots, &self.key);
            Some(Bytes::from(sealed.expect("its own keys")))
        };
        if self.plan.left_out == LeftOut::OrderBeforeDisk {
            process.reply(&self.runtime, Ok(()));
            self.catch_up(at);
        }
        let first = group.first;
        let process = self.processes[at].as_mut().expect("it runs");
        process.storing = Some((group, keys.clone()));
        if let Some(sealed) = keys {
            self.tell(at, Event::Drawn { first, sealed });
        }
        if self.chance.happens(500) {
            self.store(at);
        }
    }

    /// The keys of a group are on the disk, and the writer waits for its place.
    pub(super) fn store(&mut self, at: usize) {
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        if let Some((group, keys)) = process.storing.take() {
            self.tell(at, Event::Judged { group, keys });
        }
    }

    fn command(&mut self, number: u64) -> Command {
        let mut request = [0; 32];
        request[..8].copy_from_slice(&number.to_be_bytes());
        let key = IdempotencyKey::parse(&format!("key-{number}")).expect("a key");
        Command {
            owner: Owner::new(thena::RULES.dialect, &["t"]).expect("good ids"),
            context: Context {
                actor: Actor::default(),
                correlation: Correlation::parse("x").expect("a token"),
                traceparent: None,
                idempotency: Some(IdempotentRequest { key, request }),
            },
            batch: BatchMode::ItemByItem,
            attempts: (0..=self.chance.below(2)).map(|_| self.attempt()).collect(),
        }
    }

    fn attempt(&mut self) -> Attempt {
        let known = self.known.get(self.chance.below(KNOWN_MAX)).copied();
        let target = known.map(Target::Id);
        let (operation, action) = match (&target, self.chance.below(4)) {
            (Some(_), 0) => (Operation::Update, Does::Update(self.patch())),
            (Some(_), 1) => (Operation::Delete, Does::Delete),
            (Some(_), 2) => {
                let reason = EraseReason::Legal;
                let reference = None;
                (Operation::Erase, Does::Erase { reason, reference })
            }
            _ => (
                Operation::Create,
                Does::Create {
                    card: self.card(),
                    chosen_id: None,
                },
            ),
        };
        Attempt {
            target: target.filter(|_| operation != Operation::Create),
            operation,
            precondition: Precondition::NONE,
            fields: Vec::new(),
            action: Ok(action),
        }
    }

    fn card(&mut self) -> Card {
        let address = format!("p{}@example.com", self.chance.below(ADDRESSES));
        let emails = json!({"a": {"address": address}});
        Card::from_value(json!({ "emails": emails })).expect("a card")
    }

    fn patch(&mut self) -> Patch {
        let card = self.card();
        Patch::new(move |_| {
            Ok(Patched {
                card: card.clone(),
                changed: Vec::new(),
            })
        })
    }

    /// Takes the answers that have come.
    pub(super) fn collect(&mut self, at: usize) {
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        for mut sent in std::mem::take(&mut process.parked) {
            match sent.look() {
                None => {
                    let process = self.processes[at].as_mut().expect("it runs");
                    process.parked.push(sent);
                }
                Some(Ok(done)) => self.told(at, &sent, &done),
                Some(Err(SubmitError::ReadOnly(_))) => self.refused.extend(sent.entries),
                Some(Err(_)) => self.unknown.push(sent),
            }
        }
    }

    /// A client was told what came of its command.
    fn told(&mut self, at: usize, sent: &Sent, done: &Committed) {
        let position = done.position;
        if *self.done.entry(sent.number).or_insert(position) != position {
            let why = format!("{sent} was done at two positions", sent = sent.number);
            self.fail(Invariant::PositionOnce, why);
        }
        for outcome in &done.outcomes {
            if let Outcome::Written { contact, .. } = outcome {
                if self.known.len() == KNOWN_MAX {
                    self.known.remove(0);
                }
                self.known.push(contact.id);
            }
        }
        let count = sent.entries.len() as u64;
        let first = position.get() + 1 - count;
        for (entry, position) in sent.entries.iter().zip(first..) {
            self.answer(Position::new(position), entry.clone());
        }
        if count == 0
            && let Some(entry) = self.homes[at].entry(position)
        {
            self.answer(position, entry.clone());
        }
    }
}
