//! Accepts connections: so many at a time, over TLS where that is set up, until it is told to stop.
//!
//! Who gets a place is decided in `places`, what a client must do in time in `watched`, and what
//! its answers may take in `sending`.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::App;
use super::draining::Draining;
use super::fallback::refuse;
use super::places::{Place, Places};
use super::router::{Routes, VendorPaths, vendor_paths};
use super::sending::{NoRoom, Room, Sending, Turn};
use super::watched::{Ended, Watched};
use crate::contract::SystemRoute;
use crate::dialect::Refusal;
use crate::gateway::stopped;

/// The longest that an orderly stop may take.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(30);
/// The longest that a connection in a place kept for probes may last.
const PROBE_TIME_MAX: Duration = Duration::from_secs(5);
/// The longest that a connection which gives way may take to end what it has begun.
const GIVE_WAY_TIME_MAX: Duration = Duration::from_millis(100);
/// The most connections that wait to be accepted.
const WAITING_MAX: usize = 1_024;
/// The time between two messages that connections cannot be accepted.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// The reasons for which nothing is served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}: {source}; choose another with --listen")]
    Bind {
        /// The address to listen on.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Two dialects have paths that can't be told from each other.
    #[error("the vendors' paths contradict each other: {0}")]
    Paths(#[from] matchit::InsertError),
}

/// The reasons for which TLS cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file holds no certificate or no key in PEM.
    #[error("{} holds no {what} in PEM form", path.display())]
    Content {
        /// The path of the file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The key does not fit the certificate.
    #[error("the TLS certificate and key can't be used: {0}")]
    Pair(#[from] rustls::Error),
}

/// A socket that listens, before anything is served.
pub struct Bound {
    listener: TcpListener,
    vendors: VendorPaths,
    /// The address it listens on, with the port that was given for port 0.
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
    Ok(Bound {
        listener,
        vendors: vendor_paths()?,
        address,
    })
}

/// TLS with a certificate chain and its key, from PEM files, for HTTP/1.1, which is all that is
/// spoken here.
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
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What TLS is set up with at the moment; each new connection begins with the latest.
pub type Tls = watch::Receiver<Arc<ServerConfig>>;

/// Serves until `app.stopping`, then finishes what was accepted, within [`STOP_TIME_MAX`].
pub async fn serve(bound: Bound, app: Arc<App>, tls: Option<Tls>) {
    let Bound {
        listener, vendors, ..
    } = bound;
    let places = Places::new(app.limits.places);
    let server = Arc::new(Server {
        routes: Routes::new(app.clone(), vendors),
        tls,
        room: Room::default(),
        app,
    });
    let connections = TaskTracker::new();
    let mut stopping = server.app.stopping.clone();
    let mut complained: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to come back.
                if complained.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
                    tracing::warn!(%error, "connections can't be accepted");
                    complained = Some(Instant::now());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        server.begin(stream, peer, &places, &connections);
    }
    // Who is connected by now is served, whether or not that was seen before the stop.
    for _ in 0..WAITING_MAX {
        let Some(Ok((stream, peer))) = listener.accept().now_or_never() else {
            break;
        };
        server.begin(stream, peer, &places, &connections);
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(STOP_TIME_MAX, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!("some connections did not end in time and were cut off");
    }
}

/// What all connections share.
struct Server {
    app: Arc<App>,
    routes: Routes,
    tls: Option<Tls>,
    room: Room,
}

impl Server {
    /// Begins to serve a connection, where it gets a place.
    fn begin(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        places: &Arc<Places>,
        connections: &TaskTracker,
    ) {
        // Of a flood that is too much even to be refused, the rest is dropped.
        let Some(place) = places.take(peer.ip()) else {
            self.app.metrics.connection_ended("dropped");
            return;
        };
        // Answers are small: waiting to fill a packet only makes them late.
        drop(stream.set_nodelay(true));
        let server = self.clone();
        connections.spawn(async move { server.serve(stream, peer, place).await });
    }

    /// Serves one connection to its end, and gives its place back.
    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        self.app.metrics.connection(1);
        let kept = place.kept;
        let served = async {
            let Some(tls) = &self.tls else {
                return self.serve_stream(stream, peer, &place).await;
            };
            let tls = TlsAcceptor::from(Arc::clone(&tls.borrow()));
            let time = self.app.limits.request_timeout;
            let shaken = tokio::select! {
                shaken = tokio::time::timeout(time, tls.accept(stream)) => shaken,
                () = place.give_way.cancelled() => return,
            };
            if let Ok(Ok(stream)) = shaken {
                self.serve_stream(stream, peer, &place).await;
            }
        };
        if kept {
            drop(tokio::time::timeout(PROBE_TIME_MAX, served).await);
        } else {
            served.await;
        }
        if place.give_way.is_cancelled() {
            self.app.metrics.connection_ended("gave_way");
        }
        self.app.metrics.connection(-1);
    }

    async fn serve_stream<S>(self: &Arc<Self>, stream: S, peer: SocketAddr, place: &Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let app = self.app.clone();
        let ended = Arc::new(move |why: Ended| app.metrics.connection_ended(why.name()));
        let patience = self.app.limits.request_timeout;
        let watched = Watched::new(stream, place.activity.clone(), patience, ended);
        let (activity, kept) = (place.activity.clone(), place.kept);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let turn = Turn::begin(activity.clone());
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.answer(request, peer, kept, turn).await) }
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // The head's time is watched where an answer to it can still be given.
            .header_read_timeout(None)
            .keep_alive(!kept)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX);
        let connection = builder.serve_connection(TokioIo::new(watched), service);
        let mut connection = std::pin::pin!(connection);
        let mut stopping = self.app.stopping.clone();
        // How a client ends its connection is no news. A request that has arrived is read before
        // its connection is told to end.
        tokio::select! {
            biased;
            _ = connection.as_mut() => {}
            () = stopped(&mut stopping) => {
                connection.as_mut().graceful_shutdown();
                drop(connection.await);
            }
            () = place.give_way.cancelled() => {
                connection.as_mut().graceful_shutdown();
                drop(tokio::time::timeout(GIVE_WAY_TIME_MAX, connection).await);
            }
        }
    }

    /// The answer to one request, counted and on its way.
    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
        kept: bool,
        turn: Turn,
    ) -> Response {
        let (head, body) = request.into_parts();
        let body = Body::new(Draining::new(&head.headers, body));
        let request = Request::from_parts(head, body);
        let path = request.uri().path().to_owned();
        let overloaded = || refuse(&self.app, &path, &Refusal::Overloaded);
        let response = if kept && !SystemRoute::PROBES.iter().any(|probe| probe.path() == path) {
            self.app.metrics.connection_ended("refused");
            overloaded()
        } else {
            self.routes.answer(request, peer).await
        };
        let (response, room) = match self.room.take(response.body()) {
            Ok(room) => (response, room),
            Err(NoRoom) => {
                self.app.metrics.connection_ended("no_room");
                (overloaded(), None)
            }
        };
        response.map(|body| Body::new(Sending::new(body, room, turn)))
    }
}

/// Headers of one request.
const HEADERS_MAX: usize = 100;
/// The head of one request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
