//! What is done to a node, a broker or a link, and undone again.

use std::time::Duration;

use rustix::process::Signal;

use super::link::Flow;
use super::{Brokers, COUNT, Rig, eventually};
use crate::calls::chance::Chance;

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    LeaderKilled,
    /// SIGSTOP until another leads, then SIGCONT.
    LeaderPaused,
    LeaderStopped,
    FollowerKilled,
    /// The leader and one more.
    MajorityKilled,
    AllKilled,
    /// The leader's links end.
    LeaderCutOff,
    /// The leader's links stay, and nothing comes through.
    LeaderSilent,
    /// What the leader sends does not arrive.
    LeaderMute,
    /// What the leader sends and gets comes late.
    LeaderLate,
    FollowerSilent,
    /// Nothing comes through to the broker that a follower is connected to, so that it takes another.
    FollowerLinkSilent,
    /// A follower's directory is gone.
    FollowerWiped,
    LeaderDiskFull,
    FollowerDiskFull,
    ClockAhead,
    ClockBehind,
    /// The broker that leads the stream is killed.
    BrokerKilled,
    BrokerPaused,
    /// It and the other brokers hear nothing of each other.
    BrokerSplit,
    /// It dies together with the node that leads.
    BrokerAndLeaderKilled,
    /// Two brokers come back with what was on their disks earlier.
    BrokersOlder,
    /// All brokers lose everything.
    BrokersWiped,
}

impl Fault {
    pub const ALL: [Self; 23] = [
        Self::LeaderKilled,
        Self::LeaderSilent,
        Self::FollowerWiped,
        Self::LeaderDiskFull,
        Self::LeaderPaused,
        Self::BrokerKilled,
        Self::LeaderCutOff,
        Self::ClockAhead,
        Self::LeaderStopped,
        Self::LeaderMute,
        Self::BrokersWiped,
        Self::AllKilled,
        Self::FollowerKilled,
        Self::LeaderLate,
        Self::BrokerPaused,
        Self::MajorityKilled,
        Self::FollowerSilent,
        Self::FollowerLinkSilent,
        Self::BrokersOlder,
        Self::FollowerDiskFull,
        Self::BrokerSplit,
        Self::ClockBehind,
        Self::BrokerAndLeaderKilled,
    ];

    /// Does it, lets it last, and undoes it. When this returns the last of it is over.
    pub async fn strike(self, rig: &mut Rig, chance: &mut Chance) {
        let leads = rig.leader().await;
        let follows = (leads + 1 + chance.below(COUNT as u64 - 1) as usize) % COUNT;
        let a_while = Duration::from_millis(100 + chance.below(900));
        let last = || tokio::time::sleep(a_while);
        match self {
            Self::LeaderKilled => {
                rig.nodes[leads].kill();
                rig.another_leads(leads).await;
                start(rig, leads);
            }
            Self::LeaderPaused => {
                rig.nodes[leads].signal("-STOP");
                rig.another_leads(leads).await;
                rig.nodes[leads].signal("-CONT");
            }
            Self::LeaderStopped => {
                let code = tokio::task::block_in_place(|| rig.nodes[leads].stop());
                assert_eq!(code, Some(0));
                start(rig, leads);
            }
            Self::FollowerKilled => {
                rig.nodes[follows].kill();
                last().await;
                start(rig, follows);
            }
            Self::MajorityKilled => {
                rig.nodes[leads].kill();
                rig.nodes[follows].kill();
                last().await;
                start(rig, leads);
                start(rig, follows);
            }
            Self::AllKilled => {
                rig.nodes.iter_mut().for_each(super::Node::kill);
                (0..COUNT).for_each(|index| start(rig, index));
            }
            Self::BrokerKilled
            | Self::BrokerPaused
            | Self::BrokerSplit
            | Self::BrokerAndLeaderKilled
            | Self::BrokersOlder
            | Self::BrokersWiped => self.strike_brokers(rig, leads, a_while).await,
            _ => self.strike_around(rig, (leads, follows), a_while).await,
        }
    }

    /// Faults of what is around a process: its links, its disk, its clock.
    async fn strike_around(self, rig: &mut Rig, which: (usize, usize), a_while: Duration) {
        let (leads, follows) = which;
        match self {
            Self::LeaderCutOff => linked(rig, leads, Flow::Cut).await,
            Self::LeaderSilent => linked(rig, leads, Flow::Silent).await,
            Self::LeaderMute => linked(rig, leads, Flow::Mute).await,
            Self::LeaderLate => {
                rig.nodes[leads].link(Flow::Late(a_while / 4));
                tokio::time::sleep(a_while).await;
                rig.nodes[leads].link(Flow::Open);
            }
            Self::FollowerSilent => {
                rig.nodes[follows].link(Flow::Silent);
                tokio::time::sleep(a_while * 8).await;
                rig.nodes[follows].link(Flow::Open);
            }
            Self::FollowerLinkSilent => {
                rig.nodes[follows].first_link(Flow::Silent);
                // It may be connected to another one already.
                tokio::time::sleep(a_while * 8).await;
                takes_writes(rig, follows).await;
                rig.nodes[follows].first_link(Flow::Open);
            }
            Self::FollowerWiped => {
                rig.nodes[follows].kill();
                rig.nodes[follows].wipe();
                start(rig, follows);
            }
            Self::LeaderDiskFull => {
                rig.nodes[leads].disk.fill();
                another_takes_writes(rig, leads).await;
                rig.nodes[leads].disk.free();
            }
            Self::FollowerDiskFull => {
                rig.nodes[follows].disk.fill();
                tokio::time::sleep(a_while * 2).await;
                rig.nodes[follows].disk.free();
            }
            Self::ClockAhead | Self::ClockBehind => {
                let hours = if self == Self::ClockAhead { 2 } else { -2 };
                rig.nodes[leads].set_clock(hours);
                another_takes_writes(rig, leads).await;
                rig.nodes[leads].set_clock(0);
            }
            _ => unreachable!("{self:?} strikes something else"),
        }
    }

