//! Which tenants a token opens.
//!
//! An entry of the claim `tenant` has one of three forms, told apart without
//! knowing any vendor: `*` is every tenant; `<dialect>/<tenant>` is one tenant
//! of one dialect, and `<dialect>/*` all of that dialect's; any other text is
//! that tenant in every dialect. An entry with a slash is always the second
//! form, so a tenant whose own name holds a slash is granted as
//! `<dialect>/<its name>`: read both ways, a grant would open another's tenant.
//! A tenant is compared in its one spelling, whichever the token has: a UUID in upper case is the
//! one in lower case where the dialect's ids are UUIDs, and another tenant where they are names.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::dialect::REGISTRY;

/// The tenants whose contacts a principal may touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tenants {
    entries: BTreeSet<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Every,
    EveryOf { dialect: String },
    One { dialect: String, tenant: String },
    Anywhere { tenant: String },
}

/// The reasons for which a caller who named no tenant cannot be given one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OwnTenantError {
    /// The token opens no tenant of this dialect: "not yours".
    #[error("the token opens no tenant here; ask for one with a `tenant` claim")]
    NotGranted,
    /// The token opens several tenants, so the request has to name one.
    #[error("the token opens several tenants; name the one you mean")]
    Several,
}

impl Tenants {
    /// Every tenant of every dialect: the entry `*`.
    pub fn every() -> Self {
        Self {
            entries: BTreeSet::from([Entry::Every]),
        }
    }

    /// Whether the token holds `*`, as the hash tiles of all tenants' entries ask for.
    pub fn is_every(&self) -> bool {
        self.entries.contains(&Entry::Every)
    }

    /// Whether `tenant` of `dialect` is open to the caller.
    pub fn allow(&self, dialect: &str, tenant: &str) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Every => true,
            Entry::EveryOf { dialect: of } => of == dialect,
            Entry::One {
                dialect: of,
                tenant: one,
            } => of == dialect && names(dialect, one, tenant),
            Entry::Anywhere { tenant: one } => names(dialect, one, tenant),
        })
    }

    /// Whether every tenant of a dialect is granted, so that none is the caller's own.
    pub fn allow_all_of(&self, dialect: &str) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Every => true,
            Entry::EveryOf { dialect: of } => of == dialect,
            Entry::One { .. } | Entry::Anywhere { .. } => false,
        })
    }

    /// The tenant of a caller who named none: the token's only one, or
    /// `default` where the token opens all of the dialect.
    pub fn only(&self, dialect: &str, default: &str) -> Result<String, OwnTenantError> {
        let mut only = None;
        for entry in &self.entries {
            let tenant = match entry {
                Entry::Every => return Ok(default.to_owned()),
                Entry::EveryOf { dialect: of } if of == dialect => return Ok(default.to_owned()),
                Entry::One {
                    dialect: of,
                    tenant,
                } if of == dialect => tenant,
                Entry::Anywhere { tenant } => tenant,
                Entry::EveryOf { .. } | Entry::One { .. } => continue,
            };
            let tenant = spelt(dialect, tenant);
            if only.as_ref().is_some_and(|other| *other != tenant) {
                return Err(OwnTenantError::Several);
            }
            only = Some(tenant);
        }
        only.ok_or(OwnTenantError::NotGranted)
    }

    /// The tenants that are a caller's own where no request names one: those of `dialect` that the
    /// token lists; `default` where it lists none, for it then opens all of them or none.
    pub fn own<'a>(&'a self, dialect: &str, default: &'a str) -> Vec<&'a str> {
        let listed = self.entries.iter().filter_map(|entry| match entry {
            Entry::One {
                dialect: of,
                tenant,
            } if of == dialect => Some(tenant.as_str()),
            Entry::Anywhere { tenant } => Some(tenant.as_str()),
            Entry::Every | Entry::EveryOf { .. } | Entry::One { .. } => None,
        });
        let listed: Vec<&str> = listed.collect();
        if listed.is_empty() || self.allow_all_of(dialect) {
            return vec![default];
        }
        listed
    }

    /// The entries in the claim's own form, for a token made from a principal.
    pub fn texts(&self) -> Vec<String> {
        self.entries
            .iter()
            .map(|entry| match entry {
                Entry::Every => "*".to_owned(),
                Entry::EveryOf { dialect } => format!("{dialect}/*"),
                Entry::One { dialect, tenant } => format!("{dialect}/{tenant}"),
                Entry::Anywhere { tenant } => tenant.clone(),
            })
            .collect()
    }
}

