//! The options that subcommands share, each with its environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::audit::{KeyKind, VerifierKey};
use crate::auth::{Mode, RateSpec};
use crate::cluster::NodeName;
use crate::wire::Detail;

/// The groups that `--help`, and the README's table of options, are divided into.
pub mod headings {
    /// What lies on the disk, and the keys of it.
    pub const DATA: &str = "Data directory";
    /// The heading of options that name a running service.
    pub const SERVICE: &str = "A running service";
    /// The heading of options for HTTP.
    pub const HTTP: &str = "HTTP";
    /// The heading of options for tokens.
    pub const TOKENS: &str = "Tokens";
    /// The broker, and what is published there.
    pub const NATS: &str = "NATS";
    /// Several machines that keep one log.
    pub const CLUSTER: &str = "Cluster";
    /// What is recorded beyond commands, and who vouches for it.
    pub const AUDIT: &str = "Audit log";
    /// The heading of options that limit what clients may send.
    pub const LIMITS: &str = "Limits";
    /// What the service says of itself.
    pub const LOGGING: &str = "Logging and traces";
}

/// The address that an option names: of an IP, for a name may stand for several.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080; names are not taken"
            .to_owned()
    })
}

/// Options that name the data directory.
#[derive(Args, Clone, Debug)]
pub struct DataOptions {
    /// The directory that holds all data
    #[arg(
        long, help_heading = headings::DATA,
        env = "CONTACTD_DATA_DIR",
        default_value = "contact-data",
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
    /// The file with the key that encrypts the contacts' keys [default: keys/master.key in the data directory]
    #[arg(long, help_heading = headings::DATA, env = "CONTACTD_MASTER_KEY", value_name = "FILE")]
    pub master_key: Option<PathBuf>,
    /// The file with the key that signs checkpoints [default: audit.key in the data directory]
    #[arg(long, help_heading = headings::DATA, env = "CONTACTD_AUDIT_KEY", value_name = "FILE")]
    pub audit_key: Option<PathBuf>,
    /// The name under which checkpoints are signed [default: contactd.local/ and the log's id]
    #[arg(long, help_heading = headings::DATA, env = "CONTACTD_AUDIT_ORIGIN", value_name = "NAME")]
    pub audit_origin: Option<String>,
}

/// Options that name a running service.
#[derive(Args, Clone, Debug)]
pub struct ServerOptions {
    /// The running service's address, such as http://127.0.0.1:8080 or 127.0.0.1:8080
    #[arg(long, help_heading = headings::SERVICE, env = "CONTACTD_URL", value_name = "URL")]
    pub url: Option<String>,
    #[command(flatten)]
    pub access: AccessOptions,
}

/// Options that say how a running service is asked.
#[derive(Args, Clone, Debug)]
pub struct AccessOptions {
    /// The file with the certificates (PEM) of authorities to trust beside the system's own
    #[arg(long, help_heading = headings::SERVICE, env = "CONTACTD_CACERT", value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// The bearer token to send to it
    #[arg(
        long, help_heading = headings::SERVICE,
        env = "CONTACTD_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
}

