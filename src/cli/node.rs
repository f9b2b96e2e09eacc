//! The service as a node of a cluster: its directory is found a log, and it takes part.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::data::{self, Data, Purpose, Running};
use super::exit::Failure;
use super::identity::{self, Identity};
use super::layout::{IDENTITY, Layout, NODE_KEY};
use super::options::DataOptions;
use super::plan::{BusOptions, ClusterOptions};
use super::set_aside;
use super::stoppable::Stoppable;
use crate::audit::{Cosigner, KeyName, Signer};
use crate::auth::Mode;
use crate::cluster::{NodeName, Role, Status};
use crate::domain::Position;
use crate::gateway::{Forward, Gateway};
use crate::http::Cluster;
use crate::keys::ClusterKey;
use crate::nats::cluster::{self, Cosigning, Forwarder, Found, Orders, Placing};
use crate::service::{Service, now};
use crate::storage::{FileAt, Files};

/// Opens a data directory as a node of a cluster. An empty one joins the cluster's log, or begins it
/// where no node has one.
///
/// # Errors
/// It is another node's, the cluster can't be asked, or as for any directory.
pub async fn open(
    options: &DataOptions,
    bus: &BusOptions,
    mode: Mode,
    cluster: &ClusterOptions,
) -> Result<Data, Failure> {
    let dir = data::held(options)?;
    set_aside::finish(&options.data_dir, &*dir)?;
    if !Layout::on(&*dir)?.has_begun()? {
        let target = bus.target(mode);
        let (members, key) = (&cluster.members, &cluster.key);
        let found = cluster::find_log(&target, &bus.prefix, members, key).await;
        match found.map_err(Failure::failed)? {
            Found::Begin => {}
            Found::Join { identity, answered } => {
                let identity = Identity::of_bytes(&identity)?;
                identity.must_sign_alike(options)?;
                if answered {
                    set_aside::must_reach(&*dir, None)?;
                }
                identity.write(&*dir)?;
            }
        }
    }
    let data = Data::take(dir, options, Purpose::Begin)?;
    identity::become_member(&*data.dir, cluster.members.own())?;
    Ok(data)
}

/// A node that does not take part yet.
pub struct Node {
    service: Service,
    options: cluster::Options,
    ends: (Arc<Placing>, Orders),
    status: watch::Sender<Option<Status>>,
    /// The directory of what this node is.
    files: Arc<dyn Files>,
    /// The directories in which logs lie that were set aside.
    aside: Vec<String>,
}

impl Node {
    /// The node over an open service, where there is a cluster to be in.
    ///
    /// # Errors
    /// As [`Node::new`].
    pub fn among(
        cluster: Option<(&BusOptions, ClusterOptions)>,
        mode: Mode,
        running: &Running,
    ) -> Result<Option<Self>, Failure> {
        let node = cluster.map(|(bus, cluster)| Self::new(bus, mode, cluster, running));
        node.transpose()
    }

    /// The node over an open service.
    ///
    /// # Errors
    /// What it would tell a node that joins can't be read.
    fn new(
        bus: &BusOptions,
        mode: Mode,
        cluster: ClusterOptions,
        running: &Running,
    ) -> Result<Self, Failure> {
        let log_id = running.log_id.to_string();
        let ClusterOptions { members, key } = cluster;
        let cosigner = cosigner(running, members.own())?;
        Ok(Self {
            service: running.opening.service.clone(),
            options: cluster::Options {
                target: bus.target(mode),
                prefix: bus.prefix.clone(),
                key: key.of_log(&log_id),
                log_id,
                members,
                reach: set_aside::reach(&*running.dir)?,
                behind: behind(&running.opening.service)?,
                cosigning: Cosigning::new(running.audit.clone(), cosigner),
                identity: Identity::read(&*running.dir)?
                    .signed_as(running.audit.key().name())
                    .to_bytes()?,
            },
            ends: cluster::orders(),
            status: watch::channel(None).0,
            files: running.dir.files(IDENTITY)?,
            aside: set_aside::kept(&running.dir.files("")?.path("")),
        })
    }

