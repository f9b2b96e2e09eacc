//! What auditors and witnesses send: notes, checkpoints, proofs, keys, names of tiles. Whatever is
//! read has one spelling, so that no bit of it is without meaning.
#![no_main]

use contactd::audit::{Checkpoint, Coord, Cosigned, Note, ProofFile, VerifierKey, with_answer};
use libfuzzer_sys::fuzz_target;

const KEY: &str = "contactd.local/fuzz+";

fuzz_target!(|text: &str| {
    if let Some(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text);
        let answered = with_answer(&note, text);
        assert!(answered.is_none_or(|both| Note::parse(&both.to_string()).is_some()));
    }
    if let Some(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Some(proof) = ProofFile::parse(text) {
        assert_eq!(proof.to_string(), text);
    }
    if let Some(coord) = Coord::parse(text) {
        assert_eq!(coord.to_string(), text);
    }
    if let Some(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    // A key, then what it should have signed.
    if let Some((key, rest)) = text.split_once('\n')
        && let Some(key) = VerifierKey::parse(key).or_else(|| VerifierKey::parse(KEY))
    {
        assert!(Checkpoint::open(rest, &key).is_err(), "nobody has signed");
        assert!(Cosigned::open(rest, &key, &[key.clone()]).is_err());
    }
});
