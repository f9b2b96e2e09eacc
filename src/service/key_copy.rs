//! The thread that syncs the second copy of new contacts' keys while the writer syncs the first: the
//! file system takes both at once.
//!
//! It lives as long as the writer: a lone command would wait longer for a new thread than for the
//! disk.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::shared::Shared;
use crate::storage::StorageError;

/// Syncs the second copy of keys, beside whoever asks for it.
pub struct KeyCopy {
    /// The way to the thread; `None` only while this is dropped.
    ask: Option<SyncSender<()>>,
    done: Receiver<Result<(), StorageError>>,
    thread: Option<JoinHandle<()>>,
}

impl KeyCopy {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        let (results, done) = sync_channel(1);
        let sync = move || {
            for () in asked {
                if results.send(shared.keys.sync_copy()).is_err() {
                    return;
                }
            }
        };
        Ok(Self {
            ask: Some(ask),
            done,
            thread: Some(Builder::new().name("key-copy".into()).spawn(sync)?),
        })
    }

    /// Syncs the first copy, as `first` does it, while the second is synced, and waits for both.
    ///
    /// # Errors
    /// The disk refused either.
    pub fn beside(&self, first: &dyn Fn() -> Result<(), StorageError>) -> Result<(), StorageError> {
        let asked = self.ask.as_ref().map(|ask| ask.send(()));
        let synced = first();
        let copied = match asked {
            Some(Ok(())) => self.done.recv().unwrap_or_else(|_| Err(gone())),
            _ => Err(gone()),
        };
        synced.and(copied)
    }
}

impl Drop for KeyCopy {
    fn drop(&mut self) {
        drop(self.ask.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that syncs keys ended by a fault");
        }
    }
}

fn gone() -> StorageError {
    StorageError::Io {
        action: "reach",
        name: "the thread that syncs keys".to_owned(),
        cause: io::ErrorKind::BrokenPipe.into(),
    }
}
