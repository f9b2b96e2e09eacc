//! The schemas that OpenAPI and AsyncAPI share.
//!
//! They are those of `schemas/*.json`, but for what generators of clients need: every object has a
//! name, numbers say their width, each value has one form, which is the one to send, and what no type
//! can say is said in words.

use serde_json::{Map, Value};

use super::schema::{
    component_name, entitle, leave_deprecated_out, moved, tell_required_alternatives, widen,
};
use super::{event, system};
use crate::dialect;

/// The schemas of every dialect and our system, as both documents hold them: `<Dialect><Name>`.
pub fn components() -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |owner: &str, schemas: Vec<(&str, Value)>| {
        for (name, schema) in schemas {
            let (name, mut schema) = (component_name(owner, name), moved(schema, owner));
            leave_deprecated_out(&mut schema);
            tell_required_alternatives(&mut schema);
            entitle(&mut schema, &name);
            widen(&mut schema);
            all.insert(name, schema);
        }
    };
    add(system::NAME, system::description().schemas);
    for dialect in dialect::ALL {
        add(dialect.rules.name, (dialect.describe)().schemas);
    }
    // An event's contact is a Card, which our system dialect describes.
    add("native", event::schemas());
    all
}
