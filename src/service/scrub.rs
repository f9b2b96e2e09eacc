//! Reads again what nobody reads, so that damage is found while another copy can mend it.
//!
//! A thread goes round the log, the sealed files and the keys, slowly enough to be in nobody's way. What it
//! mends it says; what it cannot mend it says too, in the log, in a metric and in `/readyz`.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use super::shared::Shared;
use crate::audit::{self, Tiles, VerifierKey};
use crate::log::Mended;

/// What is read in a second at most, in bytes.
const BYTES_A_SECOND: u64 = 4 << 20;
/// The pause after each round.
const PAUSE: Duration = Duration::from_secs(10);

/// What the rounds have found since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// The number of rounds that came to their end.
    pub rounds: u64,
    /// The bytes that were read.
    pub bytes: u64,
    /// The tiles and bundles that were written again.
    pub files_repaired: u64,
    /// The stretches of the log that one copy held damaged and the other completed.
    pub log_repaired: u64,
    /// The slots of keys, or whole files of them, that one copy had lost and the other completed.
    pub keys_repaired: u64,
    /// What the last round could not read or mend, if there was something.
    pub failure: Option<String>,
}

/// The rounds of a running service.
pub struct Scrub {
    found: Arc<Mutex<Scrubbed>>,
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Scrub {
    /// Begins the first round.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(shared: Arc<Shared>, tiles: Tiles, key: VerifierKey) -> std::io::Result<Self> {
        let found = Arc::<Mutex<Scrubbed>>::default();
        let (stop, stopped) = channel();
        let mut round = Round {
            shared,
            tiles,
            key,
            found: found.clone(),
            stopped,
        };
        let thread = std::thread::Builder::new().name("scrub".into());
        let thread = thread.spawn(move || while round.run() {})?;
        Ok(Self {
            found,
            thread: Mutex::new(Some((stop, thread))),
        })
    }

    /// What was found so far.
    #[must_use]
    pub fn found(&self) -> Scrubbed {
        self.found.lock().clone()
    }

    /// Ends the round under way. It blocks.
    pub fn stop(&self) {
        let Some((stop, thread)) = self.thread.lock().take() else {
            return;
        };
        drop(stop);
        if thread.join().is_err() {
            tracing::error!("the scrub ended by a fault");
        }
    }
}

struct Round {
    shared: Arc<Shared>,
    tiles: Tiles,
    key: VerifierKey,
    found: Arc<Mutex<Scrubbed>>,
    stopped: Receiver<()>,
}

impl Round {
    /// Goes round once and pauses; whether to go on.
    fn run(&mut self) -> bool {
        let mut failures = Vec::new();
        for look in [Self::log, Self::sealed, Self::keys] {
            match look(self) {
                Ok(false) => return false,
                Ok(true) => {}
                Err(reason) => failures.push(reason),
            }
        }
        let failure = (!failures.is_empty()).then(|| failures.join("; "));
        {
            let mut found = self.found.lock();
            // Said when it begins and when it ends, not with every round.
            match &failure {
                Some(reason) if found.failure.as_ref() != Some(reason) => {
                    tracing::error!(%reason, "the scrub could not read or mend something");
                }
                None if found.failure.is_some() => {
                    tracing::info!(
                        "the scrub has read everything, and nothing is damaged any more"
                    );
                }
                Some(_) | None => {}
            }
            found.rounds += 1;
            found.failure = failure;
        }
        self.waits(PAUSE)
    }

    /// Reads both copies of the log; `false` where the service stops meanwhile.
    fn log(&self) -> Result<bool, String> {
        let (Mended { journal, store }, ended) =
            self.shared.reader.scrub(&mut |bytes| self.pace(bytes));
        for (copy, gap) in (journal.iter().map(|gap| ("journal", gap)))
            .chain(store.iter().map(|gap| ("store", gap)))
        {
            tracing::warn!("the {copy} {gap}; it is completed from the other copy");
        }
        self.found.lock().log_repaired += (journal.len() + store.len()) as u64;
        ended.map_err(|error| error.to_string())
    }

    /// Reads the sealed files; `false` where the service stops meanwhile.
    fn sealed(&self) -> Result<bool, String> {
        let log = &self.shared.reader;
        let scrubbed = audit::scrub(&self.tiles, &self.key, log, &mut |bytes| self.pace(bytes));
        let Some(files) = scrubbed.map_err(|error| error.to_string())? else {
            return Ok(false);
        };
        for coord in &files {
            tracing::warn!(%coord, "a sealed file was damaged and is written again");
        }
        self.found.lock().files_repaired += files.len() as u64;
        Ok(true)
    }

    /// Reads the keys, likewise.
    fn keys(&self) -> Result<bool, String> {
        let scrubbed = self.shared.keys.scrub(&mut |bytes| self.pace(bytes));
        let Some(repaired) = scrubbed.map_err(|error| error.to_string())? else {
            return Ok(false);
        };
        if repaired.file || repaired.slots > 0 {
            tracing::warn!("{repaired}");
            self.found.lock().keys_repaired += repaired.slots + u64::from(repaired.file);
        }
        match repaired.damaged.len() {
            0 => Ok(true),
            count => Err(format!("{count} contacts' keys are damaged in both copies")),
        }
    }

    /// Waits for as long as so many bytes may take.
    fn pace(&self, bytes: u64) -> bool {
        self.found.lock().bytes += bytes;
        self.waits(Duration::from_secs(1).mul_f64(bytes as f64 / BYTES_A_SECOND as f64))
    }

    /// Waits, and says whether to go on.
    fn waits(&self, time: Duration) -> bool {
        self.stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}
