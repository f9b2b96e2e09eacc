//! Reads a request's body, at most so large and at most so slowly.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::HeaderMap;

use super::Limits;
use crate::dialect::Refusal;

/// The body's bytes.
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
    let collected = tokio::time::timeout(limits.request_timeout, collect(body, limits));
    match collected.await {
        Err(_) => Err(Refusal::TooSlow),
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large),
        // The client went away or broke the framing: nobody reads this answer.
        Ok(Err(_)) => Err(Refusal::TooSlow),
    }
}

/// The whole body; `None` where it is too large.
async fn collect(body: Body, limits: &Limits) -> Result<Option<Bytes>, axum::Error> {
    let mut stream = body.into_data_stream();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if (bytes.len() + chunk.len()) as u64 > limits.body_bytes_max {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes.freeze()))
}
