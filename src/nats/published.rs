//! What becomes of an event that was sent: the broker's acknowledgement, and the end of its span.

use std::pin::Pin;

use async_nats::jetstream::context::PublishError as AckError;
use async_nats::jetstream::publish::PublishAck;

use super::publish_error::PublishError;
use super::resume::StreamPosition;
use crate::gateway::{Fact, OpenSpan};

/// The place that an event was sent to, and what the broker will say of it.
pub type Ack = Pin<Box<dyn Future<Output = (StreamPosition, Acknowledged)> + Send>>;

type Acknowledged = Result<PublishAck, AckError>;

/// Waits for what the broker says of an event, and ends the span of its sending.
pub fn told(
    span: Option<OpenSpan>,
    stream: String,
    place: StreamPosition,
    ack: impl Future<Output = Acknowledged> + Send + 'static,
) -> Ack {
    Box::pin(async move {
        let ack = ack.await;
        if let Some(span) = span {
            let name = format!("send {stream}");
            let facts = vec![
                Fact::Text("messaging.system", "nats".into()),
                Fact::Text("messaging.destination.name", stream),
                Fact::Number("contactd.position", place.position.get()),
            ];
            span.end(name, facts, ack.is_err());
        }
        (place, ack)
    })
}

/// The reasons for which a run ended.
pub enum Interrupted {
    /// The stream has to be looked at again.
    LookAgain(String),
    /// The session or the publisher has to end.
    PublishError(PublishError),
}

impl From<PublishError> for Interrupted {
    fn from(publish_error: PublishError) -> Self {
        Self::PublishError(publish_error)
    }
}
