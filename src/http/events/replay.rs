//! The log up to a position as lines, which several threads make ahead of what is sent.
//!
//! The more is sent at once, the less each event costs, and the more memory a reader takes who does
//! not come after. So a few replays go by large pieces, and all that come beyond them by small ones.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::asked::Asked;
use super::lines::{Lines, PieceSender};
use super::page;
use crate::dialect::Refusal;
use crate::domain::Position;
use crate::http::App;
use crate::http::streams::Pace;

/// Events of a stretch: from a few, where they are large, to many.
const STRETCH: (u64, u64) = (4, 512);

/// Sends the events after a position up to another; whether the reader is still there.
///
/// # Errors
/// The events can't be read.
pub async fn replay(
    app: &Arc<App>,
    asked: &Asked,
    (after, to): (Position, Position),
    lines: &PieceSender,
) -> Result<bool, Refusal> {
    let (pace, _place) = app.streams.replay();
    let mut stretches: VecDeque<(Position, JoinHandle<Result<Lines, Refusal>>)> = VecDeque::new();
    let mut next = after;
    let mut stretch = STRETCH.0;
    loop {
        while stretches.len() < pace.ahead && next < to {
            let end = to.min(next.plus(stretch));
            let made = made(app.clone(), asked.clone(), (next, end), pace);
            stretches.push_back((end, tokio::spawn(made)));
            next = end;
        }
        let Some((end, making)) = stretches.pop_front() else {
            return Ok(true);
        };
        let mut made = making.await.unwrap_or(Err(Refusal::Internal))?;
        loop {
            let (last, size) = (made.last, made.len());
            if !made.is_empty() && lines.send(Ok(made.into_bytes())).await.is_err() {
                return Ok(false);
            }
            if last >= end {
                stretch = stretch_after(stretch, size, pace);
                break;
            }
            // They were more bytes than are sent at once: the rest of them comes first.
            stretch = STRETCH.0;
            made = self::made(app.clone(), asked.clone(), (last, end), pace).await?;
        }
    }
}

/// The lines of a stretch of the log, or as many of them as are sent at once.
async fn made(
    app: Arc<App>,
    asked: Asked,
    (after, to): (Position, Position),
    pace: Pace,
) -> Result<Lines, Refusal> {
    loop {
        let asked = asked.clone();
        let lines = move |service: &_| asked.lines(service, after, to, pace.piece_bytes);
        match page::look(&app, lines).await {
            // Others are first; whoever reads a stream would take its end for that of the log.
            Err(Refusal::Overloaded) if !*app.stopping.borrow() => {}
            made => return made,
        }
    }
}

/// The events of the next stretch, when the lines of one were so many bytes: about three quarters of
/// what is sent at once.
fn stretch_after(events: u64, bytes: usize, pace: Pace) -> u64 {
    let (least, most) = STRETCH;
    let event_bytes = (bytes as u64).checked_div(events).unwrap_or(0).max(1);
    (pace.piece_bytes as u64 / 4 * 3 / event_bytes).clamp(least, most.min(events.saturating_mul(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_grow_with_what_is_small_and_shrink_at_once() {
        let pace = Pace {
            piece_bytes: 64 << 10,
            ahead: 1,
        };
        assert_eq!(stretch_after(4, 0, pace), 32);
        assert_eq!(stretch_after(512, 0, pace), 512);
        assert_eq!(stretch_after(512, 512 * 1_000, pace), 49);
        assert_eq!(stretch_after(512, 512 * 60_000, pace), 4);
    }
}
