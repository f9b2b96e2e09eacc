//! The catch-up views of a service.

use std::sync::Arc;

use super::catch_up::{CatchUp, ViewStatus};
use super::shared::Shared;
use crate::projection::{SearchIndex, Statistics, View};

/// A view that is further behind than this is still catching up.
pub const LAG_EVENTS_MAX: u64 = 10_000;

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
    pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<Self> {
        Ok(Self {
            search: CatchUp::start(shared.clone())?,
            statistics: CatchUp::start(shared.clone())?,
        })
    }

    /// The condition of every view.
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
