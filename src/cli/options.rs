//! The options that subcommands share, each with its environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::audit::{KeyKind, VerifierKey};
use crate::auth::{Mode, RateSpec};
use crate::wire::Detail;

/// Where the data is.
#[derive(Args, Clone, Debug)]
pub struct DataOptions {
    /// The data directory
    #[arg(
        long,
        env = "CONTACTD_DATA_DIR",
        default_value = "contact-data",
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
    /// The file with the key that wraps the contacts' keys [default: keys/master.key in the data directory]
    #[arg(long, env = "CONTACTD_MASTER_KEY", value_name = "FILE")]
    pub master_key: Option<PathBuf>,
    /// The file with the key that signs checkpoints [default: audit.key in the data directory]
    #[arg(long, env = "CONTACTD_AUDIT_KEY", value_name = "FILE")]
    pub audit_key: Option<PathBuf>,
    /// The name that checkpoints are signed in [default: contactd.local/<log id>]
    #[arg(long, env = "CONTACTD_AUDIT_ORIGIN", value_name = "NAME")]
    pub audit_origin: Option<String>,
}

/// Where a running service is.
#[derive(Args, Clone, Debug)]
pub struct ServerOptions {
    /// The running service's address, such as http://127.0.0.1:8080
    #[arg(long, env = "CONTACTD_URL", value_name = "URL")]
    pub url: Option<String>,
    /// The bearer token to send to it
    #[arg(
        long,
        env = "CONTACTD_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
}

/// How to run the service.
#[derive(Args, Clone, Debug)]
pub struct ServeOptions {
    #[command(flatten)]
    pub data: DataOptions,
    /// Where to listen; port 0 picks a free one
    #[arg(
        long,
        env = "CONTACTD_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,
    /// The NATS server to publish to and take commands from, such as nats://127.0.0.1:4222
    #[arg(long, env = "CONTACTD_NATS_URL", value_name = "URL")]
    pub nats_url: Option<String>,
    /// The credentials file for the NATS server
    #[arg(long, env = "CONTACTD_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,
    /// The first token of every subject
    #[arg(
        long,
        env = "CONTACTD_NATS_PREFIX",
        default_value = "contacts",
        value_name = "TOKEN"
    )]
    pub nats_prefix: String,
    /// Whether callers need a token: `open` only on loopback [default: open on loopback without --jwks]
    #[arg(long, env = "CONTACTD_AUTH", value_name = "open|jwt")]
    pub auth: Option<Mode>,
    /// The keys of the identity provider: a file or a URL
    #[arg(long, env = "CONTACTD_JWKS", value_name = "FILE|URL")]
    pub jwks: Option<String>,
    /// The `iss` that the identity provider's tokens must have
    #[arg(long, env = "CONTACTD_JWT_ISSUER", value_name = "TEXT")]
    pub jwt_issuer: Option<String>,
    /// The `aud` that the identity provider's tokens must have
    #[arg(long, env = "CONTACTD_JWT_AUDIENCE", value_name = "TEXT")]
    pub jwt_audience: Option<String>,
    /// How much of an event is published on NATS
    #[arg(long, env = "CONTACTD_EVENT_DETAIL", default_value = "non-sensitive")]
    pub event_detail: EventDetail,
    /// Record reads of every dialect, not only of MATTR's
    #[arg(long, env = "CONTACTD_AUDIT_READS")]
    pub audit_reads: bool,
    /// Refuse updates and deletes without If-Match
    #[arg(long, env = "CONTACTD_REQUIRE_IF_MATCH")]
    pub require_if_match: bool,
    /// A witness's verifier key, whose cosignatures are taken and kept; may be repeated
    #[arg(long, env = "CONTACTD_WITNESS", value_name = "KEY", value_delimiter = ' ',
          value_parser = witness)]
    pub witness: Vec<VerifierKey>,
    /// The largest body, in bytes
    #[arg(long, env = "CONTACTD_BODY_LIMIT", default_value_t = 1 << 20, value_name = "BYTES",
          value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub body_limit: u64,
    /// Calls of one client, such as 100/s or 2000/5m [default: no limit]
    #[arg(long, env = "CONTACTD_RATE_LIMIT", value_name = "CALLS/TIME")]
    pub rate_limit: Option<RateSpec>,
    /// Open connections
    #[arg(long, env = "CONTACTD_MAX_CONNECTIONS", default_value_t = 1_024, value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// How long a request may take to arrive, and may wait, in seconds
    #[arg(long, env = "CONTACTD_REQUEST_TIMEOUT", default_value_t = 30, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub request_timeout: u64,
    /// Commands that may wait for the writer
    #[arg(long, env = "CONTACTD_QUEUE_LIMIT", default_value_t = 4_096, value_name = "COMMANDS",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queue_limit: u32,
    /// The TLS certificate chain, PEM
    #[arg(
        long,
        env = "CONTACTD_TLS_CERT",
        requires = "tls_key",
        value_name = "FILE"
    )]
    pub tls_cert: Option<PathBuf>,
    /// The TLS certificate's key, PEM
    #[arg(
        long,
        env = "CONTACTD_TLS_KEY",
        requires = "tls_cert",
        value_name = "FILE"
    )]
    pub tls_key: Option<PathBuf>,
    /// How log lines look on standard error
    #[arg(long, env = "CONTACTD_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

fn witness(text: &str) -> Result<VerifierKey, &'static str> {
    VerifierKey::parse(text)
        .filter(|key| key.kind() == KeyKind::Cosignature)
        .ok_or(
            "it must be a witness's verifier key: name+hash+base64, of the kind for cosignatures",
        )
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How much of an event is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventDetail {
    /// That it happened
    Metadata,
    /// What harms nobody
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
