//! What is done to the service, and undone again.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::rig::Rig;
use crate::calls::chance::Chance;

/// The longest that a fault may take to show.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Kill,
    /// Killed, and again while it starts or right after.
    KillTwice,
    /// SIGSTOP, and SIGCONT later.
    Pause,
    FullDisk,
    /// Killed and started on a disk without room.
    KillOnFullDisk,
    /// No file can be opened any more, no connection taken.
    NoDescriptors,
    ClockAhead,
    ClockBehind,
    /// Killed; the clock is wrong when it should start.
    KillUnderWrongClock,
    /// `kill -9` of the broker, and a start some time later.
    BrokerKilled,
    BrokerPaused,
    /// The service is killed and started while there is no broker.
    KillWithoutBroker,
}

impl Fault {
    pub const ALL: [Self; 12] = [
        Self::Kill,
        Self::FullDisk,
        Self::Pause,
        Self::ClockAhead,
        Self::BrokerKilled,
        Self::NoDescriptors,
        Self::KillTwice,
        Self::ClockBehind,
        Self::KillOnFullDisk,
        Self::BrokerPaused,
        Self::KillUnderWrongClock,
        Self::KillWithoutBroker,
    ];

    /// Does it, lets it last, and undoes it. When this returns the last of it is over.
    pub async fn strike(self, rig: &mut Rig, chance: &mut Chance) {
        let a_while = Duration::from_millis(50 + chance.below(450));
        let last = || tokio::time::sleep(a_while);
        match self {
            Self::Kill => restart(rig).await,
            Self::KillTwice => {
                restart(rig).await;
                tokio::time::sleep(a_while / 8).await;
                restart(rig).await;
            }
            Self::Pause => {
                rig.signal(Signal::STOP);
                last().await;
                rig.signal(Signal::CONT);
            }
            Self::FullDisk => {
                rig.disk.fill();
                refuses(rig, "disk_full").await;
                last().await;
                rig.disk.free();
            }
            Self::KillOnFullDisk => {
                rig.disk.fill();
                restart(rig).await;
                refuses(rig, "disk_full").await;
                rig.disk.free();
            }
            Self::NoDescriptors => {
                rig.limit(1);
                last().await;
                rig.unlimit();
            }
            Self::ClockAhead | Self::ClockBehind => {
                rig.set_clock(if self == Self::ClockAhead { 2 } else { -2 });
                refuses(rig, "clock_jumped").await;
                last().await;
                rig.set_clock(0);
            }
            Self::KillUnderWrongClock => {
                rig.kill();
                rig.set_clock(-2);
                let refused = tokio::task::block_in_place(|| rig.try_start());
                let (code, said) = refused.expect_err("a start in the past");
                assert!(code == Some(2) && said.contains("--accept-clock"), "{said}");
                rig.set_clock(0);
                tokio::task::block_in_place(|| rig.start());
            }
            Self::BrokerKilled => {
                rig.broker.kill();
                last().await;
                tokio::task::block_in_place(|| rig.broker.start());
            }
            Self::BrokerPaused => {
                rig.broker.signal(Signal::STOP);
                last().await;
                rig.broker.signal(Signal::CONT);
            }
            Self::KillWithoutBroker => {
                rig.broker.kill();
                restart(rig).await;
                last().await;
                tokio::task::block_in_place(|| rig.broker.start());
            }
        }
    }
}

async fn restart(rig: &mut Rig) {
    tokio::task::block_in_place(|| {
        rig.kill();
        rig.start();
    });
}

/// Waits until the service says that it takes no writes for this reason, and reads all the same.
async fn refuses(rig: &Rig, reason: &str) {
    let begun = Instant::now();
    loop {
        let ready = rig.server().try_send("GET", "/readyz", &[], None).await;
        let closed = ready.ok().map(|ready| ready.json()["closed"].clone());
        if closed == Some(Value::from(reason)) {
            break;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{reason} is not seen: {closed:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let read = rig.server().send("GET", "/contacts?limit=1", &[], None);
    assert_eq!(read.await.status, 200, "reads go on: {reason}");
}
