//! UmaDB over its own gRPC: two events with a condition that nothing of this contact is there. It has no views.

use crate::{Args, card, measure};
use std::{sync::Arc, time::Instant};
use umadb_client::{AsyncUmaDbClient, UmaDbClient};
use umadb_dcb::{DcbAppendCondition, DcbEvent, DcbEventStoreAsync, DcbQuery, DcbQueryItem};

#[derive(Clone)]
struct Direct(Arc<AsyncUmaDbClient>);

async fn connect(args: &Args) -> Direct {
    let client = UmaDbClient::new(args.need("to").to_owned())
        .connect_async()
        .await;
    Direct(Arc::new(client.expect("UmaDB answers")))
}

impl measure::Worker for Direct {
    async fn once(&mut self) -> Result<(), String> {
        let p = card::prepared();
        let tag = format!("contact:{}", p.id);
        let event = |name: &str, data: String| {
            DcbEvent::new()
                .event_type(name)
                .tags([tag.clone()])
                .data(data.into_bytes())
        };
        let events = vec![
            event("CONTACT_CREATE_START", p.start),
            event("CONTACT_CREATE_SUCCESS", p.success),
        ];
        let query = DcbQuery::new().item(DcbQueryItem::new().tags([tag]));
        let done = self
            .0
            .append(events, Some(DcbAppendCondition::new(query)), None)
            .await;
        done.map(drop).map_err(|error| error.to_string())
    }
}

pub async fn bench(args: &Args) {
    let clients = measure::clients(args);
    let mut connections = Vec::new();
    for _ in 0..clients.min(args.number("connections", 4.0) as usize) {
        connections.push(connect(args).await);
    }
    let workers = (0..clients)
        .map(|i| connections[i % connections.len()].clone())
        .collect();
    measure::drive(args, workers).await;
}

pub async fn tail(args: &Args) {
    let client = connect(args).await;
    let begun = Instant::now();
    let mut response = client
        .0
        .read(None, None, false, None)
        .await
        .expect("it reads");
    let mut n = 0;
    loop {
        let batch = response.next_batch().await.expect("it reads");
        if batch.is_empty() {
            break;
        }
        n += batch.len();
    }
    let rate = n as f64 / begun.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({"target": args.get("name"), "n": n, "rate": rate})
    );
}
