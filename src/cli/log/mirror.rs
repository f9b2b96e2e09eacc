//! `contactd log mirror`: an auditor's own copy of the audit log, brought up to date from a service.
//!
//! The service need not be believed: what it gives is judged by the log's key and by what the copy
//! already has. Files that are there are not fetched again, so a copy that broke off goes on; they are
//! judged, too, and one that is damaged is fetched again.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Method, StatusCode};

use super::super::client::{Server, block_on, limited_text};
use super::super::counted::counted;
use super::super::exit::{DAMAGED, Failure};
use super::super::input;
use super::super::layout::{AUDIT, Layout};
use super::super::options::{AccessOptions, log_key};
use super::super::output::{err, out};
use super::super::progress;
use crate::audit::{Coord, Kind, Mirror, MirrorError, NOTE_BYTES_MAX, VerifierKey};
use crate::storage::files_below;

/// The file of the log's key in the copy.
const KEY: &str = "key";
/// Files that are fetched at the same time.
const AT_ONCE: usize = 8;
/// The number of times that a newer checkpoint is taken because the log has grown meanwhile.
const TRIES: usize = 10;

/// Options for copying the audit log.
#[derive(Args)]
pub struct MirrorOptions {
    /// The running service's address, such as http://127.0.0.1:8080
    url: String,
    /// The directory of the copy; one that is there is brought up to date
    dir: PathBuf,
    /// The log's public key, as `log key` prints it [default: the copy's, or at first what the service says]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    access: AccessOptions,
}

/// Brings a copy up to date, and says how far it reaches.
///
/// # Errors
/// With code 4, what the service shows is not a continuation of the copy, or not what was signed.
pub fn run(options: &MirrorOptions) -> Result<(), Failure> {
    block_on(mirror(options))
}

async fn mirror(options: &MirrorOptions) -> Result<(), Failure> {
    let server = Server::at(&options.url, &options.access)?;
    let key = key(&server, options).await?;
    let mut mirror = Mirror::open(&options.dir, key.clone())?;
    let before = mirror.kept().cloned();
    must_be_a_copy(&options.dir, before.is_some())?;
    let may_read_entries = may_read_entries(&server).await?;
    let suspects = mirror.suspects()?;
    if !may_read_entries && suspects.iter().any(|coord| coord.kind() == Kind::Entries) {
        return Err(Failure::new(
            DAMAGED,
            "the copy is damaged, entries among it, which can be fetched again only with a token with \
             the role auditor and the tenant *",
        ));
    }
    for _ in 0..TRIES {
        let response = server.get("/audit/checkpoint", "text/plain").await?;
        let served = limited_text(response, NOTE_BYTES_MAX).await?;
        let (checkpoint, note) = mirror.served(&served)?;
        let mut missing = mirror.missing(checkpoint.size, may_read_entries)?;
        let count = missing.len();
        // One that the tree has grown past is not there to be fetched, nor needed.
        let is_there = |coord: &&Coord| coord.is_in_tree(checkpoint.size);
        for coord in suspects.iter().filter(is_there) {
            if !missing.contains(coord) {
                missing.push(*coord);
            }
        }
        let damaged = match fetch(&server, &mirror, &missing).await? {
            Fetched::All(damaged) => damaged,
            Fetched::Without(absent) if absent.is_full() => {
                return Err(Failure::failed(format!(
                    "the server does not have the file {absent}, which the log of {} needs; whoever \
                     runs it can check with `contactd log verify`",
                    counted(checkpoint.size, "event")
                )));
            }
            Fetched::Without(_) => continue,
        };
        let (size, root) = (checkpoint.size, checkpoint.root);
        mirror.accept(checkpoint, &note, &missing)?;
        for coord in damaged {
            out!("{coord} was damaged in the copy, and was fetched again");
        }
        fs::write(options.dir.join(KEY), format!("{key}\n")).map_err(Failure::usage)?;
        out!(
            "mirrored {}, root {root}, with {}, to {}",
            counted(size, "event"),
            counted(count as u64, "new file"),
            options.dir.display()
        );
        if let Some(before) = before {
            out!(
                "kept: {} events, root {}, is a prefix",
                before.size,
                before.root
            );
        }
        if !may_read_entries {
            out!(
                "without the entries, which need a token with the role auditor and the tenant *; \
                 `log verify --tiles` needs them"
            );
        }
        return Ok(());
    }
    Err(Failure::failed(
        "the log grows faster than it can be fetched; run this again",
    ))
}

