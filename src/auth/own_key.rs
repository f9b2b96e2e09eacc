//! The data directory's own key, which signs the tokens of `contactd token`
//! and the short-lived ones a vendor's log-in gives.
//!
//! One Ed25519 key in `token.key`, PKCS#8 in PEM, readable by its owner alone.
//! A server and `contactd token` may both find it absent. Each then writes a
//! whole key to a file of its own and links it to the name, which only one can
//! do; both read back what is there. So nobody ever reads half a key.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::claims::{AccessClaims, Claims};
use super::error::AuthError;
use super::key::VerifyKey;
use super::principal::Session;
use super::token::Kind;
use crate::storage::{FileAt, StorageError};

/// The longest life of a token signed here: a year and a day.
pub const TTL_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

const FILE_NAME: &str = "token.key";
/// A PEM of an Ed25519 key has about two hundred bytes.
const FILE_BYTES_MAX: u64 = 4096;
/// The owner may read and write, nobody else anything.
const FILE_MODE: u32 = 0o600;

/// The key of a data directory. Its `Debug` shows the key's id only.
pub struct OwnKey {
    key_id: String,
    signing: SigningKey,
    verifying: Arc<VerifyKey>,
}

/// The reasons for which the data directory's key cannot be used. The operator must act, so the
/// service exits with 2.
#[derive(Debug, Error)]
pub enum OwnKeyError {
    /// The directory or the file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The action that failed, as the message names it.
        action: &'static str,
        /// The file or directory concerned.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Others than its owner may touch the file.
    #[error(
        "{} is open to others than its owner (mode {mode:03o}); run `chmod 600` on it, \
         and remove it if somebody else may have read it: a new key is made then",
        path.display()
    )]
    LoosePermissions {
        /// The path of the key file.
        path: PathBuf,
        /// The file's permission bits.
        mode: u32,
    },
    /// The file is no Ed25519 key in PKCS#8 PEM.
    #[error(
        "{} holds no Ed25519 private key (PKCS#8, PEM); restore it, or remove it \
         to have a new key made, which ends every token signed with the old one",
        path.display()
    )]
    NotAKey {
        /// The path of the key file.
        path: PathBuf,
    },
    /// The operating system gives no random bytes.
    #[error("the system gives no random bytes for a new key: {0}")]
    Random(getrandom::Error),
}

/// The reasons for which a token is not signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignError {
    /// A claim would be refused when the token comes back.
    #[error("no such token would be accepted: {0}")]
    Claim(#[from] AuthError),
    /// The life asked for is less than a second or more than [`TTL_MAX`].
    #[error("a token lives from one second to {} days", TTL_MAX.as_secs() / 86_400)]
    Ttl,
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written as JSON: {reason}")]
    Encode {
        /// The error of the JSON writer.
        reason: String,
    },
}

