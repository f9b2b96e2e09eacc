//! The examples of the documents: real requests, and what a running service answered to them.
//!
//! `examples.json` has them by operation. `UPDATE_EXAMPLES=1 cargo test --test contracts` records
//! them anew, and the same test without it holds them against what is answered now.

use std::sync::LazyLock;

use serde_json::Value;

static RECORDED: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("examples.json");
    serde_json::from_str(text).unwrap_or_default()
});

/// The examples of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Examples(Option<&'static Value>);

impl Examples {
    /// Those of the operation with this `operationId`.
    pub fn of(operation: &str) -> Self {
        Self(RECORDED.get(operation))
    }

    /// A body that was sent and taken.
    pub fn request(self) -> Option<&'static Value> {
        self.0?.get("request")
    }

    /// The value of a parameter.
    pub fn parameter(self, name: &str) -> Option<&'static Value> {
        self.0?.get("parameters")?.get(name)
    }

    /// The body of an answer with this status, in this media type.
    pub fn response(self, status: u16, media_type: &str) -> Option<&'static Value> {
        let answers = self.0?.get("responses")?.get(status.to_string())?;
        answers.get(media_type)
    }
}