    async fn strike_brokers(self, rig: &mut Rig, leads: usize, a_while: Duration) {
        let broker = stream_leader(rig).await;
        let others = [(broker + 1) % COUNT, (broker + 2) % COUNT];
        match self {
            Self::BrokerKilled => {
                rig.brokers.kill(broker);
                moved(rig, broker).await;
                start_broker(rig, broker);
            }
            Self::BrokerPaused => {
                rig.brokers.signal(broker, Signal::STOP);
                moved(rig, broker).await;
                rig.brokers.signal(broker, Signal::CONT);
            }
            Self::BrokerSplit => {
                rig.brokers.link(broker, Flow::Cut);
                moved(rig, broker).await;
                rig.brokers.link(broker, Flow::Open);
            }
            Self::BrokerAndLeaderKilled => {
                rig.brokers.kill(broker);
                rig.nodes[leads].kill();
                moved(rig, broker).await;
                start_broker(rig, broker);
                start(rig, leads);
            }
            Self::BrokersOlder => {
                let copies = others.map(|index| rig.brokers.copy(index));
                tokio::time::sleep(a_while).await;
                (0..COUNT).for_each(|index| rig.brokers.kill(index));
                for (index, copy) in others.iter().zip(&copies) {
                    rig.brokers.put_back(*index, copy);
                    start_broker(rig, *index);
                }
                // What it has is more, and must give way where the two have gone on.
                moved(rig, broker).await;
                start_broker(rig, broker);
            }
            _ => {
                for index in 0..COUNT {
                    rig.brokers.kill(index);
                    rig.brokers.wipe(index);
                }
                (0..COUNT).for_each(|index| start_broker(rig, index));
            }
        }
    }
}

fn start(rig: &mut Rig, index: usize) {
    tokio::task::block_in_place(|| rig.nodes[index].start());
}

fn start_broker(rig: &mut Rig, index: usize) {
    tokio::task::block_in_place(|| rig.brokers.start(index));
}

/// Changes a leader's links until another leads.
async fn linked(rig: &Rig, leads: usize, flow: Flow) {
    rig.nodes[leads].link(flow);
    another_takes_writes(rig, leads).await;
    rig.nodes[leads].link(Flow::Open);
}

/// Waits until a node other than this one says that it leads: the old one does not know better yet.
async fn another_takes_writes(rig: &Rig, before: usize) {
    eventually("another leads", async || {
        for (index, node) in rig.nodes.iter().enumerate() {
            let state = node.get(&rig.probe, "/cluster", &rig.token).await;
            if index != before && state.is_some_and(|state| state["role"] == "leader") {
                return Some(());
            }
        }
        None
    })
    .await;
}

/// Waits until a node says that it is ready, and has what the leader has.
async fn takes_writes(rig: &Rig, index: usize) {
    eventually("it is ready again", async || {
        let (node, leads) = (&rig.nodes[index], &rig.nodes[rig.leader().await]);
        let head = leads.get(&rig.probe, "/readyz", &rig.token).await?["position"].as_u64()?;
        let asked = rig.probe.get(format!("{}/readyz", node.url)).send().await;
        let ready = asked.ok().filter(|ready| ready.status() == 200)?;
        let ready: serde_json::Value = ready.json().await.ok()?;
        (ready["position"].as_u64()? >= head).then_some(())
    })
    .await;
}

/// The number of the broker that leads the stream of the order.
async fn stream_leader(rig: &Rig) -> usize {
    leader_but(rig, None).await
}

/// Waits until another broker than this one leads the stream.
async fn moved(rig: &Rig, before: usize) {
    leader_but(rig, Some(before)).await;
}

async fn leader_but(rig: &Rig, but: Option<usize>) -> usize {
    let names: Vec<String> = (0..COUNT).map(Brokers::name).collect();
    eventually("a broker leads the stream", async || {
        let asked = (0..COUNT).find(|index| Some(*index) != but)?;
        let asked = if but.is_none() { 0 } else { asked };
        let client = async_nats::connect(rig.brokers.url(asked)).await.ok()?;
        // A broker without a leader does not answer.
        let streams = async_nats::jetstream::ContextBuilder::new()
            .timeout(Duration::from_secs(1))
            .build(client);
        let stream = streams.get_stream("CONTACT_LOG").await.ok()?;
        let leader = stream.cached_info().cluster.as_ref()?.leader.clone()?;
        let leader = names.iter().position(|name| *name == leader)?;
        (Some(leader) != but).then_some(leader)
    })
    .await
}
