//! What waits for the writer.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::ApplyError;
use super::handled::Reply;
use super::opened_groups::OpenedGroups;
use super::order::Order;
use super::read_audit::ReadAudit;
use crate::domain::{Action, Attempt, Command, Position};

/// A request that waits for the writer.
pub enum Job {
    /// A command, and where its outcome goes.
    Command {
        /// The command to be decided.
        command: Box<Command>,
        /// The channel on which its outcome is sent.
        reply: Reply,
    },
    /// A read that is to be recorded.
    Read(Box<ReadAudit>),
    /// From now on this service decides, and another gives its groups their places.
    Lead {
        /// Gives each group its place.
        order: Arc<dyn Order>,
        /// The channel on which it is said that commands are taken.
        done: oneshot::Sender<()>,
    },
    /// From now on this service decides nothing, and takes what others have decided.
    Follow {
        /// The channel on which it is said that no commands are taken any more.
        done: oneshot::Sender<()>,
    },
    /// Groups that others have decided.
    Apply {
        /// The groups, each behind the one before.
        groups: OpenedGroups,
        /// The channel on which the position is sent that the log has reached.
        done: oneshot::Sender<Result<Position, ApplyError>>,
    },
}

impl Job {
    /// Whether it destroys personal data and does nothing else: that is possible for longer than
    /// other writes are.
    pub fn erases(&self) -> bool {
        let erases = |attempt: &Attempt| matches!(attempt.action, Ok(Action::Erase { .. }));
        match self {
            Self::Command { command, .. } => command.attempts.iter().all(erases),
            Self::Read(_) | Self::Lead { .. } | Self::Follow { .. } | Self::Apply { .. } => false,
        }
    }
}
