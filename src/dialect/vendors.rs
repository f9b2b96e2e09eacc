//! The list of dialects: one row for each vendor, from which the tables are made.

/// Calls the macro `$table` with the folder of every dialect, in the order of their
/// numbers in records, so that no table can lack one.
macro_rules! for_all_dialects {
    ($table:ident) => {
        $table! {
            native,
            mattr,
            oracle,
            emnify,
            thena,
            kare,
        }
    };
}

pub(super) use for_all_dialects;
