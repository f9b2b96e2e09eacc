//! What one command costs the processor, step by step, without sockets and disk.
//!
//! `cargo bench --bench core`. Each dialect's create is decoded, judged,
//! written down with its content sealed, read back, answered and folded, one
//! step a figure: where the whole service is slow, these say which step is.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot measure has nothing to do but stop"
)]

mod common;

use std::{hint::black_box, sync::Arc};

use contactd::{
    dialect::{
        self, ApiOperation, Call, Caller, Decode, Dialect, Encode, Query, Request, Route, Scope,
        Write,
    },
    domain::{
        Actor, Attempt, Change, Contact, ContactId, Content, Correlation, Current, Decision, Event,
        EventId, Facts, Header, Operation, Outcome, Owner, Phase, Position, State, Timestamp,
        decide,
    },
    keys::{KeyRing, MasterKey, Slot},
    log::record,
    projection::Contacts,
    storage::DirFiles,
};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use uuid::Uuid;

/// Events in one fold, so that the maps of the view have some size.
const FOLDED: u64 = 1_000;

/// A create as a dialect gets it.
struct Sample {
    dialect: &'static Dialect,
    route: &'static Route,
    params: Vec<(String, String)>,
    headers: HeaderMap,
    query: Query,
    caller: Caller,
    body: &'static [u8],
}

/// What a vendor's documents send, by the dialect's name.
fn body(name: &str) -> (&'static [(&'static str, &'static str)], &'static str) {
    match name {
        "mattr" => (
            &[
                ("ecosystemId", "87880d7e-a4d0-462e-8383-3f1e5e16865d"),
                ("participantId", "a24e391a-c27f-4b6e-9805-1ee7e03f3c58"),
            ],
            r#"{"fullName":"John Doe","active":true,"emailAddress":"john.doe@example.com"}"#,
        ),
        "oracle" => (
            &[],
            r#"{"contact":{"id":"B1B8327AFAA6412287106192AB5984EF","firstName":"John","lastName":"Doe"},"modes":["test"]}"#,
        ),
        "emnify" => (
            &[("org_id", "7")],
            r#"{"type":{"id":1},"name":"Marc Muller","city":"Berlin","country":{"id":1},"email":"user@domain.com"}"#,
        ),
        "thena" => (
            &[],
            r#"{"firstName":"John","lastName":"Doe","email":"john.doe@example.com","contactType":"CT123","accountIds":["A123","A456"]}"#,
        ),
        "kare" => (
            &[("companyId", "7")],
            r#"[{"name":"Company Contact","notify":true,"email":"example@email.com","phones":["phone1"],"comment":"new"}]"#,
        ),
        _ => (
            &[],
            r#"{"name":{"full":"Ann Example"},"emails":{"e":{"address":"ann@example.org"}}}"#,
        ),
    }
}

impl Sample {
    fn of(dialect: &'static Dialect) -> Self {
        let (params, body) = body(dialect.rules.name);
        let mut routes = dialect.routes.iter();
        let route = routes.find(|route| route.operation == ApiOperation::Create);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            dialect,
            route: route.expect("every dialect creates"),
            params: params.iter().map(owned).collect(),
            headers,
            query: Query::parse(""),
            caller: Caller {
                actor: actor(),
                own_tenant: Some(dialect.extras.default_tenant.to_owned()),
                open: true,
                ..Caller::default()
            },
            body: body.as_bytes(),
        }
    }

    fn name(&self) -> &'static str {
        self.dialect.rules.name
    }

    fn request(&self) -> Request<'_> {
        Request {
            target: self.route.target,
            params: &self.params,
            query: &self.query,
            headers: &self.headers,
            body: self.body,
            caller: &self.caller,
        }
    }

    fn owner(&self) -> Owner {
        match (self.dialect.scope)(&self.request()) {
            Ok(Scope::Owner(owner)) => owner,
            _ => unreachable!("a create has an owner"),
        }
    }

    fn decode(&self, owner: &Owner) -> Call {
        let Decode::Owned(decode) = self.route.decode else {
            unreachable!("a create has an owner")
        };
        decode(&self.request(), owner).expect("the sample is well formed")
    }

    /// The write that the sample is, and the encoder of its reply.
    fn write(&self, owner: &Owner) -> (Write, Encode<Vec<Outcome>>) {
        match self.decode(owner) {
            Call::Write(ask) => (ask.question, ask.reply),
            _ => unreachable!("a create writes"),
        }
    }

    fn attempt(&self, owner: &Owner) -> Attempt {
        let (mut write, _) = self.write(owner);
        write.attempts.pop().expect("it has one")
    }

    fn judge(&self, attempt: &Attempt) -> Decision {
        let state = State {
            current: Current::None,
            owned: 0,
            chosen: None,
            holder: &|_| None,
        };
        let facts = Facts {
            contact: ContactId(Uuid::from_u128(7)),
            sequence: 1,
            chosen: None,
        };
        decide(state, &mut attempt.clone(), self.dialect.rules, facts)
    }

    fn change(&self, owner: &Owner) -> Change {
        match self.judge(&self.attempt(owner)) {
            Decision::Done(change) => change,
            other => unreachable!("{} refused its sample: {other:?}", self.name()),
        }
    }
}

