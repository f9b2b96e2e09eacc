//! A vendor's contact as a table: each field once, with its rule and its place in a Card.
//!
//! Reading a request, the Card and back, the answer, what an update changed, what an event may
//! show and the JSON Schemas all walk the same table, so that a field cannot be in one of them and
//! missing in another. What a table can't say stands in functions that it names: [`Custom`] places,
//! [`Made`] members and the schema's `checks`. Words of errors, pages and events are not in it.
//!
//! ```
//! use contactd::dialect::fields::{ANY_TEXT, Nulls};
//! use contactd::dialect::schema::{Absent, Field, Group, Mode, Place, Required, Schema};
//! use serde_json::json;
//!
//! static PERSON: Schema = Schema {
//!     domain: "example.com",
//!     card_kind: Some("individual"),
//!     nulls: Nulls::Clears,
//!     absent: Absent::Omitted,
//!     groups: &[Group::body(&[
//!         Field::text("name", ANY_TEXT, Place::At(&["name", "full"])).required(Required::InWhole),
//!         Field::text("nick", ANY_TEXT.at_most(10), Place::Own),
//!     ])],
//!     checks: &[],
//! };
//!
//! let body = json!({"name": "Ann", "nick": "A."});
//! let card = PERSON.read(&body, "", Mode::Whole).card().expect("nothing is wrong with it");
//! assert_eq!(card.full_name().as_deref(), Some("Ann"));
//! assert_eq!(card.text("example.com:nick"), Some("A."));
//!
//! let change = PERSON.read(&json!({"nick": null}), "", Mode::Patch).patch().expect("a change");
//! let patched = change.apply(&card).expect("it can be made");
//! assert_eq!(patched.changed, ["nick"]);
//! assert_eq!(PERSON.record(&patched.card)["name"], "Ann");
//! ```

mod describe;
mod draft;
mod field;
mod place;
mod read;
mod record;
mod show;
mod table;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use describe::{Member, item, item_members};
pub use draft::Draft;
pub use field::{
    BODY, Codes, Custom, Field, IdForm, Items, Kind, Made, Mode, NonSensitive, Place, Required,
    Shown, created_at, modified_at, vendor_id,
};
pub use place::{at, read as read_place, write as write_places};
pub use read::object;
pub use record::Record;
pub use show::Absent;
pub use table::{Group, Schema};