    /// Follows whether the log is to be set aside, and which position the next one must reach.
    pub fn set_aside(&self) -> watch::Receiver<Option<Position>> {
        self.ends.1.set_aside()
    }

    /// Follows whether an earlier process lives under this node's name.
    pub fn doubled(&self) -> watch::Receiver<bool> {
        self.ends.1.doubled()
    }

    /// The cluster, for those who look at it and have it do something.
    pub fn cluster(&self) -> Cluster {
        Cluster {
            status: self.status(),
            events: self.ends.1.events(),
            set_aside: self.aside.clone(),
        }
    }

    /// Follows the cluster as this node sees it.
    fn status(&self) -> watch::Receiver<Option<Status>> {
        self.status.subscribe()
    }

    /// What the rest of the process needs to know of the cluster.
    pub fn membership(&self) -> Membership {
        Membership {
            leads: leads(self.status()),
            key: self.options.key.clone(),
        }
    }

    /// Carries writes to the node that leads.
    pub fn forward(&self) -> Arc<dyn Forward> {
        let (_, orders) = &self.ends;
        Forwarder::new(self.options.clone(), self.status(), orders.clients())
    }

    /// Takes part from now on.
    pub fn start(self, gateway: &Gateway) -> Stoppable {
        let (stop, stopping) = watch::channel(false);
        let Self {
            service,
            options,
            ends,
            status,
            files,
            aside: _,
        } = self;
        tokio::spawn(note_when_whole(status.subscribe(), files));
        let clients = ends.1.clients();
        let mut answering = JoinSet::new();
        let seen = (clients, status.subscribe());
        let serving =
            cluster::serve_forwarded(gateway.clone(), options.clone(), seen, stopping.clone());
        answering.spawn(serving);
        let running = cluster::run(service, options, ends, status, stopping, answering);
        let task = tokio::spawn(async move {
            if let Err(error) = running.await {
                tracing::error!(%error, "this node takes no part in its cluster");
            }
        });
        Stoppable { stop, task }
    }
}

/// The age of a log's last event; none of a log that has none.
fn behind(service: &Service) -> Result<Duration, Failure> {
    let last = service.record(service.head()).map_err(Failure::failed)?;
    let last = last.map_or(u64::MAX, |record| record.event.header.time.millis());
    Ok(Duration::from_millis(now().millis().saturating_sub(last)))
}

/// The key of a node's disk, which is made with the disk and stays on it. Its name says whose it is.
fn cosigner(running: &Running, node: &NodeName) -> Result<Cosigner, Failure> {
    let name = format!("{}/{node}", running.audit.key().name());
    let name = KeyName::parse(&name)
        .ok_or_else(|| Failure::usage(format!("{name} is too long for the name of a key")))?;
    let file = FileAt::new(running.dir.files(IDENTITY)?, NODE_KEY);
    let signer = Signer::read_or_create(&file, name).map_err(Failure::usage)?;
    Ok(Cosigner::new(signer))
}

/// Forgets that the log must reach a position, once it has.
async fn note_when_whole(mut status: watch::Receiver<Option<Status>>, files: Arc<dyn Files>) {
    let whole = |status: &Option<Status>| matches!(status, Some(Status { reach: None, .. }));
    if status.wait_for(whole).await.is_ok()
        && let Err(error) = set_aside::has_reached(&*files)
    {
        tracing::warn!(%error, "it is not noted that this log counts for a majority");
    }
}

/// What publishing and taking durable commands need to know of the cluster.
pub struct Membership {
    /// Whether this node leads, which does both alone.
    pub leads: watch::Receiver<bool>,
    /// The secret of the cluster, for its log.
    pub key: ClusterKey,
}

/// Follows whether this node leads.
fn leads(mut status: watch::Receiver<Option<Status>>) -> watch::Receiver<bool> {
    let (tell, leads) = watch::channel(false);
    tokio::spawn(async move {
        while status.changed().await.is_ok() {
            let role = status
                .borrow_and_update()
                .as_ref()
                .map(|status| status.role);
            tell.send_if_modified(|leads| {
                let before = *leads;
                *leads = role == Some(Role::Leading);
                *leads != before
            });
        }
    });
    leads
}
