//! The JetStream streams: those that are missing are made, the others are checked.
//!
//! A stream that the operator made is used as it is: more replicas, another
//! age, a placement are the operator's to choose. It only has to take the
//! subjects. One that is made here is compared with what the server says it
//! made, for an old server passes over what it does not know.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind, RequestError,
    RequestErrorKind,
};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, Stream};

use super::publish_error::PublishError;
use super::subjects::{Kept, Prefix};

/// The message where the broker answers, but has no streams.
const NO_JETSTREAM: &str = "JetStream is not on at the NATS server, or not for this account: start \
                            nats-server with -js, or enable it for the account";

/// Commands that wait, in bytes; beyond it the broker refuses them.
const COMMANDS_BYTES_MAX: i64 = 1 << 30;
/// The shortest duplicate window that a server allows (nats-server refuses less than 100 ms). Within
/// it the server itself drops a second message of the same id, whoever sent it. Two producers may use
/// the same id; after the window this service tells their commands apart.
const DUPLICATE_WINDOW: Duration = Duration::from_millis(100);
/// Commands that could not be taken, in bytes; beyond it the oldest give way.
const DEAD_BYTES_MAX: i64 = 256 << 20;
/// The time for which a command that could not be taken is kept.
const DEAD_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The streams that this service reads and writes under one prefix.
pub struct Streams {
    /// The stream of events.
    pub events: Stream,
    /// The stream of durable commands.
    pub commands: Stream,
    /// The stream of commands that could not be taken.
    pub dead: Stream,
}

/// Groups of events that a node of the cluster may still lack, in bytes. Beyond it the oldest give
/// way: each node has all of them in its own log.
const LOG_BYTES_MAX: i64 = 1 << 30;
/// The copies of a stream that a cluster of brokers keeps.
const REPLICAS: usize = 3;

/// Makes the stream that orders the log of a cluster, or checks it. Where the broker is alone it
/// has one copy.
///
/// # Errors
/// As [`ensure`].
pub async fn ensure_log(
    context: &Context,
    prefix: &Prefix,
    is_clustered: bool,
) -> Result<Stream, PublishError> {
    let wanted = copied(wanted(prefix, Kept::Log), is_clustered);
    ensure_one(context, prefix, Kept::Log, wanted).await
}

/// Makes the streams that are missing and checks the others. In a cluster of brokers each is made with
/// three copies, for a durable command is in no log before it is taken; where the brokers keep no
/// three, with one, and that is said.
///
/// # Errors
/// [`PublishError`]: the broker is away, or refuses, or has a stream of another shape.
pub async fn ensure(
    context: &Context,
    prefix: &Prefix,
    is_clustered: bool,
) -> Result<Streams, PublishError> {
    let of = |kept| ensure_copied(context, prefix, kept, is_clustered);
    Ok(Streams {
        dead: of(Kept::Dead).await?,
        events: of(Kept::Events).await?,
        commands: of(Kept::Commands).await?,
    })
}

async fn ensure_copied(
    context: &Context,
    prefix: &Prefix,
    kept: Kept,
    is_clustered: bool,
) -> Result<Stream, PublishError> {
    let whole = copied(wanted(prefix, kept), is_clustered);
    let stream = match ensure_one(context, prefix, kept, whole).await {
        Err(PublishError::Halted { reason }) if is_clustered => {
            tracing::warn!(%reason, "a stream is made with one copy instead");
            ensure_one(context, prefix, kept, wanted(prefix, kept)).await?
        }
        ensured => ensured?,
    };
    let made = &stream.cached_info().config;
    if is_clustered && made.num_replicas < REPLICAS {
        tracing::warn!(
            stream = made.name,
            copies = made.num_replicas,
            "the stream is lost with the disk of a broker: give it three copies \
             (nats stream edit --replicas 3)"
        );
    }
    Ok(stream)
}

/// A stream with as many copies as the brokers can keep.
fn copied(stream: Config, is_clustered: bool) -> Config {
    Config {
        num_replicas: if is_clustered { REPLICAS } else { 1 },
        ..stream
    }
}

fn wanted(prefix: &Prefix, kept: Kept) -> Config {
    let plain = Config {
        name: prefix.stream(kept),
        subjects: vec![prefix.all(kept)],
        description: Some(description(kept).to_owned()),
        ..Config::default()
    };
    match kept {
        Kept::Events => plain,
        Kept::Log => Config {
            max_bytes: LOG_BYTES_MAX,
            deny_delete: true,
            deny_purge: true,
            ..plain
        },
        Kept::Dead => Config {
            max_age: DEAD_AGE_MAX,
            max_bytes: DEAD_BYTES_MAX,
            ..plain
        },
        Kept::Commands => Config {
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_bytes: COMMANDS_BYTES_MAX,
            duplicate_window: DUPLICATE_WINDOW,
            ..plain
        },
    }
}

