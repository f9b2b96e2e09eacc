//! PostgreSQL by hand: two events under a unique (stream, version) and the row of the view, in one statement.

use crate::{
    Args,
    card::{self, Prepared},
    echo, measure,
};
use axum::{
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

const SCHEMA: &str = "
DROP TABLE IF EXISTS events, contacts;
CREATE TABLE events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream uuid NOT NULL, version int NOT NULL, type text NOT NULL, data jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now(), UNIQUE (stream, version));
CREATE TABLE contacts (
    id uuid PRIMARY KEY, tenant text NOT NULL, name text NOT NULL, email text NOT NULL, version int NOT NULL,
    card jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON contacts (email);";

/// What a search by word needs; made for the reads only, for it makes writes slower.
const WORDS: &str = "CREATE INDEX IF NOT EXISTS words ON contacts USING gin (to_tsvector('simple', name)); ANALYZE contacts;";

const ONE: &str = "
WITH e AS (INSERT INTO events (stream, version, type, data)
    VALUES ($1, 1, 'CONTACT_CREATE_START', $2::text::jsonb), ($1, 2, 'CONTACT_CREATE_SUCCESS', $3::text::jsonb))
INSERT INTO contacts (id, tenant, name, email, version, card) VALUES ($1, 'default', $4, $5, 1, $6::text::jsonb)";

const MANY: &str = "
WITH i AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        AS t (id, start, success, name, email, card)),
    e AS (INSERT INTO events (stream, version, type, data)
        SELECT id, 1, 'CONTACT_CREATE_START', start::jsonb FROM i
        UNION ALL SELECT id, 2, 'CONTACT_CREATE_SUCCESS', success::jsonb FROM i)
INSERT INTO contacts (id, tenant, name, email, version, card)
SELECT id, 'default', name, email, 1, card::jsonb FROM i";

/// Commands of one statement, at most.
const GROUP: usize = 256;

async fn connect(args: &Args) -> Client {
    let (client, connection) = tokio_postgres::connect(args.need("pg"), NoTls)
        .await
        .expect("PostgreSQL answers");
    tokio::spawn(connection);
    client
}

pub async fn schema(args: &Args) {
    let client = connect(args).await;
    let sql = if args.get("words").is_some() {
        WORDS
    } else {
        SCHEMA
    };
    client
        .batch_execute(sql)
        .await
        .expect("the tables are made");
}

/// One of the connections of the pool, with its prepared statements.
struct One {
    client: Client,
    statement: Statement,
}

impl One {
    async fn open(args: &Args) -> Self {
        let client = connect(args).await;
        let statement = client.prepare(ONE).await.expect("the statement");
        Self { client, statement }
    }
    async fn create(&self, p: &Prepared) -> Result<(), String> {
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&p.id, &p.start, &p.success, &p.name, &p.email, &p.card];
        self.client
            .execute(&self.statement, &parameters)
            .await
            .map(drop)
            .map_err(|error| format!("{error:?}"))
    }
}

/// Connections taken in turn; more requests than connections are pipelined on them.
#[derive(Clone)]
struct Ones(Arc<Vec<One>>);

impl Ones {
    async fn open(args: &Args, connections: usize) -> Self {
        let mut ones = Vec::new();
        for _ in 0..connections {
            ones.push(One::open(args).await);
        }
        Self(Arc::new(ones))
    }
}

type Job = (Prepared, oneshot::Sender<Result<(), String>>);

/// Group commit of the client's own: what waits goes into one statement.
#[derive(Clone)]
struct Many(mpsc::Sender<Job>);

impl Many {
    async fn open(args: &Args) -> Self {
        let (sender, receiver) = mpsc::channel::<Job>(8_192);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..args.number("committers", 2.0) as usize {
            let client = connect(args).await;
            let statement = client.prepare(MANY).await.expect("the statement");
            let receiver = receiver.clone();
            tokio::spawn(async move {
                let mut jobs = Vec::new();
                loop {
                    if receiver.lock().await.recv_many(&mut jobs, GROUP).await == 0 {
                        return;
                    }
                    let all = |of: fn(&Prepared) -> &str| {
                        jobs.iter().map(|(p, _)| of(p)).collect::<Vec<_>>()
                    };
                    let ids: Vec<Uuid> = jobs.iter().map(|(p, _)| p.id).collect();
                    let (start, success) = (all(|p| &p.start), all(|p| &p.success));
                    let (name, email, card) =
                        (all(|p| &p.name), all(|p| &p.email), all(|p| &p.card));
                    let done = client
                        .execute(&statement, &[&ids, &start, &success, &name, &email, &card])
                        .await;
                    let done = done.map(drop).map_err(|error| format!("{error:?}"));
                    for (_, reply) in jobs.drain(..) {
                        let _ = reply.send(done.clone());
                    }
                }
            });
        }
        Self(sender)
    }
    async fn create(&self, p: Prepared) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        self.0.send((p, reply)).await.map_err(|_| "closed")?;
        answer.await.map_err(|_| "closed")?
    }
}

