//! The catch-up views of a service.

use std::sync::Arc;
use std::time::Duration;

use super::catch_up::CatchUp;
use super::shared::Shared;
use super::view_state::{LAG_EVENTS_MAX, ViewStatus};
use crate::domain::{ContactId, Position};
use crate::projection::{Home, KeepError, SearchIndex, Statistics, View};

/// The pause that a writer makes for each event of a group while a view is far behind, and the
/// longest for a group. It takes half of a busy writer's time; a client that writes alone does not notice it.
const PAUSE_AN_EVENT: Duration = Duration::from_micros(25);
const PAUSE_MAX: Duration = Duration::from_millis(5);

/// The views that follow the log beside the writer.
pub struct Views {
    /// The view that finds contacts by their texts.
    pub search: CatchUp<SearchIndex>,
    /// The view that counts events.
    pub statistics: CatchUp<Statistics>,
}

/// There is no view of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such view; there are `search` and `statistics`")]
pub struct NoSuchView;

impl Views {
    /// Starts the views; `home` is where they may keep what they have folded.
    pub(super) fn start(shared: &Arc<Shared>, home: Home) -> std::io::Result<Self> {
        Ok(Self {
            search: CatchUp::start(shared.clone(), Some(home.clone()))?,
            statistics: CatchUp::start(shared.clone(), Some(home))?,
        })
    }

    /// Makes every view forget contacts that are being erased, before that is answered. The counts
    /// know nothing of anybody.
    ///
    /// # Errors
    /// What the contacts were may still be on the disk.
    pub(super) fn forget(&self, contacts: &[ContactId]) -> Result<(), KeepError> {
        self.search.forget(contacts)
    }

    /// The condition of every view.
    #[must_use]
    pub fn statuses(&self) -> [ViewStatus; 2] {
        [self.search.status(), self.statistics.status()]
    }

    /// The pause after a group of so many events that lets the search view come closer where it is
    /// far behind the log's head; none where it is close, or an event has stopped it. The counts are
    /// folded several times faster than events are written.
    pub(super) fn pause_after(&self, events: usize, head: Position) -> Duration {
        let status = self.search.status();
        if status.stopped.is_some() || status.position.plus(LAG_EVENTS_MAX) >= head {
            return Duration::ZERO;
        }
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        PAUSE_AN_EVENT.saturating_mul(events).min(PAUSE_MAX)
    }

    /// Builds a view anew from the log and then swaps it for the one that is read.
    ///
    /// # Errors
    /// [`NoSuchView`]
    pub fn rebuild(&self, name: &str) -> Result<(), NoSuchView> {
        match name {
            SearchIndex::NAME => self.search.rebuild(),
            Statistics::NAME => self.statistics.rebuild(),
            _ => return Err(NoSuchView),
        }
        Ok(())
    }

    pub(super) fn stop(&self) {
        self.search.stop();
        self.statistics.stop();
    }
}
