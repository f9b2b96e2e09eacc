//! SIGHUP: certificates and keys are read again while the service goes on.
//!
//! What cannot be used is said in the log, and what was in use before stays.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::signal::unix::Signal;
use tokio::sync::watch;

use crate::auth::{Jwks, OwnKey};
use crate::gateway::Gateway;
use crate::http;

/// The certificate and the key of TLS, and what was made of them last.
pub struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
    config: watch::Sender<Arc<ServerConfig>>,
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// They cannot be read, or TLS cannot be set up with them.
    pub fn read(certificate: PathBuf, key: PathBuf) -> Result<Self, http::TlsError> {
        let config = watch::Sender::new(http::tls_config(&certificate, &key)?);
        Ok(Self {
            certificate,
            key,
            config,
        })
    }

    /// What new connections begin with.
    pub fn follow(&self) -> http::Tls {
        self.config.subscribe()
    }

    fn read_again(&self) -> Result<(), http::TlsError> {
        let config = http::tls_config(&self.certificate, &self.key)?;
        self.config.send_replace(config);
        Ok(())
    }
}

/// Everything that SIGHUP reads again.
pub struct Reload {
    /// The certificate and the key of TLS, where that is set up.
    pub tls: Option<TlsFiles>,
    /// The key set of the identity provider, where one is configured.
    pub jwks: Option<Arc<Jwks>>,
    /// The directory whose own key signs tokens; `None` in open mode, where none is judged.
    pub own_key: Option<PathBuf>,
    /// Judges tokens by the keys, and signs with the own one.
    pub gateway: Gateway,
}

impl Reload {
    /// Reads everything again at each signal, for ever.
    pub async fn at_each(self, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            self.read_again().await;
        }
    }

    async fn read_again(&self) {
        tracing::info!("certificates and keys are read again");
        if let Some(tls) = &self.tls {
            match tls.read_again() {
                Ok(()) => tracing::info!("new connections get the TLS certificate as it is now"),
                Err(error) => tracing::error!(%error, "the TLS certificate in use stays"),
            }
        }
        if let Some(directory) = &self.own_key {
            match OwnKey::load_or_create(directory) {
                Ok(key) => {
                    self.gateway.authenticator.replace_own(&key);
                    *self.gateway.own_key.write() = key;
                }
                Err(error) => tracing::error!(%error, "the key for tokens in use stays"),
            }
        }
        if let Some(jwks) = &self.jwks {
            match jwks.load().await {
                Ok(keys) => tracing::info!(keys, "the JWKS was fetched again"),
                Err(error) => tracing::error!(%error, "the JWKS in use stays"),
            }
        }
    }
}
