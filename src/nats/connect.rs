//! One connection to the broker, and what the broker must be able to do.
//!
//! The library would reconnect by itself and send what it had kept in its
//! buffers. Here a connection that is lost is given up with everything in it:
//! what was sent and not acknowledged is decided anew from the log.

use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerError};
use tokio::sync::watch;

use super::inbox::OWN_INBOX;
use super::login::Login;
use super::publish_error::PublishError;
use super::servers::{Server, Servers};
use super::subjects::{Kept, Prefix};
use crate::auth::{BrokerInfo, check_broker};

/// The largest event at full detail fits in this, in bytes.
const MAX_PAYLOAD_MIN: usize = 128 * 1024;
/// The longest that one server may take to answer.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// The time between two looks whether the server is still there. A connection on which three have had
/// no answer is given up, so that one that nothing comes through any more does not look well for long.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// The broker to connect to, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// The addresses of the broker, and the login of this service.
    pub servers: Servers,
    /// Files that say more of who this service is.
    pub login: Login,
    /// Whether callers need no token: then only a broker is used that nobody but this machine
    /// reaches.
    pub open: bool,
}

/// What ended a connection, or made it useless.
#[derive(Clone, Debug)]
enum Ended {
    Lost,
    /// The server refuses something that is needed, in its words.
    Refused(String),
}

/// A connection until it is lost.
pub struct Connection {
    /// The connection to the broker.
    pub client: Client,
    ended: watch::Receiver<Option<Ended>>,
}

impl Connection {
    /// Waits until it is lost, or until the server refuses what this service needs.
    pub async fn ended(&mut self) -> PublishError {
        let ended = self.ended.wait_for(Option::is_some).await;
        let ended = ended.ok().and_then(|ended| ended.clone());
        match ended {
            Some(Ended::Refused(refusal)) => PublishError::halted(format!(
                "the NATS server refuses what this service needs: {refusal}; see Permissions on \
                 NATS in the README"
            )),
            // A sender that is gone means the same.
            Some(Ended::Lost) | None => {
                PublishError::lost("the connection to the broker", &"it was lost")
            }
        }
    }
}

/// Connects once: to the first server, in their order, that takes this service.
///
/// # Errors
/// [`PublishError::Lost`] where no server is there, [`PublishError::Halted`] where one refuses who
/// this service says it is, or is not able to do what is needed, or a file can't be read.
pub async fn connect(target: &Target, prefix: &Prefix) -> Result<Connection, PublishError> {
    let mut failures = Vec::new();
    for server in target.servers.all() {
        match connect_to(server, target, prefix).await {
            Ok(connection) => return Ok(connection),
            Err(error) => failures.push(error),
        }
    }
    // What somebody must look at says more than that another server is away.
    let halted = |error: &PublishError| matches!(error, PublishError::Halted { .. });
    let first = failures.iter().position(halted).unwrap_or_default();
    let nothing = || PublishError::halted("no NATS server is named");
    Err(failures.into_iter().nth(first).unwrap_or_else(nothing))
}

async fn connect_to(
    server: &Server,
    target: &Target,
    prefix: &Prefix,
) -> Result<Connection, PublishError> {
    let (sender, ended) = watch::channel(None);
    let needs = prefix.clone();
    let options = ConnectOptions::new()
        .name("contactd")
        .custom_inbox_prefix(OWN_INBOX)
        .connection_timeout(CONNECT_TIME_MAX)
        .ping_interval(PING_INTERVAL)
        // Nobody here listens to what it says itself.
        .no_echo()
        .ignore_discovered_servers()
        .max_reconnects(1)
        .event_callback(move |event| {
            if let Some(end) = end_of(&event, &needs) {
                sender.send_if_modified(|ended| {
                    let is_first = ended.is_none();
                    ended.get_or_insert(end);
                    is_first
                });
            }
            async {}
        });
    let options = target.login.apply(options, server).await;
    let options = options.map_err(|error| PublishError::halted(error.to_string()))?;
    let at = format!("{}:{}", server.address.host(), server.address.port());
    let client = options.connect(server.address.clone()).await;
    let client = client.map_err(|error| refused(&at, &error))?;
    able(&client, target.open)?;
    Ok(Connection { client, ended })
}

/// Whether an event of the connection ends it, or says that the server refuses what is needed.
fn end_of(event: &Event, prefix: &Prefix) -> Option<Ended> {
    match event {
        Event::Disconnected | Event::Closed => Some(Ended::Lost),
        Event::ServerError(ServerError::AuthorizationViolation) => {
            Some(Ended::Refused("authorization violation".into()))
        }
        Event::ServerError(ServerError::Other(text)) => {
            if is_own_inbox(text) {
                tracing::warn!(
                    %text,
                    "nodes of a cluster answer each other there: let this user publish to it"
                );
            }
            is_needed(text, prefix).then(|| {
                tracing::debug!(%text, "the NATS server refuses something");
                Ended::Refused(text.clone())
            })
        }
        _ => None,
    }
}

