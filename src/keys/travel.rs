//! Contacts' keys from one node to another: out of one file of slots, under the cluster's secret,
//! into another.
//!
//! ```text
//! version 1 (1) · first slot (8) · for each slot: what it holds (1), and where that is a key, the key (32)
//! ```
//!
//! Numbers are big-endian. Each node wraps a key with its own master key, so rotating that stays its
//! own affair. A slot that was erased stays erased, whatever arrives later, and one whose contact is
//! in the log already keeps its key. A key that one node has given up as lost may be on another: it is
//! not erased, and is asked for there first.

use std::ops::Range;

use zeroize::Zeroizing;

use super::{
    ClusterKey, KeyRing, Slot, SlotError,
    key::{ContactKey, KEY_BYTES},
    wrapping::{ERASED, Held, SLOT_BYTES, SlotBytes},
};
use crate::storage::StorageError;

/// The most slots in one message.
pub const TRAVEL_SLOTS_MAX: u64 = 16_384;

const PURPOSE: &str = "keys";
const VERSION: u8 = 1;
const NOTHING: u8 = 0;
const KEY: u8 = 1;
const GONE: u8 = 2;
const LOST: u8 = 3;

/// What a node does with a slot for which another one says that its key was given up as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostKeys {
    /// It leaves the slot empty: a further node may have the key.
    AskOthers,
    /// All others were asked, and it gives the key up, too.
    GiveUp,
}

