//! The inline view as the last orderly stop saved it: a short cut past folding the whole log.

use crate::domain::{EventId, Position};
use crate::log::{Reader, record};
use crate::projection::Contacts;
use crate::storage::Files;

/// The directory of views: everything in it can be made again from the log.
pub const VIEWS: &str = "views";
/// The file of the view of contacts, as of the last orderly stop.
pub const SNAPSHOT: &str = "contacts.view";

/// The view of the last orderly stop; `None` where there is none, where it cannot be read, or
/// where its last event is not in this log.
pub fn read(views: &dyn Files, reader: &Reader) -> Option<Contacts> {
    let length = views.len(SNAPSHOT).ok()?;
    let bytes = views
        .read_at(SNAPSHOT, 0, usize::try_from(length).ok()?)
        .ok()?;
    match Contacts::from_snapshot(&bytes) {
        Ok(view) if id_at(reader, view.position()) == view.last() => Some(view),
        Ok(_) => {
            tracing::warn!("the saved view is not of this log; it is folded from the start");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the saved view is not read; it is folded from the start");
            None
        }
    }
}

fn id_at(reader: &Reader, position: Position) -> Option<EventId> {
    let bytes = reader.get(position).ok()??;
    let record = record::decode(&bytes).ok()?;
    Some(record.event.header.id)
}
