//! What is loaded of the contact that an attempt names, before it is judged.

use super::ReadError;
use super::group::Group;
use super::shared::{Body, Shared};
use crate::domain::{
    Action, Attempt, ContactId, Content, Current, Match, Operation, Owner, PriorCreate, Status,
    Tag, Target, VendorKey,
};
use crate::projection::ContactRow;

/// Everything known of a contact before an attempt on it is decided.
#[derive(Default)]
pub struct Loaded {
    /// The contact as `decide` needs it.
    pub current: Current,
    /// The contact, as the view has it.
    pub before: Option<ContactRow>,
    /// The earlier create that took the id which the client chose.
    pub taken: Option<PriorCreate>,
    /// The tag of the id that the client chose.
    pub chosen: Option<Tag>,
    /// The text of the id that the contact has or will have by its client's choice.
    pub chosen_id: Option<Box<str>>,
}

impl Loaded {
    /// The operation that the events of an attempt name: an upsert that found its contact is an
    /// update.
    pub fn operation(&self, attempt: &Attempt) -> Operation {
        match (&attempt.action, &self.before) {
            (Ok(Action::Upsert { .. }), Some(_)) => Operation::Update,
            _ => attempt.operation,
        }
    }

    /// The contact that the events are about, where it is there already.
    pub fn subject(&self) -> Option<(ContactId, VendorKey)> {
        let state = &self.before.as_ref()?.state;
        Some((state.id, state.key.clone()))
    }
}

/// The sources of a contact: the view, the group laid over it, and the records of both.
struct Loader<'a> {
    shared: &'a Shared,
    group: &'a Group<'a>,
}

/// Looks up what must be known to decide an attempt.
///
/// # Errors
/// [`ReadError`] where the contact's record can't be read or opened.
pub fn load(
    shared: &Shared,
    group: &Group<'_>,
    owner: &Owner,
    attempt: &Attempt,
) -> Result<Loaded, ReadError> {
    Loader { shared, group }.load(owner, attempt)
}

impl Loader<'_> {
    fn load(&self, owner: &Owner, attempt: &Attempt) -> Result<Loaded, ReadError> {
        let found = match (&attempt.action, &attempt.target) {
            (Ok(Action::Create { chosen_id, .. }), _) => {
                return self.unborn(owner, chosen_id.as_deref());
            }
            (Ok(Action::Upsert { by, .. }), _) => {
                let Match(key) = by;
                let tag = self.shared.lookup_tag(owner, key);
                let mut found = self.group.layers().found_by(tag);
                match (found.next(), found.next()) {
                    (None, _) => None,
                    (Some(id), None) => self.group.layers().get(id),
                    (Some(_), Some(_)) => {
                        return Ok(Loaded {
                            current: Current::Many,
                            ..Loaded::default()
                        });
                    }
                }
            }
            (_, Some(target)) => {
                let chosen = match target {
                    Target::Chosen { text, .. } => Some(self.shared.chosen_tag(owner, text)),
                    Target::Id(_) | Target::Sequence(_) => None,
                };
                self.group.layers().find(owner, chosen, target)
            }
            (_, None) => None,
        };
        match found {
            None => Ok(Loaded::default()),
            Some((entry, fresh)) => self.existing(entry, fresh),
        }
    }

    /// Loads a contact that exists or existed.
    fn existing(&self, entry: ContactRow, fresh: Option<&Content>) -> Result<Loaded, ReadError> {
        let state = entry.state.clone();
        let mut chosen_id = None;
        let current = match state.status {
            Status::Deleted => Current::Deleted(Box::new(state)),
            Status::Erased => Current::Erased(state.id, state.modified.position),
            Status::Live => match self.content(&entry, fresh)? {
                Some(content) => {
                    chosen_id = content.chosen_id;
                    Current::One(Box::new((state, content.card)))
                }
                None => Current::KeyLost(Box::new(state)),
            },
        };
        Ok(Loaded {
            current,
            before: Some(entry),
            chosen_id,
            ..Loaded::default()
        })
    }

    /// Loads what concerns a contact to be created: whether its id is taken.
    fn unborn(&self, owner: &Owner, chosen_id: Option<&str>) -> Result<Loaded, ReadError> {
        let Some(text) = chosen_id else {
            return Ok(Loaded::default());
        };
        let tag = self.shared.chosen_tag(owner, text);
        let own = ContactId::parse(text).and_then(|id| self.group.layers().get(id));
        let taken = match self.group.layers().chosen(tag).or(own) {
            None => None,
            Some((entry, _)) => Some(self.taken(owner, &entry)?),
        };
        Ok(Loaded {
            taken,
            chosen: Some(tag),
            chosen_id: Some(text.into()),
            ..Loaded::default()
        })
    }

    /// The content with which an id was taken. Another owner's content is not told, nor one that
    /// was erased: its key lasts until the group is on the disk.
    fn taken(&self, owner: &Owner, entry: &ContactRow) -> Result<PriorCreate, ReadError> {
        let state = &entry.state;
        let position = state.created.position;
        let card = if state.owner != *owner || state.status == Status::Erased {
            None
        } else {
            match self.shared.open(&self.group.record(position)?)? {
                Body::Open(content) => Some(content.card),
                Body::None | Body::Gone => None,
            }
        };
        Ok(PriorCreate { position, card })
    }

    fn content(
        &self,
        entry: &ContactRow,
        fresh: Option<&Content>,
    ) -> Result<Option<Content>, ReadError> {
        if let Some(content) = fresh {
            return Ok(Some(content.clone()));
        }
        match self.shared.content(entry) {
            Ok(Body::Open(content)) => Ok(Some(*content)),
            Ok(Body::None | Body::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
