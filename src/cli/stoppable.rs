//! A part of the service that runs beside the others until it is told to stop.

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A task with its own signal to stop.
pub struct Stoppable {
    /// Becomes true to stop the task.
    pub stop: watch::Sender<bool>,
    /// The task that ends once it is told to.
    pub task: JoinHandle<()>,
}

impl Stoppable {
    /// Tells it to stop and waits until it has.
    pub async fn stop(self, what: &str) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "{what} ended by a fault");
        }
    }
}
