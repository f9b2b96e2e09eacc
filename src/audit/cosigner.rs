//! The signing half of a cosignature (C2SP tlog-cosignature): a key that vouches for checkpoints.

use super::note::{KeyKind, Note, SignatureLine, Signer, VerifierKey};
use crate::domain::Timestamp;

/// A private key that cosigns checkpoints.
pub struct Cosigner {
    signer: Signer,
    key: VerifierKey,
}

impl Cosigner {
    /// Cosigns with a key that signs nothing else.
    #[must_use]
    pub fn new(signer: Signer) -> Self {
        let key = signer.verifier().of_kind(KeyKind::Cosignature);
        Self { signer, key }
    }

    /// The key that verifies what this one cosigns.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The checkpoint with this cosignature below its signatures, made at a time, to the second.
    #[must_use]
    pub fn cosign(&self, checkpoint: &Note, at: Timestamp) -> Note {
        let time = at.millis() / 1_000;
        let message = format!("cosignature/v1\ntime {time}\n{}", checkpoint.text());
        let signature = self.signer.sign_bytes(message.as_bytes());
        let mut note = checkpoint.clone();
        note.signatures.push(SignatureLine {
            name: self.key.name().clone(),
            id: self.key.id(),
            bytes: [time.to_be_bytes().as_slice(), &signature].concat(),
        });
        note
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::KeyName;
    use super::super::{Checkpoint, Cosigned, Hash};
    use super::*;
    use crate::storage::FileAt;

    #[test]
    fn a_cosignature_is_one_that_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let made = |file: &str, name: &str| {
            let name = KeyName::parse(name).unwrap();
            Signer::read_or_create(&FileAt::at(&dir.path().join(file)), name).unwrap()
        };
        let log = made("log", "log.example");
        let cosigner = Cosigner::new(made("node", "log.example/a"));
        let checkpoint = Checkpoint {
            origin: log.verifier().name().clone(),
            size: 7,
            root: Hash([1; 32]),
        };
        let note = checkpoint.sign(&log);
        let cosigned = cosigner.cosign(&note, Timestamp::from_millis(1_700_000_000_999));
        let known = [cosigner.key().clone()];
        let taken = Cosigned::open(&cosigned.to_string(), &log.verifier(), &known).unwrap();
        assert_eq!(taken[0].checkpoint, checkpoint);
        assert_eq!(taken[0].time.millis(), 1_700_000_000_000);
    }
}
