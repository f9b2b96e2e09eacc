//! `contactd log cosign`: asks a witness to vouch that the log has only grown.
//!
//! The checkpoint and the proof are taken from the audit log's files, those of a data directory or of
//! a mirror, so that it runs beside a service. The witness says which size it signed last, and the
//! proof begins there ([C2SP tlog-witness](https://c2sp.org/tlog-witness)). Its line is judged here
//! before anybody is given it.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::{HeaderMap, Method, StatusCode};

use super::super::client::{Server, block_on, limited, limited_text, refused};
use super::super::exit::{DAMAGED, Failure};
use super::super::input;
use super::super::options::{AccessOptions, ServerOptions, log_key, witness_key};
use super::super::output::out;
use crate::audit::{
    AddCheckpoint, Checkpoint, Cosigned, NOTE_BYTES_MAX, Note, ProofError, Tiles, VerifierKey,
    with_answer,
};

/// Requests to a witness, which may sign for another between two of ours.
const TRIES: usize = 5;
/// The longest wait for a witness.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options for asking a witness.
#[derive(Args)]
pub struct CosignOptions {
    /// The witness's address, such as https://witness.example: `/add-checkpoint` is put behind it
    address: String,
    /// The witness's public key
    #[arg(long, value_name = "KEY", value_parser = witness_key)]
    witness: VerifierKey,
    /// The directory of the audit log's files: `audit` in the data directory, or a mirror
    #[arg(long, value_name = "DIR")]
    tiles: PathBuf,
    /// The log's public key, as `log key` prints it
    #[arg(long, value_name = "KEY", value_parser = log_key)]
    key: VerifierKey,
    /// The service that is given what the witness has signed [default: it is printed]
    #[command(flatten)]
    service: ServerOptions,
}

/// Has the newest checkpoint cosigned, and hands the result on.
///
/// # Errors
/// With code 4, the files are damaged or the witness has signed another history. The witness cannot
/// be asked, does not know the log, or has not signed what it was shown.
pub fn run(options: &CosignOptions) -> Result<(), Failure> {
    block_on(cosign(options))
}

async fn cosign(options: &CosignOptions) -> Result<(), Failure> {
    let file = options.tiles.join("checkpoint");
    let text = input::read(&file, NOTE_BYTES_MAX as u64).map_err(|failure| {
        let hint = "--tiles is the directory `audit` of a data directory, or a mirror of it";
        Failure::new(failure.code, format!("{}; {hint}", failure.message))
    })?;
    let text = String::from_utf8_lossy(&text);
    let (checkpoint, note) = Checkpoint::open(&text, &options.key)
        .map_err(|error| Failure::new(DAMAGED, format!("{}: {error}", file.display())))?;
    let asked = tokio::time::timeout(PATIENCE, ask(options, &note));
    let answer = asked
        .await
        .map_err(|_| Failure::failed("the witness did not answer in 30 seconds"))??;
    let nonsense = || Failure::failed("the witness answered with what is no cosignature of its");
    let cosigned = with_answer(&note, &answer).ok_or_else(nonsense)?;
    let witnesses = std::slice::from_ref(&options.witness);
    let found = Cosigned::open(&cosigned.to_string(), &options.key, witnesses);
    let time = match found.as_deref() {
        Ok([found, ..]) => found.time,
        _ => return Err(nonsense()),
    };
    let Some(service) = Server::of(&options.service)? else {
        return write!(std::io::stdout(), "{cosigned}").map_err(Failure::failed);
    };
    let body = cosigned.to_string().into_bytes();
    let sent = service.try_send(Method::POST, "/audit/cosignatures", plain(), body);
    let response = sent.await?;
    let status = response.status();
    if !status.is_success() {
        let why = limited(response, NOTE_BYTES_MAX).await?;
        return Err(refused(status, &why));
    }
    let (witness, size, root) = (options.witness.name(), checkpoint.size, checkpoint.root);
    out!("{witness} has cosigned {size} events, root {root}, at {time}");
    Ok(())
}

/// Asks until the proof begins where the witness has signed last; the lines that it answers with.
async fn ask(options: &CosignOptions, note: &Note) -> Result<String, Failure> {
    let access = AccessOptions {
        token: None,
        ..options.service.access.clone()
    };
    let witness = Server::witness(&options.address, &access)?;
    let tiles = Tiles::at(&options.tiles);
    let mut signed = 0;
    for _ in 0..TRIES {
        let request = AddCheckpoint::make(&tiles, signed, note).map_err(unproved)?;
        let body = request.to_string().into_bytes();
        let sent = witness.try_send(Method::POST, "/add-checkpoint", plain(), body);
        let response = sent.await?;
        let status = response.status();
        let text = limited_text(response, NOTE_BYTES_MAX).await?;
        match status {
            StatusCode::OK => return Ok(text),
            StatusCode::CONFLICT => {
                signed = text.trim().parse().map_err(|_| {
                    Failure::failed("the witness does not say which size it signed last")
                })?;
            }
            StatusCode::NOT_FOUND => {
                return Err(Failure::failed(
                    "404: the witness does not know this log, or there is no witness at this \
                     address; give the witness the log's public key",
                ));
            }
            StatusCode::UNPROCESSABLE_ENTITY => return Err(other_history(signed)),
            _ => return Err(refused(status, text.as_bytes())),
        }
    }
    Err(Failure::failed(
        "the witness signs for others faster than it can be asked; run this again",
    ))
}

fn plain() -> HeaderMap {
    let text = http::HeaderValue::from_static("text/plain; charset=utf-8");
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, text)])
}

/// A witness that has signed more than there is, or something else, has seen another history.
fn unproved(error: ProofError) -> Failure {
    match error {
        ProofError::NotCovered { size, .. } => Failure::new(
            DAMAGED,
            format!(
                "the witness has signed more than the {size} events of these files: they are behind, \
                 or another log's; bring them up to date, and compare the checkpoints"
            ),
        ),
        error => Failure::new(DAMAGED, error),
    }
}

fn other_history(signed: u64) -> Failure {
    Failure::new(
        DAMAGED,
        format!(
            "the witness says that this log does not continue the {signed} events that it signed: \
             one of the two has another history; compare the checkpoints"
        ),
    )
}
