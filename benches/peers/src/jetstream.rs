//! JetStream alone: two messages of the contact's subject, acknowledged. It has no view.

use crate::{Args, card, measure};
use async_nats::{
    Client, HeaderMap,
    jetstream::{self, consumer::pull::OrderedConfig, stream},
};
use futures_util::StreamExt;
use std::time::{Duration, Instant};

struct Direct {
    client: Client,
    /// Both in one atomic batch (server 2.12 or later), else each for itself, side by side.
    atomic: bool,
}

async fn connect(args: &Args) -> Client {
    let options = async_nats::ConnectOptions::new()
        .request_timeout(Some(Duration::from_secs(20)))
        .client_capacity(8_192);
    options
        .connect(args.need("to"))
        .await
        .expect("NATS answers")
}

fn positive(answer: &async_nats::Message) -> Result<(), String> {
    let text = String::from_utf8_lossy(&answer.payload);
    if text.contains("\"error\"") || !text.contains("\"seq\"") {
        Err(text.into_owned())
    } else {
        Ok(())
    }
}

impl measure::Worker for Direct {
    async fn once(&mut self) -> Result<(), String> {
        let p = card::prepared();
        let subject = format!("ev.{}", p.id);
        let mut first = HeaderMap::new();
        first.insert("Nats-Expected-Last-Subject-Sequence", "0");
        let text = |error: &dyn std::fmt::Display| error.to_string();
        if self.atomic {
            let batch = p.id.simple().to_string();
            let mut second = HeaderMap::new();
            for (headers, number) in [(&mut first, "1"), (&mut second, "2")] {
                headers.insert("Nats-Batch-Id", batch.as_str());
                headers.insert("Nats-Batch-Sequence", number);
            }
            second.insert("Nats-Batch-Commit", "1");
            let sent = self
                .client
                .publish_with_headers(subject.clone(), first, p.start.into())
                .await;
            sent.map_err(|error| text(&error))?;
            let answer = self
                .client
                .request_with_headers(subject, second, p.success.into())
                .await;
            positive(&answer.map_err(|error| text(&error))?)
        } else {
            let one = self
                .client
                .request_with_headers(subject.clone(), first, p.start.into());
            let two = self.client.request(subject, p.success.into());
            let (one, two) =
                futures_util::try_join!(async { one.await.map_err(|e| e.to_string()) }, async {
                    two.await.map_err(|e| e.to_string())
                })?;
            positive(&one).and(positive(&two))
        }
    }
}

pub async fn bench(args: &Args) {
    let atomic = args.get("atomic").is_some();
    let client = connect(args).await;
    let config = stream::Config {
        name: "EV".to_owned(),
        subjects: vec!["ev.>".to_owned()],
        storage: stream::StorageType::File,
        duplicate_window: Duration::from_secs(1),
        allow_atomic_publish: atomic,
        ..Default::default()
    };
    jetstream::new(client)
        .get_or_create_stream(config)
        .await
        .expect("the stream");
    let clients = measure::clients(args);
    let mut connections = Vec::new();
    for _ in 0..clients.min(4) {
        connections.push(connect(args).await);
    }
    let workers = (0..clients).map(|i| Direct {
        client: connections[i % connections.len()].clone(),
        atomic,
    });
    measure::drive(args, workers.collect()).await;
}

/// Reads a stream from its first message to the last of this moment.
pub async fn tail(args: &Args) {
    let context = jetstream::new(connect(args).await);
    let mut stream = context
        .get_stream(args.get("stream").unwrap_or("EV"))
        .await
        .expect("the stream");
    let last = stream.info().await.expect("its state").state.last_sequence;
    let begun = Instant::now();
    let consumer = stream
        .create_consumer(OrderedConfig::default())
        .await
        .expect("a consumer");
    let mut messages = consumer.messages().await.expect("messages");
    let mut n = 0_u64;
    while let Some(message) = messages.next().await {
        let message = message.expect("a message");
        n += 1;
        if message.info().expect("its place").stream_sequence >= last {
            break;
        }
    }
    let rate = n as f64 / begun.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({"target": args.get("name"), "n": n, "rate": rate})
    );
}