/// The key to judge by: the one given, the copy's own, or at first the service's, which is said.
async fn key(server: &Server, options: &MirrorOptions) -> Result<VerifierKey, Failure> {
    let kept = options.dir.join(KEY);
    let (text, from) = match &options.key {
        Some(key) => (key.clone(), "--key".to_owned()),
        None if kept.exists() => (text_of(&kept)?, kept.display().to_string()),
        None => {
            let response = server.get("/audit/key", "text/plain").await?;
            let key = limited_text(response, NOTE_BYTES_MAX).await?;
            err!(
                "contactd: the key {} is what the service itself says; compare it with one that you \
                 were given another way",
                key.trim()
            );
            (key, "what the service gave".to_owned())
        }
    };
    log_key(&text).map_err(|why| Failure::usage(format!("{from}: {why}")))
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let bytes = input::read(path, NOTE_BYTES_MAX as u64)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether the token may read entries: asked for the bundle of a tree that no log has.
async fn may_read_entries(server: &Server) -> Result<bool, Failure> {
    let nowhere = Coord::full(Kind::Entries, u64::from(u32::MAX));
    let path = format!("/audit/{nowhere}");
    let answer = server.try_send(Method::GET, &path, HeaderMap::new(), Vec::new());
    match answer.await?.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(false),
        _ => Ok(true),
    }
}

/// A directory with something else in it is not written into: it must be empty, a copy, or what
/// the first run of one has left. A data directory's own audit log is none.
fn must_be_a_copy(dir: &Path, has_checkpoint: bool) -> Result<(), Failure> {
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let shown = dir.display();
    let refused = |why: String| {
        let message = format!("{shown} {why}; nothing was touched: name an empty directory");
        Err(Failure::usage(message))
    };
    let is_audit = whole.file_name().is_some_and(|name| name == AUDIT);
    if let Some(parent) = whole.parent().filter(|_| is_audit)
        && Layout::at(parent).log_id()?.is_some()
    {
        return refused("is the audit log of a data directory".to_owned());
    }
    if has_checkpoint {
        return Ok(());
    }
    let files = files_below(dir)?.unwrap_or_default();
    let is_ours = |file: &&String| file.starts_with("tile/") || file.as_str() == KEY;
    match files.iter().find(|file| !is_ours(file)) {
        Some(file) => refused(format!("holds {file}, and is no copy of an audit log")),
        None => Ok(()),
    }
}

/// The outcome of fetching files of the audit log into the copy.
enum Fetched {
    /// All are there; these were there otherwise before.
    All(Vec<Coord>),
    /// The service has none of this name. One that is not full goes when the tree grows past it.
    Without(Coord),
}

/// Fetches files into the copy. Of those that are not served it names a full one, if there is one.
async fn fetch(server: &Server, mirror: &Mirror, missing: &[Coord]) -> Result<Fetched, Failure> {
    let bar = progress::over_files("fetching", missing.len() as u64);
    let fetching = &bar;
    let fetched = stream::iter(missing.iter().copied()).map(|coord| async move {
        let bytes = server.file(&format!("/audit/{coord}")).await?;
        let was_other = match &bytes {
            Some(bytes) => Ok(mirror.put(coord, bytes)?.then_some(coord)),
            None => Err(coord),
        };
        fetching.inc(1);
        Ok::<_, Failure>(was_other)
    });
    let all = fetched
        .buffer_unordered(AT_ONCE)
        .try_fold(Fetched::All(Vec::new()), async |all, one| {
            Ok(match (all, one) {
                (Fetched::All(mut all), Ok(other)) => {
                    all.extend(other);
                    Fetched::All(all)
                }
                (Fetched::Without(absent), Err(coord)) if !coord.is_full() => {
                    Fetched::Without(absent)
                }
                (_, Err(coord)) => Fetched::Without(coord),
                (absent, Ok(_)) => absent,
            })
        })
        .await;
    bar.finish_and_clear();
    all
}

impl From<MirrorError> for Failure {
    fn from(error: MirrorError) -> Self {
        match error {
            MirrorError::File(error) => error.into(),
            error => Self::new(DAMAGED, error),
        }
    }
}