fn actor() -> Actor {
    Actor {
        client_id: Some("f7b9ecfc-8431-470e-a1de-94b68dd92f68".into()),
        ..Actor::default()
    }
}

/// The SUCCESS of a create, and the content it wrote.
fn success(owner: &Owner, change: Change, position: u64) -> (Event, Content) {
    let id = Uuid::from_u128(u128::from(position));
    let header = Header {
        position: Position::new(position),
        id: EventId(id),
        time: Timestamp::from_millis(1_768_473_000_000),
        operation: Operation::Create,
        owner: owner.clone(),
        contact: Some(ContactId(id)),
        key: Some(change.key),
        version: Some(change.version),
        actor: actor(),
        correlation: Correlation::from_uuid(id),
        causation: Some(EventId(id)),
        traceparent: None,
        fields: change.fields,
        listed: None,
    };
    let phase = Phase::Success { erasure: None };
    let content = Content {
        card: change.card.expect("a create has a Card"),
        chosen_id: None,
    };
    (Event { header, phase }, content)
}

fn contact(owner: &Owner, change: Change) -> Contact {
    Contact {
        id: change.contact,
        vendor_id: "1".to_owned(),
        owner: owner.clone(),
        version: change.version,
        created_at: Timestamp::from_millis(1_768_473_000_000),
        created_by: actor(),
        modified_at: Timestamp::from_millis(1_768_473_000_000),
        modified_by: actor(),
        position: Position::new(2),
        card: change.card.expect("a create has a Card"),
    }
}

fn samples() -> impl Iterator<Item = Sample> {
    dialect::ALL.iter().copied().map(Sample::of)
}

fn dialects(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for sample in samples() {
        let owner = sample.owner();
        group.bench_function(sample.name(), |bencher| {
            bencher.iter(|| black_box(sample.decode(&owner)));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("encode");
    for sample in samples() {
        let owner = sample.owner();
        let contact = contact(&owner, sample.change(&owner));
        let prepare = || {
            let written = Outcome::Written {
                operation: Operation::Create,
                contact: Box::new(contact.clone()),
            };
            (sample.write(&owner).1, vec![written])
        };
        group.bench_function(sample.name(), |bencher| {
            bencher.iter_batched(
                prepare,
                |(reply, written)| reply(written),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn judging(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for sample in samples() {
        let attempt = sample.attempt(&sample.owner());
        group.bench_function(sample.name(), |bencher| {
            bencher.iter(|| black_box(sample.judge(&attempt)));
        });
    }
    group.finish();
}

fn records(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let master = MasterKey::generate().expect("a key");
    let keys = KeyRing::open(Arc::new(DirFiles::at(dir.path())), &master).expect("keys");
    let slot = Slot::new(0);
    keys.draw(slot).expect("a key");
    let mut group = criterion.benchmark_group("record");
    for sample in samples() {
        let owner = sample.owner();
        let (event, content) = success(&owner, sample.change(&owner), 2);
        let encode = || record::encode(&event, Some(slot), Some(&content), &keys);
        let bytes = encode().expect("a record");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let of = |step| BenchmarkId::new(step, sample.name());
        group.bench_function(of("encode and seal"), |bencher| {
            bencher.iter(|| black_box(encode()));
        });
        group.bench_function(of("decode and open"), |bencher| {
            bencher.iter(|| {
                let record = record::decode(&bytes).expect("a record");
                let sealed = record.sealed.expect("a content");
                let plain = keys.open_sealed(slot, &sealed.bound_to, &sealed.bytes);
                black_box(record::read_content(&plain.expect("ours")))
            });
        });
    }
    group.finish();
}

fn folding(criterion: &mut Criterion) {
    let sample = Sample::of(&dialect::mattr::DIALECT);
    let owner = sample.owner();
    let change = sample.change(&owner);
    let events: Vec<Event> = (1..=FOLDED)
        .map(|position| {
            let contact = ContactId(Uuid::from_u128(position.into()));
            let change = Change {
                contact,
                ..change.clone()
            };
            success(&owner, change, position).0
        })
        .collect();
    let mut group = criterion.benchmark_group("fold");
    group.throughput(Throughput::Elements(FOLDED));
    group.bench_function("creates", |bencher| {
        bencher.iter(|| {
            let mut contacts = Contacts::default();
            for (number, event) in (0..).zip(&events) {
                let folded = contacts.fold(event, Some(Slot::new(number)), &[]);
                folded.expect("it folds");
            }
            contacts
        });
    });
    group.finish();
}

criterion_group!(benches, dialects, judging, records, folding);

fn main() {
    common::print_profile();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
