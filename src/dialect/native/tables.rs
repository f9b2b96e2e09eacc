//! The properties of a JSContact Card, as tables (RFC 9553, section 2).
//!
//! Only facts stand here, in the order of the RFC; `validate` walks them.

use super::schema::Form::{
    Any, CalendarScale, Country, Email, Exactly, ExternalId, Geo, Id, Language, MediaType,
    NotEmpty, OneOf, Script, TimeZone, Uri, UtcDateTime,
};
use super::schema::Rule::{AnyOf, Components, Date, MembersOfGroup, NotEmptyList};
use super::schema::Shape::{
    Flag, Ids, Keys, List, Localizations, Number, Object, Set, Text, Texts,
};
use super::schema::{Property, Shape, Type};
use super::values::{ADDRESS_KINDS, CARD_KINDS, FEATURES, GENDERS, NAME_KINDS, RELATIONS};

/// The property by which a client's own system names a contact: the key of `match=externalId`.
pub const EXTERNAL_ID: &str = "contactd.local:externalId";

/// The largest whole number that every JSON reader can hold.
const SAFE_MAX: u64 = (1 << 53) - 1;

const fn optional(name: &'static str, shape: Shape) -> Property {
    Property {
        name,
        mandatory: false,
        shape,
    }
}

const fn mandatory(name: &'static str, shape: Shape) -> Property {
    Property {
        name,
        mandatory: true,
        shape,
    }
}

const fn object(name: &'static str) -> Type {
    Type {
        name,
        properties: &[],
        shared: &[],
        rules: &[],
    }
}

const fn text(name: &'static str) -> Property {
    optional(name, Text(Any))
}

const fn one_of(values: &'static [&'static str]) -> Shape {
    Text(OneOf(values))
}

const CONTEXTS: Property = optional("contexts", Set(&["private", "work"]));
const PREF: Property = optional("pref", Number(1, 100));
const LABEL: Property = text("label");
const SORT_AS: Property = text("sortAs");
const IS_ORDERED: Property = optional("isOrdered", Flag);
const SEPARATOR: Property = text("defaultSeparator");
const PHONETIC: Property = text("phonetic");
const PHONETIC_SCRIPT: Property = optional("phoneticScript", Text(Script));
const PHONETIC_SYSTEM: Property = optional("phoneticSystem", one_of(&["ipa", "jyut", "piny"]));
const URI: Property = mandatory("uri", Text(Uri));
const MEDIA_TYPE: Property = optional("mediaType", Text(MediaType));
const NAME: Property = mandatory("name", Text(Any));
const LIST_AS: Property = optional("listAs", Number(1, SAFE_MAX));

/// The contexts in which a value is used, its preference and its label (sections 1.5.1 to 1.5.3).
const MARKS: &[Property] = &[CONTEXTS, PREF, LABEL];
/// What every Resource has beside its kind (section 1.4.4).
const RESOURCE: &[Property] = &[URI, MEDIA_TYPE, CONTEXTS, PREF, LABEL];

/// Section 2: the Card.
pub static CARD: Type = object("Card").under(&[MembersOfGroup]).has(&[
    optional("version", Text(Exactly(&["1.0"]))),
    optional("uid", Text(NotEmpty)),
    optional("created", Text(UtcDateTime)),
    optional("kind", one_of(CARD_KINDS)),
    optional("language", Text(Language)),
    optional("members", Set(&[])),
    optional("prodId", Text(NotEmpty)),
    optional("relatedTo", Keys(&RELATION)),
    optional("updated", Text(UtcDateTime)),
    optional("name", Object(&[&NAME_TYPE])),
    optional("nicknames", Ids(&NICKNAME)),
    optional("organizations", Ids(&ORGANIZATION)),
    optional("speakToAs", Object(&[&SPEAK_TO_AS])),
    optional("titles", Ids(&TITLE)),
    optional("emails", Ids(&EMAIL_ADDRESS)),
    optional("onlineServices", Ids(&ONLINE_SERVICE)),
    optional("phones", Ids(&PHONE)),
    optional("preferredLanguages", Ids(&LANGUAGE_PREF)),
    optional("calendars", Ids(&CALENDAR)),
    optional("schedulingAddresses", Ids(&SCHEDULING_ADDRESS)),
    optional("addresses", Ids(&ADDRESS)),
    optional("cryptoKeys", Ids(&CRYPTO_KEY)),
    optional("directories", Ids(&DIRECTORY)),
    optional("links", Ids(&LINK)),
    optional("media", Ids(&MEDIA)),
    optional("localizations", Localizations),
    optional("anniversaries", Ids(&ANNIVERSARY)),
    optional("keywords", Set(&[])),
    optional("notes", Ids(&NOTE)),
    optional("personalInfo", Ids(&PERSONAL_INFO)),
    optional(EXTERNAL_ID, Text(ExternalId)),
]);

static RELATION: Type = object("Relation").has(&[optional("relation", Set(RELATIONS))]);

static NAME_TYPE: Type = object("Name")
    .under(&[AnyOf(&["full", "components"]), Components])
    .has(&[
        optional("components", List(&NAME_COMPONENT)),
        IS_ORDERED,
        SEPARATOR,
        text("full"),
        optional("sortAs", Texts(NAME_KINDS)),
        PHONETIC_SCRIPT,
        PHONETIC_SYSTEM,
    ]);

