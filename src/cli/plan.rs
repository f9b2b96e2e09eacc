//! What the options of the service amount to, judged before anything is opened: a start goes on with
//! it, `contactd check` says it.

use super::exit::Failure;
use super::options::ServeOptions;
use super::reload::TlsFiles;
use crate::auth::{JwksSource, Mode, check_open};
use crate::cluster::{Members, NodeName};
use crate::keys::ClusterKey;
use crate::nats::{Login, Prefix, Servers, Target};
use crate::storage::FileAt;

/// Options for being on the bus, as the command line gives them.
pub struct BusOptions {
    /// The servers to connect to.
    pub servers: Servers,
    /// What this service shows of itself there.
    pub login: Login,
    /// The first part of every subject.
    pub prefix: Prefix,
}

impl BusOptions {
    /// The servers, and what this service shows of itself there.
    pub fn target(&self, mode: Mode) -> Target {
        Target {
            servers: self.servers.clone(),
            login: self.login.clone(),
            open: mode == Mode::Open,
        }
    }
}

/// The options for being on the bus, if there is to be one; files that they name have been read.
///
/// # Errors
/// The URL or the prefix is not understood, or a file cannot be used.
pub async fn bus(options: &ServeOptions) -> Result<Option<BusOptions>, Failure> {
    let Some(url) = &options.nats_url else {
        return Ok(None);
    };
    let bus = BusOptions {
        servers: url.parse().map_err(Failure::usage)?,
        login: Login {
            credentials: options.nats_creds.clone(),
            nkey: options.nats_nkey.clone(),
            authorities: options.nats_ca.clone(),
            certificate: options.nats_cert.clone().zip(options.nats_key.clone()),
        },
        prefix: options.nats_prefix.parse().map_err(Failure::usage)?,
    };
    let checked = bus.login.check(&bus.servers).await;
    checked.map_err(Failure::usage)?;
    Ok(Some(bus))
}

/// The nodes that keep the log together, and the secret that they share, not yet for a log.
pub struct ClusterOptions {
    /// All nodes, and which of them this one is.
    pub members: Members,
    /// The secret of the cluster.
    pub key: ClusterKey,
}

/// The options for being in a cluster, if there is to be one.
///
/// # Errors
/// The names are no cluster, this node's is unknown, or the secret can't be read.
pub fn cluster(options: &ServeOptions) -> Result<Option<ClusterOptions>, Failure> {
    let Some(path) = options
        .cluster_key
        .as_ref()
        .filter(|_| !options.cluster.is_empty())
    else {
        return Ok(None);
    };
    let own = match &options.node {
        Some(own) => own.clone(),
        None => host_name()?,
    };
    let members = Members::new(options.cluster.clone(), &own).map_err(Failure::usage)?;
    let key = ClusterKey::read(&FileAt::at(path), "")?;
    Ok(Some(ClusterOptions { members, key }))
}

/// The name of the host, up to its first dot.
fn host_name() -> Result<NodeName, Failure> {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    let label = name.split('.').next().unwrap_or_default();
    label.parse().map_err(|_| {
        Failure::usage(format!(
            "the host's name, {name:?}, can't be a node's; give --node"
        ))
    })
}

/// Whether callers need a token.
///
/// # Errors
/// Nobody is asked for a token where strangers could come, or keys of tokens are given that nobody
/// is asked for.
pub fn mode(options: &ServeOptions, bus: Option<&BusOptions>) -> Result<Mode, Failure> {
    let hosts = bus.into_iter().flat_map(|bus| bus.servers.hosts());
    let mode = check_open(options.auth, options.listen, hosts, options.jwks.is_some())
        .map_err(Failure::usage)?;
    if mode == Mode::Open && options.jwks.is_some() {
        return Err(Failure::usage(
            "--jwks has no effect with --auth open; leave one of them away",
        ));
    }
    Ok(mode)
}

/// The most connections at once, and of those the most that one address may have, where it is said.
///
/// # Errors
/// One address may have more than there may be.
pub fn connections(options: &ServeOptions) -> Result<(usize, Option<usize>), Failure> {
    let (all, of_one) = (options.max_connections, options.max_connections_per_address);
    if of_one.is_some_and(|most| most > all) {
        return Err(Failure::usage(
            "--max-connections-per-address is more than --max-connections, so it would limit nobody",
        ));
    }
    Ok((all as usize, of_one.map(|most| most as usize)))
}

/// The certificate to show to clients, with its key, where the service is to speak HTTPS.
///
/// # Errors
/// One of the files cannot be read, or the key is not that of the certificate.
pub fn tls(options: &ServeOptions) -> Result<Option<TlsFiles>, Failure> {
    let files = options.tls_cert.clone().zip(options.tls_key.clone());
    let files = files.map(|(certificate, key)| TlsFiles::read(certificate, key));
    files.transpose().map_err(Failure::usage)
}

/// The source of the identity provider's keys, if there is one.
///
/// # Errors
/// It is neither a file nor a URL that can be fetched.
pub fn jwks(options: &ServeOptions) -> Result<Option<JwksSource>, Failure> {
    let source = options.jwks.as_deref().map(str::parse).transpose();
    source.map_err(Failure::usage)
}

/// The collector that traces are sent to, if there is one.
///
/// # Errors
/// It is no URL of HTTP, or this build can send no traces.
pub fn collector(options: &ServeOptions) -> Result<Option<&str>, Failure> {
    let Some(endpoint) = options.otlp_endpoint.as_deref() else {
        return Ok(None);
    };
    if cfg!(not(feature = "opentelemetry")) {
        return Err(Failure::usage(
            "this build sends no traces: build it with --features opentelemetry, or leave out \
             --otlp-endpoint and OTEL_EXPORTER_OTLP_ENDPOINT",
        ));
    }
    let url = endpoint.parse::<reqwest::Url>().ok();
    match url.filter(|url| matches!(url.scheme(), "http" | "https")) {
        Some(_) => Ok(Some(endpoint)),
        None => Err(Failure::usage(format!(
            "--otlp-endpoint {endpoint}: give the address of a collector, such as http://127.0.0.1:4318"
        ))),
    }
}

/// What is allowed but seldom meant, in words for the operator.
pub fn risks(mode: Mode, options: &ServeOptions) -> Vec<String> {
    let mut risks = Vec::new();
    if mode == Mode::Jwt && !options.listen.ip().is_loopback() && options.tls_cert.is_none() {
        risks.push(
            "tokens and contacts cross the network in clear; give --tls-cert and --tls-key, or put \
             a proxy in front that speaks TLS"
                .to_owned(),
        );
    }
    for (given, option) in [
        (&options.jwt_issuer, "--jwt-issuer"),
        (&options.jwt_audience, "--jwt-audience"),
    ] {
        if options.jwks.is_some() && given.is_none() {
            risks.push(format!(
                "--jwks without {option}: tokens that the provider signs for other services are \
                 taken here too"
            ));
        }
    }
    risks
}
