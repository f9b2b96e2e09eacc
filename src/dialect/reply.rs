//! An answer in a vendor's own form, for whichever transport carries it.

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

/// The memory that a body of JSON begins with, in bytes: most contacts fit, and it grows for others.
const BODY_BYTES: usize = 1 << 10;

/// An answer: status, headers and body as the vendor has them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Reply {
    /// The HTTP status of the answer.
    pub status: StatusCode,
    /// Headers beside those every answer has, the names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body of the answer, as bytes.
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer without a body.
    pub const fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// An answer of JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self::typed(status, "application/json", body)
    }

    /// An answer of JSON under another media type.
    pub fn typed(status: StatusCode, media_type: &str, body: &impl Serialize) -> Self {
        let mut bytes = Vec::with_capacity(BODY_BYTES);
        match serde_json::to_writer(&mut bytes, body) {
            Ok(()) => Self::of(status, media_type, bytes),
            // Only a map whose keys are no texts can fail, and no answer has one.
            Err(_) => Self::empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// An answer of plain text.
    pub fn text(status: StatusCode, body: &str) -> Self {
        Self::of(status, "text/plain; charset=utf-8", body.into())
    }

    fn of(status: StatusCode, media_type: &str, body: Vec<u8>) -> Self {
        let empty = Self::empty(status).with("content-type", media_type);
        Self { body, ..empty }
    }

    /// This reply with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// This reply, which says how to be authenticated where it is that the caller is not, and does not
    /// say so yet (RFC 9110, section 11.6.1).
    pub fn with_challenge(self) -> Self {
        let names = |(name, _): &(&str, String)| *name == "www-authenticate";
        match self.status {
            StatusCode::UNAUTHORIZED if !self.headers.iter().any(names) => {
                self.with("www-authenticate", "Bearer")
            }
            _ => self,
        }
    }
}

/// The name of a status without its spaces: `PreconditionFailed`.
#[must_use]
pub fn status_name(status: StatusCode) -> String {
    let name = status.canonical_reason().unwrap_or_default();
    name.replace(' ', "")
}

/// The entity tag of a contact's version (RFC 9110, section 8.8.3).
#[must_use]
pub fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The JSON of an answer that is an object of these members.
#[must_use]
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    members.into_iter().collect()
}
