//! A number with what it counts.

/// The number and the noun, in the plural unless it is one.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_no_plural() {
        let said = [0, 1, 2].map(|count| counted(count, "contact"));
        assert_eq!(said, ["0 contacts", "1 contact", "2 contacts"]);
    }
}
