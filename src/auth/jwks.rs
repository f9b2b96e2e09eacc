//! The key set of an identity provider: where it comes from, and its refresh.
//!
//! Verifying reads a snapshot and never waits. Fetching goes on beside it: at
//! start, every few minutes, and when a token names a key we do not know, but
//! then at most once in half a minute, or strangers could make us hammer the
//! provider. A fetch that fails leaves the old keys in place.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, Url};
use thiserror::Error;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tracing::{debug, warn};

use super::key::{KeySet, KeySetError};

/// The time after which a key set is fetched again without being asked for.
const REFRESH_PERIOD: Duration = Duration::from_secs(5 * 60);
/// The least time between two fetches that unknown keys ask for.
const REFRESH_GAP: Duration = Duration::from_secs(30);
/// The longest that one fetch may take.
const FETCH_TIME_MAX: Duration = Duration::from_secs(10);
/// The longest key set document that is read, in bytes.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// The source of a key set, the value of `--jwks`. A URL may hold a password, so `Debug` shows no
/// more of it than its host.
#[derive(Clone, PartialEq, Eq)]
pub enum JwksSource {
    /// The path of a file on this machine.
    File(PathBuf),
    /// A URL of the scheme `http` or `https`.
    Url(Url),
}

/// The reasons for which a key set could not be read.
#[derive(Debug, Error)]
pub enum JwksError {
    /// The text looks like a URL and is none that can be fetched.
    #[error("`--jwks` is neither a file nor an http(s) URL with a host: {reason}")]
    BadUrl {
        /// The reason, as the URL parser gives it.
        reason: String,
    },
    /// No HTTP client could be made, for want of root certificates for example.
    #[error("cannot make a client to fetch the JWKS: {0}")]
    Client(#[source] reqwest::Error),
    /// The file cannot be read.
    #[error("cannot read the JWKS file {}: {source}; check the path and its permissions", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The URL could not be fetched.
    #[error("cannot fetch the JWKS: {0}; check that the URL is reachable from here")]
    Fetch(#[source] reqwest::Error),
    /// The URL answers with something else than 200. Redirects are not followed.
    #[error("the JWKS URL answers {status}; give the URL that answers 200 itself")]
    Status {
        /// The HTTP status of the answer.
        status: u16,
    },
    /// The document is longer than is read.
    #[error("the JWKS is longer than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    /// The document is not a JSON Web Key Set (RFC 7517).
    #[error("the JWKS cannot be used: {reason}")]
    NotAKeySet {
        /// The reason, as the parser gives it.
        reason: String,
    },
}

impl fmt::Debug for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JwksSource::File(path) => f.debug_tuple("File").field(path).finish(),
            JwksSource::Url(url) => f.debug_tuple("Url").field(&url.host_str()).finish(),
        }
    }
}

impl FromStr for JwksSource {
    type Err = JwksError;

    fn from_str(text: &str) -> Result<Self, JwksError> {
        if !text.contains("://") {
            return Ok(JwksSource::File(PathBuf::from(text)));
        }
        let url = Url::parse(text).map_err(|error| JwksError::BadUrl {
            reason: error.to_string(),
        })?;
        if matches!(url.scheme(), "http" | "https") && url.has_host() {
            Ok(JwksSource::Url(url))
        } else {
            Err(JwksError::BadUrl {
                reason: format!("the scheme `{}` cannot be fetched", url.scheme()),
            })
        }
    }
}

/// A key set that is kept fresh.
pub struct Jwks {
    reader: Reader,
    /// The keys of the last fetch; whoever follows them hears of each fetch.
    keys: watch::Sender<Arc<KeySet>>,
    /// The time at which the last fetch began; the lock is held while one is under way.
    last_fetch: tokio::sync::Mutex<Option<Instant>>,
}

enum Reader {
    File(PathBuf),
    Url { client: Client, url: Url },
}

impl Jwks {
    /// A set without keys yet, for [`Jwks::load`] to fill.
    ///
    /// # Errors
    /// [`JwksError::Client`] for a URL.
    pub fn new(source: JwksSource) -> Result<Self, JwksError> {
        let reader = match source {
            JwksSource::File(path) => Reader::File(path),
            JwksSource::Url(url) => Reader::Url {
                client: client(&url)?,
                url,
            },
        };
        Ok(Self {
            reader,
            keys: watch::Sender::default(),
            last_fetch: tokio::sync::Mutex::default(),
        })
    }