enum Direct {
    One(Ones, usize),
    Many(Many),
}

impl measure::Worker for Direct {
    async fn once(&mut self) -> Result<(), String> {
        let p = card::prepared();
        match self {
            Self::One(ones, i) => ones.0[*i % ones.0.len()].create(&p).await,
            Self::Many(many) => many.create(p).await,
        }
    }
}

pub async fn bench(args: &Args) {
    let clients = measure::clients(args);
    let connections = args.number("connections", 32.0) as usize;
    let workers = if args.need("mode") == "one" {
        let ones = Ones::open(args, clients.min(connections)).await;
        (0..clients).map(|i| Direct::One(ones.clone(), i)).collect()
    } else {
        let many = Many::open(args).await;
        (0..clients)
            .map(|_| Direct::Many(many.clone()))
            .collect::<Vec<_>>()
    };
    measure::drive(args, workers).await;
}

struct Service {
    ones: Ones,
    next: std::sync::atomic::AtomicUsize,
    many: Many,
    reads: Vec<(Client, [Statement; 4])>,
}

impl Service {
    fn turn(&self) -> usize {
        self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
    fn reader(&self) -> &(Client, [Statement; 4]) {
        &self.reads[self.turn() % self.reads.len()]
    }
}

const COLUMNS: &str = "SELECT json_build_object('id', id, 'tenant', tenant, 'version', version, 'createdAt', created_at, 'card', card)::text FROM contacts";

/// The service over HTTP that a user of PostgreSQL would write: POST /one, POST /many, and reads.
pub async fn serve(args: &Args) {
    let mut reads = Vec::new();
    for _ in 0..args.number("connections", 32.0) as usize {
        let client = connect(args).await;
        let prepare = async |end: &str| {
            client
                .prepare(&format!("{COLUMNS} {end}"))
                .await
                .expect("the statement")
        };
        let statements = [
            prepare("WHERE id = $1").await,
            prepare("WHERE email = $1").await,
            prepare("WHERE id > $1 ORDER BY id LIMIT 20").await,
            prepare("WHERE to_tsvector('simple', name) @@ plainto_tsquery('simple', $1) LIMIT 20")
                .await,
        ];
        reads.push((client, statements));
    }
    let ones = Ones::open(args, args.number("connections", 32.0) as usize).await;
    let service = Arc::new(Service {
        ones,
        next: 0.into(),
        many: Many::open(args).await,
        reads,
    });
    let app = axum::Router::new()
        .route("/one", axum::routing::post(one))
        .route("/many", axum::routing::post(many))
        .route("/contacts/{id}", axum::routing::get(get))
        .route("/contacts", axum::routing::get(find))
        .with_state(service);
    use axum::serve::ListenerExt;
    let listener = echo::listener(args)
        .await
        .tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app).await.expect("it serves");
}

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

fn created(id: Uuid, card: &str, done: Result<(), String>) -> Response {
    match done {
        Ok(()) => (
            StatusCode::CREATED,
            JSON,
            format!(r#"{{"id":"{id}","version":1,"card":{card}}}"#),
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

async fn one(State(service): State<Arc<Service>>, body: bytes::Bytes) -> Response {
    let Some(p) = card::prepare(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let done = service.ones.0[service.turn() % service.ones.0.len()]
        .create(&p)
        .await;
    created(p.id, &p.card, done)
}

async fn many(State(service): State<Arc<Service>>, body: bytes::Bytes) -> Response {
    let Some(p) = card::prepare(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (id, card) = (p.id, p.card.clone());
    created(id, &card, service.many.create(p).await)
}

async fn get(State(service): State<Arc<Service>>, Path(id): Path<Uuid>) -> Response {
    let (client, statements) = service.reader();
    match client.query_opt(&statements[0], &[&id]).await {
        Ok(Some(row)) => (JSON, row.get::<_, String>(0)).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[derive(Deserialize)]
struct Find {
    email: Option<String>,
    after: Option<Uuid>,
    q: Option<String>,
}

async fn find(State(service): State<Arc<Service>>, Query(find): Query<Find>) -> Response {
    let (client, statements) = service.reader();
    let rows = match find {
        Find {
            email: Some(email), ..
        } => client.query(&statements[1], &[&email]).await,
        Find { q: Some(q), .. } => client.query(&statements[3], &[&q]).await,
        Find { after, .. } => {
            client
                .query(&statements[2], &[&after.unwrap_or_default()])
                .await
        }
    };
    match rows {
        Ok(rows) => {
            let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            (JSON, format!(r#"{{"data":[{}]}}"#, rows.join(","))).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
