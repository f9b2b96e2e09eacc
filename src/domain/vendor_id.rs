//! Vendor ids that somebody has in hand, read back to the contact that they name.

use super::{ContactId, IdRule, Target, VendorKey};

impl IdRule {
    /// The contact that a vendor id names, in any case; `None` where this rule makes no such id.
    ///
    /// ```
    /// use contactd::domain::{ContactId, IdRule, Target};
    ///
    /// let id = ContactId::parse("0190f0a1-7d2b-7c1e-9f3a-5b6c7d8e9f01").expect("a UUID");
    /// assert_eq!(IdRule::Ulid.target("01J3RA2Z9BFGF9YEJVDHYRX7R1"), Some(Target::Id(id)));
    /// assert_eq!(IdRule::Sequence.target("42"), Some(Target::Sequence(42)));
    /// assert_eq!(IdRule::Sequence.target("x"), None);
    /// ```
    #[must_use]
    pub fn target(self, text: &str) -> Option<Target> {
        match self {
            Self::Uuid => ContactId::parse(text).map(Target::Id),
            Self::Hex => {
                let id = ContactId::parse(text)?;
                let text = self.render(id, &VendorKey::Own)?.into();
                Some(Target::Chosen { text, id })
            }
            Self::Ulid => {
                // 26 characters hold two bits more than an id does.
                let in_range = text.starts_with(|first: char| ('0'..='7').contains(&first));
                let ulid = in_range.then(|| ulid::Ulid::from_string(text).ok())??;
                Some(Target::Id(ContactId(uuid::Uuid::from_u128(ulid.0))))
            }
            Self::Sequence => text.parse().ok().map(Target::Sequence),
        }
    }

    /// A vendor id in the one spelling that the vendor shows.
    #[must_use]
    pub fn canonical(self, text: &str) -> Option<String> {
        match self.target(text)? {
            Target::Id(id) => self.render(id, &VendorKey::Own),
            Target::Sequence(number) => Some(number.to_string()),
            Target::Chosen { text, .. } => Some(text.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(id: u128, number: u64) {
            let id = ContactId(uuid::Uuid::from_u128(id));
            for rule in [IdRule::Uuid, IdRule::Hex, IdRule::Ulid] {
                let shown = rule.render(id, &VendorKey::Own).expect("an id");
                for text in [shown.to_lowercase(), shown.to_uppercase()] {
                    prop_assert_eq!(rule.canonical(&text), Some(shown.clone()));
                }
            }
            let shown = number.to_string();
            prop_assert_eq!(IdRule::Sequence.canonical(&shown), Some(shown.clone()));
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC*", digits in "[0-9A-Za-z+-]{0,40}") {
            for rule in [IdRule::Uuid, IdRule::Hex, IdRule::Ulid, IdRule::Sequence] {
                let _ = (rule.canonical(&text), rule.canonical(&digits));
            }
        }
    }
}
