//! `contactd serve`: composes the floors, runs them, and stops them in order.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use super::data::{Data, Purpose, Running};
use super::descriptors;
use super::exit::{FAILED, Failure, INTERRUPTED};
use super::layout::IDENTITY;
use super::node::{self, Membership, Node};
use super::options::{LogFormat, ServeOptions};
use super::output::out;
use super::plan::{self, BusOptions, ClusterOptions};
use super::reload::{Reload, TlsFiles};
use super::set_aside;
use super::stoppable::Stoppable;
use super::traces::Traces;
use crate::auth::{Authenticator, Jwks, JwksError, JwtSettings, Mode, OwnKey, RateLimiter};
use crate::dialect::REGISTRY;
use crate::domain::{Closed, Position};
use crate::gateway::{Gateway, Health, RequestMetrics, Settings};
use crate::http::{self, App, Limits, Metrics, Streams};
use crate::nats;
use crate::service::{self, Signed};

/// What is logged unless `RUST_LOG` says otherwise. The NATS library's lines say what ours say, with
/// less of the reason.
const LOG_FILTER: &str = "info,async_nats=off";

/// What a second process under a node's name is told.
const DOUBLED: &str = "another process runs under this node's name in the cluster and was there \
                       first: stop that one, or give this one its own --node and directory";

/// The signal to a process that writes more to a file than it may.
const FILE_TOO_LARGE: i32 = rustix::process::Signal::XFSZ.as_raw();

/// Runs the service until it is told to stop.
pub fn run(options: ServeOptions) -> Result<(), Failure> {
    run_then(&options, |_| {})
}

/// Runs the service until it is told to stop; `listening` is told its address once it listens. A
/// node whose cluster has another log sets its own aside, and runs anew.
pub fn run_then(options: &ServeOptions, listening: impl Fn(String)) -> Result<(), Failure> {
    log_to_stderr(options.log_format);
    // Whoever installed one first has installed the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    loop {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let ended = runtime
            .map_err(Failure::failed)?
            .block_on(serve(options, &listening))?;
        match ended {
            Ended::Stopped => return Ok(()),
            Ended::Doubled => return Err(Failure::usage(DOUBLED)),
            Ended::SetsAside { reach } => {
                let name = service::now().millis().to_string();
                set_aside::note(&options.data.data_dir, &name, reach)?;
            }
        }
    }
}

/// The reasons for which the service has ended.
enum Ended {
    /// It was told to.
    Stopped,
    /// Its cluster has another log, and its own is to be set aside for one that must reach this
    /// position.
    SetsAside { reach: Position },
    /// An earlier process lives under its name in the cluster.
    Doubled,
}

fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    // What the store says of itself is of no use to an operator, and may hold what it stores.
    let quiet = Directive::from_str("sled=warn");
    let filter = match quiet {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // To say that a line could not be written it would use `eprintln!`, which ends the thread.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// Has two signals end nothing from here on: a file that may not grow any more fails the write alone.
/// What a hang-up asks for is done once the service runs.
fn signals_that_end_nothing() -> std::io::Result<Signal> {
    drop(signal(SignalKind::from_raw(FILE_TOO_LARGE))?);
    signal(SignalKind::hangup())
}

async fn serve(options: &ServeOptions, listening: &impl Fn(String)) -> Result<Ended, Failure> {
    let started = SystemTime::now();
    let hangups = signals_that_end_nothing().map_err(Failure::failed)?;
    let bus = plan::bus(options).await?;
    let places = places(options)?;
    let mode = plan::mode(options, bus.as_ref())?;
    let tls = plan::tls(options)?;
    let traces = Traces::to(plan::collector(options)?)?;
    for risk in plan::risks(mode, options) {
        tracing::warn!("{risk}");
    }
    let cluster = plan::cluster(options)?;
    let data = open(options, bus.as_ref().zip(cluster.as_ref()), mode).await?;
    let own_key = OwnKey::load_or_create(&options.data.data_dir).map_err(Failure::usage)?;
    let (authenticator, jwks) = authenticator(mode, &own_key, options).await?;
    let bound = http::bind(options.listen).await.map_err(Failure::usage)?;
    let running = run_over(data, cluster.is_some(), options).await?;
    let node = Node::among(bus.as_ref().zip(cluster), mode, &running)?;
    let gateway = gateway(
        &running,
        authenticator,
        own_key,
        &traces,
        options,
        node.as_ref(),
    );
    let seen = node.as_ref().map(Node::cluster);
    let membership = node.as_ref().map(Node::membership);
    let told = node.as_ref().map(|node| (node.set_aside(), node.doubled()));
    let node = node.map(|node| node.start(&gateway));
    let bus = bus
        .map(|bus| start_bus(bus, mode, &gateway, &running, options, membership))
        .transpose()?;
    let (stop, stopping) = watch::channel(false);
    let request_timeout = gateway.settings.request_timeout;
    let health = gateway.health.clone();
    let metrics = Metrics::new(&gateway.metrics);
    let follow_tls = tls.as_ref().map(TlsFiles::follow);
    let scheme = follow_tls.as_ref().map_or("http", |_| "https");
    let own_key = (mode == Mode::Jwt).then(|| options.data.data_dir.clone());
    reload_at(hangups, tls, jwks, own_key, &gateway);
    let app = Arc::new(App {
        gateway,
        audit: running.audit.clone(),
        metrics,
        streams: Streams::among(places.all),
        limits: Limits {
            places,
            request_timeout,
        },
        started,
        address: bound.address,
        stopping,
        cluster: seen,
    });
    // Whoever reads that it listens may stop it at once.
    let signals = Signals::new().map_err(Failure::failed)?;
    greet(scheme, bound.address, mode, options);
    listening(format!("{scheme}://{}", bound.address));
    tracing::info!(log = %running.log_id, "serving");
    let http = Stoppable {
        stop,
        task: tokio::spawn(http::serve(bound, app, follow_tls)),
    };
    let ended = ended(signals, told, &health).await;
    http.stop("serving HTTP").await;
    stop_parts(bus, node).await;
    finish(running, traces).await?;
    Ok(ended)
}

/// Opens the data directory, which is a node's where there is a cluster.
async fn open(
    options: &ServeOptions,
    cluster: Option<(&BusOptions, &ClusterOptions)>,
    mode: Mode,
) -> Result<Data, Failure> {
    match cluster {
        Some((bus, cluster)) => node::open(&options.data, bus, mode, cluster).await,
        None => Data::open(&options.data, Purpose::Begin),
    }
}

/// Waits until the service is to end, and tells what waits for more.
async fn ended(signals: Signals, told: Option<Told>, health: &Health) -> Ended {
    let ended = tokio::select! {
        () = signals.first() => Ended::Stopped,
        ended = ended_by_cluster(told) => ended,
    };
    health.stop();
    ended
}

/// Whether the log is to be set aside, and whether an earlier process lives under this node's name.
type Told = (watch::Receiver<Option<Position>>, watch::Receiver<bool>);

/// Waits until the cluster wants this node to end; for ever where that can't come.
async fn ended_by_cluster(told: Option<Told>) -> Ended {
    let Some((mut aside, mut doubled)) = told else {
        return std::future::pending().await;
    };
    tokio::select! {
        Ok(reach) = aside.wait_for(Option::is_some) => {
            let reach = reach.unwrap_or(Position::ZERO);
            Ended::SetsAside { reach }
        }
        Ok(_) = doubled.wait_for(|doubled| *doubled) => Ended::Doubled,
        else => std::future::pending().await,
    }
}

/// The connections that may be open at once, in all and for one address.
fn places(options: &ServeOptions) -> Result<http::PlaceLimits, Failure> {
    let (all, of_one_address) = plan::connections(options)?;
    descriptors::places(all, of_one_address, descriptors::raise())
}

/// Reads certificates and keys again at each of these signals.
fn reload_at(
    hangups: Signal,
    tls: Option<TlsFiles>,
    jwks: Option<Arc<Jwks>>,
    own_key: Option<PathBuf>,
    gateway: &Gateway,
) {
    let reload = Reload {
        tls,
        jwks,
        own_key,
        gateway: gateway.clone(),
    };
    tokio::spawn(reload.at_each(hangups));
}

/// Opens the service over its directory, which follows first where it is a node of a cluster.
async fn run_over(data: Data, is_node: bool, options: &ServeOptions) -> Result<Running, Failure> {
    let (queue_limit, accept_clock) = (options.queue_limit as usize, options.accept_clock);
    let opened = move || match is_node {
        true => data.serve_in(None, queue_limit, accept_clock),
        false => data.serve(queue_limit, accept_clock),
    };
    let running = tokio::task::spawn_blocking(opened);
    let running = running.await.map_err(Failure::failed)??;
    watch_over_the_log(&running, options)?;
    Ok(running)
}

/// Stops what a request that was accepted may have needed: the bus, then the cluster.
async fn stop_parts(bus: Option<Stoppable>, node: Option<Stoppable>) {
    if let Some(bus) = bus {
        bus.stop("being on the bus").await;
    }
    if let Some(node) = node {
        node.stop("being in the cluster").await;
    }
}

/// What both transports share.
fn gateway(
    running: &Running,
    authenticator: Authenticator,
    own_key: OwnKey,
    traces: &Traces,
    options: &ServeOptions,
    node: Option<&Node>,
) -> Gateway {
    let rate = options.rate_limit.map(RateLimiter::new);
    Gateway {
        log_id: running.log_id.to_string().into(),
        service: running.opening.service.clone(),
        authenticator: Arc::new(authenticator),
        own_key: Arc::new(RwLock::new(own_key)),
        settings: Settings {
            require_if_match: options.require_if_match,
            audit_reads: options.audit_reads,
            request_timeout: Duration::from_secs(options.request_timeout),
            body_bytes_max: options.body_limit,
        },
        rate: rate.map(Arc::new),
        health: Health::default(),
        metrics: RequestMetrics::default(),
        spans: traces.spans.clone(),
        forward: node.map(Node::forward),
    }
}

/// SIGTERM and SIGINT, caught from when this is made.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the first; the second one ends the process at once.
    async fn first(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(INTERRUPTED.into());
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Takes the cosignatures of the witnesses, and looks for damage of what nobody reads.
fn watch_over_the_log(running: &Running, options: &ServeOptions) -> Result<(), Failure> {
    let audit = &running.audit;
    audit.trust(options.witness.clone());
    let scrubbing = (running.opening.service).scrub(audit.tiles().clone(), audit.key().clone());
    scrubbing.map_err(Failure::failed)
}

/// What was accepted is finished: now the writer stops, then the audit log.
async fn finish(running: Running, traces: Traces) -> Result<(), Failure> {
    let service = running.opening.service.clone();
    tokio::task::spawn_blocking(move || {
        running.stop();
        traces.stop();
    })
    .await
    .map_err(Failure::failed)?;
    // The last group may have failed while the writer finished.
    if service.closed() == Some(Closed::Failed) {
        return Err(Failure::new(
            FAILED,
            "the log had failed; the next start completes it",
        ));
    }
    tracing::info!("stopped");
    Ok(())
}

async fn authenticator(
    mode: Mode,
    own_key: &OwnKey,
    options: &ServeOptions,
) -> Result<(Authenticator, Option<Arc<Jwks>>), Failure> {
    if mode == Mode::Open {
        return Ok((Authenticator::open(), None));
    }
    let jwks = match plan::jwks(options)? {
        None => None,
        Some(source) => {
            let jwks = Arc::new(Jwks::new(source).map_err(Failure::usage)?);
            match jwks.load().await {
                Ok(_) => {}
                Err(error @ JwksError::Fetch(_)) => {
                    tracing::warn!(%error, "no keys of the identity provider yet");
                }
                Err(error) => return Err(Failure::usage(error)),
            }
            let fresh = jwks.clone();
            tokio::spawn(async move { fresh.keep_fresh().await });
            Some(jwks)
        }
    };
    let settings = JwtSettings {
        jwks: jwks.clone(),
        issuer: options.jwt_issuer.clone(),
        audience: options.jwt_audience.clone(),
    };
    Ok((Authenticator::jwt(own_key, settings), jwks))
}

/// Starts being on the bus, until its own signal to stop.
fn start_bus(
    bus: BusOptions,
    mode: Mode,
    gateway: &Gateway,
    running: &Running,
    options: &ServeOptions,
    membership: Option<Membership>,
) -> Result<Stoppable, Failure> {
    let (stop, stopping) = watch::channel(false);
    let (leads, cluster_key) = membership
        .map(|Membership { leads, key }| (leads, key))
        .unzip();
    let options = nats::Options {
        target: bus.target(mode),
        prefix: bus.prefix,
        detail: options.event_detail.into(),
        dead_letter_content: options.nats_dead_content,
        log_id: running.log_id.to_string(),
        cursor: running.dir.files(IDENTITY)?,
        checkpoints: Some(checkpoints(running)),
        leads,
        cluster_key,
    };
    let run = nats::run(gateway.clone(), REGISTRY, options, stopping);
    Ok(Stoppable {
        stop,
        task: tokio::spawn(run),
    })
}

/// Each new checkpoint, as its text.
fn checkpoints(running: &Running) -> watch::Receiver<Bytes> {
    let mut signed = running.audit.follow();
    let text = |signed: &Signed| Bytes::from(signed.note.to_string());
    let (publish, checkpoints) = watch::channel(text(&signed.borrow()));
    tokio::spawn(async move {
        while signed.changed().await.is_ok() {
            publish.send_replace(text(&signed.borrow_and_update()));
        }
    });
    checkpoints
}

/// Says where it listens, how callers are known, where the page for people is, and one request to
/// paste, into any shell.
fn greet(scheme: &str, address: std::net::SocketAddr, mode: Mode, options: &ServeOptions) {
    let url = format!("{scheme}://{address}");
    out!("listening on {url}");
    let dir = options.data.data_dir.display();
    let token = match mode {
        Mode::Open => {
            out!("authentication: open; every caller on this machine is the local developer");
            ""
        }
        Mode::Jwt => {
            out!(
                "authentication: jwt; `contactd token --data-dir {dir} --role admin --tenant '*'` prints a token"
            );
            " -H \"Authorization: Bearer $TOKEN\""
        }
    };
    out!("console: {url}/console");
    out!(
        "try: curl -s '{url}/contacts'{token} -H 'Content-Type: application/json' -d '{{\"name\":{{\"full\":\"Ann Example\"}}}}'"
    );
}
