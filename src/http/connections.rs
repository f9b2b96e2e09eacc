//! Accepts connections: so many at a time, over TLS where that is set up, until it is told to stop.

use std::fs::File;
use std::io::{self, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower::Layer;

use super::App;
use super::router::router;

/// How long an orderly stop may take.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(30);
/// Connections over the cap that are told so at the same time.
const REFUSALS_MAX: usize = 64;
/// How long telling one may take.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(1);
/// What a connection over the cap is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Why nothing is served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}: {source}; choose another with --listen")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Why TLS is not set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no certificate or no key in PEM.
    #[error("{} holds no {what} in PEM form", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The key does not fit the certificate.
    #[error("the TLS certificate and key can't be used: {0}")]
    Pair(#[from] rustls::Error),
}

/// A listening socket.
pub struct Bound {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Listens on an address; port 0 picks a free one.
///
/// # Errors
/// The address is in use or not ours.
pub async fn bind(address: SocketAddr) -> Result<Bound, ServeError> {
    let failed = |source| ServeError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, address })
}

/// TLS with a certificate chain and its key, from PEM files.
///
/// # Errors
/// A file can't be read, holds nothing of use, or the two do not fit.
pub fn tls_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let open = |path: &Path| {
        File::open(path)
            .map(BufReader::new)
            .map_err(|source| TlsError::File {
                path: path.to_owned(),
                source,
            })
    };
    let nothing = |path: &Path, what| TlsError::Content {
        path: path.to_owned(),
        what,
    };
    let chain: Vec<_> = CertificateDer::pem_reader_iter(open(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|_| nothing(certificate, "certificate"))?;
    if chain.is_empty() {
        return Err(nothing(certificate, "certificate"));
    }
    let key_der =
        PrivateKeyDer::from_pem_reader(open(key)?).map_err(|_| nothing(key, "private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)?;
    Ok(Arc::new(config))
}

/// Serves until `app.stopping`, then finishes what was accepted, within [`STOP_TIME_MAX`].
pub async fn serve(bound: Bound, app: Arc<App>, tls: Option<Arc<ServerConfig>>) {
    let router = router(app.clone());
    let places = Arc::new(Semaphore::new(app.limits.connections_max));
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let graceful = GracefulShutdown::new();
    let tls = tls.map(TlsAcceptor::from);
    let mut stopping = app.stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = bound.listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to come back.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            // Of a flood that is too much even to be refused, the rest is dropped.
            if let Ok(place) = refusals.clone().try_acquire_owned() {
                tokio::spawn(refuse(stream, place));
            }
            continue;
        };
        // Answers are small: waiting to fill a packet only makes them late.
        drop(stream.set_nodelay(true));
        let connection = Connection {
            app: app.clone(),
            router: router.clone(),
            peer,
            place,
        };
        let watcher = graceful.watcher();
        match &tls {
            None => drop(tokio::spawn(connection.serve(stream, watcher))),
            Some(tls) => {
                let tls = tls.clone();
                let time = app.limits.request_timeout;
                tokio::spawn(async move {
                    if let Ok(Ok(stream)) = tokio::time::timeout(time, tls.accept(stream)).await {
                        connection.serve(stream, watcher).await;
                    }
                });
            }
        }
    }
    drop(bound);
    if tokio::time::timeout(STOP_TIME_MAX, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some connections did not end in time and were cut off");
    }
}

/// One connection, with its place under the cap.
struct Connection {
    app: Arc<App>,
    router: Router,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve<S>(self, stream: S, watcher: hyper_util::server::graceful::Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            app,
            router,
            peer,
            place,
        } = self;
        app.metrics.connection(1);
        let service = axum::Extension(ConnectInfo(peer)).layer(router);
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(app.limits.request_timeout)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX);
        let connection =
            builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        // How a client ends its connection is no news.
        drop(watcher.watch(connection).await);
        app.metrics.connection(-1);
        drop(place);
    }
}

/// Headers of one request.
const HEADERS_MAX: usize = 100;
/// The head of one request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Tells a connection over the cap that there is no place for it, once it has asked: an answer
/// that comes before the question is none to most clients.
async fn refuse(mut stream: TcpStream, _place: OwnedSemaphorePermit) {
    let told = async {
        let mut asked = [0; 1024];
        if stream.read(&mut asked).await? == 0 {
            return Ok(());
        }
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        // What is left unread at the end would cut the answer off on its way.
        while stream.read(&mut asked).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    drop(tokio::time::timeout(REFUSAL_TIME_MAX, told).await);
}
