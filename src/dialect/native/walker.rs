//! The place in a Card that is being judged, and what was found wrong on the way there.
//!
//! A violation's path holds names of the tables, numbers of array items, and `*` for a client's key.

use serde_json::{Map, Value};

use crate::domain::{Problem, Violation, limits};

/// The members of a JSON object.
pub type Object = Map<String, Value>;

/// The place where the walk is, and the violations it found.
#[derive(Debug, Default)]
pub struct Walker {
    path: String,
    /// What is wrong so far, each thing once.
    pub violations: Vec<Violation>,
}

impl Walker {
    /// Notes that something is wrong with what stands here.
    pub fn wrong(&mut self, problem: Problem) {
        let violation = Violation::new(self.path.clone(), problem);
        if self.violations.len() < limits::VIOLATIONS_MAX && !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// Notes that something is wrong with a member of what stands here.
    pub fn wrong_at(&mut self, name: &str, problem: Problem) {
        self.at(name, |walker| walker.wrong(problem));
    }

    /// Walks a member of what stands here.
    pub fn at(&mut self, name: &str, walk: impl FnOnce(&mut Self)) {
        let mark = self.path.len();
        if mark > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        walk(self);
        self.path.truncate(mark);
    }
}
