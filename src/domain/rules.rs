//! A dialect's rules, handed over as a value, so that the core needs no vendor's word.

use super::{Card, ContactId, Tag, Texts, fold, limits};

/// A dialect's number in records: never reused, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialectId(pub u8);

/// The rules of a dialect that the core and the floors above it must know.
#[derive(Debug)]
pub struct Rules {
    /// The dialect's number in records.
    pub dialect: DialectId,
    /// The dialect's name in URLs, event types, subjects and tokens, in lower case.
    pub name: &'static str,
    /// The first part of its event types.
    pub event_prefix: &'static str,
    /// The names of its owner's ids, the tenant's first.
    pub owner_names: &'static [&'static str],
    /// The one spelling of a tenant's id, by which alone tenants are compared; `None` for a text that
    /// is no tenant's.
    pub tenant: fn(&str) -> Option<String>,
    /// Contacts that one owner may have at a time.
    pub contacts_max: Option<u32>,
    /// Whether an e-mail address belongs to one contact of a tenant at a time.
    pub unique_email: bool,
    /// The way in which a contact's vendor id is made.
    pub ids: IdRule,
    /// Lists what a contact can be named by beside its ids and its e-mail addresses; `None` where
    /// the dialect has no such key.
    pub lookup_keys: Option<fn(&Card) -> Vec<LookupKey>>,
    /// Whether the vendor calls a contact active, by its Card; `None` where the vendor knows no
    /// inactive contacts.
    pub is_active: Option<fn(&Card) -> bool>,
    /// The contact's fields that harm nobody, for events at the non-sensitive level.
    pub non_sensitive: fn(&Card) -> serde_json::Map<String, serde_json::Value>,
    /// The most items that one bulk command may have.
    pub batch_items_max: usize,
}

impl Rules {
    /// The rules of no dialect: no limits, no keys, no fields that harm nobody. Those of a dialect
    /// name what it has, and have the rest from here.
    ///
    /// ```
    /// use contactd::domain::{DialectId, Rules};
    ///
    /// static SMALL: Rules = Rules {
    ///     dialect: DialectId(200),
    ///     name: "small",
    ///     contacts_max: Some(3),
    ///     ..Rules::NONE
    /// };
    /// assert!(!SMALL.unique_email && SMALL.lookup_keys.is_none());
    /// ```
    pub const NONE: Self = Self {
        dialect: DialectId(0),
        name: "",
        event_prefix: "",
        owner_names: &[],
        tenant: |text| Some(text.to_owned()),
        contacts_max: None,
        unique_email: false,
        ids: IdRule::Uuid,
        lookup_keys: None,
        is_active: None,
        non_sensitive: |_| serde_json::Map::new(),
        batch_items_max: 1,
    };
}

/// The ways in which a contact's vendor id is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdRule {
    /// Our UUID in lower case with hyphens.
    Uuid,
    /// Our UUID as 32 upper-case hexadecimal digits, or one like it that the client chose.
    Hex,
    /// Our UUID as a ULID's 26 characters.
    Ulid,
    /// A positive integer, counted up over the whole dialect.
    Sequence,
}

/// The part of a vendor id that our own id does not give.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VendorKey {
    /// Nothing: the vendor id is our UUID, as [`IdRule`] renders it.
    Own,
    /// The contact's number in the dialect's sequence.
    Sequence(u64),
    /// The client chose it. The text is personal data, sealed with the contact; this stands for it.
    Chosen(Tag),
}

impl IdRule {
    /// The vendor id as the vendor shows it, unless the client chose it: then its text is sealed.
    ///
    /// ```
    /// use contactd::domain::{ContactId, IdRule, VendorKey};
    ///
    /// let id = ContactId::parse("0190f0a1-7d2b-7c1e-9f3a-5b6c7d8e9f01").expect("a UUID");
    /// let hex = IdRule::Hex.render(id, &VendorKey::Own);
    /// assert_eq!(hex.as_deref(), Some("0190F0A17D2B7C1E9F3A5B6C7D8E9F01"));
    /// let number = IdRule::Sequence.render(id, &VendorKey::Sequence(42));
    /// assert_eq!(number.as_deref(), Some("42"));
    /// ```
    #[must_use]
    pub fn render(self, id: ContactId, key: &VendorKey) -> Option<String> {
        let text = match (key, self) {
            (VendorKey::Chosen(_), _) => return None,
            (VendorKey::Sequence(number), _) => number.to_string(),
            (VendorKey::Own, Self::Hex) => format!("{:X}", id.0.simple()),
            (VendorKey::Own, Self::Ulid) => ulid::Ulid(id.0.as_u128()).to_string(),
            (VendorKey::Own, Self::Uuid | Self::Sequence) => id.to_string(),
        };
        Some(text)
    }
}