impl OwnKey {
    /// The key of `data_dir`, made if there is none; the directory too.
    ///
    /// # Errors
    /// See [`OwnKeyError`]; the server then does not start.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, OwnKeyError> {
        let path = data_dir.join(FILE_NAME);
        let pem = match read(&path)? {
            Some(pem) => pem,
            None => {
                create(data_dir, &path)?;
                read(&path)?.ok_or_else(|| OwnKeyError::NotAKey { path: path.clone() })?
            }
        };
        parse(&pem).ok_or(OwnKeyError::NotAKey { path })
    }

    /// What is wrong with the file of a directory's key, if anything is. None is made where there is
    /// no such file, for a start or the next token makes one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn wrong_in(file: &FileAt) -> Result<Option<OwnKeyError>, StorageError> {
        let pem = file.read(FILE_BYTES_MAX as usize)?.map(Zeroizing::new);
        let is_key = |pem: &[u8]| std::str::from_utf8(pem).is_ok_and(|pem| parse(pem).is_some());
        let wrong = pem.is_some_and(|pem| !is_key(&pem));
        Ok(wrong.then(|| OwnKeyError::NotAKey { path: file.path() }))
    }

    /// A fresh key that is kept nowhere: for a process that signs nothing which must outlive it.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn generate() -> Result<Self, OwnKeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(OwnKeyError::Random)?;
        Ok(of_signing(SigningKey::from_bytes(&seed)))
    }

    /// A token to be sent as `Authorization: Bearer`, valid for `ttl` from `now`
    /// (seconds since 1970).
    ///
    /// # Errors
    /// [`SignError`] where nobody would accept the token.
    pub fn sign_access(
        &self,
        claims: AccessClaims,
        ttl: Duration,
        now: u64,
    ) -> Result<String, SignError> {
        let claims = Claims::of_access(claims);
        claims.clone().into_principal()?;
        self.sign(Kind::Access, claims, ttl, now)
    }

    /// A token to be sent as Kare's `x-session-token`, valid for `ttl` from `now`.
    ///
    /// # Errors
    /// [`SignError`] where nobody would accept the token.
    pub fn sign_session(
        &self,
        user_id: &str,
        session_id: &str,
        ttl: Duration,
        now: u64,
    ) -> Result<String, SignError> {
        let claims = Claims::of_session(Session {
            user_id: user_id.to_owned(),
            session_id: session_id.to_owned(),
        });
        claims.clone().into_session()?;
        self.sign(Kind::Session, claims, ttl, now)
    }

    /// The public half of the key, for verifying.
    pub(super) fn verify_key(&self) -> Arc<VerifyKey> {
        Arc::clone(&self.verifying)
    }

    fn sign(
        &self,
        kind: Kind,
        claims: Claims,
        ttl: Duration,
        now: u64,
    ) -> Result<String, SignError> {
        if ttl.as_secs() == 0 || ttl > TTL_MAX {
            return Err(SignError::Ttl);
        }
        let claims = claims.valid(now, now.saturating_add(ttl.as_secs()));
        let header = json!({"typ": kind.media_type(), "alg": "EdDSA", "kid": self.key_id});
        let claims = serde_json::to_vec(&claims).map_err(|error| SignError::Encode {
            reason: error.to_string(),
        })?;
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        // The compact form of RFC 7515, section 7.1.
        let signed = format!("{}.{}", part(header.to_string().as_bytes()), part(&claims));
        let signature = self.signing.sign(signed.as_bytes());
        Ok(format!("{signed}.{}", part(&signature.to_bytes())))
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnKey")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

fn parse(pem: &str) -> Option<OwnKey> {
    SigningKey::from_pkcs8_pem(pem).ok().map(of_signing)
}

fn of_signing(key: SigningKey) -> OwnKey {
    let public = key.verifying_key();
    // Of the public key, so that it survives a backup and tells nothing.
    let mut key_id = hex::encode(Sha256::digest(public.as_bytes()));
    key_id.truncate(16);
    OwnKey {
        verifying: Arc::new(VerifyKey::ed25519(key_id.clone(), public)),
        signing: key,
        key_id,
    }
}

/// The text of the key file, or `None` if there is no such file.
fn read(path: &Path) -> Result<Option<Zeroizing<String>>, OwnKeyError> {
    let failed = |source| OwnKeyError::File {
        action: "read the token key",
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(OwnKeyError::LoosePermissions {
            path: path.to_owned(),
            mode,
        });
    }
    let mut pem = Zeroizing::new(String::new());
    match file.take(FILE_BYTES_MAX).read_to_string(&mut pem) {
        Ok(_) => Ok(Some(pem)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(OwnKeyError::NotAKey {
            path: path.to_owned(),
        }),
        Err(error) => Err(failed(error)),
    }
}

/// Puts a new key at `path`, whole and on the disk, unless one is there by now.
fn create(data_dir: &Path, path: &Path) -> Result<(), OwnKeyError> {
    let mut random = Zeroizing::new([0; 40]);
    getrandom::fill(random.as_mut_slice()).map_err(OwnKeyError::Random)?;
    let (seed, name) = random.split_at(32);
    let own_name = data_dir.join(format!(".{FILE_NAME}.{}", hex::encode(name)));

    let not_a_key = || OwnKeyError::NotAKey {
        path: path.to_owned(),
    };
    let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| not_a_key())?);
    let pem = SigningKey::from_bytes(&seed)
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|_| not_a_key())?;

    let placed = place(data_dir, &own_name, path, &pem);
    // What is left of a failed attempt is a key that nobody uses.
    let _ = std::fs::remove_file(&own_name);
    placed.map_err(|source| OwnKeyError::File {
        action: "create the token key",
        path: path.to_owned(),
        source,
    })
}

