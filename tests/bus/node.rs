//! The service under test, in this process, on a data directory and a broker of the test's own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contactd::auth::{
    AccessClaims, Authenticator, Jwks, JwtSettings, OwnKey, Principal, RateLimiter, RateSpec,
};
use contactd::dialect::{self, ApiOperation, Query, REGISTRY};
use contactd::domain::Position;
use contactd::gateway::{
    Bus, Forward, Gateway, Health, Incoming, RequestMetrics, Response, Settings, Spans,
    fresh_correlation, unix_seconds,
};
use contactd::http::Metrics;
use contactd::keys::{Hasher, KeyRing, MasterKey};
use contactd::log::OpenOptions;
use contactd::nats;
use contactd::service::{self, Service, system_clock};
use contactd::storage::{DataDir, Disk, FileAt};
use contactd::wire::{Detail, cloud_event};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::broker::Broker;

/// The longest that a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A data directory, with or without a service on it.
pub struct Home {
    dir: TempDir,
    pub log_id: String,
    pub queue_limit: usize,
    pub jwt: bool,
    pub rate: Option<RateSpec>,
    /// The source of an identity provider's keys.
    pub jwks: Option<String>,
    pub login: nats::Login,
    pub dead_letter_content: bool,
    /// The way to the node that leads, where the service is one of a cluster.
    pub forward: Option<Arc<dyn Forward>>,
}

/// A service that runs.
pub struct Node {
    pub gateway: Gateway,
    pub service: Service,
    stop: watch::Sender<bool>,
    pub checkpoints: watch::Sender<Bytes>,
    bus: JoinHandle<()>,
    _disk: DataDir,
}

impl Home {
    pub fn new(log_id: &str) -> Self {
        Self {
            dir: TempDir::new().expect("a directory"),
            log_id: log_id.to_owned(),
            queue_limit: 4_096,
            jwt: false,
            rate: None,
            jwks: None,
            login: nats::Login::default(),
            dead_letter_content: false,
            forward: None,
        }
    }

    /// A copy of the directory, as somebody makes one of a service that is stopped.
    pub fn copy(&self) -> Self {
        let copy = Self::new(&self.log_id);
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .arg(self.path().join("."))
            .arg(copy.path())
            .status();
        assert!(copied.expect("cp runs").success());
        copy
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn key(&self) -> OwnKey {
        OwnKey::load_or_create(self.path()).expect("a key")
    }

    /// A token for the native tenant `t`, of these roles.
    pub fn token(&self, roles: &[&str], ttl: Duration, now: u64) -> String {
        let claims = AccessClaims {
            subject: Some("tester".into()),
            client_id: Some("tests".into()),
            management_user_id: None,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            tenants: vec!["t".into()],
        };
        self.key().sign_access(claims, ttl, now).expect("a token")
    }

    /// Starts a service on it that looks for its broker there.
    pub fn start(&self, url: &str) -> Node {
        let disk = DataDir::open(self.path()).expect("the directory is free");
        let service = open(&disk, self);
        let own = self.key();
        let authenticator = if self.jwt {
            let settings = JwtSettings {
                jwks: self.jwks.as_deref().map(|url| {
                    let source = url.parse().expect("a URL");
                    Arc::new(Jwks::new(source).expect("a client"))
                }),
                issuer: None,
                audience: None,
            };
            Authenticator::jwt(&own, settings)
        } else {
            Authenticator::open()
        };
        let gateway = Gateway {
            log_id: self.log_id.as_str().into(),
            service: service.clone(),
            authenticator: Arc::new(authenticator),
            own_key: Arc::new(parking_lot::RwLock::new(own)),
            settings: Settings {
                require_if_match: false,
                audit_reads: false,
                request_timeout: Duration::from_secs(10),
                body_bytes_max: 64 * 1024,
            },
            rate: self.rate.map(RateLimiter::new).map(Arc::new),
            health: Health::default(),
            metrics: RequestMetrics::default(),
            spans: Spans::default(),
            forward: self.forward.clone(),
        };
        let (stop, stopping) = watch::channel(false);
        let (checkpoints, follow) = watch::channel(Bytes::new());
        let options = nats::Options {
            target: nats::Target {
                servers: url.parse().expect("a URL"),
                login: self.login.clone(),
                open: !self.jwt,
            },
            dead_letter_content: self.dead_letter_content,
            prefix: nats::Prefix::default(),
            detail: Detail::NonSensitive,
            log_id: self.log_id.clone(),
            cursor: disk.files("bus").expect("a directory"),
            checkpoints: Some(follow),
            leads: None,
            cluster_key: None,
        };
        let bus = tokio::spawn(nats::run(gateway.clone(), REGISTRY, options, stopping));
        Node {
            gateway,
            service,
            stop,
            checkpoints,
            bus,
            _disk: disk,
        }
    }
}

fn open(disk: &DataDir, home: &Home) -> Service {
    let keys = disk.path().join("keys");
    let master =
        MasterKey::read_or_create(&FileAt::at(&keys.join("master.key"))).expect("a master key");
    let files = disk.files("keys").expect("a directory");
    let ring = KeyRing::open(files.clone(), &master).expect("keys");
    let hasher = Hasher::open_or_create(&files, &FileAt::new(files.clone(), "index-check"))
        .expect("a hasher");
    let options = service::Options {
        registry: REGISTRY,
        queue_limit: home.queue_limit,
        clock: system_clock(),
        log: OpenOptions::default(),
        order: Some(Arc::new(service::Alone)),
    };
    let opening = service::open(disk, ring, hasher, options, &mut |_| {});
    opening.expect("the log is whole").service
}

impl Node {
    /// Stops it in order.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        within("the bus stops", self.bus).await.expect("no fault");
        let service = self.service;
        let stopped = tokio::task::spawn_blocking(move || service.stop());
        stopped.await.expect("the writer stops");
    }

