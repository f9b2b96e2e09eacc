//! What the suite knows of a dialect, and what follows from it.

use serde_json::Value;

use contactd::dialect::{self, ApiOperation, Dialect};

use crate::common::Answer;

/// What a contact of the suite is made of.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    pub name: &'a str,
    pub email: &'a str,
}

/// The ways in which a client learns the id of what it created.
pub enum Learns {
    /// The answer shows it.
    Body,
    /// The answer's `Location` ends with it.
    Location,
    /// A list shows it.
    List,
}

/// The ways in which a client pages through a list.
pub enum Paging {
    /// `limit`, and `cursor` until there is no `nextCursor`.
    Cursor,
    /// `limit` and `offset` until `hasMore` is the text `false`.
    Offset,
    /// `page` from 1, and this parameter for its size, until a page is not full.
    Page(&'static str),
    /// `page` and `per_page`, until `Link` names no next page.
    Link,
}

/// A dialect as its clients know it.
pub struct Api {
    pub name: &'static str,
    /// Two tenants that know nothing of each other.
    pub tenants: [&'static str; 2],
    /// The path under which contacts are created, `{tenant}` for the tenant. A contact is below it,
    /// by its id.
    pub contacts: &'static str,
    /// What every request says beside its path, `{tenant}` for the tenant.
    pub query: &'static str,
    /// The header that names the tenant, if one does.
    pub tenant_header: Option<&'static str>,
    /// The path under which contacts are listed.
    pub list: &'static str,
    /// The JSON pointer to a list's contacts.
    pub items: &'static str,
    pub paging: Paging,
    /// Whether a contact can be read by itself; else the list must do.
    pub reads_one: bool,
    pub learns: Learns,
    /// The body of a create, with every field that the suite has a use for.
    pub create: fn(Person<'_>) -> Value,
    /// What of it a read shows, as the read shows it.
    pub shown: fn(Person<'_>) -> Value,
    pub update_method: &'static str,
    /// The body of an update that changes the name alone.
    pub rename: fn(Person<'_>) -> Value,
    /// The body of an update that writes a whole contact back, as it was listed.
    pub write_back: fn(listed: Value) -> Value,
    /// The JSON pointer to the name in a read.
    pub name_at: &'static str,
    /// Members of a read that an update may change by itself.
    pub volatile: &'static [&'static str],
    /// Whether a contact can be deleted.
    pub deletes: bool,
    /// The statuses of a create, an update, a delete.
    pub statuses: [u16; 3],
    /// The status of content that is not valid.
    pub invalid: u16,
    /// A create without what is required, one with a number for a text, and one with too much.
    pub missing: &'static str,
    pub wrong_type: &'static str,
    pub too_long: fn() -> Value,
    /// Whether too much is an invalid field; else it is too large a record, which the log never sees.
    pub too_long_is_a_command: bool,
    /// A well-formed id that no contact has.
    pub unknown_id: &'static str,
    /// Whether an answer is an error as the vendor writes one.
    pub is_error: fn(&Answer) -> bool,
    /// The status of a request about another tenant.
    pub not_yours: u16,
    /// The body of a request by this route that needs one.
    pub body_of:
        fn(operation: ApiOperation, person: Person<'_>, id: &str, token: &str) -> Option<Value>,
    /// The values of the path parameters that name the owner.
    pub owner_params: &'static [(&'static str, &'static str)],
}

impl Api {
    pub fn dialect(&self) -> &'static Dialect {
        dialect::by_name(self.name).expect("a dialect of this name")
    }

    /// The path under which a tenant's contacts are created.
    pub fn contacts_of(&self, tenant: &str) -> String {
        of_tenant(&format!("{}{}", self.contacts, self.query), tenant)
    }

    /// The path of one contact.
    pub fn one_of(&self, tenant: &str, id: &str) -> String {
        of_tenant(&format!("{}/{id}{}", self.contacts, self.query), tenant)
    }

    /// The path of a tenant's list, with more parameters in its query.
    pub fn list_of(&self, tenant: &str, query: &str) -> String {
        let join = if self.query.is_empty() { "?" } else { "&" };
        of_tenant(&format!("{}{}{join}{query}", self.list, self.query), tenant)
    }

    /// The whole list, which holds every contact of a test.
    pub fn whole_list_of(&self, tenant: &str) -> String {
        let size = match self.paging {
            Paging::Cursor | Paging::Offset => "limit",
            Paging::Page(size) => size,
            Paging::Link => "per_page",
        };
        self.list_of(tenant, &format!("{size}=1000"))
    }

    /// The contacts of a list.
    pub fn items_in(&self, answer: &Answer) -> Vec<Value> {
        let body = answer.json();
        let items = body.pointer(self.items).and_then(Value::as_array);
        items
            .unwrap_or_else(|| panic!("{}: no list: {body}", self.name))
            .clone()
    }

    /// The type of an event of this dialect.
    pub fn event(&self, operation: &str, phase: &str) -> String {
        let prefix = self.dialect().rules.event_prefix;
        format!("{prefix}_{operation}_{phase}")
    }
}

/// A template's text for a tenant.
pub fn of_tenant(template: &str, tenant: &str) -> String {
    template.replace("{tenant}", tenant)
}

/// The id that a contact shows, as a path has it.
pub fn id_of(contact: &Value) -> String {
    match &contact["id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        other => panic!("no id: {other} in {contact}"),
    }
}

/// Whether a value has everything that another has.
pub fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|own| holds(own, value))),
        _ => whole == part,
    }
}
