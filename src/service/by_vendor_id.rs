//! Contacts by the id that their vendor shows, whichever vendor that is.

use super::ReadError;
use super::service::Service;
use crate::domain::{ContactId, DialectId, Target};
use crate::projection::Contacts;

/// Tenants of a dialect that are looked through for an id which a client chose.
const TENANTS_MAX: usize = 10_000;

impl Service {
    /// The contacts, live or not, that a vendor id may name, of those tenants that `visible` holds
    /// for. An id that a client chose is known by a keyed hash of its tenant's, so each of the
    /// tenants is asked for it.
    ///
    /// # Errors
    /// [`ReadError::TooBroad`] where these are too many.
    pub fn with_vendor_id(
        &self,
        text: &str,
        visible: &dyn Fn(DialectId, &str) -> bool,
    ) -> Result<Vec<ContactId>, ReadError> {
        let contacts = self.shared.contacts.read();
        let mut found = Vec::new();
        for rules in self.shared.registry.iter() {
            match rules.ids.target(text) {
                None => {}
                Some(Target::Id(id)) => found.push(id),
                Some(Target::Sequence(number)) => {
                    let entry = contacts.in_sequence(rules.dialect, number);
                    found.extend(entry.map(|entry| entry.id()));
                }
                Some(Target::Chosen { text, id }) => {
                    found.push(id);
                    found.extend(self.chosen(&contacts, rules.dialect, &text, visible)?);
                }
            }
        }
        let is_visible = |id: &ContactId| {
            let owner = contacts.get(*id).map(|row| row.state.owner);
            owner.is_some_and(|owner| visible(owner.dialect(), owner.tenant()))
        };
        found.retain(is_visible);
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The contacts for which a client chose this id, in the tenants of a dialect.
    fn chosen(
        &self,
        contacts: &Contacts,
        dialect: DialectId,
        text: &str,
        visible: &dyn Fn(DialectId, &str) -> bool,
    ) -> Result<Vec<ContactId>, ReadError> {
        let first = (dialect, Box::from(""));
        let tenants = contacts.tenants_after(Some(&first));
        let tenants = tenants.take_while(|tenant| tenant.0 == dialect);
        let seen = tenants.filter(|tenant| visible(dialect, &tenant.1));
        let mut found = Vec::new();
        for (count, tenant) in seen.enumerate() {
            if count == TENANTS_MAX {
                return Err(ReadError::TooBroad { limit: TENANTS_MAX });
            }
            let tag = self.shared.chosen_tag_in((dialect, &tenant.1), text);
            found.extend(contacts.chosen(tag).map(|row| row.state.id));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::REGISTRY;
    use crate::domain::{Action, Attempt, Card, Outcome, Owner};
    use crate::service::tests::{command_of, opened};
    use crate::storage::SimDisk;

    #[tokio::test]
    async fn an_id_that_clients_chose_is_found_in_every_tenant_that_is_seen() {
        let service = opened(&SimDisk::new(1)).service;
        let rules = REGISTRY.named("oracle").unwrap();
        let chosen = "0190f0a17d2b7c1e9f3a5b6c7d8e9f01";
        let chosen = rules.ids.canonical(chosen).unwrap();
        let mut made = Vec::new();
        for tenant in ["a", "b"] {
            let create = Action::Create {
                card: Card::from_value(serde_json::json!({"name": {"full": "Ann"}})).unwrap(),
                chosen_id: Some(chosen.clone().into()),
            };
            let attempts = vec![Attempt::create(Vec::new(), Ok(create))];
            let owner = Owner::new(rules.dialect, &[tenant]).unwrap();
            let done = service.submit(command_of(owner, attempts)).await;
            match &done.unwrap().outcomes[..] {
                [Outcome::Written { contact, .. }] => made.push(contact.id),
                other => panic!("{other:?}"),
            }
        }
        let found = |seen: &[&str]| {
            let found = service.with_vendor_id(&chosen, &|_, tenant| seen.contains(&tenant));
            found.unwrap()
        };
        assert_eq!(found(&["a", "b"]), made);
        assert_eq!(found(&["b"]), made[1..]);
        assert_eq!(found(&[]), []);
    }
}
