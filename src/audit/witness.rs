//! Witnesses: others who vouch that the log only ever grew (C2SP tlog-cosignature, tlog-witness).
//!
//! A witness is given a checkpoint and the proof that it extends the last one it
//! saw, and answers with a cosignature. For each witness the log keeps the newest
//! checkpoint that it cosigned: a file with the witness's key and the note. An
//! operator who rewrites the log has these against him, as long as the witness's
//! key is not his.

use std::fmt;

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    note::{KeyKind, NOTE_BYTES_MAX, Note, SignatureLine, VerifierKey, parse_signatures},
    proof::{ProofError, prove_consistency, root_at},
    tile::Tiles,
};
use crate::{
    domain::{Position, Timestamp},
    storage::StorageError,
};

/// The directory of what witnesses cosigned, below `audit/`.
const WITNESSES: &str = "witness";
/// Witnesses that are kept.
const WITNESSES_MAX: usize = 64;
const TIME_BYTES: usize = 8;

/// A checkpoint that a witness has cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The public key of the witness.
    pub witness: VerifierKey,
    /// What it vouches for.
    pub checkpoint: Checkpoint,
    /// The time at which it signed, by its own clock, to the second.
    pub time: Timestamp,
    /// The log's signatures and the cosignature.
    pub note: Note,
}

/// The reasons for which a cosignature is not taken.
#[derive(Debug, thiserror::Error)]
pub enum CosignatureError {
    /// The note is no checkpoint of this log.
    #[error("a cosigned checkpoint cannot be trusted: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// No line of it is a known witness's.
    #[error("the checkpoint of size {size} has no cosignature of a known witness")]
    Unknown {
        /// The number of entries that the checkpoint covers.
        size: u64,
    },
    /// A line names a known witness, and is not its.
    #[error("a cosignature in the name of {witness} is not the witness's")]
    Wrong {
        /// The public key of the witness.
        witness: String,
    },
    /// More witnesses than can be kept.
    #[error("more than {WITNESSES_MAX} witnesses are not kept")]
    TooMany,
    /// It cannot be kept.
    #[error(transparent)]
    File(#[from] StorageError),
}

impl Cosigned {
    /// Reads a checkpoint of this log, as it was published with a cosignature's line below, or
    /// several. Lines of witnesses that are not known are passed over.
    ///
    /// # Errors
    /// The log has not signed it, no known witness has cosigned it, or a line is wrong.
    pub fn open(
        note: &str,
        key: &VerifierKey,
        witnesses: &[VerifierKey],
    ) -> Result<Vec<Self>, CosignatureError> {
        let (checkpoint, note) = Checkpoint::open(note, key)?;
        let own = |line: &&SignatureLine| key.is_named_by(line);
        let own: Vec<_> = note.signatures().iter().filter(own).cloned().collect();
        let mut found = Vec::new();
        for line in note.signatures() {
            let witness = witnesses.iter().find(|witness| witness.is_named_by(line));
            let Some(witness) = witness else { continue };
            let time = cosigned_at(note.text(), line, witness);
            let time = time.ok_or_else(|| CosignatureError::Wrong {
                witness: witness.to_string(),
            })?;
            found.push(Self {
                witness: witness.clone(),
                checkpoint: checkpoint.clone(),
                time,
                note: Note {
                    text: note.text.clone(),
                    signatures: own.iter().chain([line]).cloned().collect(),
                },
            });
        }
        match found.is_empty() {
            true => Err(CosignatureError::Unknown {
                size: checkpoint.size,
            }),
            false => Ok(found),
        }
    }

    /// Keeps it beside the tiles, unless a larger one of that witness is there; whether it
    /// was kept.
    ///
    /// # Errors
    /// There are too many witnesses, or the operating system refused.
    pub fn keep(&self, tiles: &Tiles, key: &VerifierKey) -> Result<bool, CosignatureError> {
        let there = kept(tiles, key)?;
        let mut newer = false;
        let mut known = false;
        for kept in &there {
            if let Kept::Whole(kept) = kept
                && kept.witness == self.witness
            {
                known = true;
                newer = kept.checkpoint.size > self.checkpoint.size;
            }
        }
        if !known && there.len() >= WITNESSES_MAX {
            return Err(CosignatureError::TooMany);
        }
        if !newer {
            let bytes = format!("{}\n{}", self.witness, self.note);
            tiles
                .files()
                .write_atomic(&file_of(&self.witness), bytes.as_bytes())?;
        }
        Ok(!newer)
    }
}

/// A file of what a witness cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// As it was kept.
    Whole(Box<Cosigned>),
    /// Its bytes have changed.
    Damaged {
        /// Its path below `audit/`.
        name: String,
    },
}

