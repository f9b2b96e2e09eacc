//! One connection after another, with the stream and everything that is heard on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Client, Message, jetstream};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::asks::Answering;
use super::hearing::Hearing;
use super::hello;
use super::options::Options;
use super::stream::Order;
use super::subjects::{self, Names};
use crate::cluster::Coder;
use crate::nats::connect;
use crate::nats::publish_error::PublishError;
use crate::nats::streams;

/// The first pause before the broker is tried again, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The longest that a request about the stream waits for its answer. While no broker leads the
/// stream none comes, and the next one may be answered at once.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// The reason for which a node takes no part.
const DOUBLED: &str = "another process runs under this node's name";

/// A connection that is of use.
#[derive(Clone)]
pub struct Link {
    pub client: Client,
    pub order: Order,
}

/// Connects again and again, until this node must not take part. Each connection is handed over, and
/// `None` when it is lost.
pub async fn keep(
    options: Options,
    answering: Answering,
    links: mpsc::Sender<Option<Link>>,
    mut hearing: Hearing,
) {
    let mut pause = PAUSE_MIN;
    let mut said = None;
    loop {
        let begun = Instant::now();
        let ended = session(&options, &answering, &links, &mut hearing, pause).await;
        if links.send(None).await.is_err() || hearing.is_doubled() {
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
    hearing: &mut Hearing,
    pause: Duration,
) -> PublishError {
    let mut connection = match connect::connect(&options.target, &options.prefix).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    let client = connection.client.clone();
    let mut said = match said(options, &client).await {
        Ok(said) => said,
        Err(error) => return error,
    };
    // Nobody is told or given anything before this.
    if !hearing.may_speak(&mut said).await {
        return PublishError::halted(DOUBLED);
    }
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
    let _answering = match answer(options, answering, &link).await {
        Ok(tasks) => tasks,
        Err(error) => return error,
    };
    if links.send(Some(link)).await.is_err() {
        return PublishError::lost("the cluster", &"the service stops");
    }
    tokio::select! {
        ended = connection.ended() => ended,
        () = hearing.hear(&mut said) => PublishError::lost("hearing", &"nothing more is heard"),
    }
}

/// Everything that other nodes say, to all or to this one alone.
async fn said(
    options: &Options,
    client: &Client,
) -> Result<impl Stream<Item = Message> + Unpin + use<>, PublishError> {
    let names = Names::new(options.prefix.clone(), options.log_id.clone());
    let all = client.subscribe(names.say()).await;
    let own = client.subscribe(names.tell(options.members.own())).await;
    match (all, own) {
        (Ok(all), Ok(own)) => Ok(stream::select(all, own)),
        (Err(error), _) | (_, Err(error)) => Err(PublishError::lost("listening", &error)),
    }
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
        told: Arc::default(),
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

/// Answers what other nodes ask, until the task is dropped.
async fn answer(
    options: &Options,
    answering: &Answering,
    link: &Link,
) -> Result<JoinSet<()>, PublishError> {
    let Link { client, order } = link.clone();
    let asked = (client.subscribe(order.names.ask(options.members.own()))).await;
    let mut asked = asked.map_err(|error| PublishError::lost("listening", &error))?;
    let mut tasks = JoinSet::new();
    let answering = answering.clone();
    tasks.spawn(async move {
        // One at a time: a node that asks much waits, and this one's other work does not.
        while let Some(message) = asked.next().await {
            answering.answer(&client, message).await;
        }
    });
    Ok(tasks)
}
