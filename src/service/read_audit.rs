//! A read to be written to the log.

use crate::domain::{ContactId, Context, ListRange, Operation, Owner, VendorKey};

/// A read that the audit trail records, though nobody waits for it.
#[derive(Clone, Debug)]
pub struct ReadAudit {
    /// The owner whose contacts were read.
    pub owner: Owner,
    /// The caller who read them, and what ties the answer to the request.
    pub context: Context,
    /// The operation: a read of one contact, or of a list.
    pub operation: Operation,
    /// The contact that was read, where it was found.
    pub contact: Option<(ContactId, VendorKey)>,
    /// The part of a list that was asked for.
    pub asked: Option<ListRange>,
    /// The part of a list that was given.
    pub given: Option<ListRange>,
    /// Whether what was asked for was there.
    pub found: bool,
}
