//! A service over a directory of its own, asked as a request over HTTP is.

use std::sync::Arc;
use std::time::Duration;

use contactd::auth::{Authenticator, OwnKey, Principal};
use contactd::dialect::{ApiOperation, Dialect, Query, REGISTRY, native};
use contactd::domain::{
    Action, Attempt, BatchMode, Card, Command, Context, Operation, Outcome, Owner, Position,
    Precondition, Target,
};
use contactd::gateway::{
    Gateway, Health, Incoming, RequestMetrics, Settings, Spans, fresh_correlation,
};
use contactd::keys::{Hasher, KeyRing, MasterKey};
use contactd::log::OpenOptions;
use contactd::service::{self, Committed, Options, Service};
use contactd::storage::{DataDir, Disk, FileAt};
use http::HeaderMap;
use serde_json::Value;
use tempfile::TempDir;

/// A service; its directory goes when it is dropped.
pub struct TestService {
    pub gateway: Gateway,
    _held: DataDir,
    _dir: Option<TempDir>,
}

/// Opens a service over a directory.
pub fn open(path: &std::path::Path) -> TestService {
    open_in(path, Some(Arc::new(service::Alone)))
}

/// Opens a service over a directory, in an order.
pub fn open_in(path: &std::path::Path, order: Option<Arc<dyn service::Order>>) -> TestService {
    let held = DataDir::open(path).expect("a directory");
    let files = held.files("keys").expect("a directory");
    let master = FileAt::new(files.clone(), "master.key");
    let master = MasterKey::read_or_create(&master).expect("a key");
    let keys = KeyRing::open(files.clone(), &master).expect("keys");
    let hasher =
        Hasher::open_or_create(&files, &FileAt::new(files.clone(), "index-check")).expect("a key");
    let options = Options {
        registry: REGISTRY,
        queue_limit: 4_096,
        clock: service::system_clock(),
        log: OpenOptions::default(),
        order,
    };
    let opening = service::open(&held, keys, hasher, options, &mut |_| {}).expect("it opens");
    let gateway = Gateway {
        log_id: "a-log".into(),
        service: opening.service,
        authenticator: Arc::new(Authenticator::open()),
        own_key: Arc::new(OwnKey::load_or_create(path).expect("a key").into()),
        settings: Settings {
            require_if_match: false,
            audit_reads: false,
            request_timeout: Duration::from_secs(30),
            body_bytes_max: u64::MAX,
        },
        health: Health::default(),
        metrics: RequestMetrics::default(),
        spans: Spans::default(),
        forward: None,
        rate: None,
    };
    TestService {
        gateway,
        _held: held,
        _dir: None,
    }
}

impl TestService {
    /// A service over an empty directory.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let test = open(dir.path());
        Self {
            _dir: Some(dir),
            ..test
        }
    }

    pub fn service(&self) -> &Service {
        &self.gateway.service
    }

    /// Creates contacts in one command.
    pub async fn create(&self, owner: &Owner, cards: &[Value]) -> Vec<contactd::domain::ContactId> {
        let attempts = cards.iter().map(|card| {
            let card = Card::from_value(card.clone()).expect("a card");
            let create = Action::Create {
                card,
                chosen_id: None,
            };
            attempt(Operation::Create, None, create)
        });
        let committed = self.submit(owner, attempts.collect()).await;
        let id = |outcome: &Outcome| match outcome {
            Outcome::Written { contact, .. } => contact.id,
            other => panic!("{other:?}"),
        };
        committed.outcomes.iter().map(id).collect()
    }

    pub async fn submit(&self, owner: &Owner, attempts: Vec<Attempt>) -> Committed {
        let context = Context {
            actor: Default::default(),
            correlation: fresh_correlation(),
            traceparent: None,
            idempotency: None,
        };
        let command = Command {
            owner: owner.clone(),
            context,
            batch: BatchMode::ItemByItem,
            attempts,
        };
        self.service().submit(command).await.expect("an outcome")
    }

    /// Asks an operation of our own API as a principal: status, body, position.
    pub async fn ask_as(
        &self,
        principal: &Principal,
        operation: ApiOperation,
        query: &str,
    ) -> (u16, Value, Position) {
        let dialect: &'static Dialect = &native::DIALECT;
        let route = dialect
            .routes
            .iter()
            .find(|route| route.operation == operation);
        let incoming = Incoming {
            dialect,
            route: route.expect("a route"),
            params: &[],
            owner_ids: None,
            query: &Query::parse(query),
            headers: &HeaderMap::new(),
            durable_key: None,
            correlation: fresh_correlation(),
            span: None,
        };
        let answered = self.gateway.answer(principal, &incoming, &[]).await;
        let body = serde_json::from_slice(&answered.reply.body).expect("JSON");
        (
            answered.reply.status.as_u16(),
            body,
            answered.position.expect("a known caller"),
        )
    }

    /// Asks as the local developer, who may see everything.
    pub async fn ask(&self, operation: ApiOperation, query: &str) -> (u16, Value, Position) {
        self.ask_as(&Principal::local_developer(), operation, query)
            .await
    }

    /// The full names that a search finds, in order, and the cursor of the next page.
    pub async fn names(&self, query: &str) -> (Vec<String>, Option<String>) {
        let (status, body, position) = self.ask(ApiOperation::List, query).await;
        assert_eq!(status, 200, "{body}");
        assert!(position > Position::ZERO);
        let name = |contact: &Value| {
            contact["card"]["name"]["full"]
                .as_str()
                .expect("a name")
                .to_owned()
        };
        let names = body["data"].as_array().expect("contacts").iter().map(name);
        (
            names.collect(),
            body["nextCursor"].as_str().map(str::to_owned),
        )
    }
}

/// Something asked of a contact.
pub fn attempt(operation: Operation, target: Option<Target>, action: Action) -> Attempt {
    Attempt {
        operation,
        target,
        precondition: Precondition::NONE,
        fields: Vec::new(),
        action: Ok(action),
    }
}
