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

const fn object(name: &'static str, properties: &'static [Property]) -> Type {
    Type {
        name,
        properties,
        shared: &[],
        rules: &[],
    }
}

const fn text(name: &'static str) -> Property {
    optional(name, Shape::Text(Form::Any))
}

const fn one_of(values: &'static [&'static str]) -> Shape {
    Shape::Text(Form::OneOf(values))
}

const CONTEXTS: Property = optional("contexts", Shape::Set(&["private", "work"]));
const PREF: Property = optional("pref", Shape::Number(1, 100));
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
const LIST_AS: Property = optional("listAs", Shape::Number(1, SAFE_MAX));

/// The contexts in which a value is used, its preference and its label (sections 1.5.1 to 1.5.3).
const MARKS: &[Property] = &[CONTEXTS, PREF, LABEL];
/// What every Resource has beside its kind (section 1.4.4).
const RESOURCE: &[Property] = &[URI, MEDIA_TYPE, CONTEXTS, PREF, LABEL];

/// Section 2: the Card.
pub static CARD: Type = object(
    "Card",
    &[
        optional("version", Shape::Text(Form::Exactly(&["1.0"]))),
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
)
.under(&[Rule::MembersOfGroup]);

static RELATION: Type = object("Relation", &[optional("relation", Shape::Set(RELATIONS))]);

static NAME_TYPE: Type = object(
    "Name",
    &[
        optional("components", Shape::List(&NAME_COMPONENT)),
        IS_ORDERED,
        SEPARATOR,
        text("full"),
        optional("sortAs", Shape::Texts(NAME_KINDS)),
        PHONETIC_SCRIPT,
        PHONETIC_SYSTEM,
    ],
)
.under(&[Rule::AnyOf(&["full", "components"]), Rule::Components]);

static NAME_COMPONENT: Type = object(
    "NameComponent",
    &[
        mandatory("value", Shape::Text(Form::Any)),
        mandatory("kind", one_of(NAME_KINDS)),
        PHONETIC,
    ],
);

static NICKNAME: Type = object("Nickname", &[NAME, CONTEXTS, PREF]);

static ORGANIZATION: Type = object(
    "Organization",
    &[
        text("name"),
        optional("units", Shape::List(&ORG_UNIT)),
        SORT_AS,
        CONTEXTS,
    ],
)
.under(&[Rule::AnyOf(&["name", "units"]), Rule::NotEmptyList("units")]);

static ORG_UNIT: Type = object("OrgUnit", &[NAME, SORT_AS]);

static SPEAK_TO_AS: Type = object(
    "SpeakToAs",
    &[
        optional("grammaticalGender", one_of(GENDERS)),
        optional("pronouns", Shape::Ids(&PRONOUNS)),
    ],
)
.under(&[Rule::AnyOf(&["grammaticalGender", "pronouns"])]);

static PRONOUNS: Type = object(
    "Pronouns",
    &[
        mandatory("pronouns", Shape::Text(Form::Any)),
        CONTEXTS,
        PREF,
    ],
);

static TITLE: Type = object(
    "Title",
    &[
        NAME,
        optional("kind", one_of(&["title", "role"])),
        optional("organizationId", Shape::Text(Form::Id)),
    ],
);

static EMAIL_ADDRESS: Type = object(
    "EmailAddress",
    &[mandatory("address", Shape::Text(Form::Email))],
)
.with(MARKS);

static ONLINE_SERVICE: Type = object(
    "OnlineService",
    &[
        text("service"),
        optional("uri", Shape::Text(Form::Uri)),
        text("user"),
    ],
)
.with(MARKS)
.under(&[Rule::AnyOf(&["uri", "user"])]);

static PHONE: Type = object(
    "Phone",
    &[
        mandatory("number", Shape::Text(Form::Any)),
        optional("features", Shape::Set(FEATURES)),
    ],
)
.with(MARKS);

static LANGUAGE_PREF: Type = object(
    "LanguagePref",
    &[
        mandatory("language", Shape::Text(Form::Language)),
        CONTEXTS,
        PREF,
    ],
);

static CALENDAR: Type = object(
    "Calendar",
    &[mandatory("kind", one_of(&["calendar", "freeBusy"]))],
)
.with(RESOURCE);

static SCHEDULING_ADDRESS: Type = object("SchedulingAddress", &[URI]).with(MARKS);

static ADDRESS: Type = object(
    "Address",
    &[
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
)
.under(&[
    Rule::AnyOf(&[
        "components",
        "full",
        "countryCode",
        "coordinates",
        "timeZone",
    ]),
    Rule::Components,
]);

static ADDRESS_COMPONENT: Type = object(
    "AddressComponent",
    &[
        mandatory("value", Shape::Text(Form::Any)),
        mandatory("kind", one_of(ADDRESS_KINDS)),
        PHONETIC,
    ],
);

static CRYPTO_KEY: Type = object("CryptoKey", &[text("kind")]).with(RESOURCE);

static DIRECTORY: Type = object(
    "Directory",
    &[
        mandatory("kind", one_of(&["directory", "entry"])),
        URI,
        MEDIA_TYPE,
        CONTEXTS,
        PREF,
        LABEL,
        LIST_AS,
    ],
);

static LINK: Type = object("Link", &[optional("kind", one_of(&["contact"]))]).with(RESOURCE);

static MEDIA: Type = object(
    "Media",
    &[mandatory("kind", one_of(&["photo", "sound", "logo"]))],
)
.with(RESOURCE);

static ANNIVERSARY: Type = object(
    "Anniversary",
    &[
        mandatory("kind", one_of(&["birth", "death", "wedding"])),
        mandatory("date", Shape::Object(&[&PARTIAL_DATE, &TIMESTAMP])),
        optional("place", Shape::Object(&[&ADDRESS])),
    ],
);

static PARTIAL_DATE: Type = object(
    "PartialDate",
    &[
        optional("year", Shape::Number(0, SAFE_MAX)),
        optional("month", Shape::Number(1, 12)),
        optional("day", Shape::Number(1, 31)),
        optional("calendarScale", Shape::Text(Form::CalendarScale)),
    ],
)
.under(&[Rule::AnyOf(&["year", "month"]), Rule::Date]);

static TIMESTAMP: Type = object(
    "Timestamp",
    &[mandatory("utc", Shape::Text(Form::UtcDateTime))],
);

static NOTE: Type = object(
    "Note",
    &[
        mandatory("note", Shape::Text(Form::Any)),
        optional("created", Shape::Text(Form::UtcDateTime)),
        optional("author", Shape::Object(&[&AUTHOR])),
    ],
);

static AUTHOR: Type = object(
    "Author",
    &[text("name"), optional("uri", Shape::Text(Form::Uri))],
)
.under(&[Rule::AnyOf(&["name", "uri"])]);

static PERSONAL_INFO: Type = object(
    "PersonalInfo",
    &[
        mandatory("kind", one_of(&["expertise", "hobby", "interest"])),
        mandatory("value", Shape::Text(Form::Any)),
        optional("level", one_of(&["high", "medium", "low"])),
        LIST_AS,
        LABEL,
    ],
);
