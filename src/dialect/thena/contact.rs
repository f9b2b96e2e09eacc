//! The vendor's contact and its JSON.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::dialect::email::is_email;
use crate::dialect::fields::{ANY_TEXT, Fields, Nulls, Text};
use crate::domain::{Contact, Expected, FieldName, Problem, Violation};

/// The type of a contact that was given none: its name is the vendor's. It has no other id here,
/// where there is no table of types.
pub const DEFAULT_TYPE: &str = "PRIMARY";

/// A customer contact. An empty text is none: answers show both as "".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomerContact {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail address, unique in the organisation.
    pub email: String,
    /// Phone number "with country code", not checked.
    pub phone_number: String,
    /// URL of a picture, not checked.
    pub avatar_url: String,
    /// The id of its type.
    pub contact_type: String,
    /// The ids of its accounts, none twice.
    pub account_ids: Vec<String>,
    /// Values of the organisation's own fields.
    pub custom_field_values: Vec<Map<String, Value>>,
    /// Whatever else the client keeps.
    pub metadata: Map<String, Value>,
    /// Where a bulk or an ingestion took it from.
    pub source: String,
}

impl CustomerContact {
    /// The id of its type, which may be the default.
    pub fn type_id(&self) -> &str {
        match self.contact_type.as_str() {
            "" => DEFAULT_TYPE,
            id => id,
        }
    }

    /// The names of the fields in which two contacts differ.
    pub fn changed(&self, other: &Self) -> Vec<FieldName> {
        [
            ("firstName", self.first_name != other.first_name),
            ("lastName", self.last_name != other.last_name),
            ("email", self.email != other.email),
            ("phoneNumber", self.phone_number != other.phone_number),
            ("contactType", self.contact_type != other.contact_type),
            ("avatarUrl", self.avatar_url != other.avatar_url),
            ("accountIds", self.account_ids != other.account_ids),
            (
                "customFieldValues",
                self.custom_field_values != other.custom_field_values,
            ),
            ("metadata", self.metadata != other.metadata),
            ("source", self.source != other.source),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(FieldName::Borrowed(name)))
        .collect()
    }
}

/// A name, or an id, has something in it that can be seen.
pub const NAME: Text = ANY_TEXT.not_blank();
/// The address must be there to be unique.
pub const EMAIL: Text = ANY_TEXT.not_blank().of("email", is_email).known_as("email");

/// What a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A new contact: first name and e-mail address must be there.
    Create,
    /// A change: everything may be left out.
    Update,
}

/// What was read of a body; null is as good as left out.
#[derive(Clone, Debug, Default)]
pub struct Read {
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    phone_number: Option<String>,
    avatar_url: Option<String>,
    contact_type: Option<String>,
    account_ids: Option<Vec<String>>,
    custom_field_values: Option<Vec<Map<String, Value>>>,
    metadata: Option<Map<String, Value>>,
    source: Option<String>,
    /// The names of the fields that were sent.
    pub sent: Vec<FieldName>,
    violations: Vec<Violation>,
}

impl Read {
    /// Reads a body. `prefix` stands before its fields' names in violations: `contacts.0.`.
    pub fn new(body: &Map<String, Value>, prefix: &str, purpose: Use) -> Self {
        let mut fields = Fields::new(body, prefix, Nulls::Absent);
        let new = purpose == Use::Create;
        Self {
            first_name: fields.text("firstName", NAME, new),
            last_name: fields.text("lastName", ANY_TEXT, false),
            email: fields.text("email", EMAIL, new),
            phone_number: fields.text("phoneNumber", ANY_TEXT, false),
            contact_type: fields.text("contactType", ANY_TEXT, false),
            avatar_url: fields.text("avatarUrl", ANY_TEXT, false),
            account_ids: fields.texts("accountIds", NAME, None, false).map(distinct),
            custom_field_values: objects(&mut fields, "customFieldValues"),
            metadata: fields.object("metadata", false).cloned(),
            source: None,
            sent: fields.sent,
            violations: fields.violations,
        }
    }

