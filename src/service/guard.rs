//! Watches over what the writer needs and cannot see while it waits: room on the disk, and a clock
//! that can be believed.
//!
//! A thread looks every second, and the writer before each group, so that the log closes before it
//! is too late and opens again by itself.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::clock::now;
use super::space::DiskState;
use super::steady::{Steady, since_boot};
use crate::domain::{Closed, Timestamp};
use crate::storage::{Room, Space};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// The time between two measurements of what the directory takes, each of which walks over all its
/// files.
const MEASURE_INTERVAL: Duration = Duration::from_secs(30);

/// Watches over the disk, the clock and the writer.
pub struct Guard {
    room: Arc<dyn Room>,
    accept_clock: bool,
    disk: Mutex<DiskState>,
    clock: Mutex<Steady>,
    used: Mutex<u64>,
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

/// The values of the last look.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The room on the disk.
    pub space: Option<Space>,
    /// What the data directory takes, in bytes.
    pub used: u64,
    /// The difference of the clock from what was expected, in milliseconds; positive where it is
    /// ahead.
    pub clock_offset_millis: i64,
    /// The number of times that the clock has jumped.
    pub clock_jumps: u64,
}

impl Guard {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(room: Arc<dyn Room>, accept_clock: bool) -> std::io::Result<Arc<Self>> {
        let guard = Arc::new(Self {
            room,
            accept_clock,
            disk: Mutex::default(),
            clock: Mutex::default(),
            used: Mutex::default(),
            thread: Mutex::default(),
        });
        guard.look();
        let (stop, stopped) = channel::<()>();
        let watching = guard.clone();
        let thread = std::thread::Builder::new().name("guard".into());
        let thread = thread.spawn(move || {
            let mut measured: Option<Instant> = None;
            loop {
                if measured.is_none_or(|at| at.elapsed() >= MEASURE_INTERVAL) {
                    watching.measure();
                    measured = Some(Instant::now());
                }
                match stopped.recv_timeout(INTERVAL) {
                    Err(RecvTimeoutError::Timeout) => watching.look(),
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        *guard.thread.lock() = Some((stop, thread));
        Ok(guard)
    }

    /// Looks at everything once, now.
    fn look(&self) {
        self.believes(now());
    }

    /// Looks at everything once, and tells whether the clock can be believed that says this.
    pub fn believes(&self, said: Timestamp) -> bool {
        self.disk.lock().look(&*self.room);
        let mut clock = self.clock.lock();
        clock.look(said, since_boot(), self.accept_clock);
        !clock.jumped
    }

    /// Looks again after something was written, where room was given up for it.
    pub fn settle(&self) {
        if self.disk.lock().full {
            self.look();
        }
    }

    fn measure(&self) {
        match self.room.used() {
            Ok(used) => *self.used.lock() = used,
            Err(error) => tracing::warn!(%error, "what the data directory takes is not known"),
        }
    }

    /// The reason for which a command is not taken, if there is one.
    #[must_use]
    pub fn refusal(&self, erases: bool) -> Option<Closed> {
        if self.clock.lock().jumped {
            return Some(Closed::ClockJumped);
        }
        self.disk.lock().refusal(&*self.room, erases)
    }

    /// What it saw when it last looked.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let clock = self.clock.lock();
        Seen {
            space: self.disk.lock().space,
            used: *self.used.lock(),
            clock_offset_millis: clock.offset,
            clock_jumps: clock.jumps,
        }
    }

    /// Ends the watch. It blocks.
    pub fn stop(&self) {
        let Some((stop, thread)) = self.thread.lock().take() else {
            return;
        };
        drop(stop);
        if thread.join().is_err() {
            tracing::error!("the guard ended by a fault");
        }
        self.settle();
    }
}
