//! `contactd log check`: whether a proof holds, from the proof and the log's public key alone.
//!
//! It needs no data directory, no service and no network. A proof is of the entry's bytes as the log
//! has them; an event in JSON is tied to it by comparing what both say. The contact's values are
//! sealed in the entry, so of them it cannot be said that they are those.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use super::super::exit::Failure;
use super::super::input;
use super::super::options::{log_key, witness_key};
use crate::audit::{Checkpoint, Cosigned, ENTRY_BYTES_MAX, NOTE_BYTES_MAX, ProofFile, VerifierKey};
use crate::dialect::{self, REGISTRY};
use crate::domain::DialectId;
use crate::log::record;
use crate::wire::{Detail, cloud_event};

/// The largest file that is read, in bytes: a proof with an entry in it, or an event as JSON.
const FILE_BYTES_MAX: u64 = (NOTE_BYTES_MAX + 4 * ENTRY_BYTES_MAX) as u64;

/// Options for checking a proof.
#[derive(Args)]
pub struct CheckOptions {
    /// The file with the proof, or - for standard input
    proof: PathBuf,
    /// The log's public key, as `log key` prints it
    #[arg(long, value_name = "KEY", value_parser = log_key)]
    key: VerifierKey,
    /// The public key of a witness or of a node of the cluster, as /cluster shows it, that must have cosigned;
    /// may be repeated
    #[arg(long, value_name = "KEY", value_parser = witness_key)]
    witness: Vec<VerifierKey>,
    /// The file with the entry's bytes [default: the entry in the proof, as `log proof --with-entry` puts it there]
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// The file with an event as JSON: it must be the one that is proved
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
}

/// Checks a proof and says what it proves.
///
/// # Errors
/// With code 1, the proof does not hold, or the event is not the one that is proved; with code 2,
/// something cannot be read.
pub fn run(options: &CheckOptions) -> Result<(), Failure> {
    let text = input::read(&options.proof, FILE_BYTES_MAX)?;
    let proof = std::str::from_utf8(&text).ok().and_then(ProofFile::parse);
    let proof = proof
        .ok_or_else(|| Failure::usage(format!("{} holds no proof", options.proof.display())))?;
    let given = options
        .entry
        .as_deref()
        .map(|file| input::read(file, FILE_BYTES_MAX));
    let given = given.transpose()?;
    let entry = given.as_deref().or(proof.entry()).ok_or_else(|| {
        Failure::usage(
            "the proof does not hold its entry: give --entry FILE, or make it with \
             `contactd log proof --with-entry`",
        )
    })?;
    let event = options.event.as_deref().map(read_event).transpose()?;
    let checkpoint = proof.verify(entry, &options.key).map_err(Failure::failed)?;
    let said = match described(entry, &proof, event.as_ref())? {
        Some(said) => said,
        None => "its entry is of a later version than this program reads".to_owned(),
    };
    let cosigned = cosigned(&proof, &options.key, &options.witness)?;
    let mut out = io::stdout().lock();
    write_all(&mut out, &proof, &checkpoint, &cosigned, &said).map_err(Failure::failed)
}

/// What each of these witnesses has cosigned, which must be the proof's checkpoint.
fn cosigned(
    proof: &ProofFile,
    key: &VerifierKey,
    witnesses: &[VerifierKey],
) -> Result<Vec<Cosigned>, Failure> {
    let note = proof.checkpoint().to_string();
    let mut all = Vec::new();
    for witness in witnesses {
        let known = std::slice::from_ref(witness);
        let cosigned = Cosigned::open(&note, key, known).map_err(|error| {
            Failure::failed(format!(
                "{} has not vouched for it: {error}",
                witness.name()
            ))
        })?;
        all.extend(cosigned);
    }
    Ok(all)
}

fn write_all(
    out: &mut impl Write,
    proof: &ProofFile,
    checkpoint: &Checkpoint,
    cosigned: &[Cosigned],
    said: &str,
) -> io::Result<()> {
    let Checkpoint { origin, size, root } = checkpoint;
    writeln!(
        out,
        "the proof holds: event {} is in the log {origin}",
        proof.position()
    )?;
    let others = proof.checkpoint().signatures().len();
    let others = others.saturating_sub(1 + cosigned.len());
    writeln!(
        out,
        "checkpoint: {size} events, root {root}; {others} other signatures, not checked"
    )?;
    for Cosigned { witness, time, .. } in cosigned {
        writeln!(out, "cosigned: by {} at {time}", witness.name())?;
    }
    writeln!(out, "{said}")
}

/// What the entry says in clear, and how the event fits it; `None` where this program cannot read it.
fn described(
    entry: &[u8],
    proof: &ProofFile,
    given: Option<&Value>,
) -> Result<Option<String>, Failure> {
    let record = match record::decode(entry) {
        Ok(record) => record,
        Err(_) if given.is_none() => return Ok(None),
        Err(error) => {
            return Err(Failure::failed(format!(
                "the entry cannot be read: {error}"
            )));
        }
    };
    let event = record.event;
    let rules = REGISTRY
        .get(event.header.owner.dialect())
        .ok_or_else(|| Failure::failed("the entry is of a dialect that is not known here"))?;
    if event.header.position != proof.position() {
        return Err(Failure::failed(format!(
            "the entry says that it is event {}, and the proof says {}",
            event.header.position,
            proof.position()
        )));
    }
    let proved = serde_json::to_value(cloud_event(&event, rules, None, Detail::Full));
    let proved = proved.map_err(Failure::failed)?;
    let text = |name: &str| proved.get(name).and_then(Value::as_str).unwrap_or_default();
    let line = format!(
        "event: {} at {}, id {}",
        text("type"),
        text("time"),
        text("id")
    );
    let Some(given) = given else {
        return Ok(Some(line));
    };
    let sealed = match record.sealed {
        Some(_) => sealed_members(event.header.owner.dialect()),
        None => Vec::new(),
    };
    let compared = Compared::of(given, &proved, &sealed);
    if !compared.differ.is_empty() {
        let differ = compared.differ.join(", ");
        return Err(Failure::failed(format!(
            "the proof holds, but not of this event: they differ in {differ}"
        )));
    }
    let sealed = match compared.unproved.is_empty() {
        true => String::new(),
        false => format!(
            "; sealed in the log, so not compared: {}",
            compared.unproved.join(", ")
        ),
    };
    Ok(Some(format!("{line}\nthe event given is this one{sealed}")))
}

