//! A node of a cluster in this process: a directory, a service, and the driver on a broker.

use std::sync::Arc;
use std::time::Duration;

use contactd::audit::{Cosigner, Integrator, KeyName, Signer, Tiles};
use contactd::cluster::{Members, NodeName, Role, Status};
use contactd::dialect::{REGISTRY, thena};
use contactd::domain::{
    Action, Actor, Attempt, BatchMode, Card, Command, Context, Correlation, Operation, Outcome,
    Owner, Position, Precondition,
};
use contactd::keys::{ClusterKey, Hasher, KeyRing, MasterKey};
use contactd::log::OpenOptions;
use contactd::nats::cluster::Cosigning;
use contactd::nats::{self, cluster};
use contactd::service::{self, Audit, Committed, ReadError, Service, SubmitError, system_clock};
use contactd::storage::{DataDir, Disk, FileAt};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);
const LOG: &str = "log-a";
pub const NAMES: [&str; 3] = ["a", "b", "c"];

/// A data directory, with or without a node on it.
pub struct Home {
    dir: TempDir,
    name: NodeName,
}

/// A node that runs.
pub struct Member {
    pub service: Service,
    pub audit: Audit,
    pub status: watch::Receiver<Option<Status>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), ReadError>>,
    _disk: DataDir,
}

/// Three empty directories that have the key of one log's index hashes.
pub fn homes() -> [Home; 3] {
    let homes = NAMES.map(|name| Home {
        dir: TempDir::new().expect("a directory"),
        name: name.parse().expect("a name"),
    });
    let first = homes[0].keys();
    let check = FileAt::new(first.clone(), "index-check");
    Hasher::open_or_create(&first, &check).expect("a hasher");
    let key = FileAt::new(first.clone(), "audit.key");
    drop(Signer::read_or_create(&key, origin()).expect("a key"));
    for file in first.list().expect("its files") {
        let bytes = std::fs::read(first.path(&file)).expect("a file");
        for other in &homes[1..] {
            other.keys().write_atomic(&file, &bytes).expect("room");
        }
    }
    homes
}

impl Home {
    fn keys(&self) -> Arc<dyn contactd::storage::Files> {
        let disk = DataDir::open(self.dir.path()).expect("the directory is free");
        disk.files("keys").expect("a directory")
    }

    /// The key of this node's disk.
    fn cosigner(&self, disk: &DataDir) -> Cosigner {
        let name = KeyName::parse(&format!("{}/{}", origin(), self.name)).expect("a name");
        let file = FileAt::new(disk.files("identity").expect("room"), "node.key");
        Cosigner::new(Signer::read_or_create(&file, name).expect("a key"))
    }

    pub fn start(&self, url: &str) -> Member {
        let disk = DataDir::open(self.dir.path()).expect("the directory is free");
        let (service, audit) = open(&disk);
        let members = NAMES.map(|name| name.parse().expect("a name")).to_vec();
        let options = cluster::Options {
            behind: Duration::ZERO,
            target: nats::Target {
                servers: url.parse().expect("a URL"),
                login: nats::Login::default(),
                open: true,
            },
            prefix: nats::Prefix::default(),
            log_id: LOG.to_owned(),
            members: Members::new(members, &self.name).expect("a cluster"),
            key: ClusterKey::new([7; 32], LOG),
            cosigning: Cosigning::new(audit.clone(), self.cosigner(&disk)),
            reach: None,
            identity: Vec::new(),
        };
        let (stop, stopping) = watch::channel(false);
        let (said, status) = watch::channel(None);
        let (service_too, ends, nobody) = (service.clone(), cluster::orders(), JoinSet::new());
        let run = cluster::run(service_too, options, ends, said, stopping, nobody);
        Member {
            service,
            audit,
            status,
            stop,
            task: tokio::spawn(run),
            _disk: disk,
        }
    }
}

/// The name of the log's key.
fn origin() -> KeyName {
    KeyName::parse("log.example").expect("a name")
}

