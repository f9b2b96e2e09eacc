//! The vendor's contact as a table.

use serde::Deserialize;

use crate::dialect::describe::{any_text, refer, time, uuid};
use crate::dialect::email::is_email;
use crate::dialect::fields::{ANY_TEXT, Nulls, Text};
use crate::dialect::parts::{Part, show, sometimes};
use crate::dialect::schema::Place::{At, Own};
use crate::dialect::schema::{
    Absent, Field, Group, Kind, NonSensitive, Required, Schema, created_at, modified_at, vendor_id,
};
use crate::domain::{Actor, Card};

const NAME: Text = ANY_TEXT.not_blank();
const EMAIL: Text = ANY_TEXT.of("email", Some("email"), is_email);

/// Whether the vendor calls the contact active.
const ACTIVE: &str = "active";

/// A point of contact. Phone numbers are free text, as on the vendor's page.
pub static CONTACT: Schema = Schema {
    domain: "mattr.global",
    card_kind: Some("individual"),
    nulls: Nulls::Refused,
    absent: Absent::Omitted,
    groups: &[Group::body(&[
        Field::read_only("id", uuid, vendor_id),
        Field::text("fullName", NAME, At(&["name", "full"])).required(Required::Always),
        Field::new(ACTIVE, Kind::Flag, Own)
            .required(Required::Always)
            .non_sensitive(NonSensitive::Plain),
        Field::text("emailAddress", EMAIL, At(&["emails", "email", "address"])),
        Field::text(
            "primaryPhoneNumber",
            ANY_TEXT,
            At(&["phones", "primary", "number"]),
        ),
        Field::text(
            "secondaryPhoneNumber",
            ANY_TEXT,
            At(&["phones", "secondary", "number"]),
        ),
        Field::read_only(
            "createdBy",
            || refer("By"),
            |it, _| show(&BY, &it.created_by),
        ),
        Field::read_only("createdAt", time, created_at),
        Field::read_only(
            "lastModifiedBy",
            || refer("By"),
            |it, _| show(&BY, &it.modified_by),
        ),
        Field::read_only("lastModifiedAt", time, modified_at),
    ])],
    checks: &[],
};

/// Whether the vendor calls the contact active: unless its Card says that it is not. The search view
/// asks it of every Card, which is not taken apart for that.
pub fn is_active(card: &Card) -> bool {
    #[derive(Deserialize)]
    struct Own {
        #[serde(rename = "mattr.global:active")]
        active: Option<bool>,
    }
    let is_not = |own: Own| own.active == Some(false);
    !card.may_have(ACTIVE) || !serde_json::from_str(card.json()).is_ok_and(is_not)
}

/// The client or the person who wrote a contact; normally it is one of the two.
pub static BY: [Part<Actor>; 2] = [
    sometimes("clientId", any_text, |it| it.client_id.as_deref().into()),
    sometimes("managementUserId", any_text, |it| {
        it.user_id.as_deref().into()
    }),
];