/// Whether the server's words are about a permission that this service needs. An answer to an inbox
/// that it may not publish to is the requester's loss; service discovery can be done without, and so
/// can what only operators ask for.
fn is_needed(text: &str, prefix: &Prefix) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some(violation) = lower.find("permissions violation for ") else {
        return lower.contains("authentication") || lower.contains("authorization");
    };
    let subject = text.split('"').nth(1).unwrap_or_default();
    let is_subscription = lower
        .get(violation..)
        .unwrap_or_default()
        .contains("subscription");
    if is_subscription {
        return !subject.starts_with("$SRV.");
    }
    if can_be_done_without(subject, prefix) {
        return false;
    }
    let own = subject.strip_prefix(prefix.as_str());
    subject.starts_with("$JS.") || own.is_some_and(|rest| rest.starts_with('.'))
}

/// Whether the server's words are about an answer to an inbox of this service's own, which is another
/// node's where there is a cluster.
fn is_own_inbox(text: &str) -> bool {
    let subject = text.split('"').nth(1).unwrap_or_default();
    let own = subject.strip_prefix(OWN_INBOX);
    own.is_some_and(|rest| rest.starts_with('.'))
}

/// Whether a subject is asked on behalf of operators only, by [`super::desk`], or in the look for
/// commands that can't be read, which an operator's older permissions may lack.
fn can_be_done_without(subject: &str, prefix: &Prefix) -> bool {
    let consumers = format!("$JS.API.CONSUMER.LIST.{}", prefix.stream(Kept::Events));
    let letters = [Kept::Dead, Kept::Commands]
        .map(|kept| format!("$JS.API.STREAM.MSG.GET.{}", prefix.stream(kept)));
    let command = prefix.all(Kept::Commands);
    subject == consumers
        || letters.iter().any(|letter| subject == letter)
        || subject.starts_with(command.trim_end_matches('>'))
}

/// The error of a server that did not let this service in.
fn refused(at: &str, error: &async_nats::ConnectError) -> PublishError {
    // The library's errors say little without their causes.
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        let text = deeper.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = deeper.source();
    }
    let lower = reason.to_ascii_lowercase();
    let is_login = matches!(
        error.kind(),
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation
    ) || lower.contains("authentication")
        || lower.contains("authorization");
    if is_login {
        return PublishError::halted(format!(
            "the NATS server at {at} refuses who this service says it is: {reason}; check the \
             user in --nats-url, --nats-creds, --nats-nkey or --nats-cert"
        ));
    }
    PublishError::lost(format!("connecting to the NATS server at {at}"), &reason)
}

/// Whether the server can do what is needed.
fn able(client: &Client, open: bool) -> Result<(), PublishError> {
    let info = client.server_info();
    if !client.is_server_compatible(2, 9, 0) {
        return Err(PublishError::halted(format!(
            "the NATS server is version {}; 2.9 or newer is needed",
            info.version
        )));
    }
    if open {
        let said = BrokerInfo {
            host: &info.host,
            connect_urls: &info.connect_urls,
            cluster: info.cluster.as_deref(),
        };
        check_broker(said).map_err(|error| PublishError::halted(error.to_string()))?;
    }
    let max_payload = client.max_payload();
    if max_payload < MAX_PAYLOAD_MIN {
        return Err(PublishError::halted(format!(
            "the NATS server takes messages of {max_payload} bytes; set its max_payload to \
             {MAX_PAYLOAD_MIN} or more"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_of_what_is_needed_ends_a_connection() {
        let needed = |text: &str| is_needed(text, &Prefix::default());
        assert!(is_own_inbox(
            "Permissions Violation for Publish to \"_INBOX.contactd.x.1\""
        ));
        assert!(!is_own_inbox(
            "Permissions Violation for Publish to \"_INBOX.shop.x.1\""
        ));
        for text in [
            "Permissions Violation for Publish to \"contacts.event.native.t.create.start\"",
            "Permissions Violation for Publish to \"$JS.API.STREAM.INFO.CONTACT_EVENTS\"",
            "Permissions Violation for Subscription to \"contacts.rpc.native.create.>\" using queue \"x\"",
            "Permissions Violation for Subscription to \"_INBOX.contactd.x.*\"",
            "User Authentication Expired",
        ] {
            assert!(needed(text), "{text}");
        }
        for text in [
            "Permissions Violation for Publish to \"_INBOX.x\"",
            "Permissions Violation for Publish to \"contactsx.y\"",
            "Permissions Violation for Publish to \"$JS.API.CONSUMER.LIST.CONTACT_EVENTS\"",
            "Permissions Violation for Publish to \"$JS.API.STREAM.MSG.GET.CONTACT_DEAD\"",
            "Permissions Violation for Publish to \"$JS.API.STREAM.MSG.GET.CONTACT_COMMANDS\"",
            "Permissions Violation for Publish to \"contacts.command.native.create.t\"",
            "Permissions Violation for Subscription to \"$SRV.PING\"",
            "Invalid Publish Subject",
        ] {
            assert!(!needed(text), "{text}");
        }
    }
}
