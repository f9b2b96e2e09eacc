//! The catch-up views of a service.

use std::sync::Arc;

use super::catch_up::{CatchUp, ViewStatus};
use super::shared::Shared;
use crate::projection::{SearchIndex, Statistics, View};

/// A view that is further behind than this is still catching up.
pub const LAG_EVENTS_MAX: u64 = 10_000;

/// The views that follow the log beside the writer.
pub struct Views {
    /// Finds contacts.
    pub search: CatchUp<SearchIndex>,
    /// Counts events.
    pub statistics: CatchUp<Statistics>,
}

/// There is no view of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such view; there are `search` and `statistics`")]
pub struct NoSuchView;

impl Views {
    pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<Self> {
        Ok(Self {
            search: CatchUp::start(shared.clone())?,
            statistics: CatchUp::start(shared.clone())?,
        })
    }

    /// How each of them is.
    #[must_use]
    pub fn statuses(&self) -> [ViewStatus; 2] {
        [self.search.status(), self.statistics.status()]
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