    /// The same with what a whole bulk has in common.
    pub fn with(mut self, common: &Common) -> Self {
        if !common.account_ids.is_empty() {
            let mut ids = self.account_ids.unwrap_or_default();
            ids.extend(common.account_ids.iter().cloned());
            self.account_ids = Some(distinct(ids));
        }
        self.contact_type = self.contact_type.or_else(|| common.contact_type.clone());
        self.source.clone_from(&common.source);
        for name in &common.sent {
            if !self.sent.contains(name) {
                self.sent.push(name.clone());
            }
        }
        self
    }

    /// The new contact that was sent.
    pub fn contact(&self) -> Result<CustomerContact, Vec<Violation>> {
        self.checked()?;
        Ok(self.onto(CustomerContact::default()))
    }

    /// The change that was sent.
    pub fn change(self) -> Result<Change, Vec<Violation>> {
        self.checked()?;
        Ok(Change(self))
    }

    fn checked(&self) -> Result<(), Vec<Violation>> {
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(self.violations.clone())
        }
    }

    /// The contact with what was sent in place of what it had.
    fn onto(&self, before: CustomerContact) -> CustomerContact {
        fn or<T: Clone>(sent: Option<&T>, had: T) -> T {
            sent.cloned().unwrap_or(had)
        }
        CustomerContact {
            first_name: or(self.first_name.as_ref(), before.first_name),
            last_name: or(self.last_name.as_ref(), before.last_name),
            email: or(self.email.as_ref(), before.email),
            phone_number: or(self.phone_number.as_ref(), before.phone_number),
            avatar_url: or(self.avatar_url.as_ref(), before.avatar_url),
            contact_type: or(self.contact_type.as_ref(), before.contact_type),
            account_ids: or(self.account_ids.as_ref(), before.account_ids),
            custom_field_values: or(
                self.custom_field_values.as_ref(),
                before.custom_field_values,
            ),
            metadata: or(self.metadata.as_ref(), before.metadata),
            source: or(self.source.as_ref(), before.source),
        }
    }
}

/// What the contacts of a bulk have in common.
#[derive(Clone, Debug, Default)]
pub struct Common {
    /// Accounts of all of them, beside their own.
    pub account_ids: Vec<String>,
    /// The type of those that have none.
    pub contact_type: Option<String>,
    /// Where they come from.
    pub source: Option<String>,
    /// The names of the fields that were sent so.
    pub sent: Vec<FieldName>,
}

/// A change: what was sent replaces what is there, lists and objects as a whole.
#[derive(Clone, Debug)]
pub struct Change(Read);

impl Change {
    /// The contact after the change.
    pub fn apply(&self, before: CustomerContact) -> CustomerContact {
        self.0.onto(before)
    }
}

/// The texts without those that came before.
pub fn distinct(texts: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let mut texts = texts;
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

/// An array of objects, of whatever members.
fn objects(fields: &mut Fields<'_>, name: &'static str) -> Option<Vec<Map<String, Value>>> {
    let items = fields.array(name, false)?;
    let mut objects = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if let Value::Object(object) = item {
            objects.push(object.clone());
        } else {
            let path = fields.path(&format!("{name}.{index}"));
            let problem = Problem::WrongType(Expected::Object);
            fields.violations.push(Violation::new(path, problem));
        }
    }
    Some(objects)
}

/// The vendor's answer that holds a contact: every member is always there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactBody {
    id: String,
    first_name: String,
    last_name: String,
    email: String,
    phone_number: String,
    avatar_url: String,
    accounts: Vec<String>,
    contact_type_id: String,
    contact_type: String,
    custom_field_values: Vec<String>,
    metadata: Map<String, Value>,
    created_at: String,
    updated_at: String,
}

impl From<&Contact> for ContactBody {
    fn from(contact: &Contact) -> Self {
        let own = CustomerContact::from_card(&contact.card);
        let type_id = own.type_id().to_owned();
        let custom = own.custom_field_values.into_iter().map(Value::Object);
        Self {
            id: contact.vendor_id.clone(),
            contact_type_id: type_id.clone(),
            contact_type: type_id,
            first_name: own.first_name,
            last_name: own.last_name,
            email: own.email,
            phone_number: own.phone_number,
            avatar_url: own.avatar_url,
            accounts: own.account_ids,
            custom_field_values: custom.map(|value| value.to_string()).collect(),
            metadata: own.metadata,
            created_at: contact.created_at.to_string(),
            updated_at: contact.modified_at.to_string(),
        }
    }
}