fn place(data_dir: &Path, own_name: &Path, path: &Path, pem: &str) -> io::Result<()> {
    // As closed as what is kept in it.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(own_name)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    match std::fs::hard_link(own_name, path) {
        // Somebody was faster; theirs is the key.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            File::open(data_dir)?.sync_all()?;
            tracing::info!(path = %path.display(), "a new key for tokens; those of an earlier one are void");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Authenticator, JwtSettings};

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_key_is_made_once_and_closed_to_others() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("a/b");
        let first = OwnKey::load_or_create(&data_dir).unwrap();
        let again = OwnKey::load_or_create(&data_dir).unwrap();
        assert_eq!(first.key_id, again.key_id);
        let files: Vec<_> = std::fs::read_dir(&data_dir)
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        assert_eq!(files.len(), 1, "nothing is left beside the key");
        let mode = files[0].metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, FILE_MODE);
    }

    #[test]
    fn all_who_make_it_at_once_get_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(8);
        let ids: Vec<String> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        OwnKey::load_or_create(directory.path()).unwrap().key_id
                    })
                })
                .collect();
            makers.into_iter().map(|m| m.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        OwnKey::load_or_create(directory.path()).unwrap();
        let path = directory.path().join(FILE_NAME);
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let loose = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, loose).unwrap();
            let error = OwnKey::load_or_create(directory.path()).unwrap_err();
            assert!(
                matches!(error, OwnKeyError::LoosePermissions { mode: found, .. } if found == mode),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        OwnKey::load_or_create(directory.path()).unwrap();
        let path = directory.path().join(FILE_NAME);
        for content in [&b""[..], b"nothing", b"\xff\xfe"] {
            std::fs::write(&path, content).unwrap();
            let error = OwnKey::load_or_create(directory.path()).unwrap_err();
            assert!(matches!(error, OwnKeyError::NotAKey { .. }), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn what_is_signed_is_accepted_for_its_life() {
        let directory = tempfile::tempdir().unwrap();
        let key = OwnKey::load_or_create(directory.path()).unwrap();
        let claims = AccessClaims {
            client_id: Some("cli".to_owned()),
            roles: vec!["admin".to_owned(), "nobody knows".to_owned()],
            tenants: vec!["kare/7".to_owned()],
            ..AccessClaims::default()
        };
        let token = key.sign_access(claims, HOUR, 1000).unwrap();
        let strict = JwtSettings {
            jwks: None,
            issuer: Some("https://somebody.example".to_owned()),
            audience: Some("somebody".to_owned()),
        };
        let authenticator = Authenticator::jwt(&key, strict);
        let caller = authenticator.verify(Some(&token), 1000).unwrap();
        assert!(caller.has_any(&["admin"]) && caller.may("kare", "7"));
        assert_eq!(caller.client_id.as_deref(), Some("cli"));
        let late = authenticator.verify(Some(&token), 1000 + 3600 + 30);
        assert_eq!(late, Err(AuthError::Expired));

        let session = key.sign_session("u", "s", HOUR, 1000).unwrap();
        let verified = authenticator.verify_session(Some(&session), 1000);
        assert_eq!(verified.unwrap().user_id, "u");
    }

    #[test]
    fn a_token_that_nobody_would_accept_is_not_signed() {
        let directory = tempfile::tempdir().unwrap();
        let key = OwnKey::load_or_create(directory.path()).unwrap();
        let named = |client: &str| AccessClaims {
            client_id: Some(client.to_owned()),
            ..AccessClaims::default()
        };
        let claim = "client_id";
        assert_eq!(
            key.sign_access(named("a\nb"), HOUR, 0),
            Err(SignError::Claim(AuthError::ClaimOutOfBounds { claim }))
        );
        assert!(key.sign_session("", "s", HOUR, 0).is_err());
        for ttl in [Duration::ZERO, TTL_MAX + Duration::from_secs(1)] {
            assert_eq!(key.sign_access(named("a"), ttl, 0), Err(SignError::Ttl));
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let key = OwnKey::load_or_create(directory.path()).unwrap();
        let expected = format!("OwnKey {{ key_id: {:?}, .. }}", key.key_id);
        assert_eq!(format!("{key:?}"), expected);
    }
}
