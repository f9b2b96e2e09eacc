//! The end of the service, which every part of the bus waits for beside its own work.

use tokio::sync::watch;

/// Waits until the service stops. It also returns when the sender of that signal is gone.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stopping| *stopping).await);
}
