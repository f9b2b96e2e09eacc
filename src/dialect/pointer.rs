//! The names of members within JSON Pointers (RFC 6901, sections 3 and 4).

/// The name as a token of a pointer.
///
/// ```
/// use contactd::dialect::pointer::{escaped, unescaped};
///
/// assert_eq!(escaped("home/~work"), "home~1~0work");
/// assert_eq!(unescaped("home~1~0work"), "home/~work");
/// assert_eq!(unescaped("~01"), "~1");
/// ```
#[must_use]
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The name that a token of a pointer stands for. A `~` before anything but 0 and 1 stands for
/// itself.
#[must_use]
pub fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
