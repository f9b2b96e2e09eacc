//! The properties of a JSContact Card, as tables (RFC 9553, section 2).
//!
//! Only facts stand here, in the order of the RFC; `validate` walks them.

use super::schema::{Form, Property, Rule, Shape, Type};
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

const fn text(name: &'static str) -> Property {
    optional(name, Shape::Text(Form::Any))
}

const fn one_of(values: &'static [&'static str]) -> Shape {
    Shape::Text(Form::OneOf(values))
}

const CONTEXTS: Property = optional("contexts", Shape::Set(&["private", "work"]));
const PREF: Property = optional("pref", Shape::Number { min: 1, max: 100 });
const LABEL: Property = text("label");
const SORT_AS: Property = text("sortAs");
const IS_ORDERED: Property = optional("isOrdered", Shape::Flag);
const SEPARATOR: Property = text("defaultSeparator");
const PHONETIC: Property = text("phonetic");
const PHONETIC_SCRIPT: Property = optional("phoneticScript", Shape::Text(Form::Script));
const PHONETIC_SYSTEM: Property = optional("phoneticSystem", one_of(&["ipa", "jyut", "piny"]));
const URI: Property = mandatory("uri", Shape::Text(Form::Uri));
const MEDIA_TYPE: Property = optional("mediaType", Shape::Text(Form::MediaType));
const NAME: Property = mandatory("name", Shape::Text(Form::Any));
const LIST_AS: Property = optional(
    "listAs",
    Shape::Number {
        min: 1,
        max: SAFE_MAX,
    },
);

/// Section 2: the Card.
pub static CARD: Type = Type {
    name: "Card",
    properties: &[
        optional("version", Shape::Text(Form::Exactly("1.0"))),
        optional("uid", Shape::Text(Form::NotEmpty)),
        optional("created", Shape::Text(Form::UtcDateTime)),
        optional("kind", one_of(CARD_KINDS)),
        optional("language", Shape::Text(Form::Language)),
        optional("members", Shape::Set(&[])),
        optional("prodId", Shape::Text(Form::NotEmpty)),
        optional("relatedTo", Shape::Keys(&RELATION)),
        optional("updated", Shape::Text(Form::UtcDateTime)),
        optional("name", Shape::Object(&[&NAME_TYPE])),
        optional("nicknames", Shape::Ids(&NICKNAME)),
        optional("organizations", Shape::Ids(&ORGANIZATION)),
        optional("speakToAs", Shape::Object(&[&SPEAK_TO_AS])),
        optional("titles", Shape::Ids(&TITLE)),
        optional("emails", Shape::Ids(&EMAIL_ADDRESS)),
        optional("onlineServices", Shape::Ids(&ONLINE_SERVICE)),
        optional("phones", Shape::Ids(&PHONE)),
        optional("preferredLanguages", Shape::Ids(&LANGUAGE_PREF)),
        optional("calendars", Shape::Ids(&CALENDAR)),
        optional("schedulingAddresses", Shape::Ids(&SCHEDULING_ADDRESS)),
        optional("addresses", Shape::Ids(&ADDRESS)),
        optional("cryptoKeys", Shape::Ids(&CRYPTO_KEY)),
        optional("directories", Shape::Ids(&DIRECTORY)),
        optional("links", Shape::Ids(&LINK)),
        optional("media", Shape::Ids(&MEDIA)),
        optional("localizations", Shape::Localizations),
        optional("anniversaries", Shape::Ids(&ANNIVERSARY)),
        optional("keywords", Shape::Set(&[])),
        optional("notes", Shape::Ids(&NOTE)),
        optional("personalInfo", Shape::Ids(&PERSONAL_INFO)),
        optional(EXTERNAL_ID, Shape::Text(Form::ExternalId)),
    ],
    rules: &[Rule::MembersOfGroup],
};

static RELATION: Type = Type {
    name: "Relation",
    properties: &[optional("relation", Shape::Set(RELATIONS))],
    rules: &[],
};