    /// Fetches the set and puts it in place of the old one, which stays if
    /// that fails. Gives the number of usable keys. A set that says it has no
    /// keys is believed: that is how a provider takes back all of them.
    ///
    /// # Errors
    /// Whatever keeps the set from being read.
    pub async fn load(&self) -> Result<usize, JwksError> {
        let mut last_fetch = self.last_fetch.lock().await;
        *last_fetch = Some(Instant::now());
        self.fetch().await
    }

    /// Fetches the set because a token named a key that is not in it, unless a
    /// fetch began less than half a minute ago; one under way is waited for.
    pub async fn refresh(self: &Arc<Self>) {
        let jwks = Arc::clone(self);
        // In a task of its own: a stranger who hangs up must not be able to cut
        // short the one fetch of this half minute.
        let task = tokio::spawn(async move {
            let mut last_fetch = jwks.last_fetch.lock().await;
            if last_fetch.is_none_or(|last| last.elapsed() >= REFRESH_GAP) {
                *last_fetch = Some(Instant::now());
                report(&jwks.fetch().await);
            }
        });
        // It ends early only when the process does.
        let _ = task.await;
    }

    /// Fetches the set every five minutes, for ever: spawn it beside the
    /// server, and drop it to stop.
    pub async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(REFRESH_PERIOD).await;
            report(&self.load().await);
        }
    }

    /// The key set as it was fetched last.
    pub(super) fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.keys.borrow())
    }

    /// Each key set as it is fetched.
    pub(super) fn follow(&self) -> watch::Receiver<Arc<KeySet>> {
        self.keys.subscribe()
    }

    async fn fetch(&self) -> Result<usize, JwksError> {
        let document = match &self.reader {
            Reader::File(path) => read_file(path).await.map_err(|source| JwksError::File {
                path: path.clone(),
                source,
            })?,
            Reader::Url { client, url } => download(client, url.clone()).await?,
        };
        if document.len() > DOCUMENT_BYTES_MAX {
            return Err(JwksError::TooLarge);
        }
        let keys =
            KeySet::parse(&document).map_err(|error: KeySetError| JwksError::NotAKeySet {
                reason: error.to_string(),
            })?;
        let usable = keys.len();
        if usable == 0 {
            warn!("the JWKS holds no key that can be used");
        }
        self.keys.send_replace(Arc::new(keys));
        Ok(usable)
    }
}

fn report(fetched: &Result<usize, JwksError>) {
    match fetched {
        Ok(keys) => debug!(keys, "the JWKS was fetched again"),
        Err(error) => warn!(%error, "the JWKS was not fetched again; the old keys stay"),
    }
}

/// A client that follows no redirect, so that neither scheme nor host of the
/// configured URL can be talked away, and that needs no proxy for this machine.
fn client(url: &Url) -> Result<Client, JwksError> {
    // The process has one provider of TLS; whoever came first installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(FETCH_TIME_MAX);
    let host = url.host_str().unwrap_or_default();
    if super::open::is_loopback_host(host) {
        builder = builder.no_proxy();
    } else if url.scheme() == "http" {
        warn!("the JWKS comes over plain http: whoever is on the way can put keys into it");
    }
    builder.build().map_err(JwksError::Client)
}

/// Both readers stop one byte past the limit, which the caller then notices.
async fn read_file(path: &Path) -> Result<Vec<u8>, std::io::Error> {
    let mut document = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(DOCUMENT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut document)
        .await?;
    Ok(document)
}

