//! A vendor's contact as a table: each field once, with its rule and its place in a Card.
//!
//! Reading a request, the Card and back, the answer, what an update changed, what an event may
//! show and the JSON Schemas all walk the same table, so that a field cannot be in one of them and
//! missing in another. What a table can't say stands in functions that it names: [`Custom`] places,
//! [`Made`] members and the schema's `checks`. Words of errors, pages and events are not in it.

mod describe;
mod draft;
mod field;
mod place;
mod read;
mod record;
mod show;
mod table;

pub use describe::{Member, item, item_members};
pub use draft::Draft;
pub use field::{
    Codes, Custom, Field, IdForm, Items, Kind, Made, Mode, NonSensitive, Place, Required, Shown,
    created_at, modified_at, vendor_id,
};
pub use place::{at, read as read_place, write as write_places};
pub use record::Record;
pub use show::Absent;
pub use table::{BODY, Group, Schema};
