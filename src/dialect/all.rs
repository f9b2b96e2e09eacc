//! Every dialect, to be found by its number in records or by its name.

use super::Dialect;
use super::vendors::for_all_dialects;
use crate::domain::DialectId;

macro_rules! dialects {
    ($($module:ident),+ $(,)?) => {
        /// Every dialect, in the order of their numbers in records.
        pub static ALL: &[&Dialect] = &[$(&super::$module::DIALECT),+];
    };
}

for_all_dialects!(dialects);

/// The dialect with this number in records.
#[must_use]
pub fn by_id(id: DialectId) -> Option<&'static Dialect> {
    ALL.iter()
        .copied()
        .find(|dialect| dialect.rules.dialect == id)
}

/// The dialect with this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    ALL.iter()
        .copied()
        .find(|dialect| dialect.rules.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dialect::REGISTRY;

    #[test]
    fn numbers_and_names_are_a_dialect_s_own() {
        let numbers: Vec<u8> = REGISTRY.iter().map(|rules| rules.dialect.0).collect();
        let counted: Vec<u8> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, counted, "a number is never used again");
        let names: BTreeSet<&str> = REGISTRY.iter().map(|rules| rules.name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn a_dialect_is_found_by_its_number_and_its_name() {
        for rules in REGISTRY.iter() {
            let of = |found: Option<&Dialect>| found.map(|dialect| dialect.rules.name);
            assert_eq!(of(by_id(rules.dialect)), Some(rules.name));
            assert_eq!(of(by_name(rules.name)), Some(rules.name));
        }
        assert!(by_id(DialectId(0)).is_none() && by_name("Native").is_none());
    }

    #[test]
    fn an_operation_without_a_route_has_the_roles_of_its_kin() {
        use crate::dialect::ApiOperation::{Bulk, Create, Delete, Erase, Get, History};
        let roles = |name, operation| by_name(name).map(|it| it.roles_for(operation));
        let vendors: &[&str] = &["admin", "dts-provider"];
        assert_eq!(roles("mattr", Bulk), Some(vendors));
        assert_eq!(roles("mattr", History), Some(vendors));
        for (operation, role) in [
            (Erase, None),
            (Delete, Some("contacts:write")),
            (Bulk, Some("contacts:write")),
            (Create, Some("contacts:write")),
            (Get, Some("contacts:read")),
            (History, Some("contacts:read")),
        ] {
            let want: Vec<&str> = std::iter::once("admin").chain(role).collect();
            // Oracle's API deletes nothing.
            assert_eq!(roles("oracle", operation), Some(&*want), "{operation:?}");
        }
        assert_eq!(roles("mattr", Erase), Some(&["admin"][..]));
    }

    #[test]
    fn what_an_api_does_not_say_of_itself_is_the_rule() {
        let oracle = by_name("oracle").expect("a dialect");
        assert_eq!(oracle.extras.default_tenant, "default");
        assert_eq!(oracle.extras.placeholders, [""; 0]);
        assert_eq!(
            (oracle.extras.session_header, oracle.extras.key_header),
            (None, None)
        );
        assert!(!oracle.extras.rate_headers && !oracle.extras.records_reads);
    }

    #[test]
    fn an_operation_has_one_route() {
        for dialect in ALL {
            let routes = dialect.routes.iter();
            let operations: BTreeSet<&str> = routes.map(|route| route.operation.name()).collect();
            assert_eq!(operations.len(), dialect.routes.len(), "{dialect:?}");
        }
    }

    #[test]
    fn only_routes_with_an_owner_write() {
        use crate::dialect::Decode;
        for route in ALL.iter().flat_map(|dialect| dialect.routes.iter()) {
            let owned = matches!(route.decode, Decode::Owned(_));
            assert!(owned || !route.operation.writes(), "{route:?}");
        }
    }
}