/// What witnesses have cosigned of this log, the newest of each.
///
/// # Errors
/// The files cannot be read.
pub fn kept(tiles: &Tiles, key: &VerifierKey) -> Result<Vec<Kept>, StorageError> {
    let mut found = Vec::new();
    for name in tiles.files().list_in(WITNESSES)? {
        if name.ends_with(".tmp") {
            continue;
        }
        let name = format!("{WITNESSES}/{name}");
        let bytes = tiles.read_name(&name, NOTE_BYTES_MAX)?.unwrap_or_default();
        let whole = std::str::from_utf8(&bytes).ok().and_then(|text| {
            let (witness, note) = text.split_once('\n')?;
            let witness = VerifierKey::parse(witness)?;
            let named = file_of(&witness) == name;
            let mut cosigned = Cosigned::open(note, key, &[witness]).ok()?;
            cosigned.pop().filter(|_| named && cosigned.is_empty())
        });
        found.push(match whole {
            Some(cosigned) => Kept::Whole(Box::new(cosigned)),
            None => Kept::Damaged { name },
        });
    }
    Ok(found)
}

/// Forgets what a witness cosigned; whether there was anything.
///
/// # Errors
/// The operating system refused.
pub fn forget(tiles: &Tiles, witness: &VerifierKey) -> Result<bool, StorageError> {
    match tiles.files().remove(&file_of(witness)) {
        Err(error) if error.is_absent() => Ok(false),
        removed => removed.map(|()| true),
    }
}

/// The checkpoint's note with the cosignatures that are kept for that very checkpoint.
///
/// # Errors
/// The files cannot be read.
pub fn with_cosignatures(
    tiles: &Tiles,
    note: &Note,
    key: &VerifierKey,
) -> Result<Note, StorageError> {
    let mut note = note.clone();
    for kept in kept(tiles, key)? {
        if let Kept::Whole(cosigned) = kept
            && cosigned.note.text == note.text
        {
            let lines = cosigned.note.signatures;
            let lines = lines
                .into_iter()
                .filter(|l| cosigned.witness.is_named_by(l));
            note.signatures.extend(lines);
        }
    }
    Ok(note)
}

/// A witness's answer to `add-checkpoint`, put below the checkpoint it was asked to cosign; `None`
/// where it is no such answer.
#[must_use]
pub fn with_answer(note: &Note, answer: &str) -> Option<Note> {
    let mut note = note.clone();
    note.signatures.extend(parse_signatures(answer)?);
    Note::parse(&note.to_string())
}

/// The body of a witness's `add-checkpoint`: the size it saw last, the proof from there, and the
/// checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<super::tree::Hash>,
    note: Note,
}

