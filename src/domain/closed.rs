//! Why the log takes no commands, in words that a client and an operator can act on.

/// The reasons for which the log takes no commands. In each case nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// A write or a sync failed, so nobody knows what the disk holds until the log is opened again.
    Failed,
    /// The log could not grow: there was no room, or no file descriptor. It may be over already.
    NoRoom,
    /// The disk is almost full. Reads and erasures go on, and writes come back with the room.
    DiskFull,
    /// The clock has jumped: what is recorded now would bear a wrong time for ever.
    ClockJumped,
    /// This node follows another, which takes the writes.
    Follows,
    /// This node can't reach a majority of its cluster, or the broker that orders its writes.
    CutOff,
    /// This node's log contradicts the other nodes' or the order of their writes.
    Halted,
    /// The service is being stopped.
    Stopping,
}

impl Closed {
    /// A short name for machines: in error codes, in `/readyz`, in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "read_only",
            Self::NoRoom => "no_room",
            Self::DiskFull => "disk_full",
            Self::ClockJumped => "clock_jumped",
            Self::Follows => "not_leader",
            Self::CutOff => "cut_off",
            Self::Halted => "halted",
            Self::Stopping => "stopping",
        }
    }

    /// What is wrong and what to do, for a person.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Failed => {
                "The log cannot be written since a write failed; nothing has happened. The service \
                 must be restarted."
            }
            Self::NoRoom => {
                "The log cannot grow now, for want of room on the disk or of file descriptors; \
                 nothing has happened. Try again."
            }
            Self::DiskFull => {
                "The disk is almost full; nothing has happened. Reads and erasures still work, and \
                 writes will once there is room."
            }
            Self::ClockJumped => {
                "The clock of the service has jumped; nothing has happened. Set it right, or restart \
                 the service with --accept-clock."
            }
            Self::Follows => {
                "Another node takes the writes, and it is not known yet which; nothing has happened. \
                 Try again."
            }
            Self::CutOff => {
                "This node can't reach a majority of its cluster; nothing has happened. Reads still \
                 work, and writes will once the others are there."
            }
            Self::Halted => {
                "This node's log contradicts its cluster's, so it serves nothing until somebody has \
                 looked; nothing has happened. Ask another node."
            }
            Self::Stopping => "The service is stopping; nothing has happened. Try again.",
        }
    }
}
