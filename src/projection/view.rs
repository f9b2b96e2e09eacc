//! What a catch-up view is: a fold of the log that runs behind the writer, beside it.

use thiserror::Error;

use crate::domain::{Card, ContactId, Event, Registry};

/// A fold of the log from its first event on, kept in memory.
///
/// It holds no promise but this: the same events, in order, make the same view. A contact's content
/// that was destroyed by the time its event is folded comes as none at all, so that a view built
/// today knows nothing of whoever was erased yesterday.
pub trait View: Send + Sync + 'static {
    /// The view's name in paths and metrics.
    const NAME: &'static str;
    /// Raised when what it folds or how it answers changes. A new process builds it anew.
    const VERSION: u32;
    /// Whether it wants contents: opening them costs more than all the rest.
    const READS_CONTENT: bool;

    /// A view before the first event, for contacts of dialects with these rules.
    fn new(registry: Registry) -> Self;

    /// Folds the next event, with the Card that it wrote.
    ///
    /// # Errors
    /// [`FoldError`]: the view can't go on, and what it holds is not to be trusted.
    fn fold(&mut self, event: &Event, card: Option<&Card>) -> Result<(), FoldError>;
}

/// The reasons for which a view cannot fold an event.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FoldError {
    /// The event changes a contact that was never created.
    #[error("contact {id} was never created")]
    UnknownContact {
        /// The contact that the event names.
        id: ContactId,
    },
    /// The event creates a contact whose id is not greater than every id before.
    #[error("contact {id} is not in the order of creation")]
    OutOfOrder {
        /// The contact that the event creates.
        id: ContactId,
    },
    /// There are as many of something as a view can count.
    #[error("the view is full")]
    Full,
}
