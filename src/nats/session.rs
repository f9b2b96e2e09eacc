//! One connection to the broker after another, and the parts that run on each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Client, jetstream};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::commands::Commands;
use super::connect::Target;
use super::cursor::CursorFile;
use super::dead_letter::DeadLetters;
use super::desk::Desk;
use super::mac::MacKey;
use super::publish_error::PublishError;
use super::publisher::Publisher;
use super::rpc::Rpc;
use super::subjects::{Kept, Prefix};
use super::twin::Twins;
use super::unreadable::Unreadable;
use super::{claim, connect, streams};
use crate::domain::Registry;
use crate::gateway::{Bus, Gateway, Health, stopped};
use crate::keys::ClusterKey;
use crate::storage::Files;
use crate::wire::Detail;

/// The first pause before the broker is tried again, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The longest pause after a connection that was of use, however short it was: whoever sends what the
/// client library can't read ends it, and the others are kept waiting no longer than this.
const PAUSE_AFTER_USE: Duration = Duration::from_millis(200);
/// The longest that the parts may take to finish what they have begun.
const FINISH: Duration = Duration::from_secs(20);

/// What being on the bus needs to know.
#[derive(Clone)]
pub struct Options {
    /// The addresses of the broker, and the login of this service.
    pub target: Target,
    /// The first token of every subject.
    pub prefix: Prefix,
    /// The level of detail at which events are published.
    pub detail: Detail,
    /// Whether dead letters keep the payload and query of their commands.
    pub dead_letter_content: bool,
    /// The id of this directory's log.
    pub log_id: String,
    /// The folder in which the publisher keeps its cursor.
    pub cursor: Arc<dyn Files>,
    /// The newest signed checkpoint; empty until there is one. Each is sent to whoever listens, the
    /// newest again over each new connection.
    pub checkpoints: Option<watch::Receiver<Bytes>>,
    /// Whether this node leads its cluster; none where it is alone. Only who leads publishes and
    /// takes durable commands.
    pub leads: Option<watch::Receiver<bool>>,
    /// The secret of the cluster that this node is in, for this log.
    pub cluster_key: Option<ClusterKey>,
}

/// Stays on the bus until `stopping` becomes true: publishes events, answers requests, takes
/// durable commands. No failure of the broker ends it; the state of the bus is in the gateway's
/// health.
pub async fn run(
    gateway: Gateway,
    registry: Registry,
    options: Options,
    mut stopping: watch::Receiver<bool>,
) {
    // The nodes of a cluster share their log on purpose.
    let twins = options.leads.is_none().then(|| {
        let service = gateway.service.clone();
        Twins::new(service, &options.prefix, &options.log_id)
    });
    let session = Session {
        gateway,
        registry,
        options,
        twins,
    };
    session.gateway.health.set_bus(Bus::Away {
        reason: "there has been no connection yet".to_owned(),
    });
    let mut pause = PAUSE_MIN;
    let mut begun = Instant::now();
    while !*stopping.borrow() {
        let ended = session.run(&mut stopping).await;
        session.gateway.health.set_broker(None);
        // A connection that was of use is made again at once; one that was refused is not.
        if begun.elapsed() > PAUSE_MAX {
            pause = PAUSE_MIN;
        } else if session.gateway.health.bus() == Bus::Connected {
            pause = pause.min(PAUSE_AFTER_USE);
        }
        match ended {
            Ok(()) => break,
            Err(error) => not_used(&session.gateway.health, error),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(&mut stopping) => break,
        }
        pause = (pause * 2).min(PAUSE_MAX);
        begun = Instant::now();
    }
    let reason = "the service stops".to_owned();
    session.gateway.health.set_bus(Bus::Away { reason });
}

