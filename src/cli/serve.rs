//! `contactd serve`: composes the floors, runs them, and stops them in order.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use super::data::{Data, Running};
use super::exit::{FAILED, Failure, INTERRUPTED};
use super::options::{LogFormat, ServeOptions};
use crate::auth::{
    Authenticator, Jwks, JwksError, JwksSource, JwtSettings, Mode, OwnKey, RateLimiter, check_open,
};
use crate::gateway::{Gateway, Health, Settings};
use crate::http::{self, App, Limits, Metrics};

/// Runs the service until it is told to stop.
pub fn run(options: ServeOptions) -> Result<(), Failure> {
    log_to_stderr(options.log_format);
    // Whoever installed one first has installed the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?
        .block_on(serve(options))
}

fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

async fn serve(options: ServeOptions) -> Result<(), Failure> {
    let hosts = nats_hosts(options.nats_url.as_deref())?;
    let mode = check_open(
        options.auth,
        options.listen,
        hosts.iter().map(String::as_str),
        options.jwks.is_some(),
    )
    .map_err(Failure::usage)?;
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(http::tls_config(certificate, key).map_err(Failure::usage)?)
        }
        _ => None,
    };
    let data = Data::open(&options.data)?;
    let own_key = OwnKey::load_or_create(&options.data.data_dir).map_err(Failure::usage)?;
    let authenticator = authenticator(mode, &own_key, &options).await?;
    let bound = http::bind(options.listen).await.map_err(Failure::usage)?;
    let queue_limit = options.queue_limit as usize;
    let running = tokio::task::spawn_blocking(move || data.serve(queue_limit))
        .await
        .map_err(Failure::failed)??;
    let request_timeout = Duration::from_secs(options.request_timeout);
    let gateway = Gateway {
        service: running.opening.service.clone(),
        authenticator: Arc::new(authenticator),
        own_key: Arc::new(own_key),
        settings: Settings {
            require_if_match: options.require_if_match,
            audit_reads: options.audit_reads,
            request_timeout,
        },
        health: Health::default(),
    };
    let (stop, stopping) = watch::channel(false);
    let app = Arc::new(App {
        gateway,
        audit: running.audit.clone(),
        metrics: Metrics::default(),
        rate: options.rate_limit.map(RateLimiter::new),
        limits: Limits {
            body_bytes_max: options.body_limit,
            connections_max: options.max_connections as usize,
            request_timeout,
        },
        address: bound.address,
        stopping,
    });
    let scheme = if tls.is_some() { "https" } else { "http" };
    greet(scheme, bound.address, mode, &options).map_err(Failure::failed)?;
    tracing::info!(log = %running.log_id, "serving");
    let http = tokio::spawn(http::serve(bound, app, tls));
    signalled().await?;
    stop.send_replace(true);
    finish(http, running).await
}

/// Waits for the first signal; the second one ends the process at once.
async fn signalled() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(INTERRUPTED.into());
    });
    Ok(())
}

/// Finishes what was accepted, then the writer, then the log.
async fn finish(http: tokio::task::JoinHandle<()>, running: Running) -> Result<(), Failure> {
    if let Err(error) = http.await {
        tracing::error!(%error, "serving HTTP ended by a fault");
    }
    let writable = running.opening.service.is_writable();
    tokio::task::spawn_blocking(move || running.stop())
        .await
        .map_err(Failure::failed)?;
    if writable {
        Ok(())
    } else {
        Err(Failure::new(
            FAILED,
            "the log had failed; the next start completes it",
        ))
    }
}

async fn authenticator(
    mode: Mode,
    own_key: &OwnKey,
    options: &ServeOptions,
) -> Result<Authenticator, Failure> {
    if mode == Mode::Open {
        return Ok(Authenticator::open());
    }
    let jwks = match &options.jwks {
        None => None,
        Some(text) => {
            let source: JwksSource = text.parse().map_err(Failure::usage)?;
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
        jwks,
        issuer: options.jwt_issuer.clone(),
        audience: options.jwt_audience.clone(),
    };
    Ok(Authenticator::jwt(own_key, settings))
}

/// The hosts of the NATS URLs, which decide whether open mode is safe.
fn nats_hosts(urls: Option<&str>) -> Result<Vec<String>, Failure> {
    let urls = urls.into_iter().flat_map(|urls| urls.split(','));
    urls.map(|url| {
        let address: async_nats::ServerAddr = url
            .trim()
            .parse()
            .map_err(|error| Failure::usage(format!("--nats-url {url}: {error}")))?;
        Ok(address.host().to_owned())
    })
    .collect()
}

/// Says where it listens, how callers are known, and one request to paste.
fn greet(
    scheme: &str,
    address: std::net::SocketAddr,
    mode: Mode,
    options: &ServeOptions,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let url = format!("{scheme}://{address}");
    writeln!(out, "listening on {url}")?;
    let dir = options.data.data_dir.display();
    let token = match mode {
        Mode::Open => {
            writeln!(
                out,
                "authentication: open; every caller on this machine is the local developer"
            )?;
            String::new()
        }
        Mode::Jwt => {
            writeln!(
                out,
                "authentication: jwt; `contactd token --data-dir {dir} --role admin --tenant '*'` prints a token"
            )?;
            " -H \"Authorization: Bearer $TOKEN\"".to_owned()
        }
    };
    writeln!(
        out,
        "try: curl -s {url}/contacts?tenant=default{token} -H 'Content-Type: application/json' -d '{{\"name\":{{\"full\":\"Ann Example\"}}}}'"
    )?;
    out.flush()
}
