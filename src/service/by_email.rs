//! Contacts by their exact e-mail address, from the view that is never behind.
//!
//! The view has keyed hashes of addresses, a tenant's apart from another's. So whoever sees very many
//! tenants, or asks for an address that very many contacts have, is not answered here.

use super::ReadError;
use super::read::Found;
use super::service::Service;
use crate::domain::{Contact, ContactId, DialectId, LookupKey, Rules, Tag};
use crate::projection::TenantKey;

/// Tenants that are looked through for an address.
const TENANTS_MAX: usize = 1_000;
/// Contacts with the same address that are opened.
const CONTACTS_MAX: usize = 100;

/// A contact that has an e-mail address, and the keyed hash of that in the contact's tenant.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    id: ContactId,
    tag: Tag,
}

impl Service {
    /// The live contacts that have an e-mail address, of those tenants that `visible` holds for, in
    /// no order; `None` where too much would have to be looked at. `tenant` is the only one wanted,
    /// where one is named.
    #[must_use]
    pub fn with_email(
        &self,
        address: &str,
        tenant: Option<&str>,
        visible: &dyn Fn(DialectId, &str) -> bool,
    ) -> Option<Vec<Holder>> {
        let key = LookupKey::email(address);
        let tenants = self.seen_tenants(tenant, visible)?;
        let tags = tenants.iter().map(|of| self.shared.tenant_tag(of, &key));
        let tags: Vec<Tag> = tags.collect();
        let contacts = self.shared.contacts.read();
        let holders = tags.into_iter().flat_map(|tag| {
            let ids = contacts.found_by(tag);
            ids.map(move |id| Holder { id, tag })
        });
        let found: Vec<Holder> = holders.take(CONTACTS_MAX + 1).collect();
        (found.len() <= CONTACTS_MAX).then_some(found)
    }

    /// Those of these contacts that have the address yet, in the version that has it.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give one.
    pub fn still_with_email(&self, holders: &[Holder]) -> Result<Vec<Contact>, ReadError> {
        let mut still = Vec::with_capacity(holders.len());
        for Holder { id, tag } in holders {
            let row = self.shared.contacts.read().get(*id);
            if let Some(row) = row.filter(|row| row.tags.contains(tag))
                && let Found::Live(contact) = self.found(row)?
            {
                still.push(*contact);
            }
        }
        Ok(still)
    }

    /// The tenants that `visible` holds for, of the one that is named or of all; `None` where there
    /// are too many.
    fn seen_tenants(
        &self,
        named: Option<&str>,
        visible: &dyn Fn(DialectId, &str) -> bool,
    ) -> Option<Vec<TenantKey>> {
        let contacts = self.shared.contacts.read();
        let sees = |tenant: &TenantKey| visible(tenant.0, &tenant.1);
        if let Some(name) = named {
            let dialects = self.shared.registry.iter();
            let spelt = |rules: &'static Rules| {
                let tenant = (rules.tenant)(name);
                (
                    rules.dialect,
                    tenant.unwrap_or_else(|| name.to_owned()).into(),
                )
            };
            let tenants = dialects.map(spelt);
            let there = tenants.filter(|tenant| contacts.has_tenant(tenant));
            return Some(there.filter(sees).collect());
        }
        let mut tenants = contacts.tenants_after(None);
        let first = tenants.by_ref().take(TENANTS_MAX);
        let seen = first.filter(|tenant| sees(tenant)).cloned().collect();
        tenants.next().is_none().then_some(seen)
    }
}
