//! Whose a contact is: a dialect and the ids of its path, the tenant first.

use std::sync::Arc;

use thiserror::Error;

use super::{DialectId, limits};

/// The owner of contacts: a dialect, a tenant in it, and what further ids that dialect has.
///
/// The ids are canonical (one spelling for one owner), which is the dialect's duty. Rules such as
/// "at most ten contacts" hold for each owner; "e-mail unique" holds for each tenant.
///
/// ```
/// use contactd::domain::{DialectId, Owner, OwnerError};
///
/// let owner = Owner::new(DialectId(2), &["acme", "participant-7"]).expect("two ids");
/// assert_eq!(owner.tenant(), "acme");
/// assert_eq!(owner.ids().len(), 2);
/// assert_eq!(Owner::new(DialectId(2), &[]), Err(OwnerError::Count { got: 0 }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    dialect: DialectId,
    /// The ids in one text, for views keep one owner of each contact: a text for each
    /// id would take more memory than all the rest of a row.
    ids: Arc<str>,
}

/// What stands between the ids in the text of an owner. No id holds a control character, and it
/// sorts before every character that an id may hold, so that owners sort as their ids do.
const BETWEEN: char = '\n';

/// The reasons for which ids do not make an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OwnerError {
    /// There is no id, or more than [`limits::OWNER_IDS_MAX`].
    #[error("an owner has 1 to {max} ids; {got} were given", max = limits::OWNER_IDS_MAX)]
    Count {
        /// The number of ids that were given.
        got: usize,
    },
    /// An id that is empty, too long, or holds a control character.
    #[error("id {index} is empty, longer than {max} bytes, or holds a control character", max = limits::OWNER_ID_BYTES_MAX)]
    Form {
        /// The index of the wrong id, from 0.
        index: usize,
    },
}

impl Owner {
    /// The owner with these canonical ids, the tenant first.
    ///
    /// # Errors
    /// [`OwnerError`] where there are too few or too many ids or one is not of the form.
    pub fn new(dialect: DialectId, ids: &[&str]) -> Result<Self, OwnerError> {
        if !(1..=limits::OWNER_IDS_MAX).contains(&ids.len()) {
            return Err(OwnerError::Count { got: ids.len() });
        }
        let bad = |id: &&str| {
            id.is_empty()
                || id.len() > limits::OWNER_ID_BYTES_MAX
                || id.chars().any(char::is_control)
        };
        if let Some(index) = ids.iter().position(bad) {
            return Err(OwnerError::Form { index });
        }
        // Most have one id, which is copied once.
        let ids = match ids {
            [one] => Arc::from(*one),
            several => several.join("\n").into(),
        };
        Ok(Self { dialect, ids })
    }

    /// The dialect of the owner's contacts.
    #[must_use]
    pub const fn dialect(&self) -> DialectId {
        self.dialect
    }

    /// The tenant, which is the first id.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.ids.split(BETWEEN).next().unwrap_or_default()
    }

    /// All ids, the tenant first.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        Ids {
            left: self.ids.matches(BETWEEN).count() + 1,
            rest: self.ids.split(BETWEEN),
        }
    }
}

/// The ids of an owner, of which it is known how many are left.
struct Ids<'a> {
    left: usize,
    rest: std::str::Split<'a, char>,
}

impl<'a> Iterator for Ids<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.rest.next()?;
        self.left = self.left.saturating_sub(1);
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Ids<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_bounded_and_the_first_is_the_tenant() {
        let owner = Owner::new(DialectId(1), &["eco", "part"]).expect("two good ids");
        assert_eq!(owner.tenant(), "eco");
        assert_eq!(owner.ids().collect::<Vec<_>>(), ["eco", "part"]);
        let mut ids = owner.ids();
        for left in [2, 1, 0, 0] {
            assert_eq!(ids.len(), left);
            ids.next();
        }
        assert_eq!(
            Owner::new(DialectId(1), &[]),
            Err(OwnerError::Count { got: 0 })
        );
        assert!(Owner::new(DialectId(1), &["a", &"x".repeat(128)]).is_ok());
        for bad in ["", "a\nb", &"x".repeat(129)] {
            assert_eq!(
                Owner::new(DialectId(1), &["a", bad]),
                Err(OwnerError::Form { index: 1 })
            );
        }
    }

    #[test]
    fn owners_sort_as_their_ids_do() {
        let owners: &[&[&str]] = &[&["a"], &["a", "b"], &["a", "b c"], &["a b"], &["b"]];
        let made = owners.iter().map(|ids| Owner::new(DialectId(1), ids));
        let made: Vec<_> = made.map(|owner| owner.expect("good ids")).collect();
        assert!(made.is_sorted_by(|one, other| one < other));
        assert!(owners.is_sorted());
    }
}
