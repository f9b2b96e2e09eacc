//! Why a part of the bus stopped, by what comes next.

use std::fmt::Display;

use thiserror::Error;

/// Why a part of the bus stopped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// The connection or the broker went away: it is tried again, and nothing is lost.
    #[error("{what}: {reason}")]
    Lost {
        /// What was tried.
        what: String,
        /// What the client library says.
        reason: String,
    },
    /// The broker serves another log under this prefix: this service stands back, and looks again
    /// from time to time.
    #[error("{reason}")]
    OtherLog {
        /// Which log, and what to do.
        reason: String,
    },
    /// Somebody must look; it is tried again all the same, for then it may be mended.
    #[error("{reason}")]
    Halted {
        /// Why, and what to do.
        reason: String,
    },
}

impl PublishError {
    /// The broker did not do this.
    pub fn lost(what: impl Into<String>, reason: &dyn Display) -> Self {
        Self::Lost {
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    /// The broker serves another log.
    pub fn other_log(reason: impl Into<String>) -> Self {
        Self::OtherLog {
            reason: reason.into(),
        }
    }

    /// Somebody must look.
    pub fn halted(reason: impl Into<String>) -> Self {
        Self::Halted {
            reason: reason.into(),
        }
    }
}
