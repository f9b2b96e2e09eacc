//! An answer on its way to its client: in pieces, and within a share of memory.
//!
//! A large answer is in memory until the client has read it, however slowly it does. All large
//! answers together may take so much; one that finds no room is not sent, and its client is told to
//! try again.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::{Buf, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::places::Activity;

/// What is handed on at once, in bytes: the rest is kept here, where it is counted.
const PIECE_BYTES: usize = 64 << 10;
/// Smaller answers are not counted.
const LARGE_BYTES: u64 = 256 << 10;
/// What large answers take together, in bytes. An answer larger than all of it counts as all of it.
const ROOM_BYTES: u64 = 128 << 20;
/// The unit in which room is counted, in bytes.
const UNIT_BYTES: u64 = 1 << 10;

/// There is no room for a large answer now.
#[derive(Debug)]
pub struct NoRoom;

/// The room for large answers. Clones share it.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(units(ROOM_BYTES) as usize)))
    }
}

/// So many bytes in units, at most all there are.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.min(ROOM_BYTES) / UNIT_BYTES).unwrap_or(u32::MAX)
}

impl Room {
    /// Takes room for an answer; `None` inside where it needs none.
    ///
    /// # Errors
    /// There is no room now.
    pub fn take(&self, body: &Body) -> Result<Option<OwnedSemaphorePermit>, NoRoom> {
        let bytes = body.size_hint().lower();
        if bytes < LARGE_BYTES {
            return Ok(None);
        }
        let taken = self.0.clone().try_acquire_many_owned(units(bytes));
        taken.map(Some).map_err(|_| NoRoom)
    }
}

/// The request that a connection has in hand, until this is dropped.
pub struct Turn(Arc<Activity>);

impl Turn {
    /// A request has come.
    pub fn begin(activity: Arc<Activity>) -> Self {
        activity.turn(true);
        Self(activity)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.turn(false);
    }
}

/// An answer's body, with what it holds as long as it is not sent.
pub struct Sending {
    body: Body,
    rest: Bytes,
    _room: Option<OwnedSemaphorePermit>,
    _turn: Turn,
}

impl Sending {
    /// A body that ends its turn and gives its room back once it is sent.
    pub fn new(body: Body, room: Option<OwnedSemaphorePermit>, turn: Turn) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            _room: room,
            _turn: turn,
        }
    }

    fn piece(&mut self) -> Frame<Bytes> {
        let length = self.rest.remaining().min(PIECE_BYTES);
        Frame::data(self.rest.split_to(length))
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        Poll::Ready(Some(Ok(self.piece())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let kept = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(kept));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(kept));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn body(bytes: u64) -> Body {
        Body::from(vec![7; bytes as usize])
    }

    #[test]
    fn large_answers_share_their_room_and_small_ones_need_none() {
        let room = Room::default();
        assert!(room.take(&body(LARGE_BYTES - 1)).unwrap().is_none());
        let all = room.take(&body(ROOM_BYTES + UNIT_BYTES)).unwrap();
        assert!(all.is_some(), "larger than all of it is all of it");
        assert!(room.take(&body(LARGE_BYTES)).is_err());
        assert!(room.take(&body(LARGE_BYTES - 1)).is_ok());
        drop(all);
        assert!(room.take(&body(LARGE_BYTES)).unwrap().is_some());
    }

    #[tokio::test]
    async fn a_body_goes_in_pieces_and_ends_its_turn_at_its_end() {
        let places = super::super::places::Places::new(super::super::places::PlaceLimits {
            all: 1,
            of_address: 1,
            kept: 1,
        });
        let place = places.take([127, 0, 0, 1].into()).unwrap();
        let turn = Turn::begin(place.activity.clone());
        let length = 3 * PIECE_BYTES as u64 + 5;
        let mut sending = Sending::new(body(length), None, turn);
        assert_eq!(sending.size_hint().exact(), Some(length));
        let mut pieces = Vec::new();
        while let Some(frame) = sending.frame().await {
            pieces.push(frame.unwrap().into_data().unwrap().len());
            assert_eq!(place.activity.waiting(), None);
        }
        assert_eq!(pieces, [PIECE_BYTES, PIECE_BYTES, PIECE_BYTES, 5]);
        drop(sending);
        assert_eq!(place.activity.waiting(), Some(2));
    }
}
