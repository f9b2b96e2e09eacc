//! The moment of the kill: when so many answers have been received.

use std::{
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

/// Kills a process when it has been counted to a number.
pub struct Kill {
    pid: String,
    left: AtomicU64,
}

impl Kill {
    pub fn after(answers: u64, pid: u32) -> Self {
        Self {
            pid: pid.to_string(),
            left: AtomicU64::new(answers),
        }
    }

    /// Counts an answer. Requests of the other clients are under way at this moment.
    pub fn count(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let killed = Command::new("kill").args(["-KILL", &self.pid]).status();
            assert!(killed.expect("kill runs").success());
        }
    }
}
