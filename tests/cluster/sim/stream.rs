//! A simulated stream: it stores a message where the one before it is the expected one. The oldest
//! give way. It may lose its end, or all of itself, and says nothing of it.

use contactd::cluster::Sent;

/// The newest messages that it keeps.
const KEPT: u64 = 60;

#[derive(Default)]
pub struct Stream {
    pub created: u64,
    pub stored: Vec<Sent>,
}

impl Stream {
    pub fn last(&self) -> u64 {
        self.stored.len() as u64
    }

    /// The sequence of the oldest message that is still there.
    pub fn first(&self) -> u64 {
        self.last().saturating_sub(KEPT) + 1
    }

    /// The sequence at which the message was stored, if it was.
    pub fn publish(&mut self, expect: u64, sent: &Sent) -> Option<u64> {
        if self.last() != expect {
            return None;
        }
        self.stored.push(sent.clone());
        Some(self.last())
    }

    pub fn at(&self, sequence: u64) -> Option<&Sent> {
        if sequence < self.first() {
            return None;
        }
        let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.stored.get(index)
    }

    /// Loses its last messages.
    pub fn lose(&mut self, count: usize) {
        let rest = self.stored.len().saturating_sub(count);
        self.stored.truncate(rest);
    }

    /// Is made anew, empty.
    pub fn forget_all(&mut self) {
        self.created += 1;
        self.stored.clear();
    }
}
