//! What a catch-up view is: a fold of the log that runs behind the writer, beside it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use thiserror::Error;

use crate::domain::{Card, ContactId, Event, EventId, Position, Registry};
use crate::keys::{FileKeyError, FileKeys};
use crate::storage::{Files, StorageError};

/// A fold of the log from its first event on, in memory alone or with what it keeps on the disk.
///
/// It holds no promise but this: the same events, in order, make the same view. A contact's content
/// that was destroyed by the time its event is folded comes as none at all, so that a view built
/// today knows nothing of whoever was erased yesterday. What a view keeps on the disk it can read
/// again, or it is folded again from the log.
pub trait View: Sized + Send + Sync + 'static {
    /// The view's name in paths and metrics.
    const NAME: &'static str;
    /// Raised when what it folds or how it answers changes. A new process builds it anew.
    const VERSION: u32;
    /// Whether it wants contents: opening them costs more than all the rest.
    const READS_CONTENT: bool;
    /// The values that the view takes from the Card which an event wrote, such as its words for a search;
    /// `()` where it looks at no Card.
    type Extract: Send;

    /// A view before the first event, in memory alone.
    fn new() -> Self;

    /// The view as it was kept last, with the position it had reached; from the start where nothing
    /// was kept, or what was is damaged, of another version or of another log.
    fn resume(home: &Home, is_of_log: IsOfLog<'_>) -> (Self, Position) {
        let _ = (home, is_of_log);
        (Self::new(), Position::ZERO)
    }

    /// A view before the first event that will keep what it folds, but leaves alone what another
    /// one keeps until it is to [`take_over`](Self::take_over).
    fn beside(home: &Home) -> Self {
        let _ = home;
        Self::new()
    }

    /// A view before the first event that will keep what it folds of the whole log, while nobody
    /// reads it; what another one keeps is destroyed.
    ///
    /// # Errors
    /// The disk refused.
    fn afresh(home: &Home) -> Result<Self, KeepError> {
        Ok(Self::beside(home))
    }

    /// From now on the next process resumes from this view, and not from the other.
    ///
    /// # Errors
    /// The disk refused; the other one still counts.
    fn take_over(&mut self, other: &mut Self) -> Result<(), KeepError> {
        let _ = other;
        Ok(())
    }

    /// What it takes from the Card that an event wrote, by the rules of the contact's dialect. That
    /// is most of the work, and needs nothing but these: it is done on any thread, in any order.
    fn extract(registry: Registry, event: &Event, card: Option<&Card>) -> Self::Extract;

    /// Folds the next event, with what was taken from its Card. Readers see it where the view
    /// [is settled](Self::is_settled).
    ///
    /// # Errors
    /// [`FoldError`]: the view can't go on, and what it holds is not to be trusted.
    fn fold(&mut self, event: &Event, extract: Self::Extract) -> Result<(), FoldError>;

    /// Whether readers see all that was folded.
    fn is_settled(&self) -> bool {
        true
    }

    /// Shows readers what was folded. That costs less, the more is shown at once: so it is done when
    /// somebody reads.
    fn settle(&mut self) {}

    /// Does a small piece of the work that keeps it on the disk and in bounds.
    ///
    /// # Errors
    /// The disk refused; the piece was given up and is begun again.
    fn tend(&mut self) -> Result<Chore, KeepError> {
        Ok(Chore::Nothing)
    }

    /// Gives up the pieces of that work that are not done: a sync failed.
    fn give_up(&mut self) {}

    /// Whether it should fold nothing more until [`tend`](Self::tend) has gone on.
    fn is_full(&self) -> bool {
        false
    }

    /// Keeps everything folded so far, for the next process.
    ///
    /// # Errors
    /// The disk refused; the next process folds the rest again.
    fn keep(&mut self) -> Result<(), KeepError> {
        Ok(())
    }

    /// Forgets what contacts were, in memory and on the disk, before their erasure is folded.
    ///
    /// # Errors
    /// Not everything is gone: [`discard`](Self::discard) all of it.
    fn forget(&mut self, contacts: &[ContactId]) -> Result<(), KeepError> {
        let _ = contacts;
        Ok(())
    }

    /// Destroys everything that it keeps on the disk.
    ///
    /// # Errors
    /// The disk refused; call again.
    fn discard(&mut self) -> Result<(), KeepError> {
        Ok(())
    }

    /// The reason for which what it keeps cannot be believed, if there is one.
    fn fault(&self) -> Option<String> {
        None
    }
}

/// Whether the log has an event of this id at a position.
pub type IsOfLog<'a> = &'a dyn Fn(Position, EventId) -> bool;

/// The place where a view may keep what it has folded.
#[derive(Clone)]
pub struct Home {
    /// The directory of views.
    pub files: Arc<dyn Files>,
    /// Wraps the keys of the view's files.
    pub keys: FileKeys,
    /// The number of the next file: two views of a kind may write beside each other.
    pub numbers: Arc<AtomicU64>,
}

/// What there is to do for a view beside folding.
pub enum Chore {
    /// There is nothing to do.
    Nothing,
    /// There is more to do.
    More,
    /// A file is to be synced, which readers need not wait for, before anything else is done.
    Sync(Arc<dyn Files>, String),
}

/// The reasons for which a view cannot be kept on the disk, or not be read from there.
#[derive(Debug, Error)]
pub enum KeepError {
    /// The disk refused a read or a write.
    #[error(transparent)]
    File(#[from] StorageError),
    /// A file's key cannot be made or used.
    #[error(transparent)]
    Key(#[from] FileKeyError),
    /// The bytes are not those that were written.
    #[error("{0} is damaged")]
    Damaged(String),
    /// What was read before is not to be believed, for this reason.
    #[error("{0}")]
    Doubted(String),
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
    /// What the view keeps on the disk cannot be read or written; folded again, the event may do.
    #[error("what the view keeps cannot be used: {reason}")]
    Unkept {
        /// The reason, for the operator; it holds no personal data.
        reason: String,
    },
}
