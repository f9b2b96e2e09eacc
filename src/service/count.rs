//! How many contacts there are, from the view that is never behind.

use roaring::RoaringBitmap;

use super::read::PAGE;
use super::service::Service;
use crate::domain::DialectId;

impl Service {
    /// The number of live contacts of those tenants that `visible` holds for. The writer waits for
    /// whoever looks, so owners are looked at some at a time.
    #[must_use]
    pub fn count_live(&self, visible: &dyn Fn(DialectId, &str) -> bool) -> usize {
        let tenants = self.tenants(visible);
        let numbers: RoaringBitmap = {
            let contacts = self.shared.contacts.read();
            let numbers = tenants.iter().filter_map(|it| contacts.number_of(it));
            numbers.collect()
        };
        let (mut live, mut first) = (0, 0);
        loop {
            let contacts = self.shared.contacts.read();
            let mut looked_at = 0;
            for (tenant, count) in contacts.owners_from(first).take(PAGE) {
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
