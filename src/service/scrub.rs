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
use crate::keys::keys_of;
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
        let round = Round {
            shared,
            tiles,
            key,
            found: found.clone(),
            stopped,
            pause: PAUSE,
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
    /// The time between two rounds.
    pause: Duration,
}

impl Round {
    /// Goes round once and pauses; whether to go on.
    fn run(&self) -> bool {
        self.goes_round() && self.waits(self.pause)
    }

    /// Reads everything once; `false` where the service stops meanwhile.
    fn goes_round(&self) -> bool {
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
        true
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
            count => Err(format!(
                "both copies of {} are damaged",
                keys_of(count as u64)
            )),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{JOURNAL, STORE};
    use crate::service::tests::{create, opened, sealing};
    use crate::storage::{Disk, SimDisk};

    /// A round over a log of four events, all of them sealed, and what can end it.
    async fn round() -> (SimDisk, Round, Sender<()>) {
        let disk = SimDisk::new(1);
        let service = opened(&disk).service;
        create(&service, "a").await;
        create(&service, "a").await;
        let (tiles, mut integrator, signer) = sealing(&disk);
        let sealed = integrator.integrate(service.head(), service.reader());
        assert!(sealed.unwrap().is_some());
        let (stop, stopped) = channel();
        let round = Round {
            shared: service.shared.clone(),
            tiles,
            key: signer.verifier(),
            found: Arc::default(),
            stopped,
            pause: Duration::ZERO,
        };
        (disk, round, stop)
    }

    #[tokio::test]
    async fn what_one_copy_has_lost_is_mended_and_counted() {
        let (disk, round, _stop) = round().await;
        let looks = || [round.log(), round.sealed(), round.keys()];
        assert_eq!(looks(), [const { Ok(true) }; 3]);
        let sound = round.found.lock().clone();
        assert!(sound.bytes > 0);
        assert_eq!(
            (
                sound.log_repaired,
                sound.files_repaired,
                sound.keys_repaired
            ),
            (0, 0, 0)
        );

        let journal = disk.files(JOURNAL).unwrap().list().unwrap();
        disk.tamper_file(JOURNAL, &journal[0], |bytes| bytes[40] ^= 1);
        disk.tamper_store(STORE, |values| {
            let mut last = values.last_entry().unwrap();
            let mut damaged = last.get().to_vec();
            damaged[9] ^= 1;
            last.insert(damaged.into());
        });
        disk.tamper_file("audit", "tile/entries/000.p/4", |bytes| bytes[5] ^= 1);
        let flip = |place: usize| {
            disk.tamper_file("keys", "slots-1.copy.bin", |bytes| bytes[place] ^= 1);
        };
        for (places, count) in [(&[72 + 9][..], 1), (&[9], 1), (&[9, 72 + 9, 144 + 9], 3)] {
            places.iter().for_each(|place| flip(*place));
            let before = round.found.lock().keys_repaired;
            assert_eq!(looks(), [const { Ok(true) }; 3]);
            assert_eq!(
                round.found.lock().keys_repaired - before,
                count,
                "{places:?}"
            );
        }
        let mended = round.found.lock().clone();
        assert_eq!((mended.log_repaired, mended.files_repaired), (2, 1));
        for copy in ["slots-1.bin", "slots-1.copy.bin"] {
            disk.tamper_file("keys", copy, |bytes| bytes[72 + 9] ^= 1);
        }
        let failed = round.keys().unwrap_err();
        assert_eq!(failed, "both copies of 1 contact's key are damaged");
    }

    #[tokio::test]
    async fn rounds_are_counted_and_the_last_one_says_what_it_could_not_mend() {
        let (disk, round, _stop) = round().await;
        let flip = || {
            for copy in ["slots-1.bin", "slots-1.copy.bin"] {
                disk.tamper_file("keys", copy, |bytes| bytes[72 + 9] ^= 1);
            }
        };
        let failed = Some("both copies of 1 contact's key are damaged".to_owned());
        for (rounds, failure) in [(1, None), (2, failed), (3, None)] {
            assert!(round.run());
            let found = round.found.lock().clone();
            assert_eq!((found.rounds, found.failure), (rounds, failure));
            flip();
        }
    }

    #[tokio::test]
    async fn a_scrub_is_seen_and_ends_with_its_service() {
        let disk = SimDisk::new(1);
        let service = opened(&disk).service;
        let (tiles, _, signer) = sealing(&disk);
        for _ in 0..2 {
            service.scrub(tiles.clone(), signer.verifier()).unwrap();
        }
        assert!(service.scrubbed().is_some());
        let scrub = service.scrub.get().unwrap();
        scrub.found.lock().files_repaired = 7;
        assert_eq!(
            service.scrubbed().map(|found| found.files_repaired),
            Some(7)
        );
        service.stop();
        assert_eq!(
            Arc::strong_count(&service.shared),
            1,
            "every thread has ended"
        );
    }

    #[tokio::test]
    async fn a_round_ends_when_the_service_stops() {
        let (_disk, round, stop) = round().await;
        assert!(round.pace(0) && round.waits(Duration::from_millis(1)));
        drop(stop);
        assert!(!round.pace(0) && !round.waits(Duration::from_millis(1)));
        assert_eq!(round.keys(), Ok(false));
        assert!(!round.run());
    }
}
