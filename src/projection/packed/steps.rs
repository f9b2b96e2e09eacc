//! The positions at which contacts changed, between their first change and their last.
//!
//! Most contacts never change, and the first and the last position stand in a contact's row. Those
//! between are steps in one array for all contacts, each naming the one before. A step also names
//! one further back, so that any of `n` is reached in `log n` (E. W. Myers, "An applicative
//! random-access stack", 1983): a page of a contact with a million versions costs a page.

use super::chunks::Chunks;
use super::number::U48;

/// A position at which a contact changed, and the way to those before.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: U48,
    before: u32,
    /// A step at or before `before`.
    jump: u32,
    /// The number of steps up to this one.
    depth: u32,
}

/// The steps of all contacts, in the order of the log.
#[derive(Debug, Default)]
pub struct Steps(Chunks<Step>);

impl Steps {
    /// The number of steps, which is the number of the next one.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.0.len()
    }

    /// Whether no more steps can be numbered.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Adds a step after another, and gives its number.
    pub fn push(&mut self, at: U48, before: u32) -> u32 {
        let back = |number: u32| self.0.get(number).map_or(super::NONE, |step| step.jump);
        let (one, two) = (back(before), back(back(before)));
        let even = self.depth(before) - self.depth(one) == self.depth(one) - self.depth(two);
        let step = Step {
            at,
            before,
            jump: if even { two } else { before },
            depth: self.depth(before).saturating_add(1),
        };
        self.0.push(step)
    }

    /// The steps from a number on: where each was, and the number of the one before.
    pub fn from(&self, first: u32) -> impl Iterator<Item = (U48, u32)> {
        let steps = self.0.iter_from(first);
        steps.map(|(_, step)| (step.at, step.before))
    }

    /// The number of steps up to one.
    pub fn depth(&self, number: u32) -> u32 {
        self.0.get(number).map_or(0, |step| step.depth)
    }

    /// The position of the step that is the `depth`-th of those that end with `last`.
    pub fn at_depth(&self, last: u32, depth: u32) -> Option<U48> {
        let mut step = self.0.get(last)?;
        while step.depth > depth {
            let jump = self.0.get(step.jump).filter(|far| far.depth >= depth);
            step = match jump {
                Some(far) => far,
                None => self.0.get(step.before)?,
            };
        }
        Some(step.at)
    }

    /// The number of steps up to a position, of those that end with `last`.
    pub fn count_up_to(&self, last: u32, position: u64) -> u32 {
        let mut step = self.0.get(last);
        while let Some(here) = step.filter(|here| here.at.get() > position) {
            let jump = self.0.get(here.jump);
            let far = jump.filter(|far| far.at.get() > position);
            step = far.or_else(|| self.0.get(here.before));
        }
        step.map_or(0, |here| here.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::super::NONE;
    use super::*;

    #[test]
    fn the_first_of_a_million_is_near() {
        let mut steps = Steps::default();
        let mut last = NONE;
        for position in 1..=1_000_000 {
            last = steps.push(U48::new(position), last);
        }
        // A walk of a million steps would take a thousand times as long as this.
        let begun = std::time::Instant::now();
        for depth in (1..=1_000_000).step_by(1_000) {
            assert_eq!(
                steps.at_depth(last, depth).map(U48::get),
                Some(u64::from(depth))
            );
            assert_eq!(steps.count_up_to(last, u64::from(depth)), depth);
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    }
}