fn open(disk: &DataDir) -> (Service, Audit) {
    let keys = disk.path().join("keys");
    let master = MasterKey::read_or_create(&FileAt::at(&keys.join("master.key")));
    let files = disk.files("keys").expect("a directory");
    let ring = KeyRing::open(files.clone(), &master.expect("a master key")).expect("keys");
    let check = FileAt::new(files.clone(), "index-check");
    let hasher = Hasher::open(&files, &check).expect("a hasher");
    let signer = Signer::read(&FileAt::new(files.clone(), "audit.key"), origin());
    let signer = signer.expect("the log's key");
    let (key, tiles) = (
        signer.verifier(),
        Tiles::new(disk.files("audit").expect("room")),
    );
    let integrator = Integrator::open(tiles.clone(), signer).expect("tiles");
    let options = service::Options {
        registry: REGISTRY,
        queue_limit: 4_096,
        clock: system_clock(),
        log: OpenOptions {
            archive: Arc::new(integrator.archive()),
            ..OpenOptions::default()
        },
        order: None,
    };
    let opening = service::open(disk, ring, hasher, options, &mut |_| {});
    let opening = opening.expect("the log is whole");
    let (service, journal) = (opening.service, opening.journal);
    let audit = Audit::start(tiles, integrator, key, &service, journal);
    (service, audit.expect("a thread"))
}

impl Member {
    /// Stops it in order.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let ended = within("the cluster's part stops", self.task).await;
        ended.expect("no fault").expect("no error");
        end(self.service, self.audit).await;
    }

    /// Ends it with nothing said and nothing finished but what the disk has.
    pub async fn crash(self) {
        self.task.abort();
        drop(self.task.await);
        end(self.service, self.audit).await;
    }

    pub fn role(&self) -> Option<Role> {
        self.status.borrow().as_ref().map(|status| status.role)
    }

    /// Creates a contact of some tenant.
    pub async fn create(&self, name: &str) -> Result<Committed, SubmitError> {
        let emails = json!({"a": {"address": format!("{name}@example.com")}});
        let card = Card::from_value(json!({ "emails": emails })).expect("a card");
        let attempt = Attempt {
            operation: Operation::Create,
            target: None,
            precondition: Precondition::NONE,
            fields: Vec::new(),
            action: Ok(Action::Create {
                card,
                chosen_id: None,
            }),
        };
        let command = Command {
            owner: Owner::new(thena::RULES.dialect, &["t"]).expect("good ids"),
            context: Context {
                actor: Actor::default(),
                correlation: Correlation::parse("x").expect("a token"),
                traceparent: None,
                idempotency: None,
            },
            batch: BatchMode::ItemByItem,
            attempts: vec![attempt],
        };
        within("an answer", self.service.submit(command)).await
    }

    /// Creates a contact where that must be possible.
    pub async fn creates(&self, name: &str) -> Position {
        let done = self.create(name).await.expect("it is taken");
        assert!(matches!(done.outcomes[..], [Outcome::Written { .. }]));
        done.position
    }

    /// Waits until its status is so.
    pub async fn is(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let mut status = self.status.clone();
        let reached = status.wait_for(|status| status.as_ref().is_some_and(&wanted));
        let reached = within(what, reached).await.expect("the node runs");
        reached.clone().expect("it was looked at")
    }

    /// Waits until its log has an event at this position.
    pub async fn reaches(&self, position: Position) {
        let mut head = self.service.follow();
        let reached = head.wait_for(|head| *head >= position);
        drop(within("the log grows", reached).await.expect("it runs"));
    }
}

async fn end(service: Service, audit: Audit) {
    let stopped = tokio::task::spawn_blocking(move || {
        service.stop();
        audit.stop();
    });
    stopped.await.expect("the writer stops");
}

/// The index of the node that leads and takes writes.
pub async fn leader(members: &[&Member]) -> usize {
    let leads = |status: &Status| status.role == Role::Leading && status.takes_writes;
    let waits = members
        .iter()
        .map(|member| Box::pin(member.is("it leads", leads)));
    futures_util::future::select_all(waits).await.1
}

/// Whether all have the same log, the same view, and can read every contact's content.
pub async fn are_equal(members: &[&Member], head: Position) {
    for member in members {
        member.reaches(head).await;
        let own = member.service.tree_at(head).expect("it is readable").root();
        let first = &members[0].service;
        assert_eq!(own, first.tree_at(head).expect("it is readable").root());
        assert_eq!(member.service.snapshot(), first.snapshot());
        let events = member
            .service
            .events_after(Position::ZERO, usize::MAX, &|_| true);
        for record in events.expect("the log is readable").records {
            let content = member.service.open_content(&record).expect("it opens");
            assert_eq!(
                content.is_some(),
                record.sealed.is_some(),
                "{:?}",
                record.event
            );
        }
    }
}

/// What comes of this, if that does not take for ever.
pub async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, wait).await;
    done.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
