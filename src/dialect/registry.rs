//! The rules of every dialect, which the core decides by.

use super::vendors::for_all_dialects;
use crate::domain::Registry;

macro_rules! registry {
    ($($module:ident),+ $(,)?) => {
        /// The rules of every dialect, in the order of their numbers in records.
        pub static REGISTRY: Registry = Registry::new(&[$(&super::$module::RULES),+]);
    };
}

for_all_dialects!(registry);
