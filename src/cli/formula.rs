//! Cells of a table that a spreadsheet would take for formulas.
//!
//! What a stranger wrote into a contact must not be carried out by whoever opens the file. Such a
//! cell is written with an apostrophe before it, which an import takes away again.

/// What stands between the values of a list in one cell.
pub const BETWEEN: &str = "|";

/// Whether a spreadsheet would take a cell for a formula. Programs look for the sign behind blanks,
/// and take a wide one of East Asian writing for its like. A sign before a number is harmless.
fn is_formula(text: &str) -> bool {
    if text.starts_with(['\t', '\r', '\n']) {
        return true;
    }
    match text.trim_start().chars().next() {
        Some('=' | '@' | '＝' | '＠') => true,
        Some('+' | '-' | '＋' | '－') => {
            text.contains(|c: char| c.is_alphabetic() || c == '|' || c == '!')
        }
        _ => false,
    }
}

/// Whether a cell needs an apostrophe or has one: a text may begin with apostrophes of its own.
fn is_guarded(text: &str) -> bool {
    is_formula(text.trim_start_matches('\''))
}

/// A cell with an apostrophe before it where a spreadsheet would take it for a formula.
pub fn guarded(text: String) -> String {
    if is_guarded(&text) {
        format!("'{text}")
    } else {
        text
    }
}

/// A cell without the apostrophe that keeps a spreadsheet from taking it for a formula.
pub fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(formula) if is_guarded(formula) => formula,
        _ => text,
    }
}

/// Texts as one cell. What stands between them makes no formula of telephone numbers.
pub fn guarded_list(texts: &[String]) -> String {
    let cell = texts.join(BETWEEN);
    if is_guarded(&texts.join(" ")) {
        format!("'{cell}")
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_written_as_text_and_read_as_it_was() {
        for (text, is) in [
            ("=1+1", true),
            ("@x", true),
            ("+cmd|' /C calc'!A0", true),
            ("+1 555 0100", false),
            ("Ann", false),
            ("'quoted'", false),
            ("＝1+1", true),
            ("＠x", true),
            ("＋A1", true),
            ("－A1", true),
            (" =1", true),
            ("\u{a0} ＝1", true),
            ("\t=1", true),
            ("\rAnn", true),
            ("\n", true),
            (" +49 (0)30 1", false),
            (" Ann", false),
        ] {
            assert_eq!(is_formula(text), is, "{text}");
            let cell = guarded(text.to_owned());
            assert_eq!(
                cell.starts_with('\''),
                is || text.starts_with('\''),
                "{text}"
            );
            assert_eq!(unguarded(&cell), text);
        }
        // An apostrophe of one's own stays.
        for text in ["'=1", "''=1", "'Ann"] {
            assert_eq!(unguarded(&guarded(text.to_owned())), text);
        }
    }
}
