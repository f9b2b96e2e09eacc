//! Our own routes about the audit log (c2sp.org/tlog-tiles), as the documents describe them.

use crate::dialect::describe::{OperationSpec, TEXT};

const BROKEN: (u16, &str) = (500, "The audit log can't be read.");

fn read(summary: &'static str, about: &'static str) -> OperationSpec {
    let spec = OperationSpec::new(summary);
    spec.text(200, about, TEXT).errors(&[BROKEN])
}

/// Describes the look at the latest checkpoint.
pub fn checkpoint() -> OperationSpec {
    read(
        "Read the audit log's latest checkpoint",
        "The checkpoint (c2sp.org/tlog-checkpoint).",
    )
}

/// Describes the keeping of cosignatures.
pub fn cosign() -> OperationSpec {
    const REFUSED: &str = "It is no checkpoint of this log that a known witness cosigned.";
    OperationSpec::new("Keep what witnesses have cosigned")
        .body_as(&[TEXT], "SignedNote")
        .text(200, "How many lines were kept.", TEXT)
        .errors(&[(400, REFUSED), BROKEN])
}

/// Describes the look at the verifier key.
pub fn key() -> OperationSpec {
    read("Read the audit log's verifier key", "The key.")
}

/// Describes the reading of tiles and bundles.
pub fn tile() -> OperationSpec {
    OperationSpec::new("Read a tile of hashes or a bundle of entries")
        .text(200, "The tile or the bundle.", "application/octet-stream")
        .errors(&[
            (401, "A bundle needs a token."),
            (403, "A bundle is for an auditor of every tenant."),
            (404, "There is no such tile."),
            BROKEN,
        ])
}

/// Describes the proof of an event.
pub fn proof() -> OperationSpec {
    read(
        "Prove that an event is in the audit log",
        "The proof (c2sp.org/tlog-proof).",
    )
    .errors(&[(404, "There is no such event.")])
}
