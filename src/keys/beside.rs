//! The thread that syncs the second copy of keys while another thread syncs the first: the file system
//! takes both at once.
//!
//! It lives as long as the keys are open: whoever waits for two keys would wait longer for a new thread than
//! for the disk.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use parking_lot::Mutex;

use crate::storage::{Files, StorageError};

/// Syncs two files at once.
pub(super) struct Beside {
    files: Arc<dyn Files>,
    /// The thread, once there was something to be synced.
    running: Mutex<Option<Running>>,
}

struct Running {
    /// The way to the thread; `None` only while this is dropped.
    ask: Option<SyncSender<String>>,
    done: Receiver<Result<(), StorageError>>,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    /// Of these files; nothing runs before something is synced.
    pub(super) fn new(files: Arc<dyn Files>) -> Self {
        Self {
            files,
            running: Mutex::default(),
        }
    }

    /// Syncs both files; they are on the disk when this returns.
    ///
    /// # Errors
    /// The disk refused either.
    pub(super) fn sync(&self, [first, second]: &[String; 2]) -> Result<(), StorageError> {
        let mut running = self.running.lock();
        if running.is_none() {
            *running = Running::start(self.files.clone()).ok();
        }
        let asked = running.as_ref().filter(|running| running.ask(second));
        let synced = self.files.sync(first);
        let copied = match asked {
            Some(running) => running.done.recv().unwrap_or_else(|_| Err(gone())),
            // Where the system gives no thread, one after the other does as well.
            None => self.files.sync(second),
        };
        synced.and(copied)
    }
}

impl Running {
    fn start(files: Arc<dyn Files>) -> io::Result<Self> {
        let (ask, asked) = sync_channel::<String>(1);
        let (results, done) = sync_channel(1);
        let sync = move || {
            for name in asked {
                if results.send(files.sync(&name)).is_err() {
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

    /// Whether the thread syncs a file from now on.
    fn ask(&self, name: &str) -> bool {
        let ask = self.ask.as_ref();
        ask.is_some_and(|ask| ask.send(name.to_owned()).is_ok())
    }
}

impl Drop for Running {
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