impl FromIterator<String> for Tenants {
    fn from_iter<I: IntoIterator<Item = String>>(texts: I) -> Self {
        let entries = texts.into_iter().map(entry).collect();
        Self { entries }
    }
}

/// Whether an entry's text names a tenant of a dialect.
fn names(dialect: &str, text: &str, tenant: &str) -> bool {
    let rules = REGISTRY.named(dialect);
    rules.map_or(text == tenant, |rules| rules.names_tenant(text, tenant))
}

/// A tenant in its one spelling; what names none of the dialect stays as it stands.
fn spelt(dialect: &str, text: &str) -> String {
    let spelt = REGISTRY.named(dialect).and_then(|of| (of.tenant)(text));
    spelt.unwrap_or_else(|| text.to_owned())
}

fn entry(text: String) -> Entry {
    if text == "*" {
        return Entry::Every;
    }
    match text.split_once('/') {
        Some((dialect, "*")) => Entry::EveryOf {
            dialect: dialect.to_owned(),
        },
        Some((dialect, tenant)) => Entry::One {
            dialect: dialect.to_owned(),
            tenant: tenant.to_owned(),
        },
        None => Entry::Anywhere { tenant: text },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenants(texts: &[&str]) -> Tenants {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    const LOWER: &str = "01980000-0000-7000-8000-00000000abcd";
    const UPPER: &str = "01980000-0000-7000-8000-00000000ABCD";

    #[test]
    fn an_entry_opens_what_it_names_and_nothing_else() {
        // (entries, dialect, tenant, open)
        let cases: &[(&[&str], &str, &str, bool)] = &[
            (&[], "oracle", "acme", false),
            (&["*"], "oracle", "acme", true),
            (&["acme"], "oracle", "acme", true),
            (&["acme"], "thena", "acme", true),
            (&["acme"], "oracle", "acme2", false),
            (&["acme"], "oracle", "Acme", false),
            (&["acme"], "oracle", "*", false),
            (&["oracle/acme"], "oracle", "acme", true),
            (&["oracle/acme"], "thena", "acme", false),
            (&["oracle/acme"], "thena", "oracle/acme", false),
            (&["thena/a/b"], "thena", "a/b", true),
            (&["oracle/*"], "oracle", "acme", true),
            (&["oracle/*"], "thena", "acme", false),
            (&["/acme"], "oracle", "acme", false),
            (&[UPPER], "mattr", LOWER, true),
            (
                &["mattr/01980000-0000-7000-8000-00000000ABCD"],
                "mattr",
                LOWER,
                true,
            ),
            (&[UPPER], "thena", UPPER, true),
            (&[UPPER], "thena", LOWER, false),
            (&[UPPER], "native", LOWER, false),
            (&["007"], "emnify", "7", true),
            (&["+7", "7.0"], "emnify", "7", false),
            (&["7.0"], "kare", "7", true),
            (&["-07"], "kare", "-7", true),
            (&["007"], "oracle", "7", false),
        ];
        for (entries, dialect, tenant, open) in cases {
            assert_eq!(
                tenants(entries).allow(dialect, tenant),
                *open,
                "{entries:?} for {dialect}/{tenant}"
            );
        }
    }

    #[test]
    fn the_callers_own_tenant_is_the_only_one() {
        let own = |entries: &[&str]| {
            tenants(entries)
                .only("kare", "1")
                .map_err(|error| format!("{error:?}"))
        };
        assert_eq!(own(&["*"]), Ok("1".to_owned()));
        assert_eq!(own(&["7", "*"]), Ok("1".to_owned()));
        assert_eq!(own(&["kare/*"]), Ok("1".to_owned()));
        assert_eq!(own(&["7"]), Ok("7".to_owned()));
        assert_eq!(own(&["7", "kare/7"]), Ok("7".to_owned()));
        assert_eq!(own(&["kare/7", "emnify/8"]), Ok("7".to_owned()));
        assert_eq!(own(&["7", "kare/007"]), Ok("7".to_owned()));
        assert_eq!(own(&["7", "8"]), Err("Several".to_owned()));
        assert_eq!(own(&["emnify/8", "emnify/*"]), Err("NotGranted".to_owned()));
        assert_eq!(own(&[]), Err("NotGranted".to_owned()));
    }

    #[test]
    fn entries_read_back_as_they_were_written() {
        let texts = ["*", "kare/*", "thena/a/b", "acme"];
        let again: Tenants = tenants(&texts).texts().into_iter().collect();
        assert_eq!(again, tenants(&texts));
        assert!(again.is_every());
        assert!(!tenants(&["kare/*"]).is_every());
    }
}