/// What a stream is for, shown by tools such as `nats stream info`.
const fn description(kept: Kept) -> &'static str {
    match kept {
        Kept::Commands => "contactd: durable commands that wait to be taken",
        Kept::Events => "contactd: every event of the log, in order, as CloudEvents",
        Kept::Dead => "contactd: durable commands that could not be taken",
        Kept::Log => "contactd: the order of the log's groups, for the nodes of its cluster",
    }
}

async fn ensure_one(
    context: &Context,
    prefix: &Prefix,
    kept: Kept,
    wanted: Config,
) -> Result<Stream, PublishError> {
    let name = wanted.name.clone();
    let stream = match context.get_stream(&name).await {
        Ok(stream) => stream,
        Err(error) if is_absent(&error.kind()) => {
            let created = context.create_stream(wanted.clone()).await;
            let stream = created.map_err(|error| refused(&name, error))?;
            let made = &stream.cached_info().config;
            if !same(made, &wanted) {
                return Err(PublishError::halted(format!(
                    "the server made the stream {name} otherwise than it was asked to; \
                     make it yourself, or use nats-server 2.9 or newer"
                )));
            }
            stream
        }
        Err(error) if is_off(&error) => return Err(PublishError::lost(&name, &NO_JETSTREAM)),
        Err(error) => return Err(PublishError::lost(&name, &error)),
    };
    let all = prefix.all(kept);
    let subjects = &stream.cached_info().config.subjects;
    if subjects.iter().any(|subject| takes(subject, &all)) {
        Ok(stream)
    } else {
        Err(PublishError::halted(format!(
            "the stream {name} does not take the subjects {all}; add them to it"
        )))
    }
}

fn is_absent(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error)
        if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// Whether nobody answers for JetStream at all, or the account has none. A server that has it answers
/// also for a stream that is not there.
fn is_off(error: &GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(error) => matches!(
            error.error_code(),
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
        ),
        GetStreamErrorKind::Request => {
            let cause = std::error::Error::source(error);
            let cause = cause.and_then(|cause| cause.downcast_ref::<RequestError>());
            cause.is_some_and(|cause| cause.kind() == RequestErrorKind::NoResponders)
        }
        GetStreamErrorKind::EmptyName | GetStreamErrorKind::InvalidStreamName => false,
    }
}

fn refused(name: &str, error: async_nats::jetstream::context::CreateStreamError) -> PublishError {
    match error.kind() {
        CreateStreamErrorKind::TimedOut => PublishError::lost(name, &error),
        _ => PublishError::halted(format!(
            "the server does not make the stream {name}: {error}; make it yourself, or mend that"
        )),
    }
}

/// Whether the server made what was asked for, as far as that matters.
fn same(made: &Config, wanted: &Config) -> bool {
    let bytes = wanted.max_bytes == 0 || made.max_bytes == wanted.max_bytes;
    let window =
        wanted.duplicate_window.is_zero() || made.duplicate_window == wanted.duplicate_window;
    bytes
        && window
        && made.retention == wanted.retention
        && made.discard == wanted.discard
        && made.storage == wanted.storage
        && made.max_age == wanted.max_age
        && made.subjects == wanted.subjects
}

/// Whether every subject of one pattern is one of the other's.
fn takes(wider: &str, narrower: &str) -> bool {
    let mut wider = wider.split('.');
    let mut narrower = narrower.split('.');
    loop {
        match (wider.next(), narrower.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_pattern_takes_a_narrower_one() {
        let all = "contacts.event.>";
        for wide in [">", "contacts.>", "contacts.event.>", "*.event.>", "*.>"] {
            assert!(takes(wide, all), "{wide}");
        }
        for narrow in [
            "contacts.event.*",
            "contacts.event.mattr.>",
            "contacts.event",
            "x.>",
            "*.*.*",
        ] {
            assert!(!takes(narrow, all), "{narrow}");
        }
    }

    #[test]
    fn brokers_in_a_cluster_keep_three_copies() {
        for kept in [Kept::Commands, Kept::Events, Kept::Dead, Kept::Log] {
            let copies = |is_clustered| copied(wanted(&Prefix::default(), kept), is_clustered);
            assert_eq!(
                (copies(true).num_replicas, copies(false).num_replicas),
                (3, 1)
            );
        }
    }

    #[test]
    fn commands_wait_on_disk_and_no_command_is_dropped_for_a_newer_one() {
        let config = wanted(&Prefix::default(), Kept::Commands);
        assert_eq!(config.name, "CONTACT_COMMANDS");
        assert_eq!(config.retention, RetentionPolicy::WorkQueue);
        assert_eq!(config.discard, DiscardPolicy::New);
        let deaf = Config {
            discard: DiscardPolicy::Old,
            ..config.clone()
        };
        assert!(same(&config, &config) && !same(&deaf, &config));
    }
}