static NAME_TYPE: Type = Type {
    name: "Name",
    properties: &[
        optional("components", Shape::List(&NAME_COMPONENT)),
        IS_ORDERED,
        SEPARATOR,
        text("full"),
        optional("sortAs", Shape::Texts(NAME_KINDS)),
        PHONETIC_SCRIPT,
        PHONETIC_SYSTEM,
    ],
    rules: &[Rule::AnyOf(&["full", "components"]), Rule::Components],
};

static NAME_COMPONENT: Type = Type {
    name: "NameComponent",
    properties: &[
        mandatory("value", Shape::Text(Form::Any)),
        mandatory("kind", one_of(NAME_KINDS)),
        PHONETIC,
    ],
    rules: &[],
};

static NICKNAME: Type = Type {
    name: "Nickname",
    properties: &[NAME, CONTEXTS, PREF],
    rules: &[],
};

static ORGANIZATION: Type = Type {
    name: "Organization",
    properties: &[
        text("name"),
        optional("units", Shape::List(&ORG_UNIT)),
        SORT_AS,
        CONTEXTS,
    ],
    rules: &[Rule::AnyOf(&["name", "units"]), Rule::NotEmptyList("units")],
};

static ORG_UNIT: Type = Type {
    name: "OrgUnit",
    properties: &[NAME, SORT_AS],
    rules: &[],
};

static SPEAK_TO_AS: Type = Type {
    name: "SpeakToAs",
    properties: &[
        optional("grammaticalGender", one_of(GENDERS)),
        optional("pronouns", Shape::Ids(&PRONOUNS)),
    ],
    rules: &[Rule::AnyOf(&["grammaticalGender", "pronouns"])],
};

static PRONOUNS: Type = Type {
    name: "Pronouns",
    properties: &[
        mandatory("pronouns", Shape::Text(Form::Any)),
        CONTEXTS,
        PREF,
    ],
    rules: &[],
};

static TITLE: Type = Type {
    name: "Title",
    properties: &[
        NAME,
        optional("kind", one_of(&["title", "role"])),
        optional("organizationId", Shape::Text(Form::Id)),
    ],
    rules: &[],
};

static EMAIL_ADDRESS: Type = Type {
    name: "EmailAddress",
    properties: &[
        mandatory("address", Shape::Text(Form::Email)),
        CONTEXTS,
        PREF,
        LABEL,
    ],
    rules: &[],
};

static ONLINE_SERVICE: Type = Type {
    name: "OnlineService",
    properties: &[
        text("service"),
        optional("uri", Shape::Text(Form::Uri)),
        text("user"),
        CONTEXTS,
        PREF,
        LABEL,
    ],
    rules: &[Rule::AnyOf(&["uri", "user"])],
};

static PHONE: Type = Type {
    name: "Phone",
    properties: &[
        mandatory("number", Shape::Text(Form::Any)),
        optional("features", Shape::Set(FEATURES)),
        CONTEXTS,
        PREF,
        LABEL,
    ],
    rules: &[],
};

static LANGUAGE_PREF: Type = Type {
    name: "LanguagePref",
    properties: &[
        mandatory("language", Shape::Text(Form::Language)),
        CONTEXTS,
        PREF,
    ],
    rules: &[],
};

static CALENDAR: Type = Type {
    name: "Calendar",
    properties: &[
        mandatory("kind", one_of(&["calendar", "freeBusy"])),
        URI,
        MEDIA_TYPE,
        CONTEXTS,
        PREF,
        LABEL,
    ],
    rules: &[],
};

static SCHEDULING_ADDRESS: Type = Type {
    name: "SchedulingAddress",
    properties: &[URI, CONTEXTS, PREF, LABEL],
    rules: &[],
};

