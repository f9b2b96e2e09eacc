//! Our own routes about the message bus, as the documents describe them.

use crate::dialect::describe::OperationSpec;

/// Describes the look at the bus.
pub fn look() -> OperationSpec {
    const TOLD: &str = "What the broker tells; empty lists while there is none.";
    OperationSpec::new("Read how far consumers of the bus are, and the dead letters")
        .json(200, TOLD, "Bus")
}

/// Describes the sending of a dead letter.
pub fn resend() -> OperationSpec {
    const LACKS: &str = "The letter does not hold all that its command needs.";
    OperationSpec::new("Put the command of a dead letter back")
        .json(200, "It waits to be taken.", "Resent")
        .errors(&[
            (404, "There is no such letter."),
            (409, LACKS),
            (503, "The broker is away, or does not answer."),
        ])
}