/// Says why the bus is not used: in the log, where that is new, and in the health.
fn not_used(health: &Health, why: PublishError) {
    let is_new = |bus: &Bus| health.bus() != *bus;
    let bus = match why {
        PublishError::Halted { reason } => Bus::Halted { reason },
        PublishError::OtherLog { reason } => Bus::OtherLog { reason },
        PublishError::Lost { what, reason } => Bus::Away {
            reason: format!("{what}: {reason}"),
        },
    };
    match &bus {
        bus if !is_new(bus) => {}
        Bus::Away { reason } => {
            tracing::warn!(%reason, "the broker is away; events wait in the log");
        }
        Bus::Halted { reason } | Bus::OtherLog { reason } => {
            tracing::error!(%reason, "the bus is not used");
        }
        Bus::Off | Bus::Connected => {}
    }
    health.set_bus(bus);
}

/// What every session, the time of one connection, begins with.
struct Session {
    gateway: Gateway,
    registry: Registry,
    options: Options,
    /// Other processes over copies of this log; `None` of a cluster's node.
    twins: Option<Twins>,
}

impl Session {
    /// Runs one connection until it is lost or the service stops. Where the lead comes or goes the
    /// parts of whoever leads do too, and requests are answered throughout.
    async fn run(&self, stopping: &mut watch::Receiver<bool>) -> Result<(), PublishError> {
        let options = &self.options;
        let mut lead = options.leads.clone();
        let connecting = connect::connect(&options.target, &options.prefix);
        let mut connection = tokio::select! {
            connected = connecting => connected?,
            () = stopped(stopping) => return Ok(()),
        };
        let client = connection.client.clone();
        let mut alone = tokio::select! {
            alone = self.alone(&client) => alone?,
            ended = connection.ended() => return Err(ended),
            () = stopped(stopping) => return Ok(()),
        };
        let mut answering = JoinSet::new();
        loop {
            let leads = lead.as_mut().is_none_or(|lead| *lead.borrow_and_update());
            let (client, stop) = (connection.client.clone(), stopping.clone());
            let mut parts = tokio::select! {
                parts = self.parts(client.clone(), &stop, leads) => parts?,
                ended = connection.ended() => return Err(ended),
                () = stopped(stopping) => JoinSet::new(),
            };
            if answering.is_empty() && !*stopping.borrow() {
                let rpc = self.rpc();
                answering.spawn(async move { rpc.run(&client, stop).await });
            }
            tokio::select! {
                error = first_error(&mut parts) => return Err(error),
                error = first_error(&mut answering) => return Err(error),
                error = first_error(&mut alone) => return Err(error),
                ended = connection.ended() => return Err(ended),
                () = moved(&mut lead) => {}
                () = stopped(stopping) => {
                    let finished = async {
                        while parts.join_next().await.is_some() {}
                        while answering.join_next().await.is_some() {}
                        // The last acknowledgements may still be on their way out.
                        drop(connection.client.flush().await);
                    };
                    if tokio::time::timeout(FINISH, finished).await.is_err() {
                        tracing::warn!("the bus did not finish in time; commands will come again");
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Looks whether another process over a copy of this log goes before this one, and keeps looking:
    /// the set ends with an error where one does.
    async fn alone(
        &self,
        client: &Client,
    ) -> Result<JoinSet<Result<(), PublishError>>, PublishError> {
        let mut looking = JoinSet::new();
        let Some(twins) = &self.twins else {
            return Ok(looking);
        };
        twins.serves(false);
        let asked = twins.listen(client).await?;
        looking.spawn(twins.clone().answer(client.clone(), asked));
        twins.ask(client).await?;
        twins.serves(true);
        looking.spawn(twins.clone().watch(client.clone()));
        Ok(looking)
    }

    fn rpc(&self) -> Rpc {
        Rpc {
            gateway: self.gateway.clone(),
            prefix: self.options.prefix.clone(),
            log_id: self.options.log_id.as_str().into(),
        }
    }

    /// Looks whether the broker is this log's, and starts the parts of whoever leads as tasks, which end
    /// when the set is dropped.
    async fn parts(
        &self,
        client: Client,
        stopping: &watch::Receiver<bool>,
        leads: bool,
    ) -> Result<JoinSet<Result<(), PublishError>>, PublishError> {
        let context = jetstream::new(client.clone());
        let prefix = self.options.prefix.clone();
        let is_clustered = client.server_info().cluster.is_some();
        let mut streams = streams::ensure(&context, &prefix, is_clustered).await?;
        let publisher = self.publisher();
        publisher.check_owner(&context, &mut streams.events).await?;
        let consumer = claim::claim(&streams.commands, &prefix, &self.options.log_id).await?;
        let created = streams.commands.cached_info().created;
        let created_nanos: Arc<str> = created.unix_timestamp_nanos().to_string().into();
        let commands = Commands {
            gateway: self.gateway.clone(),
            prefix: prefix.clone(),
            stream: prefix.stream(Kept::Commands).into(),
            consumer: claim::consumer_name(&self.options.log_id).into(),
            created_nanos: created_nanos.clone(),
            dead: DeadLetters {
                prefix: prefix.clone(),
                created_nanos,
                content: self.options.dead_letter_content,
                health: self.gateway.health.clone(),
            },
        };
        let desk = Desk::new(
            context.clone(),
            prefix.clone(),
            streams.events.clone(),
            streams.dead,
        );
        self.gateway.health.set_broker(Some(Arc::new(desk)));
        let mut parts = JoinSet::new();
        if !leads {
            self.gateway.health.set_bus(Bus::Connected);
            return Ok(parts);
        }
        let (events, stop) = (streams.events, stopping.clone());
        let publishing = context.clone();
        parts.spawn(async move { publisher.run(&publishing, events, stop).await });
        let unreadable = Unreadable {
            context: context.clone(),
            consumer: consumer.clone(),
            prefix: prefix.clone(),
            dead: commands.dead.clone(),
            ended: BTreeSet::new(),
        };
        let (stop, stops) = (stopping.clone(), stopping.clone());
        parts.spawn(async move {
            let taking = commands.run(&context, &consumer, stop);
            unreadable.beside(taking, stops).await
        });
        if let Some(checkpoints) = self.options.checkpoints.clone() {
            let (subject, stop) = (prefix.checkpoint(), stopping.clone());
            parts.spawn(announce(client, subject, checkpoints, stop));
        }
        Ok(parts)
    }

    fn publisher(&self) -> Publisher {
        let options = &self.options;
        Publisher {
            service: self.gateway.service.clone(),
            registry: self.registry,
            health: self.gateway.health.clone(),
            prefix: options.prefix.clone(),
            detail: options.detail,
            log: options.log_id.as_str().into(),
            spans: self.gateway.spans.clone(),
            cursor: CursorFile {
                files: options.cursor.clone(),
                shared_key: options.cluster_key.as_ref().map(MacKey::of_cluster),
            },
        }
    }
}

/// Waits until the lead comes or goes; for ever where there is none to have.
async fn moved(lead: &mut Option<watch::Receiver<bool>>) {
    let has_moved = match lead {
        Some(lead) => lead.changed().await.is_ok(),
        None => false,
    };
    if !has_moved {
        std::future::pending::<()>().await;
    }
}

/// Waits for the first part that ends with an error. None ends by itself while the service runs.
async fn first_error(parts: &mut JoinSet<Result<(), PublishError>>) -> PublishError {
    while let Some(ended) = parts.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(publish_error)) => return publish_error,
            Err(error) => {
                return PublishError::lost("a part of the bus ended by a fault", &error);
            }
        }
    }
    std::future::pending().await
}

/// Publishes each new checkpoint of the audit log until the service stops.
async fn announce(
    client: Client,
    subject: String,
    mut checkpoints: watch::Receiver<Bytes>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), PublishError> {
    loop {
        let checkpoint = checkpoints.borrow_and_update().clone();
        if !checkpoint.is_empty() {
            let sent = client.publish(subject.clone(), checkpoint).await;
            sent.map_err(|error| PublishError::lost("announcing a checkpoint", &error))?;
        }
        tokio::select! {
            changed = checkpoints.changed() => if changed.is_err() {
                return Ok(());
            },
            () = stopped(&mut stopping) => return Ok(()),
        }
    }
}
