//! A read to be written to the log.

use crate::domain::{ContactId, Context, ListRange, Operation, Owner, VendorKey};

/// A read that the audit trail records, though nobody waits for it.
#[derive(Clone, Debug)]
pub struct ReadAudit {
    /// Whose contacts were read.
    pub owner: Owner,
    /// By whom.
    pub context: Context,
    /// One contact or a list.
    pub operation: Operation,
    /// Which contact, where it was there.
    pub contact: Option<(ContactId, VendorKey)>,
    /// Which part of a list was asked for.
    pub asked: Option<ListRange>,
    /// Which part of it was given.
    pub given: Option<ListRange>,
    /// Whether what was asked for was there.
    pub found: bool,
}
