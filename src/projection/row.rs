//! What the view of contacts keeps of one contact.

use std::sync::Arc;

use crate::domain::{Actor, Contact, ContactState, Content, Registry, Tag, Target, VendorKey};
use crate::keys::Slot;

/// A contact's row in the view: all that is known of it without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRow {
    /// The state that `evolve` made of the contact's events.
    pub state: ContactState,
    /// The caller who created the contact.
    pub created_by: Arc<Actor>,
    /// The caller who changed it last.
    pub modified_by: Arc<Actor>,
    /// The slot of the contact's key.
    pub slot: Slot,
    /// The tags of the contact's lookup keys, in order.
    pub tags: Arc<[Tag]>,
}

impl ContactRow {
    /// Whether a target that was found to be this contact may name it: one whose id the client
    /// chose is not shown by our own.
    #[must_use]
    pub fn answers_to(&self, target: &Target) -> bool {
        let by_own = matches!(target, Target::Chosen { id, .. } if *id == self.state.id);
        !(by_own && matches!(self.state.key, VendorKey::Chosen(_)))
    }

    /// The contact with the content that its last event wrote.
    #[must_use]
    pub fn with_content(&self, content: Content, registry: Registry) -> Contact {
        let Self {
            state,
            created_by,
            modified_by,
            slot: _,
            tags: _,
        } = self;
        let rendered = registry
            .get(state.owner.dialect())
            .and_then(|rules| rules.ids.render(state.id, &state.key));
        let vendor_id = rendered
            .or_else(|| content.chosen_id.map(String::from))
            .unwrap_or_else(|| state.id.to_string());
        Contact {
            id: state.id,
            vendor_id,
            owner: state.owner.clone(),
            version: state.version,
            created_at: state.created.time,
            created_by: Actor::clone(created_by),
            modified_at: state.modified.time,
            modified_by: Actor::clone(modified_by),
            position: state.modified.position,
            card: content.card,
        }
    }
}
