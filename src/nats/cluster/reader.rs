//! The stream's messages as they come, until nobody wants them any more.

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::cluster::Event;

/// What reads the stream from some sequence on.
pub struct Reader {
    pub reads: mpsc::Receiver<Event>,
    pub task: AbortHandle,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The next message of the stream; `None` where the reading has ended. Without a reader it waits.
pub async fn next(reader: &mut Option<Reader>) -> Option<Event> {
    match reader {
        Some(reader) => reader.reads.recv().await,
        None => std::future::pending().await,
    }
}
