//! The catch-up views of a service.

use std::sync::Arc;

use super::ReadError;
use super::Service;
use super::catch_up::{CatchUp, ViewStatus};
use super::shared::Shared;
use crate::domain::{Contact, ContactId, Position, Status};
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

impl Service {
    /// The views that follow the log beside the writer.
    #[must_use]
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// Another view that follows the log, until it is dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn follow_with<V: View>(&self) -> std::io::Result<CatchUp<V>> {
        CatchUp::start(self.shared.clone())
    }

    /// Whether every view that goes on is close to the head. One that an event has stopped is not
    /// waited for: the rest of the service goes on without it.
    #[must_use]
    pub fn views_caught_up(&self) -> bool {
        let head = self.head();
        let close = |status: &ViewStatus| status.position.plus(LAG_EVENTS_MAX) >= head;
        let statuses = self.views.statuses();
        statuses
            .iter()
            .all(|status| status.stopped.is_some() || close(status))
    }

    /// A contact as a view found it: at the position of the change that the view had folded. None
    /// where its personal data has been destroyed since.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give it.
    pub fn found_at(
        &self,
        id: ContactId,
        position: Position,
    ) -> Result<Option<Contact>, ReadError> {
        let entry = self.shared.contacts.read().get(id).cloned();
        match entry.filter(|entry| entry.state.status != Status::Erased) {
            Some(entry) => self.contact_at(&entry, position),
            None => Ok(None),
        }
    }
}