impl AddCheckpoint {
    /// The request for a witness that signed a checkpoint of `old` entries last; zero where it never
    /// signed one of this log.
    ///
    /// # Errors
    /// The note is no checkpoint of so many entries, or the tiles are damaged.
    pub fn make(tiles: &Tiles, old: u64, note: &Note) -> Result<Self, ProofError> {
        let newer = Checkpoint::parse(note.text());
        let newer = newer.ok_or(ProofError::Inconsistent { size: 0 })?;
        let size = newer.size;
        if old > size {
            let position = Position::new(old);
            return Err(ProofError::NotCovered { position, size });
        }
        let older = Checkpoint {
            size: old,
            root: root_at(tiles, old, size)?,
            ..newer.clone()
        };
        Ok(Self {
            old,
            proof: prove_consistency(tiles, &older, &newer)?,
            note: note.clone(),
        })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof
            .iter()
            .try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// The time at which a witness cosigned a checkpoint; `None` where the line is not its.
fn cosigned_at(text: &str, line: &SignatureLine, witness: &VerifierKey) -> Option<Timestamp> {
    let (time, signature) = line.bytes.split_first_chunk::<TIME_BYTES>()?;
    let time = u64::from_be_bytes(*time);
    let message = format!("cosignature/v1\ntime {time}\n{text}");
    let good = witness.kind() == KeyKind::Cosignature
        && i64::try_from(time).is_ok()
        && witness.verifies(message.as_bytes(), signature);
    good.then(|| Timestamp::from_millis(time.saturating_mul(1_000)))
}

/// The file of a witness. Its name is the key's number and a hash that keeps equal numbers apart.
fn file_of(witness: &VerifierKey) -> String {
    let hash = super::tree::Hash::leaf(witness.to_string().as_bytes());
    let name = hex::encode(hash.0.get(..8).unwrap_or_default());
    format!("{WITNESSES}/{name}")
}

#[cfg(test)]
mod tests {
    use super::super::{
        findings::Damage,
        integrator::tests::{Made, audit, integrator, signer, tiles},
        note::KeyName,
        verify::{Against, verify},
    };
    use super::*;
    use crate::domain::Position;
    use ed25519_dalek::{Signer as _, SigningKey};
    use std::fs;
    use tempfile::TempDir;

    /// The cosigned example of the specification.
    const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

    struct Witness(SigningKey, VerifierKey);

    fn witness(seed: u8) -> Witness {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let name = KeyName::parse("witness.example/w1").unwrap();
        let verifier = VerifierKey::new(name, KeyKind::Cosignature, key.verifying_key());
        Witness(key, verifier)
    }

    impl Witness {
        fn cosign(&self, note: &Note, time: u64) -> String {
            let message = format!("cosignature/v1\ntime {time}\n{}", note.text());
            let signature = self.0.sign(message.as_bytes());
            SignatureLine {
                name: self.1.name().clone(),
                id: self.1.id(),
                bytes: [&time.to_be_bytes(), signature.to_bytes().as_slice()].concat(),
            }
            .to_string()
        }
    }

    #[test]
    fn the_specifications_example_is_read_as_a_note() {
        let note = Note::parse(EXAMPLE).unwrap();
        assert_eq!(note.to_string(), EXAMPLE);
        let time = note.signatures()[1].bytes[..8].try_into().unwrap();
        assert_eq!(u64::from_be_bytes(time), 1_679_315_147);
    }

    #[test]
    fn a_cosignature_is_checked_kept_and_shown() {
        let dir = TempDir::new().unwrap();
        let (key, known, stranger) = (signer(&dir).verifier(), witness(1), witness(2));
        let mut integrator = integrator(&dir);
        let note = integrator
            .integrate(Position::new(300), &Made)
            .unwrap()
            .unwrap()
            .clone();
        let witnesses = [known.1.clone()];
        let open = |lines: &str| Cosigned::open(&format!("{note}{lines}"), &key, &witnesses);
        assert!(matches!(
            open(""),
            Err(CosignatureError::Unknown { size: 300 })
        ));
        assert!(open(&stranger.cosign(&note, 5)).is_err());
        let line = known.cosign(&note, 1_700_000_000);
        let cosigned = open(&[line.clone(), stranger.cosign(&note, 5)].concat()).unwrap();
        assert_eq!(cosigned.len(), 1);
        assert_eq!(cosigned[0].time.millis(), 1_700_000_000_000);
        assert!(cosigned[0].keep(&tiles(&dir), &key).unwrap());
        let shown = with_cosignatures(&tiles(&dir), &note, &key).unwrap();
        assert_eq!(shown.to_string(), format!("{note}{line}"));
        assert_eq!(with_answer(&note, &line), Some(shown));
        integrator.integrate(Position::new(301), &Made).unwrap();
        let newer = integrator.note().clone();
        let shown = with_cosignatures(&tiles(&dir), &newer, &key).unwrap();
        assert_eq!(shown, newer);
    }

    #[test]
    fn an_older_checkpoint_does_not_replace_a_newer_one() {
        let dir = TempDir::new().unwrap();
        let (key, known) = (signer(&dir).verifier(), witness(1));
        let mut integrator = integrator(&dir);
        let mut cosigned = |size| {
            let note = integrator
                .integrate(Position::new(size), &Made)
                .unwrap()
                .unwrap();
            let note = format!("{note}{}", known.cosign(note, size));
            Cosigned::open(&note, &key, std::slice::from_ref(&known.1))
                .unwrap()
                .remove(0)
        };
        let (old, new) = (cosigned(10), cosigned(20));
        assert!(new.keep(&tiles(&dir), &key).unwrap());
        assert!(!old.keep(&tiles(&dir), &key).unwrap());
        assert_eq!(
            kept(&tiles(&dir), &key).unwrap(),
            [Kept::Whole(Box::new(new))]
        );
    }

    #[test]
    fn no_bit_of_what_is_kept_may_change() {
        let dir = TempDir::new().unwrap();
        let (key, known) = (signer(&dir).verifier(), witness(1));
        let mut integrator = integrator(&dir);
        let note = integrator
            .integrate(Position::new(3), &Made)
            .unwrap()
            .unwrap();
        let note = format!("{note}{}", known.cosign(note, 9));
        let cosigned = Cosigned::open(&note, &key, std::slice::from_ref(&known.1)).unwrap();
        cosigned[0].keep(&tiles(&dir), &key).unwrap();
        let path = audit(&dir).join(file_of(&known.1));
        let bytes = fs::read(&path).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, flipped).unwrap();
            let verified = verify(&tiles(&dir), &key, Against::default(), &mut |_, _| {});
            let damages = verified.unwrap().damages;
            assert!(matches!(damages[..], [Damage::Witness { .. }]), "{bit}");
        }
    }

    #[test]
    fn a_request_has_the_form_of_the_specification() {
        let dir = TempDir::new().unwrap();
        let mut integrator = integrator(&dir);
        integrator.integrate(Position::new(3), &Made).unwrap();
        integrator.integrate(Position::new(7), &Made).unwrap();
        let tiles = tiles(&dir);
        let first = AddCheckpoint::make(&tiles, 0, integrator.note()).unwrap();
        assert_eq!(first.to_string(), format!("old 0\n\n{}", integrator.note()));
        let next = AddCheckpoint::make(&tiles, 3, integrator.note()).unwrap();
        let text = next.to_string();
        let (proof, note) = text.split_once("\n\n").unwrap();
        assert_eq!(proof.lines().next(), Some("old 3"));
        assert_eq!(proof.lines().count(), 1 + 4);
        assert_eq!(note, integrator.note().to_string());
    }
}
