//! The list of dialects: one row for each vendor, from which the tables are made.

/// Calls the macro `$table` with the folder and the type of every dialect, in the order of their
/// numbers in records, so that no table can lack one.
macro_rules! for_all_dialects {
    ($table:ident) => {
        $table! {
            native => Native,
            mattr => Mattr,
            oracle => Oracle,
            emnify => Emnify,
            thena => Thena,
            kare => Kare,
        }
    };
}

pub(super) use for_all_dialects;
