//! Reads a request's body, at most so large and at most so slowly.

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Limits;
use crate::dialect::Refusal;

/// The body's bytes; one that came in one piece is not copied.
///
/// # Errors
/// It is too large, too slow, or was cut off.
pub async fn read(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Bytes, Refusal> {
    let too_large = Refusal::TooLarge {
        limit_bytes: limits.body_bytes_max,
    };
    let declared = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limits.body_bytes_max) {
        return Err(too_large);
    }
    let limit = usize::try_from(limits.body_bytes_max).unwrap_or(usize::MAX);
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout(limits.request_timeout, collected).await {
        Err(_) => Err(Refusal::TooSlow),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large),
        // The client went away or broke the framing: nobody reads this answer.
        Ok(Err(_)) => Err(Refusal::TooSlow),
    }
}
