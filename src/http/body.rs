//! Reads a request's body, no larger and no slower than it may be.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::dialect::Refusal;

/// The body's bytes; a body that came in one piece is not copied.
///
/// # Errors
/// 413 for a body of more than `limit_bytes`, which is not read to its end; 408 for one that took
/// longer than `timeout`; 400 for one that was cut off or whose framing is wrong.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    limit_bytes: u64,
    timeout: Duration,
) -> Result<Bytes, Refusal> {
    let too_large = Refusal::TooLarge { limit_bytes };
    let declared = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit_bytes) {
        return Err(too_large);
    }
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout(timeout, collected).await {
        Err(_) => Err(Refusal::TooSlow),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large),
        Ok(Err(_)) => Err(Refusal::BrokenBody),
    }
}
