//! What the writer does with groups that another service has decided: it takes them as they are,
//! puts them on the disk as one append, and folds them as its own.
//!
//! Whether a group has its place is not judged here but for its position.

use super::ApplyError;
use super::opened_groups::OpenedGroups;
use super::writer::Writer;
use crate::domain::Position;
use crate::keys::Slot;
use crate::log::AppendError;

impl Writer {
    /// Takes groups that follow the log's end, all of them or none; gives the position that the
    /// log has reached.
    ///
    /// # Errors
    /// [`ApplyError`]; after [`ApplyError::Failed`] the log is closed, and the others change
    /// nothing.
    pub(super) fn apply(&mut self, groups: OpenedGroups) -> Result<Position, ApplyError> {
        let OpenedGroups { first, pending } = groups;
        if pending.is_empty() {
            return Ok(self.shared.head());
        }
        let next = self.appender.next();
        if first != next {
            return Err(ApplyError::NotNext { next });
        }
        let entries: Vec<&[u8]> = pending.iter().map(|p| p.bytes.as_slice()).collect();
        self.appender
            .append(&entries)
            .map_err(|error| match error {
                AppendError::NotBegun(error) => ApplyError::NoRoom(error),
                error => ApplyError::Failed(error.to_string()),
            })?;
        let slots = pending.iter().filter_map(|pending| pending.slot);
        self.shared
            .keys
            .reach(slots.max().map_or_else(Slot::default, Slot::next));
        let events = pending.len();
        self.fold(pending)
            .map_err(|error| ApplyError::Failed(error.to_string()))?;
        self.shared.wake_followers();
        self.wait_for_views(events);
        Ok(self.shared.head())
    }
}