/// The kinds of text by which a contact can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LookupKind {
    /// An e-mail address, in the spelling in which addresses are compared.
    Email,
    /// An id that the client's own system gave it.
    ExternalId,
}

/// A text that a contact can be found by, in its tenant.
///
/// ```
/// use contactd::domain::LookupKey;
///
/// assert_eq!(LookupKey::email("Ann@Bücher.de"), LookupKey::email("ann@xn--bcher-kva.DE"));
/// assert_ne!(LookupKey::external_id("A1"), LookupKey::external_id("a1"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LookupKey {
    /// The kind of the text.
    pub kind: LookupKind,
    /// The text, folded so that equal means the same.
    pub text: String,
}

impl LookupKey {
    /// The key of an e-mail address, which [`fold::address`] makes.
    #[must_use]
    pub fn email(address: &str) -> Self {
        Self {
            kind: LookupKind::Email,
            text: fold::address(address),
        }
    }

    /// The key of an external id, compared as it stands.
    #[must_use]
    pub fn external_id(id: &str) -> Self {
        Self {
            kind: LookupKind::ExternalId,
            text: id.to_owned(),
        }
    }
}

/// The dialects of this process, each as its rules.
///
/// ```
/// use contactd::dialect::REGISTRY;
///
/// let mattr = REGISTRY.named("mattr").expect("a dialect");
/// assert_eq!(mattr.contacts_max, Some(10));
/// assert_eq!(REGISTRY.get(mattr.dialect).map(|rules| rules.name), Some("mattr"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Registry(&'static [&'static Rules]);

impl Registry {
    /// A registry that holds these rules.
    #[must_use]
    pub const fn new(rules: &'static [&'static Rules]) -> Self {
        Self(rules)
    }

    /// The rules of a dialect, by its number.
    #[must_use]
    pub fn get(self, dialect: DialectId) -> Option<&'static Rules> {
        self.0
            .iter()
            .copied()
            .find(|rules| rules.dialect == dialect)
    }

    /// The rules of a dialect, by its name.
    #[must_use]
    pub fn named(self, name: &str) -> Option<&'static Rules> {
        self.0.iter().copied().find(|rules| rules.name == name)
    }

    /// Whether a text names this tenant of a dialect, as [`Rules::names_tenant`] has it.
    #[must_use]
    pub fn names_tenant(self, dialect: DialectId, text: &str, tenant: &str) -> bool {
        let rules = self.get(dialect);
        rules.map_or(text == tenant, |rules| rules.names_tenant(text, tenant))
    }

    /// Every dialect's rules, in the registry's order.
    pub fn iter(self) -> impl Iterator<Item = &'static Rules> {
        self.0.iter().copied()
    }
}

impl Rules {
    /// Whether a text, in whichever spelling, names the tenant of this id in its one spelling.
    ///
    /// ```
    /// use contactd::dialect::REGISTRY;
    ///
    /// let emnify = REGISTRY.named("emnify").expect("a dialect");
    /// assert!(emnify.names_tenant("007", "7") && !emnify.names_tenant("7", "8"));
    /// ```
    #[must_use]
    pub fn names_tenant(&self, text: &str, tenant: &str) -> bool {
        text == tenant || (self.tenant)(text).is_some_and(|spelt| spelt == tenant)
    }

    /// The lookup keys of a contact, by its Card: its e-mail addresses, and what else its dialect
    /// names it by.
    #[must_use]
    pub fn keys_of(&self, card: &Card) -> Vec<LookupKey> {
        if card.is_text() {
            let texts = Texts::of(card);
            return self.keys_with(card, texts.emails.iter().map(|email| &**email));
        }
        self.keys_with(card, card.emails())
    }

    /// Its lookup keys likewise, where its e-mail addresses are known already.
    #[must_use]
    pub fn keys_with<'a>(
        &self,
        card: &Card,
        emails: impl Iterator<Item = &'a str>,
    ) -> Vec<LookupKey> {
        let mut keys: Vec<LookupKey> = emails.map(LookupKey::email).collect();
        keys.extend(self.lookup_keys.into_iter().flat_map(|keys| keys(card)));
        keys
    }

    /// Whether the vendor calls a contact active; every contact of a vendor without that notion is.
    #[must_use]
    pub fn is_active(&self, card: &Card) -> bool {
        self.is_active.is_none_or(|is_active| is_active(card))
    }

    /// A bulk command's items, never above the core's own limit.
    #[must_use]
    pub fn batch_items_max(&self) -> usize {
        self.batch_items_max.min(limits::BATCH_ITEMS_MAX)
    }
}
