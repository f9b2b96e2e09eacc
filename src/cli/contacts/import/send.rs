//! Creates contacts, each once: its idempotency key is made of its content.

use std::cell::Cell;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode};
use indicatif::ProgressBar;
use serde_json::Value;

use super::super::super::client::refused;
use super::super::super::exit::Failure;
use super::super::super::output::err;
use super::super::check::problem;
use super::super::source::{Answer, Call, Source, path_of};
use super::judge::Create;
use super::report::Outcome;
use crate::dialect::ApiOperation;
use crate::domain::ContactId;

/// The number of times that a create is sent before the import gives up.
const TRIES: u32 = 8;
/// The length of the first pause; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The least time between two lines that say that the service is waited for.
const BETWEEN_SAYINGS: Duration = Duration::from_secs(10);
/// The code of the answer to a create whose contact was erased since.
const ERASED: &str = "gone";
/// The longest pause, whatever the service asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Creates contacts in one tenant.
pub struct Sender<'a> {
    source: &'a Source,
    query: String,
    /// The log's head before the first create: what has its outcome there was there before.
    head: u64,
    bar: &'a ProgressBar,
    /// The last time at which it was said that the service is waited for.
    said: Cell<Option<Instant>>,
}

impl<'a> Sender<'a> {
    /// Asks whether contacts may be created in a tenant, which leaves no trace.
    pub async fn open(
        source: &'a Source,
        tenant: Option<&str>,
        bar: &'a ProgressBar,
    ) -> Result<Self, Failure> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(tenant) = tenant {
            query.append_pair("tenant", tenant);
        }
        let query = query.finish();
        let nothing = br#"{"operations":[]}"#;
        let answer = source
            .post(ApiOperation::Bulk, "/contacts/batch", &query, None, nothing)
            .await?;
        match (answer.status, answer.position) {
            (StatusCode::OK, Some(head)) => Ok(Self {
                source,
                query,
                head,
                bar,
                said: Cell::new(None),
            }),
            _ => Err(refused(answer.status, &answer.body)),
        }
    }

    /// Creates a contact, and says what became of it.
    ///
    /// # Errors
    /// The service is not reachable, or would refuse every other one as well.
    pub async fn send(&self, create: Create) -> Result<Outcome, Failure> {
        let Create {
            line,
            key,
            body,
            notes,
        } = create;
        let (answer, is_first) = self.answer(&key, &body).await?;
        // What was made since this import began, another one has made, unless it was an earlier try
        // of ours whose answer did not come.
        let was_there = answer.position.is_some_and(|at| at <= self.head);
        match answer.status {
            StatusCode::CREATED if was_there || (is_first && answer.is_repeated) => {
                self.known(line, &answer.body).await
            }
            StatusCode::CREATED => Ok(Outcome::Imported { line, notes }),
            // The same content was sent before, with its tenant named in another way.
            StatusCode::UNPROCESSABLE_ENTITY => Ok(Outcome::Known),
            StatusCode::BAD_REQUEST
            | StatusCode::CONFLICT
            | StatusCode::GONE
            | StatusCode::PAYLOAD_TOO_LARGE => {
                let wrong = problem(&answer.body);
                let is_erased = answer.status == StatusCode::GONE && wrong.code == ERASED;
                Ok(match is_erased {
                    true => Outcome::Erased { line, id: None },
                    false => Outcome::Refused { line, wrong },
                })
            }
            _ => Err(refused(answer.status, &answer.body)),
        }
    }

    /// What became of a contact that was created before. Whoever may not read it is not told.
    async fn known(&self, line: u64, body: &[u8]) -> Result<Outcome, Failure> {
        let contact: Value = serde_json::from_slice(body).unwrap_or_default();
        let id = contact.get("id").and_then(Value::as_str);
        let Some(id) = id.and_then(ContactId::parse) else {
            return Ok(Outcome::Known);
        };
        let call = Call {
            operation: ApiOperation::Get,
            method: Method::GET,
            path: &path_of(id),
            params: &[("id".to_owned(), id.to_string())],
            query: "",
            headers: HeaderMap::new(),
            body: &[],
        };
        let answer = self.source.call(call).await?;
        Ok(match answer.status {
            StatusCode::NOT_FOUND => Outcome::Deleted { line, id },
            StatusCode::GONE => Outcome::Erased { line, id: Some(id) },
            _ => Outcome::Known,
        })
    }

    /// Says once in a while that the service is waited for, and why.
    fn say_waiting(&self, wait: Duration, why: &str) {
        let said = self.said.get();
        if said.is_none_or(|at| at.elapsed() >= BETWEEN_SAYINGS) {
            self.said.set(Some(Instant::now()));
            let seconds = wait.as_secs_f64();
            self.bar.suspend(|| {
                err!("contactd: waiting {seconds:.1} s to try again: {why}");
            });
        }
    }

    /// The service's answer, asked for again where it had no time or could not be reached, and whether
    /// it is that to the first try. In a directory of our own nobody else mends what is wrong, so it
    /// is asked once.
    async fn answer(&self, key: &str, body: &[u8]) -> Result<(Answer, bool), Failure> {
        let tries = match self.source {
            Source::Server(_) => TRIES,
            Source::Directory(_) => 1,
        };
        let mut pause = FIRST_PAUSE;
        for tries_left in (0..tries).rev() {
            let answer = self
                .source
                .post(
                    ApiOperation::Create,
                    "/contacts",
                    &self.query,
                    Some(key),
                    body,
                )
                .await;
            let (asked_for, why) = match answer {
                Ok(answer) if is_passing(answer.status) && tries_left > 0 => {
                    let why = refused(answer.status, &answer.body).message;
                    (answer.retry_after, why)
                }
                Err(failure) if tries_left > 0 => (None, failure.message),
                answer => return Ok((answer?, tries_left + 1 == tries)),
            };
            let asked_for = asked_for.map_or(Duration::ZERO, Duration::from_secs);
            let wait = pause.max(asked_for).min(LONGEST_PAUSE);
            self.say_waiting(wait, &why);
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        Err(Failure::failed("the service gives no answer"))
    }
}

/// Whether another try may end otherwise; a proxy may have answered while no node led. Of what is
/// under way nobody knows the outcome, but its idempotency key finds it.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT
    )
}
