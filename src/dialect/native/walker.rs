//! The place in a Card that is being judged, and what was found wrong on the way there.
//!
//! A violation's path holds names of the tables, numbers of array items, and `*` for a client's key;
//! beside it stands the path with the keys themselves, for the client alone.

use serde_json::{Map, Value};

use crate::domain::{Problem, Violation, limits};

/// The members of a JSON object.
pub type Object = Map<String, Value>;

/// The place where the walk is, and the violations it found.
#[derive(Debug, Default)]
pub struct Walker {
    path: String,
    /// Its spelling with the client's keys.
    sent_as: String,
    /// What is wrong so far, each thing once.
    pub violations: Vec<Violation>,
}

impl Walker {
    /// Notes that something is wrong with what stands here.
    pub fn wrong(&mut self, problem: Problem) {
        let mut violation = Violation::new(self.path.clone(), problem);
        violation.sent_as = (self.sent_as != self.path).then(|| self.sent_as.clone());
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
        self.enter(name, name, walk);
    }

    /// Walks what stands here under a key that the client chose.
    pub fn at_key(&mut self, key: &str, walk: impl FnOnce(&mut Self)) {
        self.enter("*", key, walk);
    }

    fn enter(&mut self, name: &str, sent_as: &str, walk: impl FnOnce(&mut Self)) {
        let marks = (self.path.len(), self.sent_as.len());
        for (path, step) in [(&mut self.path, name), (&mut self.sent_as, sent_as)] {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(step);
        }
        walk(self);
        self.path.truncate(marks.0);
        self.sent_as.truncate(marks.1);
    }
}
