//! Where the broker is, one connection to it, and what it must be able to do.
//!
//! The library would reconnect by itself and send what it had kept in its
//! buffers. Here a connection that is lost is given up with everything in it:
//! what was sent and not acknowledged is decided anew from the log.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use thiserror::Error;
use tokio::sync::watch;

use super::inbox::OWN_INBOX;
use super::publish_error::PublishError;
use crate::auth::{BrokerInfo, check_broker};

/// The largest event at full detail fits in this, in bytes.
const MAX_PAYLOAD_MIN: usize = 128 * 1024;

/// Where the broker is: one server, or several of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers(Vec<ServerAddr>);

/// The text names no servers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no NATS URL ({reason}); write nats://HOST:PORT, several with commas between")]
pub struct BadServers {
    text: String,
    reason: String,
}

impl FromStr for Servers {
    type Err = BadServers;

    fn from_str(text: &str) -> Result<Self, BadServers> {
        let bad = |url: &str, reason: String| BadServers {
            text: url.to_owned(),
            reason,
        };
        let servers = text.split(',').map(|url| {
            let server: Result<ServerAddr, _> = url.trim().parse();
            let server = server.map_err(|error| bad(url, error.to_string()))?;
            if server.host().is_empty() {
                return Err(bad(url, "it names no host".into()));
            }
            Ok(server)
        });
        servers.collect::<Result<_, _>>().map(Self)
    }
}

impl Servers {
    /// The hosts: a service without tokens may only use a broker on this machine.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(ServerAddr::host)
    }
}

/// A connection until it is lost.
pub struct Connection {
    /// The connection.
    pub client: Client,
    lost: watch::Receiver<bool>,
}

impl Connection {
    /// Waits until it is lost.
    pub async fn lost(&mut self) -> PublishError {
        // A sender that is gone means the same.
        let _ = self.lost.wait_for(|lost| *lost).await;
        PublishError::lost("the connection to the broker", &"it was lost")
    }
}

/// The credentials file is missing, or holds none.
#[derive(Debug, Error)]
#[error("the NATS credentials in {} can't be read: {cause}", path.display())]
pub struct BadCredentials {
    path: PathBuf,
    cause: std::io::Error,
}

/// Whether a credentials file can be read. It is read again for each connection, for its token may
/// be renewed.
///
/// # Errors
/// It can't.
pub async fn check_credentials(path: &Path) -> Result<(), BadCredentials> {
    with_credentials(ConnectOptions::new(), path)
        .await
        .map(drop)
}

async fn with_credentials(
    options: ConnectOptions,
    path: &Path,
) -> Result<ConnectOptions, BadCredentials> {
    let known = options.credentials_file(path).await;
    known.map_err(|cause| BadCredentials {
        path: path.to_owned(),
        cause,
    })
}

/// Connects, once. `open` says that callers need no token.
///
/// # Errors
/// [`PublishError::Lost`] where the broker is not there or refuses, [`PublishError::Halted`] where it is not
/// able to do what is needed or the credentials can't be read.
pub async fn connect(
    servers: &Servers,
    credentials: Option<&Path>,
    open: bool,
) -> Result<Connection, PublishError> {
    let (sender, lost) = watch::channel(false);
    let mut options = ConnectOptions::new()
        .name("contactd")
        .custom_inbox_prefix(OWN_INBOX)
        .max_reconnects(servers.0.len())
        .event_callback(move |event| {
            if matches!(event, Event::Disconnected | Event::Closed) {
                sender.send_replace(true);
            }
            async {}
        });
    if let Some(path) = credentials {
        let known = with_credentials(options, path).await;
        options = known.map_err(|error| PublishError::halted(error.to_string()))?;
    }
    let client = options.connect(servers.0.clone()).await;
    let client = client.map_err(|error| PublishError::lost("connecting to the broker", &error))?;
    if !client.is_server_compatible(2, 9, 0) {
        return Err(PublishError::halted(format!(
            "the NATS server is version {}; 2.9 or newer is needed",
            client.server_info().version
        )));
    }
    if open {
        let info = client.server_info();
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
    Ok(Connection { client, lost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_urls_with_commas_between() {
        let servers: Servers = "nats://127.0.0.1:4222, localhost".parse().expect("servers");
        assert_eq!(
            servers.hosts().collect::<Vec<_>>(),
            ["127.0.0.1", "localhost"]
        );
        for bad in ["", "http://localhost", "nats://a,"] {
            assert!(bad.parse::<Servers>().is_err(), "{bad:?}");
        }
    }
}