/// Options for running the service.
#[derive(Args, Clone, Debug)]
pub struct ServeOptions {
    #[command(flatten)]
    pub data: DataOptions,
    /// The address to listen on; port 0 picks a free port
    #[arg(
        long, help_heading = headings::HTTP,
        env = "CONTACTD_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS",
        value_parser = listen_address
    )]
    pub listen: SocketAddr,
    /// The NATS server to publish events to and to take commands from, such as nats://127.0.0.1:4222;
    /// before the host USER:PASSWORD@ or TOKEN@; several servers with commas between
    #[arg(
        long, help_heading = headings::NATS,
        env = "CONTACTD_NATS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub nats_url: Option<String>,
    /// The credentials file for the NATS server: a user's JWT and NKey seed
    #[arg(
        long, help_heading = headings::NATS,
        env = "CONTACTD_NATS_CREDS",
        value_name = "FILE",
        requires = "nats_url"
    )]
    pub nats_creds: Option<PathBuf>,
    /// The file with the seed of a user's NKey for the NATS server
    #[arg(
        long, help_heading = headings::NATS,
        env = "CONTACTD_NATS_NKEY",
        value_name = "FILE",
        requires = "nats_url"
    )]
    pub nats_nkey: Option<PathBuf>,
    /// The authorities that sign the NATS servers' certificates (PEM) [default: the system's]
    #[arg(
        long, help_heading = headings::NATS,
        env = "CONTACTD_NATS_CA",
        value_name = "FILE",
        requires = "nats_url"
    )]
    pub nats_ca: Option<PathBuf>,
    /// The certificate to show to the NATS server (PEM)
    #[arg(
        long, help_heading = headings::NATS,
        env = "CONTACTD_NATS_CERT",
        value_name = "FILE",
        requires_all = ["nats_key", "nats_url"]
    )]
    pub nats_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(
        long, help_heading = headings::NATS,
        env = "CONTACTD_NATS_KEY",
        value_name = "FILE",
        requires_all = ["nats_cert", "nats_url"]
    )]
    pub nats_key: Option<PathBuf>,
    /// Keep the payload and query of durable commands that cannot be taken, which may be personal data
    #[arg(long, help_heading = headings::NATS, env = "CONTACTD_NATS_DEAD_CONTENT", requires = "nats_url")]
    pub nats_dead_content: bool,
    /// The first part of every subject, before the first dot
    #[arg(
        long, help_heading = headings::NATS,
        env = "CONTACTD_NATS_PREFIX",
        default_value = "contacts",
        value_name = "TOKEN",
        requires = "nats_url"
    )]
    pub nats_prefix: String,
    /// The names of all nodes that keep one log together, in the same order on each; best three
    #[arg(long, help_heading = headings::CLUSTER, env = "CONTACTD_CLUSTER", value_name = "NAME,NAME,...", value_delimiter = ',',
          requires_all = ["nats_url", "cluster_key"])]
    pub cluster: Vec<NodeName>,
    /// The name of this node among them [default: the host's name]
    #[arg(long, help_heading = headings::CLUSTER, env = "CONTACTD_NODE", value_name = "NAME", requires = "cluster")]
    pub node: Option<NodeName>,
    /// The file with the secret that the nodes share: 32 bytes, or 64 hex digits
    #[arg(long, help_heading = headings::CLUSTER, env = "CONTACTD_CLUSTER_KEY", value_name = "FILE", requires = "cluster")]
    pub cluster_key: Option<PathBuf>,
    /// Whether callers need a token; `open` is allowed only on loopback [default: jwt where --jwks is given, else open]
    #[arg(long, help_heading = headings::TOKENS, env = "CONTACTD_AUTH", value_name = "open|jwt")]
    pub auth: Option<Mode>,
    /// The public keys of the identity provider (a JWKS), as a file or a URL
    #[arg(long, help_heading = headings::TOKENS, env = "CONTACTD_JWKS", value_name = "FILE|URL")]
    pub jwks: Option<String>,
    /// The issuer (`iss`) that tokens of the identity provider must name
    #[arg(long, help_heading = headings::TOKENS, env = "CONTACTD_JWT_ISSUER", value_name = "TEXT", requires = "jwks")]
    pub jwt_issuer: Option<String>,
    /// The audience (`aud`) that tokens of the identity provider must name
    #[arg(long, help_heading = headings::TOKENS, env = "CONTACTD_JWT_AUDIENCE", value_name = "TEXT", requires = "jwks")]
    pub jwt_audience: Option<String>,
    /// The level of detail at which events are published on NATS
    #[arg(long, help_heading = headings::NATS, env = "CONTACTD_EVENT_DETAIL", default_value = "non-sensitive",
          requires = "nats_url")]
    pub event_detail: EventDetail,
    /// Record reads of contacts as events for every vendor's API, not only for MATTR's
    #[arg(long, help_heading = headings::AUDIT, env = "CONTACTD_AUDIT_READS")]
    pub audit_reads: bool,
    /// Refuse updates and deletes that come without If-Match (428)
    #[arg(long, help_heading = headings::HTTP, env = "CONTACTD_REQUIRE_IF_MATCH")]
    pub require_if_match: bool,
    /// The public key of a witness, whose cosignatures of checkpoints are accepted; may be repeated, in the variable with spaces
    #[arg(long, help_heading = headings::AUDIT, env = "CONTACTD_WITNESS", value_name = "KEY", value_delimiter = ' ',
          value_parser = witness_key)]
    pub witness: Vec<VerifierKey>,
    /// The largest request body, in bytes
    #[arg(long, help_heading = headings::LIMITS, env = "CONTACTD_BODY_LIMIT", default_value_t = 1 << 20, value_name = "BYTES",
          value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub body_limit: u64,
    /// The most requests that one client may send, such as 100/s or 2000/5m [default: no limit]
    #[arg(long, help_heading = headings::LIMITS, env = "CONTACTD_RATE_LIMIT", value_name = "CALLS/TIME")]
    pub rate_limit: Option<RateSpec>,
    /// Take the clock as it is, even where it has jumped or contradicts the log
    #[arg(long, help_heading = headings::DATA, env = "CONTACTD_ACCEPT_CLOCK")]
    pub accept_clock: bool,
    /// The most connections that may be open at once
    #[arg(long, help_heading = headings::LIMITS, env = "CONTACTD_MAX_CONNECTIONS", default_value_t = 1_024, value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// The most connections that one address may have open [default: all but an eighth]
    #[arg(long, help_heading = headings::LIMITS, env = "CONTACTD_MAX_CONNECTIONS_PER_ADDRESS", value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections_per_address: Option<u32>,
    /// The longest that a request may take to arrive, and the longest that it may wait, in seconds
    #[arg(long, help_heading = headings::LIMITS, env = "CONTACTD_REQUEST_TIMEOUT", default_value_t = 30, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub request_timeout: u64,
    /// The most commands that may wait to be written; more are answered 503
    #[arg(long, help_heading = headings::LIMITS, env = "CONTACTD_QUEUE_LIMIT", default_value_t = 4_096, value_name = "COMMANDS",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queue_limit: u32,
    /// The TLS certificate chain (PEM); with it the service speaks HTTPS
    #[arg(
        long, help_heading = headings::HTTP,
        env = "CONTACTD_TLS_CERT",
        requires = "tls_key",
        value_name = "FILE"
    )]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the TLS certificate (PEM)
    #[arg(
        long, help_heading = headings::HTTP,
        env = "CONTACTD_TLS_KEY",
        requires = "tls_cert",
        value_name = "FILE"
    )]
    pub tls_key: Option<PathBuf>,
    /// The form of the service's own log on standard error
    #[arg(long, help_heading = headings::LOGGING, env = "CONTACTD_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// The OpenTelemetry collector that traces are sent to (OTLP over HTTP), such as http://127.0.0.1:4318
    #[arg(long, help_heading = headings::LOGGING, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// Reads the public key of a log.
