//! The positions at which one contact changed: those of its row, and the steps between.

use super::row::Row;
use super::steps::Steps;
use crate::domain::{Past, Position};

/// The positions at which one contact changed, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    steps: &'a Steps,
    row: &'a Row,
}

impl<'a> History<'a> {
    /// The history of the contact with this row.
    pub const fn new(steps: &'a Steps, row: &'a Row) -> Self {
        Self { steps, row }
    }

    /// The number of changes, the creation among them.
    #[must_use]
    pub fn count(&self) -> usize {
        if self.row.modified == self.row.created {
            return 1;
        }
        self.steps.depth(self.row.history) as usize + 2
    }

    /// The position of a change by its index, from 0.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<Position> {
        let count = self.count();
        let at = if index == 0 {
            self.row.created.position
        } else if index + 1 == count {
            self.row.modified.position
        } else if index < count {
            let depth = u32::try_from(index).ok()?;
            self.steps.at_depth(self.row.history, depth)?
        } else {
            return None;
        };
        Some(Position::new(at.get()))
    }

    /// The number of changes up to a position.
    #[must_use]
    pub fn up_to(&self, position: Position) -> usize {
        let position = position.get();
        if position >= self.row.modified.position.get() {
            return self.count();
        }
        if position < self.row.created.position.get() {
            return 0;
        }
        self.steps.count_up_to(self.row.history, position) as usize + 1
    }

    /// The positions of the versions that a question is about, oldest first.
    #[must_use]
    pub fn of(&self, past: Past<Position>) -> Vec<Position> {
        let indexes = past.indexes(self.count(), |at| self.up_to(at));
        let at = |index: usize| self.at(index);
        indexes.into_iter().filter_map(at).collect()
    }

    /// All positions, oldest first.
    pub fn iter(self) -> impl Iterator<Item = Position> + 'a {
        (0..self.count()).filter_map(move |index| self.at(index))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::row::Moment;
    use super::super::{NONE, U48};
    use super::*;

    fn moment(position: u64) -> Moment {
        Moment {
            position: U48::new(position),
            time: U48::new(position),
        }
    }

    proptest! {
        /// Several contacts change in turns; the history of each is what a plain array of it says.
        #[test]
        fn a_history_is_a_plain_array(changes in prop::collection::vec(0..4_usize, 0..400)) {
            let mut steps = Steps::default();
            let mut rows = Vec::new();
            let mut model: Vec<Vec<u64>> = Vec::new();
            for (position, who) in (1_u64..).zip(changes) {
                let position = 3 * position;
                if who >= rows.len() {
                    let row = Row { created: moment(position), modified: moment(position), ..Row::default() };
                    rows.push(Row { history: NONE, ..row });
                    model.push(vec![position]);
                    continue;
                }
                rows[who].change(moment(position), &mut steps);
                model[who].push(position);
            }
            for (row, model) in rows.iter().zip(&model) {
                let history = History::new(&steps, row);
                prop_assert_eq!(history.count(), model.len());
                let all: Vec<u64> = history.iter().map(Position::get).collect();
                prop_assert_eq!(&all, model);
                prop_assert_eq!(history.at(model.len()), None);
                for position in 0..1_250 {
                    let up_to = model.partition_point(|at| *at <= position);
                    prop_assert_eq!(history.up_to(Position::new(position)), up_to);
                }
            }
        }
    }
}