    /// Ends it with nothing finished but what the disk has.
    pub async fn crash(self) {
        self.bus.abort();
        drop(self.bus.await);
        let service = self.service;
        let stopped = tokio::task::spawn_blocking(move || service.stop());
        stopped.await.expect("the writer stops");
    }

    /// The number of requests over NATS with this operation and status, as `/metrics` shows it.
    pub fn counted(&self, operation: &str, status: u16) -> u64 {
        let text = Metrics::new(&self.gateway.metrics).render(&self.gateway);
        let line = format!(
            "contactd_request_duration_seconds_count{{transport=\"nats\",dialect=\"native\",\
             operation=\"{operation}\",status=\"{status}\"}} "
        );
        let count = text.lines().find_map(|found| found.strip_prefix(&line));
        count.map_or(0, |count| count.parse().expect("a number"))
    }

    /// Creates a contact of the native tenant `t`, as a request over another transport would.
    pub async fn create(&self, name: &str) -> Response {
        let dialect = dialect::by_name("native").expect("it is spoken");
        let routes = dialect.routes.iter();
        let mut create = routes.filter(|route| route.operation == ApiOperation::Create);
        let route = create.next().expect("it has one");
        let body = serde_json::to_vec(&card(name)).expect("JSON");
        let query = Query::default();
        let headers = http::HeaderMap::new();
        let incoming = Incoming {
            dialect,
            route,
            params: &[],
            owner_ids: Some(&["t".to_owned()]),
            query: &query,
            headers: &headers,
            durable_key: None,
            correlation: fresh_correlation(),
            span: None,
        };
        let developer = Principal::local_developer();
        let answered = self.gateway.answer(&developer, &incoming, &body).await;
        assert_eq!(answered.reply.status, 201, "{:?}", answered.reply);
        answered
    }

    pub async fn create_many(&self, count: usize) {
        for number in 0..count {
            self.create(&format!("Contact {number}")).await;
        }
    }

    /// Waits until the broker has acknowledged every event there is.
    pub async fn published(&self) {
        let head = self.service.head().get();
        let mut published = self.gateway.health.follow_published();
        let reached = published.wait_for(|position| *position >= head);
        let reached = within("events are published", reached).await;
        drop(reached.expect("the node runs"));
    }

    /// Waits until the bus is so.
    pub async fn bus_is(&self, wanted: impl Fn(&Bus) -> bool) -> Bus {
        let mut bus = self.gateway.health.follow_bus();
        let reached = within("the bus changes", bus.wait_for(wanted)).await;
        reached.expect("the node runs").clone()
    }

    /// Waits until the bus has halted; gives the reason.
    pub async fn halts(&self) -> String {
        match self.bus_is(|bus| matches!(bus, Bus::Halted { .. })).await {
            Bus::Halted { reason } => reason,
            other => panic!("it has not halted: {other:?}"),
        }
    }

    /// Waits until it is connected to its broker.
    pub async fn connects(&self) {
        self.bus_is(|bus| *bus == Bus::Connected).await;
    }

    /// Waits until the log has an event at this position.
    pub async fn reaches(&self, position: u64) {
        let mut head = self.service.follow();
        let reached = head.wait_for(|head| head.get() >= position);
        drop(
            within("the log grows", reached)
                .await
                .expect("the node runs"),
        );
    }

    /// Every event, as it is published.
    pub fn log(&self) -> Vec<Value> {
        let scan = self
            .service
            .events_after(Position::ZERO, usize::MAX, &|_| true);
        let records = scan.expect("the log is readable").records;
        let shown = records.iter().map(|record| {
            let event = &record.event;
            let rules = REGISTRY
                .get(event.header.owner.dialect())
                .expect("it is spoken");
            let content = self.service.open_content(record).expect("it opens");
            let event = cloud_event(event, rules, content.as_ref(), Detail::NonSensitive);
            serde_json::to_value(event).expect("JSON")
        });
        shown.collect()
    }
}

/// A broker, and a service on an empty directory that is connected to it.
pub async fn connected() -> (Broker, Home, Node) {
    let broker = Broker::started();
    let home = Home::new("log-a");
    let node = home.start(&broker.url());
    node.connects().await;
    (broker, home, node)
}

/// Waits until the broker is away.
pub async fn away(node: &Node) {
    node.bus_is(|bus| matches!(bus, Bus::Away { .. })).await;
}

/// The Card of somebody.
pub fn card(name: &str) -> Value {
    json!({ "name": { "full": name } })
}

/// Now, in seconds since 1970.
pub fn now() -> u64 {
    unix_seconds()
}

/// What comes of this, if that does not take for ever.
pub async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, wait).await;
    done.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Asks again until it holds: for what another process tells only those who ask.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    within(what, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}
