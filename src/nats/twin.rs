//! Another process over a copy of this log, on the same broker and prefix.
//!
//! The streams tell two logs apart, and two copies of one log once they have gone different ways. As
//! long as they are equal nothing there does: both would take commands, and each would answer a part
//! of the requests. So a process asks for its twin before it does either, and again and again after.
//! Whoever serves already goes on, and of two that do not yet the one that was started first; the
//! other stands back.
//!
//! Both questions and answers bear a code that only a copy of this log can make, and an answer the
//! question's number: a stranger can't keep a service from its work. A process that is gone answers
//! nothing, so that nobody stands back from what is left of it. The nodes of a cluster do not ask:
//! they share their log on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request, Subscriber};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::publish_error::PublishError;
use super::subjects::Prefix;
use crate::service::Service;

/// For so long an answer is waited for, where somebody is there who may give one.
const ANSWER_TIME: Duration = Duration::from_millis(300);
/// The time between two questions of one who serves.
const PAUSE: Duration = Duration::from_secs(10);
const ASKED: &str = "asked for a twin";
const ANSWERED: &str = "answered a twin";

/// What this process says of itself to its twins, and hears of them.
#[derive(Clone)]
pub struct Twins {
    service: Service,
    log: Arc<str>,
    /// The subject of the questions; an answer's has the question's number behind it.
    subject: Arc<str>,
    start: Uuid,
    serves: Arc<AtomicBool>,
}

/// A question or an answer.
#[derive(Serialize, Deserialize)]
struct Word {
    log: String,
    /// The start of the process that says it.
    start: Uuid,
    /// Whether that process serves.
    serves: bool,
    /// The number of the question.
    number: Uuid,
    /// Says that it has this log's keys.
    code: String,
}

impl Twins {
    /// The process that starts now over this log.
    pub fn new(service: Service, prefix: &Prefix, log: &str) -> Self {
        Self {
            service,
            log: log.into(),
            subject: format!("$SRV.PING.{}", prefix.as_str()).into(),
            start: Uuid::now_v7(),
            serves: Arc::default(),
        }
    }

    /// Says from now on whether this process serves.
    pub fn serves(&self, serves: bool) {
        self.serves.store(serves, Ordering::Relaxed);
    }

    /// Hears questions over a connection from now on.
    ///
    /// # Errors
    /// [`PublishError::Lost`]
    pub async fn listen(&self, client: &Client) -> Result<Subscriber, PublishError> {
        let heard = client.subscribe(self.subject.to_string()).await;
        heard.map_err(|error| lost(&error))
    }

    /// Answers the questions of twins, until the connection ends.
    ///
    /// # Errors
    /// [`PublishError::Lost`]
    pub async fn answer(self, client: Client, mut asked: Subscriber) -> Result<(), PublishError> {
        while let Some(message) = asked.next().await {
            let Some(word) = self.read(ASKED, &message.payload) else {
                continue;
            };
            let to = self.answers_to(word.number);
            let answer = self.word(ANSWERED, word.number);
            if let Err(error) = client.publish(to, answer.into()).await {
                tracing::debug!(%error, "a copy of this log was not answered");
            }
        }
        Err(lost(&"the subscription ended"))
    }

    /// Asks whether a twin goes before this process; at once where nobody is there who would answer.
    ///
    /// # Errors
    /// [`PublishError::OtherLog`] where one does, [`PublishError::Lost`] where the connection ends.
    pub async fn ask(&self, client: &Client) -> Result<(), PublishError> {
        let (number, until) = (Uuid::now_v7(), Instant::now() + ANSWER_TIME);
        let answers = client.subscribe(self.answers_to(number)).await;
        let mut answers = answers.map_err(|error| lost(&error))?;
        let request = Request::new()
            .payload(self.word(ASKED, number).into())
            .timeout(Some(ANSWER_TIME));
        let nobody = async {
            let asked = client.send_request(self.subject.to_string(), request).await;
            let is_alone =
                |error: &async_nats::RequestError| error.kind() == RequestErrorKind::NoResponders;
            if !asked.as_ref().is_err_and(is_alone) {
                tokio::time::sleep_until(until).await;
            }
        };
        tokio::pin!(nobody);
        loop {
            tokio::select! {
                biased;
                Some(message) = answers.next() => {
                    let word = self.read(ANSWERED, &message.payload);
                    let word = word.filter(|word| word.number == number);
                    if word.is_some_and(|word| self.goes_before(&word)) {
                        return Err(stands_back());
                    }
                }
                () = &mut nobody => return Ok(()),
            }
        }
    }

    /// Asks again and again while this process serves.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn watch(self, client: Client) -> Result<(), PublishError> {
        loop {
            tokio::time::sleep(PAUSE).await;
            self.ask(&client).await?;
        }
    }

    /// Whether a twin goes on and this process stands back.
    fn goes_before(&self, twin: &Word) -> bool {
        let serves = self.serves.load(Ordering::Relaxed);
        match (twin.serves, serves) {
            (true, false) => true,
            (false, true) => false,
            _ => twin.start < self.start,
        }
    }

    fn answers_to(&self, number: Uuid) -> String {
        format!("{}.{}", self.subject, number.simple())
    }

    fn word(&self, what: &str, number: Uuid) -> Vec<u8> {
        let mut word = Word {
            log: self.log.to_string(),
            start: self.start,
            serves: self.serves.load(Ordering::Relaxed),
            number,
            code: String::new(),
        };
        word.code = self.code(what, &word);
        serde_json::to_vec(&word).unwrap_or_default()
    }

    /// What a twin says; `None` for what no twin can have said.
    fn read(&self, what: &str, payload: &[u8]) -> Option<Word> {
        let word: Word = serde_json::from_slice(payload).ok()?;
        let is_twin = word.log == *self.log && word.start != self.start;
        (is_twin && word.code == self.code(what, &word)).then_some(word)
    }

    fn code(&self, what: &str, word: &Word) -> String {
        let serves = [u8::from(word.serves)];
        let (start, number) = (word.start.as_bytes(), word.number.as_bytes());
        let parts = [what.as_bytes(), word.log.as_bytes(), start, &serves, number];
        hex::encode(self.service.code_of(&parts))
    }
}

fn stands_back() -> PublishError {
    PublishError::other_log(
        "another process over a copy of this log serves on this broker and prefix, and was there \
         first: this service publishes nothing, takes no commands and answers no requests. Stop one \
         of the two; a copy that is to be a service of its own needs another --nats-prefix",
    )
}

fn lost(error: &dyn std::fmt::Display) -> PublishError {
    PublishError::lost("asking for another process of this log", error)
}
