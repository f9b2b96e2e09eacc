//! Reading a long stretch of the log on all processors, and taking what comes of it in order.
//!
//! Of N threads each reads every N-th stretch of the log, decodes it, opens what is to be opened, and
//! hands it over; the thread that folds takes from one after the other. Nothing is shared
//! but the log, and no thread is further ahead than two stretches.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use bytes::Bytes;

use super::ReadError;
use crate::domain::Position;
use crate::log::Reader;

/// Events of one stretch: their values lie side by side in the store. What comes of a few stretches
/// is in memory at once, and an event may have 48 KiB.
const STRETCH: u64 = 512;
/// Stretches of one thread that wait to be taken.
const AHEAD: usize = 1;
/// The most threads: the one that folds cannot keep up with more.
const THREADS_MAX: usize = 8;

/// Does `work` on every entry between two positions, both included, on all processors, and `fold` on
/// what comes of it, in the order of the log. It ends at the first error of either.
///
/// # Errors
/// Those of `work` and `fold`, and [`ReadError`] where the log cannot be read.
pub fn in_order<T, E>(
    reader: &Reader,
    (from, to): (Position, Position),
    work: impl Fn(Position, Bytes) -> Result<T, E> + Sync,
    mut fold: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E>
where
    T: Send,
    E: From<ReadError> + Send,
{
    let stretches = to
        .get()
        .saturating_sub(from.previous().get())
        .div_ceil(STRETCH);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(THREADS_MAX) as u64;
    let work = &work;
    thread::scope(|scope| {
        let mut sources: Vec<Receiver<Result<Vec<T>, E>>> = Vec::new();
        for thread in 0..threads.min(stretches) {
            let (sender, receiver) = sync_channel(AHEAD);
            sources.push(receiver);
            let mine = (thread..stretches).step_by(threads as usize);
            let read = move || {
                for stretch in mine {
                    let first = from.plus(stretch * STRETCH);
                    let last = first.plus(STRETCH - 1).min(to);
                    if !hand_over(&sender, read_stretch(reader, first, last, work)) {
                        return;
                    }
                }
            };
            let started = thread::Builder::new().name("read".into());
            started.spawn_scoped(scope, read).map_err(fault)?;
        }
        for stretch in 0..stretches {
            let index = usize::try_from(stretch % threads).unwrap_or_default();
            let source = sources.get(index);
            let taken = source.and_then(|source| source.recv().ok());
            let gone = || E::from(ReadError::Fault("a thread ended".to_owned()));
            for item in taken.ok_or_else(gone)?? {
                fold(item)?;
            }
        }
        Ok(())
    })
}

fn fault<E: From<ReadError>>(error: std::io::Error) -> E {
    ReadError::Fault(error.to_string()).into()
}

/// What comes of a stretch's entries.
fn read_stretch<T, E: From<ReadError>>(
    reader: &Reader,
    first: Position,
    last: Position,
    work: &(impl Fn(Position, Bytes) -> Result<T, E> + Sync),
) -> Result<Vec<T>, E> {
    let entries = reader.scan(first, last);
    let done = entries.map(|entry| {
        let (position, bytes) = entry.map_err(ReadError::from)?;
        work(position, bytes)
    });
    done.collect()
}

/// Hands a stretch over; whether to go on. Nobody takes what comes after an error.
fn hand_over<T, E>(to: &SyncSender<Result<Vec<T>, E>>, stretch: Result<Vec<T>, E>) -> bool {
    let good = stretch.is_ok();
    to.send(stretch).is_ok() && good
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{self, OpenOptions};
    use crate::storage::SimDisk;

    /// A log of so many events, each of which is its position.
    fn log(events: u64) -> Reader {
        let disk = SimDisk::new(1);
        let opened = log::open(&disk, &OpenOptions::default(), &mut |_| {});
        let mut opened = opened.expect("it opens");
        for first in (1..=events).step_by(1_000) {
            let group = first..=events.min(first + 999);
            let group: Vec<[u8; 8]> = group.map(u64::to_be_bytes).collect();
            opened.appender.append(&group).expect("it is written");
        }
        opened.reader
    }

    /// What was folded of a stretch of the log, up to the first error, if there was one.
    fn fold(reader: &Reader, from: u64, to: u64, wrong: Option<u64>) -> (Vec<u64>, bool) {
        let mut folded = Vec::new();
        let work = |position: Position, bytes: Bytes| {
            assert_eq!(*bytes, position.get().to_be_bytes());
            match wrong {
                Some(wrong) if position.get() == wrong => Err(ReadError::Busy),
                _ => Ok(position.get()),
            }
        };
        let take = |position| {
            folded.push(position);
            Ok(())
        };
        let done = in_order(reader, (Position::new(from), Position::new(to)), work, take);
        (folded, done.is_ok())
    }

    #[test]
    fn everything_comes_once_and_in_order() {
        let reader = log(20_000);
        let cases = [
            (1, 20_000),
            (1, 1),
            (STRETCH + 1, STRETCH + 1),
            (777, 19_001),
            (5, 4),
            (20_001, 20_000),
        ];
        for (from, to) in cases {
            let wanted: Vec<u64> = (from..=to).collect();
            assert_eq!(fold(&reader, from, to, None), (wanted, true), "{from} {to}");
        }
    }

    #[test]
    fn an_error_ends_it_and_nothing_after_it_is_folded() {
        let reader = log(20_000);
        for wrong in [1, STRETCH, STRETCH + 1, 12_345] {
            let (folded, done) = fold(&reader, 1, 20_000, Some(wrong));
            assert!(
                !done && folded.iter().all(|position| *position < wrong),
                "{wrong}"
            );
            assert!(
                folded.into_iter().eq(1..=(wrong - 1) / STRETCH * STRETCH),
                "{wrong}"
            );
        }
        let refuse = |_| Err(ReadError::Busy);
        let all = (Position::FIRST, reader.head());
        let done = in_order(&reader, all, |position, _| Ok(position), refuse);
        assert!(matches!(done, Err(ReadError::Busy)));
    }
}