static NAME_COMPONENT: Type = object("NameComponent").has(&[
    mandatory("value", Text(Any)),
    mandatory("kind", one_of(NAME_KINDS)),
    PHONETIC,
]);

static NICKNAME: Type = object("Nickname").has(&[NAME, CONTEXTS, PREF]);

static ORGANIZATION: Type = object("Organization")
    .under(&[AnyOf(&["name", "units"]), NotEmptyList("units")])
    .has(&[
        text("name"),
        optional("units", List(&ORG_UNIT)),
        SORT_AS,
        CONTEXTS,
    ]);

static ORG_UNIT: Type = object("OrgUnit").has(&[NAME, SORT_AS]);

static SPEAK_TO_AS: Type = object("SpeakToAs")
    .under(&[AnyOf(&["grammaticalGender", "pronouns"])])
    .has(&[
        optional("grammaticalGender", one_of(GENDERS)),
        optional("pronouns", Ids(&PRONOUNS)),
    ]);

static PRONOUNS: Type = object("Pronouns").has(&[mandatory("pronouns", Text(Any)), CONTEXTS, PREF]);

static TITLE: Type = object("Title").has(&[
    NAME,
    optional("kind", one_of(&["title", "role"])),
    optional("organizationId", Text(Id)),
]);

static EMAIL_ADDRESS: Type = object("EmailAddress")
    .with(MARKS)
    .has(&[mandatory("address", Text(Email))]);

static ONLINE_SERVICE: Type = object("OnlineService")
    .with(MARKS)
    .under(&[AnyOf(&["uri", "user"])])
    .has(&[text("service"), optional("uri", Text(Uri)), text("user")]);

static PHONE: Type = object("Phone").with(MARKS).has(&[
    mandatory("number", Text(Any)),
    optional("features", Set(FEATURES)),
]);

static LANGUAGE_PREF: Type =
    object("LanguagePref").has(&[mandatory("language", Text(Language)), CONTEXTS, PREF]);

static CALENDAR: Type = object("Calendar")
    .with(RESOURCE)
    .has(&[mandatory("kind", one_of(&["calendar", "freeBusy"]))]);

static SCHEDULING_ADDRESS: Type = object("SchedulingAddress").with(MARKS).has(&[URI]);

static ADDRESS: Type = object("Address")
    .under(&[
        AnyOf(&[
            "components",
            "full",
            "countryCode",
            "coordinates",
            "timeZone",
        ]),
        Components,
    ])
    .has(&[
        optional("components", List(&ADDRESS_COMPONENT)),
        IS_ORDERED,
        optional("countryCode", Text(Country)),
        optional("coordinates", Text(Geo)),
        optional("timeZone", Text(TimeZone)),
        optional("contexts", Set(&["private", "work", "billing", "delivery"])),
        text("full"),
        SEPARATOR,
        PREF,
        PHONETIC_SCRIPT,
        PHONETIC_SYSTEM,
    ]);

static ADDRESS_COMPONENT: Type = object("AddressComponent").has(&[
    mandatory("value", Text(Any)),
    mandatory("kind", one_of(ADDRESS_KINDS)),
    PHONETIC,
]);

static CRYPTO_KEY: Type = object("CryptoKey").with(RESOURCE).has(&[text("kind")]);

static DIRECTORY: Type = object("Directory").has(&[
    mandatory("kind", one_of(&["directory", "entry"])),
    URI,
    MEDIA_TYPE,
    CONTEXTS,
    PREF,
    LABEL,
    LIST_AS,
]);

static LINK: Type = object("Link")
    .with(RESOURCE)
    .has(&[optional("kind", one_of(&["contact"]))]);

static MEDIA: Type = object("Media")
    .with(RESOURCE)
    .has(&[mandatory("kind", one_of(&["photo", "sound", "logo"]))]);

static ANNIVERSARY: Type = object("Anniversary").has(&[
    mandatory("kind", one_of(&["birth", "death", "wedding"])),
    mandatory("date", Object(&[&PARTIAL_DATE, &TIMESTAMP])),
    optional("place", Object(&[&ADDRESS])),
]);

static PARTIAL_DATE: Type = object("PartialDate")
    .under(&[AnyOf(&["year", "month"]), Date])
    .has(&[
        optional("year", Number(0, SAFE_MAX)),
        optional("month", Number(1, 12)),
        optional("day", Number(1, 31)),
        optional("calendarScale", Text(CalendarScale)),
    ]);

static TIMESTAMP: Type = object("Timestamp").has(&[mandatory("utc", Text(UtcDateTime))]);

static NOTE: Type = object("Note").has(&[
    mandatory("note", Text(Any)),
    optional("created", Text(UtcDateTime)),
    optional("author", Object(&[&AUTHOR])),
]);

static AUTHOR: Type = object("Author")
    .under(&[AnyOf(&["name", "uri"])])
    .has(&[text("name"), optional("uri", Text(Uri))]);

static PERSONAL_INFO: Type = object("PersonalInfo").has(&[
    mandatory("kind", one_of(&["expertise", "hobby", "interest"])),
    mandatory("value", Text(Any)),
    optional("level", one_of(&["high", "medium", "low"])),
    LIST_AS,
    LABEL,
]);