/// An event in JSON, compared with what its entry says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    /// Members that are not what the entry says.
    differ: Vec<String>,
    /// Members of `data` that the entry holds sealed.
    unproved: Vec<String>,
}

/// The members of `data` that an event shows of a contact's content, which its entry holds sealed.
fn sealed_members(dialect: DialectId) -> Vec<&'static str> {
    let described = dialect::by_id(dialect).map(|dialect| (dialect.describe)());
    let harmless = described.into_iter().flat_map(|it| it.non_sensitive);
    let harmless = harmless.map(|(name, _)| name);
    WITHHELD.into_iter().chain(harmless).collect()
}

/// What a lower level of detail leaves out of `data`.
const WITHHELD: [&str; 2] = ["contact", "vendorId"];

impl Compared {
    /// Compares an event with what its entry says in clear. An event of a lower level of detail shows
    /// less; what it shows more must be of the members that the entry holds sealed.
    fn of(given: &Value, proved: &Value, sealed: &[&str]) -> Self {
        let mut compared = Self::default();
        let of = |event: &'_ Value| event.as_object().cloned().unwrap_or_default();
        let (given, proved) = (of(given), of(proved));
        for name in given
            .keys()
            .chain(proved.keys())
            .filter(|name| *name != "data")
        {
            compared.note(name.clone(), given.get(name) == proved.get(name));
        }
        let data =
            |event: &Map<String, Value>| event.get("data").and_then(Value::as_object).cloned();
        let Some(shown) = data(&given) else {
            compared.note("data".to_owned(), !given.contains_key("data"));
            return compared;
        };
        let proved = data(&proved).unwrap_or_default();
        for (name, value) in &shown {
            match proved.get(name) {
                Some(known) if name == "error" => {
                    compared.note(format!("data.{name}"), agrees(value, known));
                }
                Some(known) => compared.note(format!("data.{name}"), value == known),
                None if sealed.contains(&name.as_str()) => {
                    compared.unproved.push(format!("data.{name}"));
                }
                None => compared.note(format!("data.{name}"), false),
            }
        }
        for name in proved.keys().filter(|name| !shown.contains_key(*name)) {
            compared.note(format!("data.{name}"), WITHHELD.contains(&name.as_str()));
        }
        compared
    }

    fn note(&mut self, name: String, is_same: bool) {
        if !is_same && !self.differ.contains(&name) {
            self.differ.push(name);
        }
    }
}

/// Whether an error is the one known, with or without its message.
fn agrees(given: &Value, known: &Value) -> bool {
    let mut known = known.clone();
    if given.get("message").is_none()
        && let Some(known) = known.as_object_mut()
    {
        known.shift_remove("message");
    }
    *given == known
}

fn read_event(path: &Path) -> Result<Value, Failure> {
    let bytes = input::read(path, FILE_BYTES_MAX)?;
    let event = serde_json::from_slice(&bytes);
    event.map_err(|error| Failure::usage(format!("{} is no event: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_compared_at_each_level_of_detail() {
        let proved = json!({"id": "7", "type": "T", "data": {
            "tenant": "acme", "vendorId": "v", "error": {"code": "invalid", "message": "m"}}});
        let check = |given: Value, differ: &[&str], unproved: &[&str]| {
            let compared = Compared::of(&given, &proved, &["contact"]);
            assert_eq!(
                (&compared.differ[..], &compared.unproved[..]),
                (
                    &differ
                        .iter()
                        .map(|name| (*name).to_owned())
                        .collect::<Vec<_>>()[..],
                    &unproved
                        .iter()
                        .map(|name| (*name).to_owned())
                        .collect::<Vec<_>>()[..],
                ),
                "{given}"
            );
        };
        check(proved.clone(), &[], &[]);
        check(json!({"id": "7", "type": "T"}), &[], &[]);
        let error = json!({"code": "invalid"});
        let shown = json!({"tenant": "acme", "error": error, "contact": {"name": {}}});
        check(
            json!({"id": "7", "type": "T", "data": shown}),
            &[],
            &["data.contact"],
        );
        check(json!({"id": "8", "type": "T"}), &["id"], &[]);
        check(json!({"id": "7"}), &["type"], &[]);
        check(json!({"id": "7", "type": "T", "x": 1}), &["x"], &[]);
        let more = json!({"id": "7", "type": "T", "data": {
            "tenant": "acme", "error": {"code": "invalid"}, "version": 7, "contactId": "zz"}});
        check(more, &["data.version", "data.contactId"], &[]);
        for data in [json!(null), json!(5), json!([])] {
            check(
                json!({"id": "7", "type": "T", "data": data}),
                &["data"],
                &[],
            );
        }
        let other = json!({"id": "7", "type": "T", "data": {"tenant": "other"}});
        check(other, &["data.tenant", "data.error"], &[]);
    }
}
