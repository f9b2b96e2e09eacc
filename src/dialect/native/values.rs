//! The longer lists of values of RFC 9553.
//!
//! They are open: another value is as good, but one that differs from a
//! listed one only in case is not (section 1.7.1).

/// Section 2.2.1: the kinds of name components.
pub const NAME_KINDS: &[&str] = &[
    "title",
    "given",
    "given2",
    "surname",
    "surname2",
    "credential",
    "generation",
    "separator",
];

/// Section 2.5.1: the kinds of address components.
pub const ADDRESS_KINDS: &[&str] = &[
    "room",
    "apartment",
    "floor",
    "building",
    "number",
    "name",
    "block",
    "subdistrict",
    "district",
    "locality",
    "region",
    "postcode",
    "country",
    "direction",
    "landmark",
    "postOfficeBox",
    "separator",
];

/// Section 2.1.4: the kinds of entity that a Card represents.
pub const CARD_KINDS: &[&str] = &[
    "individual",
    "group",
    "org",
    "location",
    "device",
    "application",
];

/// Section 2.1.8: the kinds of relation.
pub const RELATIONS: &[&str] = &[
    "acquaintance",
    "agent",
    "child",
    "co-resident",
    "co-worker",
    "colleague",
    "contact",
    "crush",
    "date",
    "emergency",
    "friend",
    "kin",
    "me",
    "met",
    "muse",
    "neighbor",
    "parent",
    "sibling",
    "spouse",
    "sweetheart",
];

/// Section 2.3.3: what a phone number is for.
pub const FEATURES: &[&str] = &[
    "mobile",
    "voice",
    "text",
    "video",
    "main-number",
    "textphone",
    "fax",
    "pager",
];

/// Section 2.2.4: grammatical genders.
pub const GENDERS: &[&str] = &[
    "animate",
    "common",
    "feminine",
    "inanimate",
    "masculine",
    "neuter",
];
