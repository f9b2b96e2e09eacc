//! cqrs-es 0.5 with postgres-es 0.5: an aggregate with two events, and a view through `GenericQuery`.

use crate::{Args, card, measure};
use cqrs_es::{
    Aggregate, DomainEvent, EventEnvelope, View,
    event_sink::EventSink,
    persist::{GenericQuery, PersistedEventStore},
};
use postgres_es::{PostgresCqrs, PostgresEventRepository, PostgresViewRepository};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

const SCHEMA: &str = "
DROP TABLE IF EXISTS events, contact_view;
CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence));
CREATE TABLE contact_view (
    view_id text NOT NULL, version bigint CHECK (version >= 0) NOT NULL, payload json NOT NULL, PRIMARY KEY (view_id));";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Contact {
    exists: bool,
}

struct Create(card::Prepared);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Start(Value),
    Success {
        data: Value,
        name: String,
        email: String,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Start(_) => "CONTACT_CREATE_START".to_owned(),
            Self::Success { .. } => "CONTACT_CREATE_SUCCESS".to_owned(),
        }
    }
    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it is there already")]
struct Exists;

impl Aggregate for Contact {
    const TYPE: &'static str = "contact";
    type Command = Create;
    type Event = Event;
    type Error = Exists;
    type Services = ();

    async fn handle(
        &mut self,
        command: Create,
        _: &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Exists> {
        if self.exists {
            return Err(Exists);
        }
        let Create(p) = command;
        let value = |text: &str| serde_json::from_str(text).expect("our own JSON");
        sink.write(Event::Start(value(&p.start)), self).await;
        sink.write(
            Event::Success {
                data: value(&p.success),
                name: p.name,
                email: p.email,
            },
            self,
        )
        .await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        self.exists |= matches!(event, Event::Success { .. });
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct ContactView {
    name: String,
    email: String,
    contact: Value,
}

impl View<Contact> for ContactView {
    fn update(&mut self, event: &EventEnvelope<Contact>) {
        if let Event::Success { data, name, email } = &event.payload {
            self.name.clone_from(name);
            self.email.clone_from(email);
            self.contact.clone_from(&data["contact"]);
        }
    }
}

#[derive(Clone)]
struct Direct(Arc<PostgresCqrs<Contact>>);

impl measure::Worker for Direct {
    async fn once(&mut self) -> Result<(), String> {
        let p = card::prepared();
        let id = p.id.to_string();
        self.0
            .execute(&id, Create(p))
            .await
            .map_err(|error| format!("{error:?}"))
    }
}

pub async fn bench(args: &Args) {
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(args.number("connections", 32.0) as u32);
    let pool = pool
        .connect(args.need("url"))
        .await
        .expect("PostgreSQL answers");
    sqlx::raw_sql(SCHEMA)
        .execute(&pool)
        .await
        .expect("the tables are made");
    let views = PostgresViewRepository::<ContactView, Contact>::new("contact_view", pool.clone());
    let mut query: GenericQuery<_, ContactView, Contact> = GenericQuery::new(Arc::new(views));
    // Without it a view that could not be written would go unseen.
    query.use_error_handler(Box::new(|error| panic!("the view: {error:?}")));
    let store = PersistedEventStore::new_event_store(PostgresEventRepository::new(pool));
    let framework = Direct(Arc::new(PostgresCqrs::new(
        store,
        vec![Box::new(query)],
        (),
    )));
    measure::drive(args, vec![framework; measure::clients(args)]).await;
}