async fn download(client: &Client, url: Url) -> Result<Vec<u8>, JwksError> {
    // A URL may hold a password; an error shown to people holds no URL.
    let failed = |error: reqwest::Error| JwksError::Fetch(error.without_url());
    let mut response = client.get(url).send().await.map_err(failed)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(JwksError::Status {
            status: response.status().as_u16(),
        });
    }
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if document.len() + chunk.len() > DOCUMENT_BYTES_MAX {
            return Err(JwksError::TooLarge);
        }
        document.extend_from_slice(&chunk);
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::auth::testing::Signer;

    fn set_of(count: usize) -> String {
        let keys: Vec<_> = (0..count).map(|_| Signer::ed25519("k").jwk()).collect();
        json!({ "keys": keys }).to_string()
    }

    fn in_file(path: &Path) -> Arc<Jwks> {
        Arc::new(Jwks::new(JwksSource::File(path.to_owned())).unwrap())
    }

    /// Answers one request for each of `answers`, in order, then hangs up.
    async fn serve(answers: Vec<String>) -> Jwks {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await.unwrap();
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let url = format!("http://{address}/jwks.json");
        Jwks::new(url.parse().unwrap()).unwrap()
    }

    fn answer(status: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    }

    #[test]
    fn a_source_is_a_file_or_an_http_url() {
        let source = |text: &str| text.parse::<JwksSource>();
        assert!(matches!(source("keys.json"), Ok(JwksSource::File(_))));
        assert!(matches!(source("/etc/keys.json"), Ok(JwksSource::File(_))));
        assert!(matches!(source("https://a/b"), Ok(JwksSource::Url(_))));
        assert!(matches!(source("http://a:1/b"), Ok(JwksSource::Url(_))));
        for bad in ["ftp://a/b", "file:///etc/passwd", "https://", "http://["] {
            assert!(
                matches!(source(bad), Err(JwksError::BadUrl { .. })),
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn a_file_is_read_again_and_kept_when_it_turns_bad() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jwks.json");
        let jwks = in_file(&path);
        assert!(matches!(jwks.load().await, Err(JwksError::File { .. })));

        std::fs::write(&path, set_of(1)).unwrap();
        assert_eq!(jwks.load().await.unwrap(), 1);
        std::fs::write(&path, "half a docum").unwrap();
        assert!(matches!(
            jwks.load().await,
            Err(JwksError::NotAKeySet { .. })
        ));
        assert_eq!(jwks.keys().len(), 1);
        std::fs::write(&path, " ".repeat(DOCUMENT_BYTES_MAX + 1)).unwrap();
        assert!(matches!(jwks.load().await, Err(JwksError::TooLarge)));
        assert_eq!(jwks.keys().len(), 1);
        std::fs::write(&path, set_of(0)).unwrap();
        assert_eq!(jwks.load().await.unwrap(), 0);
        assert_eq!(jwks.keys().len(), 0);
    }

    #[tokio::test]
    async fn an_unknown_key_makes_us_fetch_only_so_often() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jwks.json");
        std::fs::write(&path, set_of(1)).unwrap();
        let jwks = in_file(&path);
        jwks.refresh().await;
        assert_eq!(jwks.keys().len(), 1);

        std::fs::write(&path, set_of(2)).unwrap();
        jwks.refresh().await;
        assert_eq!(jwks.keys().len(), 1, "a second fetch within the gap");
        let earlier = Instant::now().checked_sub(REFRESH_GAP);
        *jwks.last_fetch.lock().await = earlier;
        jwks.refresh().await;
        assert_eq!(jwks.keys().len(), 2);
    }

    #[tokio::test]
    async fn a_url_is_fetched_without_following_redirects() {
        let large = " ".repeat(DOCUMENT_BYTES_MAX + 1);
        let jwks = serve(vec![
            answer("200 OK", &set_of(2)),
            answer("302 Found\r\nLocation: http://127.0.0.1:1/", ""),
            answer("500 Internal Server Error", ""),
            answer("200 OK", &large),
        ])
        .await;
        assert_eq!(jwks.load().await.unwrap(), 2);
        for expected in [302, 500] {
            assert!(matches!(
                jwks.load().await,
                Err(JwksError::Status { status }) if status == expected
            ));
        }
        assert!(matches!(jwks.load().await, Err(JwksError::TooLarge)));
        assert_eq!(jwks.keys().len(), 2, "the old keys stay");
    }

    #[tokio::test]
    async fn nothing_shown_holds_the_password_of_a_url() {
        let text = "http://user:hunter2@127.0.0.1:1/?token=hunter2";
        let source: JwksSource = text.parse().unwrap();
        let shown = format!("{source:?}");
        let error = Jwks::new(source).unwrap().load().await.unwrap_err();
        assert!(matches!(error, JwksError::Fetch(_)));
        assert!(!format!("{shown} {error} {error:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_does_not_stop_a_fetch() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jwks.json");
        std::fs::write(&path, set_of(1)).unwrap();
        let jwks = in_file(&path);
        {
            let mut first = std::pin::pin!(jwks.refresh());
            let polled = futures_util::poll!(first.as_mut());
            assert!(polled.is_pending());
        }
        // This one waits for the fetch that its dropped caller began.
        jwks.refresh().await;
        assert_eq!(jwks.keys().len(), 1);
        let begun = *jwks.last_fetch.lock().await;
        jwks.refresh().await;
        assert_eq!(*jwks.last_fetch.lock().await, begun);
    }
}
