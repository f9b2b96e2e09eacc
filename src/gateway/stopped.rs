//! The end of the service, which every part of it waits for beside its own work.

use tokio::sync::watch;

/// Waits until the service stops. It also returns when the sender of that signal is gone, for then
/// the service is stopping too.
pub async fn stopped(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stopping| *stopping).await);
}
