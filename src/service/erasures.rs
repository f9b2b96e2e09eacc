//! Erasures that may still be lost: the log has them, and is not settled so far.
//!
//! An event that another node ordered may still be lost, and a destroyed key can't come back. So the
//! key of a contact whose erasure is not settled is only withheld, and is destroyed once the erasure is
//! settled: at once, where the service is alone. Therefore a destroyed key proves that its erasure is
//! in the log for good. The reply to an erasure waits until a majority of disks has destroyed the key.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use parking_lot::Mutex;

use crate::domain::Position;
use crate::keys::{KeyRing, Slot, SlotError};

/// The erasures that are not carried out here, and those that are not confirmed.
#[derive(Default)]
pub struct Erasures {
    /// The slots whose keys are to be destroyed, by the position of what erased them.
    put_off: Mutex<BTreeMap<Position, Slot>>,
    /// Those that may not be done elsewhere, whoever decided them: who asks again is answered, too.
    unconfirmed: Mutex<Unconfirmed>,
}

#[derive(Default)]
struct Unconfirmed {
    positions: BTreeSet<Position>,
    /// The last position up to which a majority is known to have destroyed the keys of the erased; this
    /// disk may have less of the log.
    done: Position,
}

impl Erasures {
    /// Withholds the keys in these slots until they are destroyed, and replies from the first of them
    /// on until a majority has destroyed them. What has settled by the time at which this disk has it
    /// waits for nobody.
    pub fn put_off(&self, keys: &KeyRing, erased: &[(Position, Slot)], settled: Position) {
        if erased.is_empty() {
            return;
        }
        let mut put_off = self.put_off.lock();
        keys.withhold(erased.iter().map(|(_, slot)| *slot));
        put_off.extend(erased.iter().copied());
        let mut unconfirmed = self.unconfirmed.lock();
        let sure = settled.max(unconfirmed.done);
        let positions = erased.iter().map(|(position, _)| *position);
        unconfirmed
            .positions
            .extend(positions.filter(|position| *position > sure));
    }

    /// Destroys the keys of all who were erased up to a settled position, on the disk; whether there
    /// were some.
    ///
    /// # Errors
    /// The disk refused; the keys stay withheld, and the same call may be made again.
    pub fn carry_out(&self, keys: &KeyRing, settled: Position) -> Result<bool, SlotError> {
        let mut put_off = self.put_off.lock();
        let later = put_off.split_off(&settled.next());
        let due = mem::replace(&mut *put_off, later);
        if due.is_empty() {
            return Ok(false);
        }
        let slots: Vec<Slot> = due.values().copied().collect();
        keys.erase_all(&slots)
            .inspect_err(|_| put_off.extend(due))?;
        Ok(true)
    }

    /// Notes that a majority of disks has destroyed the keys of all who were erased up to a position.
    pub fn confirm(&self, position: Position) {
        let mut unconfirmed = self.unconfirmed.lock();
        unconfirmed.done = unconfirmed.done.max(position);
        unconfirmed.positions = unconfirmed.positions.split_off(&position.next());
    }

    /// The position up to which replies may leave, where so much has settled.
    pub fn answerable(&self, settled: Position) -> Position {
        let unconfirmed = self.unconfirmed.lock();
        let first = unconfirmed.positions.first();
        let first = first.map(|position| position.previous());
        first.map_or(settled, |before| before.min(settled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MasterKey;
    use crate::storage::{Disk, SimDisk};

    #[test]
    fn what_others_have_done_already_is_not_waited_for() {
        let (disk, master) = (SimDisk::new(1), MasterKey::generate().unwrap());
        let keys = KeyRing::open(disk.files("keys").unwrap(), &master).unwrap();
        let erasures = Erasures::default();
        let at = Position::new;
        erasures.confirm(at(5));
        erasures.put_off(&keys, &[(at(4), Slot::new(0))], at(3));
        assert_eq!(erasures.answerable(at(9)), at(9));
        erasures.put_off(&keys, &[(at(7), Slot::new(1))], at(3));
        assert_eq!(erasures.answerable(at(9)), at(6));
        erasures.confirm(at(7));
        assert_eq!(erasures.answerable(at(9)), at(9));
    }
}
