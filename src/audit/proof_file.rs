//! A proof that can be checked offline with the log's public key (C2SP tlog-proof).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    checkpoint::{Checkpoint, CheckpointError, parse_decimal},
    note::{Note, VerifierKey},
    proof::{ProofError, prove_inclusion, root_of_inclusion},
    tile::Tiles,
    tree::Hash,
};
use crate::domain::Position;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The beginning of the line of extra data, which the format leaves to whoever makes the proof:
/// here it is the entry itself.
const EXTRA: &str = "extra ";
/// A proof has at most as many hashes as a tree has levels.
const HASHES_MAX: usize = 64;

/// An entry's place, its path to the root, and the checkpoint as it was signed; the entry itself
/// where whoever made the proof put it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    entry: Option<Vec<u8>>,
    index: u64,
    path: Vec<Hash>,
    checkpoint: Note,
}

/// The reasons for which a proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// Its checkpoint is not to be believed.
    #[error("the proof's checkpoint cannot be trusted: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The entry, its place, the path and the checkpoint do not belong together.
    #[error("the entry is not at position {position} of the checkpoint's tree")]
    NotIncluded {
        /// The position that the proof names.
        position: Position,
    },
}

impl ProofFile {
    /// The proof for the entry at a position, in the tree of a checkpoint.
    ///
    /// # Errors
    /// The note is no checkpoint, does not cover the position, or the tiles are damaged.
    pub fn make(tiles: &Tiles, checkpoint: Note, position: Position) -> Result<Self, ProofError> {
        let read = Checkpoint::parse(checkpoint.text());
        let read = read.ok_or(ProofError::Inconsistent { size: 0 })?;
        Ok(Self {
            entry: None,
            index: position.previous().get(),
            path: prove_inclusion(tiles, &read, position)?,
            checkpoint,
        })
    }

    /// This proof with the entry in it, so that it can be checked by itself.
    #[must_use]
    pub fn with_entry(mut self, entry: &[u8]) -> Self {
        self.entry = Some(entry.to_vec());
        self
    }

    /// The entry that is in it, if there is one. It proves nothing before it has been verified.
    #[must_use]
    pub fn entry(&self) -> Option<&[u8]> {
        self.entry.as_deref()
    }

    /// Reads a proof file; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (proof, checkpoint) = text.split_once("\n\n")?;
        let mut lines = proof.split('\n').peekable();
        let header = lines.next()? == HEADER;
        let extra = lines.next_if(|line| line.starts_with(EXTRA));
        let entry = match extra.and_then(|line| line.strip_prefix(EXTRA)) {
            Some(text) => Some(STANDARD.decode(text).ok()?),
            None => None,
        };
        let index = parse_decimal(lines.next()?.strip_prefix("index ")?)?;
        let path: Option<Vec<_>> = lines.take(HASHES_MAX + 1).map(Hash::parse).collect();
        let parsed = Self {
            entry,
            index,
            path: path.filter(|path| path.len() <= HASHES_MAX)?,
            checkpoint: Note::parse(checkpoint)?,
        };
        header.then_some(parsed)
    }

    /// The position it is about.
    #[must_use]
    pub fn position(&self) -> Position {
        Position::new(self.index).next()
    }

    /// The checkpoint it leads to.
    #[must_use]
    pub fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// Checks that an entry, as the log serves its bytes, is at this position of the log whose
    /// key this is. Returns the checkpoint.
    ///
    /// # Errors
    /// The checkpoint is not the log's, or the entry is not there.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint, ProofFileError> {
        let (checkpoint, _) = Checkpoint::open(&self.checkpoint.to_string(), key)?;
        let leaf = Hash::leaf(entry);
        let root = root_of_inclusion(self.index, checkpoint.size, leaf, &self.path);
        match root {
            Some(root) if root == checkpoint.root => Ok(checkpoint),
            _ => Err(ProofFileError::NotIncluded {
                position: self.position(),
            }),
        }
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(entry) = &self.entry {
            writeln!(f, "{EXTRA}{}", STANDARD.encode(entry))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path
            .iter()
            .try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::integrator::tests::{Made, integrator, made, signer, tiles};
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_proof_convinces_and_no_bit_of_it_may_change() {
        let dir = TempDir::new().unwrap();
        let mut integrator = integrator(&dir);
        let note = integrator
            .integrate(Position::new(300), &Made)
            .unwrap()
            .unwrap();
        let tiles = tiles(&dir);
        let key = signer(&dir).verifier();
        for position in [1, 2, 256, 257, 300] {
            let proof = ProofFile::make(&tiles, note.clone(), Position::new(position)).unwrap();
            let with_entry = proof.clone().with_entry(&made(position));
            let read = ProofFile::parse(&with_entry.to_string()).unwrap();
            assert_eq!(read, with_entry);
            assert_eq!(read.entry(), Some(&made(position)[..]));
            let text = proof.to_string();
            let read = ProofFile::parse(&text).unwrap();
            assert_eq!((&read, read.entry()), (&proof, None));
            assert_eq!(read.verify(&made(position), &key).unwrap().size, 300);
            assert!(read.verify(&made(position + 1), &key).is_err());
            for bit in 0..text.len() * 8 {
                let mut bytes = text.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let flipped = String::from_utf8(bytes).ok();
                let proof = flipped.and_then(|text| ProofFile::parse(&text));
                let verified = proof.is_some_and(|p| p.verify(&made(position), &key).is_ok());
                assert!(!verified, "bit {bit}");
            }
        }
        let refused = ProofFile::make(&tiles, note.clone(), Position::new(301));
        assert!(matches!(refused, Err(ProofError::NotCovered { .. })));
    }
}
