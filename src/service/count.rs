//! How many contacts there are, from the view that is never behind.

use roaring::RoaringBitmap;

use super::read::PAGE;
use super::service::Service;
use crate::domain::{DialectId, Status};
use crate::projection::Entry;

/// The most contacts without a key that are looked at for one question.
const UNREADABLE_LOOKED: u64 = 10_000;

impl Service {
    /// Whether there are live contacts of those tenants that `visible` holds for whose key is not there,
    /// or was found damaged: no list shows them. Where very many have none, nobody looks at each.
    #[must_use]
    pub fn lacks_keys(&self, visible: &dyn Fn(DialectId, &str) -> bool) -> bool {
        let unreadable = self.shared.unreadable.read();
        if unreadable.is_empty() {
            return false;
        }
        let contacts = self.shared.contacts.read();
        let is_lacking = |number| {
            let entry = contacts.numbered(number);
            let owner = entry.filter(|entry| entry.status() == Status::Live);
            let owner = owner.and_then(Entry::owner);
            owner.is_some_and(|owner| visible(owner.dialect(), owner.tenant()))
        };
        unreadable.len() > UNREADABLE_LOOKED || unreadable.iter().any(is_lacking)
    }

    /// The number of live contacts of those tenants that `visible` holds for, but for those whose key
    /// is not there. The writer waits for whoever looks, so owners are looked at some at a time.
    #[must_use]
    pub fn count_live(&self, visible: &dyn Fn(DialectId, &str) -> bool) -> usize {
        let tenants = self.tenants(visible);
        let numbers: RoaringBitmap = {
            let contacts = self.shared.contacts.read();
            let numbers = tenants.iter().filter_map(|it| contacts.number_of(it));
            numbers.collect()
        };
        let but = &self.shared.unreadable.read();
        let (mut live, mut first) = (0, 0);
        loop {
            let contacts = self.shared.contacts.read();
            let mut looked_at = 0;
            for (tenant, count) in contacts.owners_from(first, but).take(PAGE) {
                looked_at += 1;
                if numbers.contains(tenant) {
                    live += count;
                }
            }
            if looked_at == 0 {
                return live;
            }
            first += looked_at;
        }
    }
}
