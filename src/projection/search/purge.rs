//! Taking contacts out of a run's file, where they lie.
//!
//! Each block that holds a key of a contact is written again without it, in place and under a fresh
//! nonce. First go the keys of its words, and when they are off the disk its doc, which names them:
//! so a crash in between leaves what is needed to go on. In its place stays a hollow doc, for the
//! event that ends the contact has yet to be folded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::block::Block;
use super::orders::Ordinal;
use super::run::Run;
use super::shelf::doc_in;
use crate::projection::KeepError;

/// What becomes of a block: keys that go, and keys that come.
#[derive(Default)]
struct Change {
    gone: BTreeSet<Vec<u8>>,
    new: Vec<Vec<u8>>,
}

/// The changes of a run's blocks, by their numbers.
type Changes = BTreeMap<u32, Change>;

/// Takes contacts out of a run's file; their words are off the disk when this returns.
///
/// # Errors
/// The disk refused, or the file is damaged: destroy it.
pub fn purge(run: &Arc<Run>, contacts: &[Ordinal]) -> Result<(), KeepError> {
    let Some(segment) = run.segment() else {
        return Ok(());
    };
    let mut words = Changes::new();
    let mut docs = Changes::new();
    for contact in contacts {
        if !run.contacts().contains(*contact) {
            continue;
        }
        let doc = doc_in(run, *contact);
        let doc = doc.ok_or_else(|| KeepError::Damaged(segment.name().to_owned()))?;
        // One that has ended has no words, and its end must stay.
        if doc.words().is_none() {
            continue;
        }
        let place = |changes: &mut Changes, key: &[u8]| {
            let index = run.after(key).saturating_sub(1);
            changes.entry(index).or_default().gone.insert(key.to_vec());
            index
        };
        let mut keys = Block::default();
        doc.push_words(*contact, &mut keys);
        for key in keys.iter() {
            place(&mut words, key);
        }
        let mut parts = Block::default();
        doc.push_parts(*contact, &mut parts);
        let mut places = parts.iter().map(|part| place(&mut docs, part));
        let first = places.next();
        places.for_each(drop);
        if let Some(change) = first.and_then(|index| docs.get_mut(&index)) {
            let mut hollow = Block::default();
            doc.hollow().push_parts(*contact, &mut hollow);
            change.new.extend(hollow.iter().map(<[u8]>::to_vec));
        }
    }
    for changes in [words, docs] {
        for (index, change) in &changes {
            segment.rewrite(*index, changed(&segment.scan(*index), change))?;
        }
        if !changes.is_empty() {
            segment.sync()?;
        }
    }
    Ok(())
}

fn changed(block: &Block, Change { gone, new }: &Change) -> Block {
    let mut changed = Block::default();
    let stays = block.iter().filter(|key| !gone.contains(*key));
    stays.for_each(|key| changed.push(key));
    new.iter().for_each(|key| changed.push(key));
    changed.sorted()
}
