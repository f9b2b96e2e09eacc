//! Why a part of the bus stopped, by what is done about it.

use std::fmt::Display;

use thiserror::Error;

/// The reasons for which a part of the bus stopped, by what is done about them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// The connection or the broker went away. It is tried again, and nothing is lost.
    #[error("{what}: {reason}")]
    Lost {
        /// What this service tried to do.
        what: String,
        /// What the NATS client library says.
        reason: String,
    },
    /// The broker serves another log under this prefix: this service stands back, and looks again
    /// from time to time.
    #[error("{reason}")]
    OtherLog {
        /// The log that the broker serves, and what the operator can do.
        reason: String,
    },
    /// An operator must act. It is tried again from time to time, for it may have been mended.
    #[error("{reason}")]
    Halted {
        /// The reason, and what the operator can do.
        reason: String,
    },
}

impl PublishError {
    /// The error of a broker that did not do this, for this reason.
    pub fn lost(what: impl Into<String>, reason: &dyn Display) -> Self {
        Self::Lost {
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    /// The error of a broker that serves another log under this prefix.
    pub fn other_log(reason: impl Into<String>) -> Self {
        Self::OtherLog {
            reason: reason.into(),
        }
    }

    /// The error that an operator must act on.
    pub fn halted(reason: impl Into<String>) -> Self {
        Self::Halted {
            reason: reason.into(),
        }
    }
}
