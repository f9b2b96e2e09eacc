//! Ways to the members of a Card: names with `/` between them.

use serde_json::Value;

/// The member to which a path leads, where there is one.
pub fn find<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('/').try_fold(value, |at, name| at.get(name))
}

/// Whether the first name of a path is this one.
pub fn begins_with(path: &str, name: &str) -> bool {
    path.split('/').next() == Some(name)
}
