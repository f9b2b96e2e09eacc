//! An owner's ids as they are shown: by the names that its dialect has for them.

use serde::{Serialize, Serializer};

use crate::domain::Owner;

/// An owner, written as a JSON object of its ids.
///
/// ```
/// use contactd::dialect::REGISTRY;
/// use contactd::domain::Owner;
/// use contactd::wire::OwnerIds;
///
/// let rules = REGISTRY.named("native").expect("our own dialect");
/// let owner = Owner::new(rules.dialect, &["acme"]).expect("an owner");
/// let shown = serde_json::to_value(OwnerIds::new(rules.owner_names, owner)).expect("JSON");
/// assert_eq!(shown, serde_json::json!({"tenant": "acme"}));
/// ```
#[derive(Clone, Debug)]
pub struct OwnerIds {
    names: &'static [&'static str],
    owner: Owner,
}

impl OwnerIds {
    /// The ids of an owner, under the names that its dialect's rules have for them.
    #[must_use]
    pub const fn new(names: &'static [&'static str], owner: Owner) -> Self {
        Self { names, owner }
    }
}

impl Serialize for OwnerIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.owner.ids()))
    }
}