pub fn log_key(text: &str) -> Result<VerifierKey, &'static str> {
    VerifierKey::parse(text.trim()).ok_or("it is no verifier key: `contactd log key` prints it")
}

/// Reads the public key of a witness.
pub fn witness_key(text: &str) -> Result<VerifierKey, &'static str> {
    VerifierKey::parse(text.trim())
        .filter(|key| key.kind() == KeyKind::Cosignature)
        .ok_or(
            "it must be a witness's verifier key: name+hash+base64, of the kind for cosignatures",
        )
}

/// The forms of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people to read.
    Text,
    /// JSON for programs to read.
    Json,
}

/// The levels of detail at which events are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventDetail {
    /// Only that it happened
    Metadata,
    /// What is not sensitive: no names, addresses or numbers
    NonSensitive,
    /// Everything, the contact included
    Full,
}

impl From<EventDetail> for Detail {
    fn from(detail: EventDetail) -> Self {
        match detail {
            EventDetail::Metadata => Self::Metadata,
            EventDetail::NonSensitive => Self::NonSensitive,
            EventDetail::Full => Self::Full,
        }
    }
}

/// A directory that no service may hold meanwhile.
#[derive(Args, Clone)]
pub struct DirectoryOptions {
    #[command(flatten)]
    pub data: DataOptions,
}
