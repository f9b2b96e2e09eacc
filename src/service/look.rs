//! Reads that look at much run beside the threads that serve sockets, a few at a time: each holds in
//! memory what it has found, so what many may find at once is bounded by how many may look at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ReadError;

/// Reads that look at the same time, at least and at most.
const LOOKING: (usize, usize) = (4, 16);

/// The places for those who look. Clones share them.
#[derive(Clone)]
pub struct Looking(Arc<Semaphore>);

impl Default for Looking {
    /// Twice as many as there are processors: half of them wait for the disk.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let (least, most) = LOOKING;
        Self(Arc::new(Semaphore::new(
            (2 * processors).clamp(least, most),
        )))
    }
}

impl Looking {
    /// A place, once there is one.
    ///
    /// # Errors
    /// [`ReadError::Busy`] where there was none for so long.
    pub async fn place(&self, patience: Duration) -> Result<OwnedSemaphorePermit, ReadError> {
        let place = self.0.clone().acquire_owned();
        match tokio::time::timeout(patience, place).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(ReadError::Busy),
        }
    }
}
