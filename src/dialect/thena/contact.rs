//! The vendor's contact as a table, and its smaller form in the answer to an ingestion.

use serde_json::{Value, json};

use crate::dialect::describe::{any_text, list, time};
use crate::dialect::email::is_email;
use crate::dialect::fields::{ANY_TEXT, Nulls, Text};
use crate::dialect::schema::Place::{At, Own};
use crate::dialect::schema::{
    Absent, Custom, Field, Group, Kind, Member, NonSensitive, Place, Record, Required, Schema,
    Shown, at, created_at, modified_at, vendor_id,
};
use crate::dialect::uri::is_uri;
use crate::domain::Contact;

/// A name, or an id, has something in it that can be seen.
const NAME: Text = ANY_TEXT.not_blank();
/// An empty text is none: answers show both as "".
const FREE: Text = ANY_TEXT.empty_is_none();
/// The address must be there to be unique.
const ADDRESS: Text = ANY_TEXT.not_blank().of("email", Some("email"), is_email);

/// The e-mail address, unique in the organisation.
pub const EMAIL: &str = "email";
/// The id of the contact's type, which answers show under two names.
pub const TYPE: &str = "contactType";
const TYPE_ID: &str = "contactTypeId";
/// The ids of the contact's accounts, none of them twice.
pub const ACCOUNT_IDS: &str = "accountIds";
const ACCOUNTS: &str = "accounts";
/// The field of the source that a bulk or an ingestion took the contact from.
pub const SOURCE: &str = "source";
const ID: &str = "id";
const CUSTOM_FIELDS: &str = "customFieldValues";
const METADATA: &str = "metadata";

/// The type of a contact that was given none: its name is the vendor's. It has no other id here,
/// where there is no table of types.
const DEFAULT_TYPE: &str = "PRIMARY";

/// A customer contact. Phone number and picture are not checked.
pub static CONTACT: Schema = Schema {
    domain: "thena.ai",
    card_kind: None,
    nulls: Nulls::Absent,
    absent: Absent::Empty,
    groups: &[Group::body(&[
        Field::read_only(ID, ulid, vendor_id),
        Field::text("firstName", NAME, Place::component(&["name"], "given"))
            .required(Required::InWhole),
        Field::text("lastName", FREE, Place::component(&["name"], "surname")),
        Field::text(EMAIL, ADDRESS, At(&["emails", "email", "address"]))
            .required(Required::InWhole),
        Field::text("phoneNumber", FREE, At(&["phones", "phone", "number"])),
        TYPE_FIELD,
        Field::text("avatarUrl", FREE, Place::Custom(&AVATAR)),
        accounts(false),
        Field::read_only(TYPE_ID, any_text, |_, it| type_id(it)),
        Field::read_only(TYPE, any_text, |_, it| type_id(it)),
        Field::new(CUSTOM_FIELDS, Kind::Objects, Own).made(|| list(any_text()), true, as_texts),
        Field::new(METADATA, Kind::Object, Own),
        SOURCE_FIELD.shown(Shown::Internal),
        Field::read_only("createdAt", time, created_at),
        Field::read_only("updatedAt", time, modified_at),
    ])],
    checks: &[],
};

/// What the contacts of a bulk may have in common.
pub static COMMON: Schema = Schema {
    groups: &[Group::body(&[accounts(true), TYPE_FIELD, SOURCE_FIELD])],
    ..CONTACT
};

const TYPE_FIELD: Field = Field::text(TYPE, FREE, Own)
    .shown(Shown::Never)
    .non_sensitive(NonSensitive::Made(TYPE_ID, type_id));

const SOURCE_FIELD: Field = Field::text(SOURCE, FREE, Own);

/// The accounts. A bulk may name a single one: the vendor's page types it as a list and shows a
/// single text.
const fn accounts(or_one: bool) -> Field {
    let kind = Kind::Texts {
        rule: NAME,
        max: None,
        distinct: true,
        or_one,
    };
    Field::new(ACCOUNT_IDS, kind, Own)
        .shown(Shown::As(ACCOUNTS))
        .non_sensitive(NonSensitive::Plain)
}

/// The vendor takes any text; a Card's medium has a URI.
static AVATAR: Custom = Custom {
    property: "media",
    write: |value, card| {
        let uri = value.as_str().is_some_and(is_uri);
        let (property, value) = if uri {
            let avatar = json!({"kind": "photo", "uri": value});
            ("media", json!({ "avatar": avatar }))
        } else {
            (OTHER_AVATAR, value.clone())
        };
        card.insert(property.to_owned(), value);
    },
    read: |card| {
        let uri = at(card, &["media", "avatar", "uri"]);
        uri.or_else(|| card.get(OTHER_AVATAR)).cloned()
    },
};

/// The Card's property of a picture that has no URI.
const OTHER_AVATAR: &str = "thena.ai:avatarUrl";

/// Answers show the values of custom fields as texts of JSON.
fn as_texts(_: &Contact, values: &Record<'_>) -> Value {
    let objects = values.get(CUSTOM_FIELDS).and_then(Value::as_array);
    objects
        .into_iter()
        .flatten()
        .map(Value::to_string)
        .collect()
}

/// The id of a contact's type.
pub fn type_id(contact: &Record<'_>) -> Value {
    contact
        .get(TYPE)
        .cloned()
        .unwrap_or_else(|| DEFAULT_TYPE.into())
}

/// What a user that was ingested lacks of a contact.
const NOT_OF_USER: [&str; 5] = [ID, ACCOUNTS, TYPE_ID, CUSTOM_FIELDS, METADATA];

/// A user that was ingested.
pub fn user(contact: &Contact) -> Record<'_> {
    let mut user = CONTACT.answer(contact);
    user.retain(|name, _| !NOT_OF_USER.contains(&name));
    user.insert_first("uid", contact.vendor_id.as_str());
    user
}

/// The JSON Schemas of what [`user`] shows.
pub fn user_members() -> impl Iterator<Item = Member> {
    let shared = CONTACT
        .answer_members()
        .filter(|(name, ..)| !NOT_OF_USER.contains(name));
    [("uid", true, ulid())].into_iter().chain(shared)
}

/// The JSON Schema of an id.
fn ulid() -> Value {
    json!({"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"})
}
