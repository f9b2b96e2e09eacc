//! One connection after another, with the stream and everything that is heard on it.

use std::time::{Duration, Instant};

use async_nats::{Client, jetstream};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::asks::Answering;
use super::hello;
use super::options::Options;
use super::stream::Order;
use super::subjects::{self, Names};
use crate::cluster::{Coder, Event, Spoken};
use crate::nats::connect;
use crate::nats::publish_error::PublishError;
use crate::nats::streams;

/// The first pause before the broker is tried again, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The longest that a request about the stream waits for its answer. While no broker leads the
/// stream none comes, and the next one may be answered at once.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// A connection that is of use.
#[derive(Clone)]
pub struct Link {
    pub client: Client,
    pub order: Order,
}

/// Connects again and again. Each connection is handed over, and `None` when it is lost.
pub async fn keep(
    options: Options,
    answering: Answering,
    links: mpsc::Sender<Option<Link>>,
    heard: mpsc::Sender<Event>,
) {
    let mut pause = PAUSE_MIN;
    let mut said = None;
    loop {
        let begun = Instant::now();
        let ended = session(&options, &answering, &links, &heard, pause).await;
        if links.send(None).await.is_err() {
            return;
        }
        if begun.elapsed() > PAUSE_MAX {
            pause = PAUSE_MIN;
            said = None;
        }
        if said.as_ref() != Some(&ended) {
            tracing::warn!(error = %ended, "the cluster's bus is away");
            said = Some(ended);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// One connection, from its beginning to its end.
async fn session(
    options: &Options,
    answering: &Answering,
    links: &mpsc::Sender<Option<Link>>,
    heard: &mpsc::Sender<Event>,
    pause: Duration,
) -> PublishError {
    let mut connection = match connect::connect(&options.target, &options.prefix).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    let client = connection.client.clone();
    // Nodes without a log are answered whatever becomes of the stream.
    let _welcoming = match welcome(options, answering, &client).await {
        Ok(task) => task,
        Err(error) => return error,
    };
    let link = match open(options, client).await {
        Ok(link) => link,
        Err(error) => {
            tokio::time::sleep(pause).await;
            return error;
        }
    };
    let _listening = match listen(options, answering, &link, heard).await {
        Ok(tasks) => tasks,
        Err(error) => return error,
    };
    if links.send(Some(link)).await.is_err() {
        return PublishError::lost("the cluster", &"the service stops");
    }
    connection.ended().await
}

async fn open(options: &Options, client: Client) -> Result<Link, PublishError> {
    let context = jetstream::ContextBuilder::new()
        .timeout(ANSWER_TIME_MAX)
        .build(client.clone());
    let names = Names::new(options.prefix.clone(), options.log_id.clone());
    let is_clustered = client.server_info().cluster.is_some();
    let stream = streams::ensure_log(&context, &options.prefix, is_clustered).await?;
    let order = Order {
        context,
        stream,
        names,
        coder: Coder::new(options.log_id.clone(), options.key.clone()),
    };
    Ok(Link { client, order })
}

async fn welcome(
    options: &Options,
    answering: &Answering,
    client: &Client,
) -> Result<JoinSet<()>, PublishError> {
    let hello = client.subscribe(subjects::hello(&options.prefix)).await;
    let hello = hello.map_err(|error| PublishError::lost("listening", &error))?;
    let mut tasks = JoinSet::new();
    let status = answering.status.clone();
    tasks.spawn(hello::welcome(
        client.clone(),
        options.clone(),
        status,
        hello,
    ));
    Ok(tasks)
}

/// Listens to what other nodes say and ask, until the tasks are dropped.
async fn listen(
    options: &Options,
    answering: &Answering,
    link: &Link,
    heard: &mpsc::Sender<Event>,
) -> Result<JoinSet<()>, PublishError> {
    let lost = |error: &dyn std::fmt::Display| PublishError::lost("listening", error);
    let Link { client, order } = link.clone();
    let names = order.names;
    let said = client.subscribe(names.say()).await;
    let said = said.map_err(|error| lost(&error))?;
    let told = client.subscribe(names.tell(options.members.own())).await;
    let mut said = stream::select(said, told.map_err(|error| lost(&error))?);
    let asked = client.subscribe(names.ask(options.members.own())).await;
    let mut asked = asked.map_err(|error| lost(&error))?;
    let mut tasks = JoinSet::new();
    let (key, heard) = (options.key.clone(), heard.clone());
    tasks.spawn(async move {
        while let Some(message) = said.next().await {
            if let Some(spoken) = Spoken::decode(&message.payload, &key)
                && heard.send(Event::Heard(spoken)).await.is_err()
            {
                return;
            }
        }
    });
    let answering = answering.clone();
    tasks.spawn(async move {
        // One at a time: a node that asks much waits, and this one's other work does not.
        while let Some(message) = asked.next().await {
            answering.answer(&client, message).await;
        }
    });
    Ok(tasks)
}