/// The reasons for which keys do not leave.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// More slots were asked for than one message holds.
    #[error("{slots} slots were asked for; at most {TRAVEL_SLOTS_MAX} go at once")]
    TooMany {
        /// The number that was asked for.
        slots: u64,
    },
    /// A key cannot be read.
    #[error(transparent)]
    File(#[from] StorageError),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

/// The reasons for which keys are not taken in. Nothing was written, unless the disk failed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The message was not sealed with this cluster's secret for this log, or says nothing.
    #[error("a message with keys was not sealed by a node of this cluster")]
    Foreign,
    /// They cannot be written.
    #[error(transparent)]
    Slot(#[from] SlotError),
}

/// What arrived for a slot.
enum Arrived {
    Key(ContactKey),
    Gone,
    Lost,
}

impl Arrived {
    const fn is_lost(&self) -> bool {
        matches!(self, Self::Lost)
    }
}

impl KeyRing {
    /// The keys of these slots, sealed for other nodes: of those on the disk and of those that were
    /// drawn. A slot without a key says so, and so does one that was erased or given up as lost.
    ///
    /// # Errors
    /// A key cannot be read, or there are too many slots.
    pub fn export(&self, slots: Range<Slot>, to: &ClusterKey) -> Result<Vec<u8>, ExportError> {
        let (first, end) = (slots.start.get(), slots.end.get());
        let count = end.saturating_sub(first);
        if count > TRAVEL_SLOTS_MAX {
            return Err(ExportError::TooMany { slots: count });
        }
        let mut text = Zeroizing::new(vec![VERSION]);
        text.extend_from_slice(&first.to_be_bytes());
        for number in first..end {
            match self.held(Slot::new(number))? {
                Held::Key(key) => {
                    text.push(KEY);
                    text.extend_from_slice(key.as_slice());
                }
                Held::Erased => text.push(GONE),
                Held::MarkedLost => text.push(LOST),
                Held::Missing | Held::Damaged => text.push(NOTHING),
            }
        }
        to.seal(PURPOSE, &text).map_err(ExportError::Random)
    }

    /// Takes in keys that another node sealed. Those of slots before `next`, whose contacts are in
    /// this log, are passed over, but where this file has none; so are those of erased slots. They
    /// are on the disk in both copies when this returns. A key that the other node has given up is
    /// given up here only where the slot is empty and `lost` says so.
    ///
    /// # Errors
    /// The message is not of this cluster and log, or the disk refused; the same call may be made
    /// again.
    pub fn install(
        &self,
        sealed: &[u8],
        from: &ClusterKey,
        next: Slot,
        lost: LostKeys,
    ) -> Result<Range<Slot>, InstallError> {
        let text = from.open(PURPOSE, sealed).ok_or(InstallError::Foreign)?;
        let (first, arrived) = parse(&text).ok_or(InstallError::Foreign)?;
        let end = Slot::new(first + arrived.len() as u64);
        let mut state = self.writable()?;
        let there = state.file.held(Slot::new(first), arrived.len());
        let there = there.map_err(SlotError::File)?;
        let mut runs = Runs::default();
        let mut keys = Vec::new();
        for (number, (arrived, there)) in (first..).zip(arrived.into_iter().zip(there)) {
            let slot = Slot::new(number);
            let is_open = match there {
                Held::Erased => false,
                Held::Missing => true,
                Held::Key(_) | Held::MarkedLost | Held::Damaged => slot >= next,
            };
            let gives_up = lost == LostKeys::GiveUp && matches!(there, Held::Missing);
            let counts = |arrived: &Arrived| is_open && (gives_up || !arrived.is_lost());
            let Some(arrived) = arrived.filter(counts) else {
                continue;
            };
            let bytes = match &arrived {
                Arrived::Key(key) => state.file.wrapping().wrap(slot, key),
                Arrived::Gone => Ok(ERASED),
                Arrived::Lost => state.file.wrapping().mark_lost(slot),
            };
            runs.add(slot, &bytes.map_err(SlotError::Random)?);
            keys.push((slot, arrived));
        }
        if keys.is_empty() {
            return Ok(Slot::new(first)..end);
        }
        let mut cache = self.cache.lock();
        keys.iter().for_each(|(slot, _)| cache.forget(*slot));
        for (first, bytes) in runs.0 {
            state.file.write(first, &bytes).map_err(SlotError::File)?;
        }
        (self.beside.sync(state.file.names())).map_err(SlotError::File)?;
        state.reach(end);
        // What they seal is opened next.
        for (slot, arrived) in keys {
            if let Arrived::Key(key) = arrived {
                cache.put(slot, key);
            }
        }
        Ok(Slot::new(first)..end)
    }
}

/// The bytes of slots, those that lie side by side together.
#[derive(Default)]
struct Runs(Vec<(Slot, Vec<u8>)>);

impl Runs {
    fn add(&mut self, slot: Slot, bytes: &SlotBytes) {
        match self.0.last_mut() {
            Some((first, run)) if first.get() + (run.len() / SLOT_BYTES) as u64 == slot.get() => {
                run.extend_from_slice(bytes);
            }
            Some(_) | None => self.0.push((slot, bytes.to_vec())),
        }
    }
}

fn parse(text: &[u8]) -> Option<(u64, Vec<Option<Arrived>>)> {
    let (version, rest) = text.split_first()?;
    let (first, mut rest) = rest.split_first_chunk::<8>()?;
    let first = u64::from_be_bytes(*first);
    let mut arrived = Vec::new();
    while let Some((held, after)) = rest.split_first() {
        rest = after;
        arrived.push(match *held {
            KEY => {
                let (key, after) = rest.split_first_chunk::<KEY_BYTES>()?;
                rest = after;
                Some(Arrived::Key(ContactKey::new(Zeroizing::new(*key))))
            }
            GONE => Some(Arrived::Gone),
            LOST => Some(Arrived::Lost),
            NOTHING => None,
            _ => return None,
        });
    }
    let count = arrived.len() as u64;
    let fits = count <= TRAVEL_SLOTS_MAX && first.checked_add(count).is_some();
    (*version == VERSION && fits).then_some((first, arrived))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::keys::{MasterKey, SealError};
    use crate::storage::{Disk, Files, SimDisk};

    struct Node {
        disk: SimDisk,
        master: MasterKey,
        ring: KeyRing,
    }

    /// A ring with keys of its own in this many slots.
    fn node(seed: u64, slots: u64) -> Node {
        let (disk, master) = (SimDisk::new(seed), MasterKey::generate().unwrap());
        let ring = KeyRing::open(disk.files("keys").unwrap(), &master).unwrap();
        ring.resume(Slot::new(0), Slot::new(0)).unwrap();
        for number in 0..slots {
            ring.draw(Slot::new(number)).unwrap();
        }
        ring.store(Slot::new(slots)).unwrap();
        Node { disk, master, ring }
    }

    fn secret() -> ClusterKey {
        ClusterKey::new([7; KEY_BYTES], "a-log")
    }

    fn range(from: u64, to: u64) -> Range<Slot> {
        Slot::new(from)..Slot::new(to)
    }

    fn send(from: &Node, to: &Node, slots: Range<Slot>, next: u64) {
        let sealed = from.ring.export(slots.clone(), &secret()).unwrap();
        let taken = to
            .ring
            .install(&sealed, &secret(), Slot::new(next), LostKeys::AskOthers)
            .unwrap();
        assert_eq!(taken, slots);
    }

    /// Whether a ring opens what another sealed with the key in a slot.
    fn opens(ring: &KeyRing, other: &Node, slot: u64) -> bool {
        let slot = Slot::new(slot);
        let sealed = other.ring.seal(slot, b"x", b"text").unwrap();
        ring.open_sealed(slot, b"x", &sealed).is_ok()
    }

    #[test]
    fn keys_travel_and_outlive_a_power_cut_under_another_master_key() {
        let (leader, follower) = (node(1, 3), node(2, 0));
        send(&leader, &follower, range(0, 3), 0);
        assert!((0..3).all(|slot| opens(&follower.ring, &leader, slot)));
        drop(follower.ring);
        follower.disk.crash();
        let files: Arc<dyn Files> = follower.disk.files("keys").unwrap();
        let again = KeyRing::open(files, &follower.master).unwrap();
        // The log has one contact so far; the keys of what was ordered behind it stay.
        again.resume_ahead(Slot::new(1), Slot::new(0)).unwrap();
        assert!((0..3).all(|slot| opens(&again, &leader, slot)));
    }

    #[test]
    fn as_many_keys_go_at_once_as_one_message_holds() {
        let leader = node(1, 1);
        let export = |slots| leader.ring.export(range(0, slots), &secret());
        assert!(export(TRAVEL_SLOTS_MAX).is_ok());
        let refused = export(TRAVEL_SLOTS_MAX + 1);
        assert!(matches!(refused, Err(ExportError::TooMany { .. })));
    }

    #[test]
    fn an_erased_slot_stays_erased_and_a_used_one_keeps_its_key() {
        let (leader, follower) = (node(1, 3), node(2, 3));
        follower.ring.erase(Slot::new(0)).unwrap();
        send(&leader, &follower, range(0, 3), 2);
        assert!(follower.ring.is_erased(Slot::new(0)));
        assert!(
            !opens(&follower.ring, &leader, 1),
            "its contact is in the log"
        );
        assert!(opens(&follower.ring, &leader, 2), "its contact is not");
    }

    #[test]
    fn what_is_erased_there_is_erased_here_and_never_comes_back() {
        let (leader, late, follower) = (node(1, 2), node(2, 2), node(3, 0));
        leader.ring.erase(Slot::new(0)).unwrap();
        send(&leader, &follower, range(0, 2), 0);
        send(&late, &follower, range(0, 2), 0);
        assert!(follower.ring.is_erased(Slot::new(0)));
        assert!(opens(&follower.ring, &late, 1));
    }

    #[test]
    fn a_key_that_one_node_gave_up_is_another_nodes_to_give_and_is_never_erased() {
        let (holder, gave_up, joins) = (node(1, 2), node(2, 0), node(3, 0));
        let lost = gave_up.ring.mark_lost([0, 1].map(Slot::new), Slot::new(2));
        lost.unwrap();
        send(&gave_up, &joins, range(0, 2), 0);
        send(&holder, &joins, range(0, 1), 0);
        assert!(opens(&joins.ring, &holder, 0));
        let sealed = gave_up.ring.export(range(0, 2), &secret()).unwrap();
        let given_up = LostKeys::GiveUp;
        let taken = (joins.ring).install(&sealed, &secret(), Slot::new(0), given_up);
        taken.unwrap();
        assert!(opens(&joins.ring, &holder, 0), "it has the key");
        assert!(!joins.ring.is_erased(Slot::new(1)));
        let sealed = holder.ring.seal(Slot::new(1), b"x", b"text").unwrap();
        let opened = joins.ring.open_sealed(Slot::new(1), b"x", &sealed);
        assert!(matches!(opened, Err(SealError::MarkedLost { .. })));
    }

    #[test]
    fn a_slot_without_a_key_here_is_filled_even_where_its_contact_is_in_the_log() {
        let (leader, follower) = (node(1, 1), node(2, 0));
        send(&leader, &follower, range(0, 1), 1);
        assert!(opens(&follower.ring, &leader, 0));
    }

    #[test]
    fn drawn_keys_travel_before_they_are_on_a_disk() {
        let (leader, follower) = (node(1, 0), node(2, 0));
        leader.ring.draw(Slot::new(0)).unwrap();
        send(&leader, &follower, range(0, 1), 0);
        assert!(opens(&follower.ring, &leader, 0));
    }

    #[test]
    fn a_withheld_key_passes_for_destroyed_and_travels_until_it_is() {
        let (leader, late, later) = (node(1, 2), node(2, 0), node(3, 0));
        let sealed = leader.ring.seal(Slot::new(1), b"x", b"text").unwrap();
        leader.ring.withhold([Slot::new(1)]);
        for open in [KeyRing::open_sealed, KeyRing::open_in_passing] {
            let opened = open(&leader.ring, Slot::new(1), b"x", &sealed);
            assert!(matches!(opened, Err(SealError::Erased { .. })));
        }
        send(&leader, &late, range(0, 2), 0);
        let opened = late.ring.open_sealed(Slot::new(1), b"x", &sealed);
        assert_eq!(opened.unwrap(), b"text");
        leader.ring.erase(Slot::new(1)).unwrap();
        send(&leader, &later, range(0, 2), 0);
        assert!(later.ring.is_erased(Slot::new(1)));
    }

    #[test]
    fn a_message_of_others_or_a_damaged_one_changes_nothing() {
        let (leader, follower) = (node(1, 1), node(2, 0));
        let sealed = leader.ring.export(range(0, 1), &secret()).unwrap();
        let other = secret().of_log("another");
        let mut damaged = sealed.clone();
        damaged[30] ^= 1;
        for (sealed, key) in [(&sealed, &other), (&damaged, &secret())] {
            let taken = follower
                .ring
                .install(sealed, key, Slot::new(0), LostKeys::AskOthers);
            assert!(matches!(taken, Err(InstallError::Foreign)));
        }
        let none = follower.ring.refusal(Slot::new(0));
        assert!(matches!(none, Some(SealError::MissingKey { .. })));
        let many = leader
            .ring
            .export(range(0, TRAVEL_SLOTS_MAX + 1), &secret());
        assert!(matches!(many, Err(ExportError::TooMany { .. })));
    }

    #[test]
    fn no_text_makes_parsing_panic() {
        for text in [&b""[..], b"\x01", &[1; 9], &[2; 9], &[1; 20]] {
            drop(parse(text));
        }
        let mut last = vec![VERSION];
        last.extend([0xff; 8]);
        last.push(NOTHING);
        assert!(parse(&last).is_none(), "the slot behind the last");
    }
}
