//! What people paste from a vendor's page without filling it in.

/// The placeholders of the five vendors' pages (contract, section 2), each as its curl sends it.
const PLACEHOLDERS: [&str; 9] = [
    "org_id",
    ":org_id",
    "{org_id}",
    "companyId",
    "{companyId}",
    "<token>",
    "<x-session-token>",
    "<api-key>",
    "<content-type>",
];

/// Whether a path segment or a header's value is exactly a placeholder.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    PLACEHOLDERS.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_text_is_a_placeholder() {
        assert!(is_placeholder("{companyId}"));
        for other in ["", "companyid", "org_id ", "{org}", "token"] {
            assert!(!is_placeholder(other), "{other}");
        }
    }
}
