//! The stream's messages as they come, until nobody wants them any more.

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::cluster::Event;

/// The reading of the stream that orders, from some sequence on: a task that ends when this is dropped.
pub struct Reader {
    /// The messages that were read, in the stream's order.
    pub reads: mpsc::Receiver<Event>,
    /// The task that reads them.
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
