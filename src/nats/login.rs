//! How this service proves to the broker who it is: keys, credentials and certificates in files.
//!
//! The files are looked at once at the start, so that what is missing or wrong is said there, and
//! read again for each connection, for a token or a certificate may have been renewed.

use std::path::{Path, PathBuf};

use async_nats::ConnectOptions;
use nkeys::{KeyPair, KeyPairType};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::servers::{Server, Servers, User};

/// Files that say who this service is, beside what the URL says.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// A credentials file: a user's JWT and the seed of the user's NKey.
    pub credentials: Option<PathBuf>,
    /// A file with the seed of a user's NKey.
    pub nkey: Option<PathBuf>,
    /// Certificates of authorities that sign the servers' certificates (PEM); the system's, if none.
    pub authorities: Option<PathBuf>,
    /// The certificate that this service shows, and its key (PEM).
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// What was given can't be used.
#[derive(Debug, Error)]
pub enum BadLogin {
    /// More than one way to say who this service is.
    #[error(
        "only one of these can be given: a user or token in --nats-url, --nats-creds, --nats-nkey"
    )]
    Ambiguous,
    /// A file can't be used.
    #[error("the file {} of {option} can't be used: {reason}", path.display())]
    File {
        /// The option that names it.
        option: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Login {
    /// Whether everything can be used.
    ///
    /// # Errors
    /// [`BadLogin`]: what can't.
    pub async fn check(&self, servers: &Servers) -> Result<(), BadLogin> {
        let ways = [
            servers.names_user(),
            self.credentials.is_some(),
            self.nkey.is_some(),
        ];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(BadLogin::Ambiguous);
        }
        self.check_tls()?;
        for server in servers.all() {
            self.apply(ConnectOptions::new(), server).await?;
        }
        Ok(())
    }

    /// Adds to the options of a connection who this service is.
    ///
    /// # Errors
    /// [`BadLogin::File`]: a file can't be read.
    pub async fn apply(
        &self,
        mut options: ConnectOptions,
        server: &Server,
    ) -> Result<ConnectOptions, BadLogin> {
        match &server.user {
            None => {}
            Some(User::Token(token)) => options = options.token(token.clone()),
            Some(User::Password { user, password }) => {
                options = options.user_and_password(user.clone(), password.clone());
            }
        }
        if let Some(path) = &self.credentials {
            let known = options.credentials_file(path).await;
            options = known.map_err(|error| bad("--nats-creds", path, &error))?;
        }
        if let Some(path) = &self.nkey {
            options = options.nkey(seed(path)?);
        }
        if let Some(path) = &self.authorities {
            options = options.add_root_certificates(path.clone());
        }
        if let Some((certificate, key)) = &self.certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        let is_tls = self.authorities.is_some() || self.certificate.is_some();
        Ok(options.require_tls(is_tls || server.address.tls_required()))
    }

    fn check_tls(&self) -> Result<(), BadLogin> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.authorities {
            for authority in certificates("--nats-ca", path)? {
                let added = roots.add(authority);
                added.map_err(|error| bad("--nats-ca", path, &error))?;
            }
        }
        if let Some((certificate, key)) = &self.certificate {
            let chain = certificates("--nats-cert", certificate)?;
            let secret = PrivateKeyDer::from_pem_file(key);
            let secret = secret.map_err(|error| bad("--nats-key", key, &error))?;
            let config = rustls::ClientConfig::builder().with_root_certificates(roots);
            let config = config.with_client_auth_cert(chain, secret);
            config.map_err(|error| bad("--nats-key", key, &error))?;
        }
        Ok(())
    }
}

/// The seed in an NKey file: its first line that is not empty and no comment.
fn seed(path: &Path) -> Result<String, BadLogin> {
    let wrong = |reason: &dyn std::fmt::Display| bad("--nats-nkey", path, reason);
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let mut lines = text.lines().map(str::trim);
    let seed = lines.find(|line| !line.is_empty() && !line.starts_with(['#', '-']));
    let seed = seed.unwrap_or_default().to_owned();
    match KeyPair::from_seed(&seed).map(|pair| pair.key_pair_type()) {
        Ok(KeyPairType::User) => Ok(seed),
        Ok(_) => Err(wrong(
            &"it is the seed of a key that is no user's; a user's begins with SU",
        )),
        Err(error) => Err(wrong(&error)),
    }
}

/// The certificates in a PEM file, at least one.
fn certificates(
    option: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, BadLogin> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| bad(option, path, &error))?;
    if certificates.is_empty() {
        return Err(bad(option, path, &"it holds no certificate in PEM"));
    }
    Ok(certificates)
}

fn bad(option: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> BadLogin {
    BadLogin::File {
        option,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
