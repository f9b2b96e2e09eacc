//! The claim of one log to the commands of a prefix.
//!
//! Two services with logs of their own on one broker and prefix would each take a part of the
//! commands, and each would answer a part of the requests. So a service claims the prefix before it
//! does either: the claim is its durable consumer of commands, which carries the log's id. On a
//! work-queue stream the server itself refuses a second consumer of the same subjects, so that of
//! two services that start at once one gets it. The server removes a consumer that nobody has used
//! for a while; the commands stay in the stream.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{ConsumerErrorKind, RetentionPolicy, Stream};
use futures_util::TryStreamExt;

use super::publish_error::PublishError;
use super::subjects::{Kept, Prefix};

/// A consumer's name is this, a hyphen and the log's id. Versions that did not carry the id had it
/// without.
const CONSUMER: &str = "contactd";
/// A command that was delivered and not acknowledged is delivered again after this.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// A claim that is not used for so long is given up.
const UNUSED_MAX: Duration = Duration::from_secs(30);
/// Commands that the broker delivers before the first of them is acknowledged.
pub const DELIVERED_MAX: i64 = 4_096;
/// Commands that are carried out at the same time.
pub const COMMANDS_IN_FLIGHT_MAX: usize = 256;

/// The name of a log's consumer.
pub fn consumer_name(log: &str) -> String {
    format!("{CONSUMER}-{log}")
}

/// Claims the commands of a prefix for a log, or finds the claim that the log already has.
///
/// # Errors
/// [`PublishError::OtherLog`] where another log has claimed them, [`PublishError::Halted`] where a
/// consumer of another program takes them, [`PublishError::Lost`] where the server does not answer.
pub async fn claim(
    commands: &Stream,
    prefix: &Prefix,
    log: &str,
) -> Result<PullConsumer, PublishError> {
    let name = consumer_name(log);
    let is_work_queue = commands.cached_info().config.retention == RetentionPolicy::WorkQueue;
    let config = pull::Config {
        durable_name: Some(name.clone()),
        description: Some("The commands that contactd takes".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: DELIVERED_MAX,
        filter_subject: prefix.all(Kept::Commands),
        // What was acknowledged is gone from a work queue. Of another stream the consumer alone
        // remembers it, and stays.
        inactive_threshold: if is_work_queue {
            UNUSED_MAX
        } else {
            Duration::ZERO
        },
        ..pull::Config::default()
    };
    if !is_work_queue && let Some(other) = others(commands, &name).await?.into_iter().next() {
        return Err(claimed(&other));
    }
    match commands.get_or_create_consumer(&name, config.clone()).await {
        Ok(consumer) => Ok(consumer),
        Err(error) if is_conflict(&error.kind()) => {
            let others = others(commands, &name).await?;
            if !others.iter().all(|other| other == CONSUMER) {
                let other = others.into_iter().find(|other| other != CONSUMER);
                return Err(claimed(&other.unwrap_or_default()));
            }
            let removed = commands.delete_consumer(CONSUMER).await;
            removed.map_err(|error| lost(&error))?;
            let consumer = commands.get_or_create_consumer(&name, config).await;
            consumer.map_err(|error| lost(&error))
        }
        Err(error) => Err(lost(&error)),
    }
}

/// The other consumers of the stream.
async fn others(commands: &Stream, own: &str) -> Result<Vec<String>, PublishError> {
    let names: Result<Vec<String>, _> = commands.consumer_names().try_collect().await;
    let mut names = names.map_err(|error| lost(&error))?;
    names.retain(|name| name != own);
    Ok(names)
}

/// Whether the server refuses a consumer for another takes the same subjects.
fn is_conflict(kind: &ConsumerErrorKind) -> bool {
    let ConsumerErrorKind::JetStream(error) = kind else {
        return false;
    };
    [
        ErrorCode::CONSUMER_WQ_CONSUMER_NOT_UNIQUE,
        ErrorCode::CONSUMER_WQ_MULTIPLE_UNFILTERED,
    ]
    .contains(&error.error_code())
}

fn claimed(other: &str) -> PublishError {
    let log = other
        .strip_prefix(CONSUMER)
        .and_then(|rest| rest.strip_prefix('-'));
    match log {
        Some(log) => PublishError::other_log(format!(
            "the commands of this prefix are taken by the service of another log, {log:?}: this \
             service publishes nothing, takes no commands and answers no requests. Use another \
             --nats-prefix, or stop that service"
        )),
        None => PublishError::halted(format!(
            "another program's consumer {other:?} takes the commands of this prefix; delete it, \
             for each command is delivered to one consumer only"
        )),
    }
}

fn lost(error: &dyn std::fmt::Display) -> PublishError {
    PublishError::lost("claiming the commands", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_says_whose_it_is() {
        let other = claimed(&consumer_name("log-b"));
        assert!(matches!(other, PublishError::OtherLog { reason } if reason.contains("log-b")));
        assert!(matches!(claimed("backup"), PublishError::Halted { .. }));
    }
}