static ADDRESS: Type = Type {
    name: "Address",
    properties: &[
        optional("components", Shape::List(&ADDRESS_COMPONENT)),
        IS_ORDERED,
        optional("countryCode", Shape::Text(Form::Country)),
        optional("coordinates", Shape::Text(Form::Geo)),
        optional("timeZone", Shape::Text(Form::TimeZone)),
        optional(
            "contexts",
            Shape::Set(&["private", "work", "billing", "delivery"]),
        ),
        text("full"),
        SEPARATOR,
        PREF,
        PHONETIC_SCRIPT,
        PHONETIC_SYSTEM,
    ],
    rules: &[
        Rule::AnyOf(&[
            "components",
            "full",
            "countryCode",
            "coordinates",
            "timeZone",
        ]),
        Rule::Components,
    ],
};

static ADDRESS_COMPONENT: Type = Type {
    name: "AddressComponent",
    properties: &[
        mandatory("value", Shape::Text(Form::Any)),
        mandatory("kind", one_of(ADDRESS_KINDS)),
        PHONETIC,
    ],
    rules: &[],
};

static CRYPTO_KEY: Type = Type {
    name: "CryptoKey",
    properties: &[text("kind"), URI, MEDIA_TYPE, CONTEXTS, PREF, LABEL],
    rules: &[],
};

static DIRECTORY: Type = Type {
    name: "Directory",
    properties: &[
        mandatory("kind", one_of(&["directory", "entry"])),
        URI,
        MEDIA_TYPE,
        CONTEXTS,
        PREF,
        LABEL,
        LIST_AS,
    ],
    rules: &[],
};

static LINK: Type = Type {
    name: "Link",
    properties: &[
        optional("kind", one_of(&["contact"])),
        URI,
        MEDIA_TYPE,
        CONTEXTS,
        PREF,
        LABEL,
    ],
    rules: &[],
};

static MEDIA: Type = Type {
    name: "Media",
    properties: &[
        mandatory("kind", one_of(&["photo", "sound", "logo"])),
        URI,
        MEDIA_TYPE,
        CONTEXTS,
        PREF,
        LABEL,
    ],
    rules: &[],
};

static ANNIVERSARY: Type = Type {
    name: "Anniversary",
    properties: &[
        mandatory("kind", one_of(&["birth", "death", "wedding"])),
        mandatory("date", Shape::Object(&[&PARTIAL_DATE, &TIMESTAMP])),
        optional("place", Shape::Object(&[&ADDRESS])),
    ],
    rules: &[],
};

static PARTIAL_DATE: Type = Type {
    name: "PartialDate",
    properties: &[
        optional(
            "year",
            Shape::Number {
                min: 0,
                max: SAFE_MAX,
            },
        ),
        optional("month", Shape::Number { min: 1, max: 12 }),
        optional("day", Shape::Number { min: 1, max: 31 }),
        optional("calendarScale", Shape::Text(Form::CalendarScale)),
    ],
    rules: &[Rule::AnyOf(&["year", "month"]), Rule::Date],
};

static TIMESTAMP: Type = Type {
    name: "Timestamp",
    properties: &[mandatory("utc", Shape::Text(Form::UtcDateTime))],
    rules: &[],
};

static NOTE: Type = Type {
    name: "Note",
    properties: &[
        mandatory("note", Shape::Text(Form::Any)),
        optional("created", Shape::Text(Form::UtcDateTime)),
        optional("author", Shape::Object(&[&AUTHOR])),
    ],
    rules: &[],
};

static AUTHOR: Type = Type {
    name: "Author",
    properties: &[text("name"), optional("uri", Shape::Text(Form::Uri))],
    rules: &[Rule::AnyOf(&["name", "uri"])],
};

static PERSONAL_INFO: Type = Type {
    name: "PersonalInfo",
    properties: &[
        mandatory("kind", one_of(&["expertise", "hobby", "interest"])),
        mandatory("value", Shape::Text(Form::Any)),
        optional("level", one_of(&["high", "medium", "low"])),
        LIST_AS,
        LABEL,
    ],
    rules: &[],
};
