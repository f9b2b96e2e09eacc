//! Points of the past, and which of a contact's versions a question is about: they are chosen by
//! position, before any is read.

use super::{Position, Timestamp};

/// A point of the past.
///
/// ```
/// use contactd::domain::{AsOf, Position, Timestamp};
///
/// let seven = AsOf::parse("7").expect("a position");
/// assert!(seven.covers(Position::new(7), Timestamp::from_millis(0)));
/// assert!(matches!(AsOf::parse("2026-01-15T10:30:00Z"), Some(AsOf::Time(_))));
/// assert_eq!(AsOf::parse("yesterday"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The moment at which this event had happened and the next had not.
    Position(Position),
    /// The last position at or before this time.
    Time(Timestamp),
}

impl AsOf {
    /// The point that a position or an RFC 3339 time names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(position) = Position::parse(text) {
            return Some(Self::Position(position));
        }
        // A plus sign that a client did not percent-encode arrives as a space.
        Timestamp::parse(&text.replace(' ', "+")).map(Self::Time)
    }

    /// Whether what happened at this position and time had happened then.
    #[must_use]
    pub fn covers(self, position: Position, time: Timestamp) -> bool {
        match self {
            Self::Position(then) => position <= then,
            Self::Time(then) => time <= then,
        }
    }
}

/// The versions of a contact that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past<P = AsOf> {
    /// Every version of the contact.
    Whole,
    /// A page: the last one up to this position, which the first of the page is compared with, so
    /// many after it, and one more where there is one, which says that there is.
    After(Position, usize),
    /// So many after having passed over so many, and one more where there is one, which says when
    /// the last of them ended.
    Offset(usize, usize),
    /// What was at two points, and the last of all, which says whether it was erased.
    Points(P, P),
}

impl Past {
    /// These versions with positions in the place of times.
    ///
    /// # Errors
    /// Those of `position`, which finds the last position at or before a time.
    pub fn at_positions<E>(
        self,
        position: impl Fn(Timestamp) -> Result<Position, E>,
    ) -> Result<Past<Position>, E> {
        let at = |point| match point {
            AsOf::Position(position) => Ok(position),
            AsOf::Time(time) => position(time),
        };
        Ok(match self {
            Self::Whole => Past::Whole,
            Self::After(after, limit) => Past::After(after, limit),
            Self::Offset(offset, limit) => Past::Offset(offset, limit),
            Self::Points(one, other) => Past::Points(at(one)?, at(other)?),
        })
    }
}

impl Past<Position> {
    /// The indexes of those versions, of `count` in all, oldest first; `up_to` is the number of
    /// versions up to a position.
    #[must_use]
    pub fn indexes(self, count: usize, up_to: impl Fn(Position) -> usize) -> Vec<usize> {
        match self {
            Self::Whole => (0..count).collect(),
            Self::After(after, limit) => {
                let before = up_to(after);
                let end = before.saturating_add(limit).saturating_add(1);
                (before.saturating_sub(1)..end.min(count)).collect()
            }
            Self::Offset(offset, limit) => {
                let end = offset.saturating_add(limit).saturating_add(1);
                (offset..end.min(count)).collect()
            }
            Self::Points(one, other) => {
                let ends = [up_to(one), up_to(other), count];
                let mut points: Vec<_> = ends.iter().filter_map(|end| end.checked_sub(1)).collect();
                points.sort_unstable();
                points.dedup();
                points
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_the_past_is_no_larger_than_it_is_asked_for() {
        let all: Vec<_> = (1..=1_000).map(|n| Position::new(n * 10)).collect();
        let check = |past: Past<Position>, want: &[u64]| {
            let up_to = |point: Position| all.partition_point(|at| *at <= point);
            let indexes = past.indexes(all.len(), up_to);
            let got: Vec<u64> = indexes.into_iter().map(|index| all[index].get()).collect();
            assert_eq!(got, want, "{past:?}");
        };
        let after = |position, limit| Past::After(Position::new(position), limit);
        check(after(0, 1), &[10, 20]);
        check(after(9, 2), &[10, 20, 30]);
        check(after(10, 1), &[10, 20, 30]);
        check(after(25, 1), &[20, 30, 40]);
        check(after(9_990, 5), &[9_990, 10_000]);
        check(after(10_000, 5), &[10_000]);
        check(after(u64::MAX, usize::MAX), &[10_000]);
        check(Past::Offset(0, 1), &[10, 20]);
        check(Past::Offset(999, 1), &[10_000]);
        check(Past::Offset(usize::MAX, usize::MAX), &[]);
        let points = |one, other| Past::Points(Position::new(one), Position::new(other));
        check(points(0, u64::MAX), &[10_000]);
        check(points(25, 45), &[20, 40, 10_000]);
        check(points(45, 25), &[20, 40, 10_000]);
        check(points(45, 45), &[40, 10_000]);
        assert_eq!(Past::<Position>::Whole.indexes(1_000, |_| 0).len(), 1_000);
        assert!(after(0, 1).indexes(0, |_| 0).is_empty());
    }
}
