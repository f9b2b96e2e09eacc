//! Replies that wait until what they were judged on is settled.
//!
//! The writer parks the replies of a group at the position where the group ends and goes on;
//! whoever learns that the log is settled up to there lets them go. A reply that says that nothing
//! changed waits like the others, for it was judged on what may not be settled yet.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::SubmitError;
use super::handled::{Handled, Reply, answer};
use crate::domain::Position;

/// The replies of groups that are on this disk, in the order of their positions.
#[derive(Default)]
pub struct Parked(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    groups: VecDeque<(Position, Vec<(Reply, Handled)>)>,
    replies: usize,
}

impl Parked {
    /// The number of replies that wait.
    pub fn len(&self) -> usize {
        self.0.lock().replies
    }

    /// Keeps replies until the log is settled up to a position, which is none before the last.
    pub fn park(&self, at: Position, replies: Vec<(Reply, Handled)>) {
        if !replies.is_empty() {
            let mut waiting = self.0.lock();
            waiting.replies += replies.len();
            waiting.groups.push_back((at, replies));
        }
    }

    /// Lets the replies go that wait for this position or one before it.
    pub fn release(&self, settled: Position) {
        let mut waiting = self.0.lock();
        while let Some((at, replies)) = waiting.groups.pop_front() {
            if at > settled {
                waiting.groups.push_front((at, replies));
                return;
            }
            waiting.replies -= replies.len();
            for (reply, handled) in replies {
                answer(reply, Ok(handled));
            }
        }
    }

    /// Tells those who wait that their outcome is unknown: it will not be settled while this
    /// service runs.
    pub fn give_up(&self) {
        let mut waiting = self.0.lock();
        waiting.replies = 0;
        for (_, replies) in waiting.groups.drain(..) {
            for (reply, _) in replies {
                answer(reply, Err(SubmitError::OutcomeUnknown));
            }
        }
    }
}
