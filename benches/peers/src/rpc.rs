//! contactd over NATS: request and reply, and durable commands until their outcome is seen.

use crate::{Args, card, measure};
use async_nats::{Client, HeaderMap};
use futures_util::StreamExt;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::oneshot;

async fn connect(args: &Args) -> Client {
    let options = async_nats::ConnectOptions::new()
        .request_timeout(Some(Duration::from_secs(20)))
        .client_capacity(8_192);
    options
        .subscription_capacity(1 << 20)
        .connect(args.need("to"))
        .await
        .expect("NATS answers")
}

async fn connections(args: &Args) -> Vec<Client> {
    let mut connections = Vec::new();
    for _ in 0..measure::clients(args).min(4) {
        connections.push(connect(args).await);
    }
    connections
}

struct Rpc(Client, bool);

impl measure::Worker for Rpc {
    async fn once(&mut self) -> Result<(), String> {
        let body = card::card(card::number());
        let subject = if self.1 {
            "echo.rpc"
        } else {
            "contacts.rpc.native.create.default"
        };
        let answer = self
            .0
            .request(subject, body.into())
            .await
            .map_err(|error| error.to_string())?;
        let status = answer
            .headers
            .as_ref()
            .and_then(|headers| headers.get("Contact-Status"));
        match status.map(|status| status.as_str()) {
            _ if self.1 => Ok(()),
            Some("201") => Ok(()),
            other => Err(format!(
                "{other:?} {}",
                String::from_utf8_lossy(&answer.payload)
            )),
        }
    }
}

pub async fn bench(args: &Args) {
    let connections = connections(args).await;
    let echo = args.get("echo").is_some();
    if echo {
        // The limit of the bus: the same body there and back through another client.
        let client = connect(args).await;
        let mut requests = client
            .queue_subscribe("echo.rpc", "q".to_owned())
            .await
            .expect("a subscription");
        client.flush().await.expect("flushed");
        // Flushed is sent, not yet taken: what is asked before has no responders.
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                if let Some(reply) = request.reply {
                    drop(client.publish(reply, request.payload).await);
                }
            }
        });
    }
    let workers =
        (0..measure::clients(args)).map(|i| Rpc(connections[i % connections.len()].clone(), echo));
    measure::drive(args, workers.collect()).await;
}

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>;

struct Durable(Client, Waiting);

impl measure::Worker for Durable {
    async fn once(&mut self) -> Result<(), String> {
        let number = card::number();
        let id = format!("order-{number}");
        let (sender, seen) = oneshot::channel();
        self.1
            .lock()
            .expect("not poisoned")
            .insert(id.clone(), sender);
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", id.as_str());
        let subject = "contacts.command.native.create.default";
        let ack = self
            .0
            .request_with_headers(subject, headers, card::card(number).into())
            .await;
        let ack =
            String::from_utf8_lossy(&ack.map_err(|error| error.to_string())?.payload).into_owned();
        if !ack.contains("\"seq\"") {
            return Err(ack);
        }
        let seen = tokio::time::timeout(Duration::from_secs(20), seen).await;
        seen.map_err(|_| "no outcome in 20 s".to_owned())?
            .map_err(|_| "closed".to_owned())
    }
}

/// From the publish to the SUCCESS event that the stream sends on.
pub async fn durable(args: &Args) {
    let connections = connections(args).await;
    let waiting = Waiting::default();
    let listener = connect(args).await;
    let mut events = listener
        .subscribe("contacts.event.native.default.create.success")
        .await
        .expect("a subscription");
    listener.flush().await.expect("flushed");
    let seen = waiting.clone();
    tokio::spawn(async move {
        const NAME: &str = "\"correlationid\":\"";
        while let Some(event) = events.next().await {
            let text = std::str::from_utf8(&event.payload).unwrap_or_default();
            let Some((_, rest)) = text.split_once(NAME) else {
                continue;
            };
            let Some((id, _)) = rest.split_once('"') else {
                continue;
            };
            if let Some(sender) = seen.lock().expect("not poisoned").remove(id) {
                let _ = sender.send(());
            }
        }
    });
    let workers = (0..measure::clients(args))
        .map(|i| Durable(connections[i % connections.len()].clone(), waiting.clone()));
    measure::drive(args, workers.collect()).await;
}
