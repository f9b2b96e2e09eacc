//! The schemas that OpenAPI and AsyncAPI share.

use serde_json::{Map, Value};

use super::schema::moved;
use super::{event, system};
use crate::dialect;

/// The schemas of every dialect and our system, as both documents hold them: `<dialect>.<Name>`.
pub fn components() -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |owner: &str, schemas: Vec<(&str, Value)>| {
        for (name, schema) in schemas {
            all.insert(format!("{owner}.{name}"), moved(schema, owner));
        }
    };
    add(system::NAME, system::description().schemas);
    for dialect in dialect::ALL {
        add(dialect.rules().name, dialect.describe().schemas);
    }
    // An event's contact is a Card, which our system dialect describes.
    add("native", event::schemas());
    all
}
