//! Judges a whole Card: its properties by their table, then its localized variants.

use super::localize;
use super::tables::CARD;
use super::walker::{Object, Walker};
use crate::domain::{FieldName, Violation};

/// What is wrong with a Card's properties: nothing, where it is a good one.
#[must_use]
pub fn card(properties: &Object) -> Vec<Violation> {
    let mut walker = Walker::default();
    walker.object(properties, &CARD);
    // A localized variant of a bad Card would only say the same again.
    if walker.violations.is_empty() {
        localize::check(properties, &mut walker);
    }
    walker.violations
}

/// The names of the properties that a Card or a patch of one has, each as the tables call it;
/// `*` stands for those they do not know.
pub fn names<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<FieldName> {
    let mut names: Vec<FieldName> = Vec::new();
    for key in keys {
        let known = CARD.properties().find(|known| known.name == key);
        let name = match (known, key.as_str()) {
            (Some(known), _) => known.name,
            (None, "@type") => "@type",
            (None, _) => "*",
        };
        if !names.iter().any(|there| there == name) {
            names.push(name.into());
        }
    }
    names
}
