//! The vendor's contact, its JSON, and its Card.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::email::is_email;
use crate::dialect::fields::{ANY_TEXT, Fields, Nulls, Text};
use crate::domain::{Card, Contact, Expected, FieldName, Problem, Violation};

/// The Card property for what only this vendor knows.
const NOTIFY: &str = "kare-app.fr:notify";

/// Phone numbers of a contact, at most.
pub const PHONES_MAX: u32 = 5;

pub const NAME: Text = ANY_TEXT.at_most(250);
pub const EMAIL: Text = ANY_TEXT
    .at_most(250)
    .of("email address", is_email)
    .known_as("email");
pub const PHONE: Text = ANY_TEXT.at_most(50);
pub const COMMENT: Text = ANY_TEXT.at_most(2_500);

/// A company's contact as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyContact {
    /// Name; it may be empty.
    pub name: String,
    /// Whether the contact is to be notified.
    pub notify: bool,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone numbers, free text; none and left out are the same.
    pub phones: Vec<String>,
    /// Comment.
    pub comment: Option<String>,
}

/// What a PATCH changes: everything but `notify` may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactPatch {
    notify: bool,
    name: Option<String>,
    email: Option<Option<String>>,
    phones: Option<Vec<String>>,
    comment: Option<Option<String>>,
}

/// What is read of an object: the value or what is wrong, and the names of the fields sent.
pub type Read<T> = (Result<T, Vec<Violation>>, Vec<FieldName>);

impl CompanyContact {
    /// Reads an item of a create; `prefix` stands before its fields' names in violations.
    pub fn read(item: &Map<String, Value>, prefix: String) -> Read<Self> {
        let mut fields = Fields::new(item, prefix, Nulls::Refused);
        let name = fields.text("name", NAME, true);
        let notify = fields.flag("notify", true);
        let email = nullable_text(&mut fields, "email", EMAIL);
        let phones = phones(&mut fields);
        let comment = nullable_text(&mut fields, "comment", COMMENT);
        let contact = match (name, notify) {
            (Some(name), Some(notify)) if fields.violations.is_empty() => Ok(Self {
                name,
                notify,
                email: email.flatten(),
                phones: phones.unwrap_or_default(),
                comment: comment.flatten(),
            }),
            _ => Err(fields.violations),
        };
        (contact, fields.sent)
    }

    /// The contact's Card properties.
    pub fn to_properties(&self) -> Map<String, Value> {
        let mut card = Map::new();
        card.insert("kind".into(), "individual".into());
        card.insert("name".into(), json!({"full": self.name}));
        if let Some(address) = &self.email {
            card.insert("emails".into(), json!({"email": {"address": address}}));
        }
        if !self.phones.is_empty() {
            let phones: Map<String, Value> = (1..)
                .zip(&self.phones)
                .map(|(n, number)| (phone_key(n), json!({"number": number})))
                .collect();
            card.insert("phones".into(), phones.into());
        }
        if let Some(comment) = &self.comment {
            card.insert("notes".into(), json!({"comment": {"note": comment}}));
        }
        card.insert(NOTIFY.into(), self.notify.into());
        card
    }

    /// The contact that a Card of this dialect holds.
    pub fn from_card(card: &Card) -> Self {
        let member = |map: &str, key: &str, text: &str| {
            let text = card.get(map)?.get(key)?.get(text)?.as_str()?;
            Some(text.to_owned())
        };
        Self {
            name: card.full_name().unwrap_or_default(),
            notify: is_notified(card),
            email: member("emails", "email", "address"),
            phones: (1..=PHONES_MAX)
                .map_while(|n| member("phones", &phone_key(n), "number"))
                .collect(),
            comment: member("notes", "comment", "note"),
        }
    }

    /// The names of the fields in which two contacts differ.
    pub fn changed(&self, other: &Self) -> Vec<FieldName> {
        let differs = [
            ("name", self.name != other.name),
            ("notify", self.notify != other.notify),
            ("email", self.email != other.email),
            ("phones", self.phones != other.phones),
            ("comment", self.comment != other.comment),
        ];
        differs
            .into_iter()
            .filter_map(|(name, differs)| differs.then_some(FieldName::Borrowed(name)))
            .collect()
    }
}

impl ContactPatch {
    /// Reads the body of a PATCH.
    pub fn read(body: &Map<String, Value>) -> Read<Self> {
        let mut fields = Fields::new(body, "", Nulls::Refused);
        let notify = fields.flag("notify", true);
        let name = fields.text("name", NAME, false);
        let email = nullable_text(&mut fields, "email", EMAIL);
        let phones = phones(&mut fields);
        let comment = nullable_text(&mut fields, "comment", COMMENT);
        let patch = match notify {
            Some(notify) if fields.violations.is_empty() => Ok(Self {
                notify,
                name,
                email,
                phones,
                comment,
            }),
            _ => Err(fields.violations),
        };
        (patch, fields.sent)
    }

    /// The contact after the change: what was left out stays, null clears.
    pub fn apply(&self, before: &CompanyContact) -> CompanyContact {
        let Self {
            notify,
            name,
            email,
            phones,
            comment,
        } = self.clone();
        CompanyContact {
            notify,
            name: name.unwrap_or_else(|| before.name.clone()),
            email: email.unwrap_or_else(|| before.email.clone()),
            phones: phones.unwrap_or_else(|| before.phones.clone()),
            comment: comment.unwrap_or_else(|| before.comment.clone()),
        }
    }
}

/// A text or null. All that is wrong with it is told, its format first, as zod does.
fn nullable_text(
    fields: &mut Fields<'_>,
    name: &'static str,
    rule: Text,
) -> Option<Option<String>> {
    let value = fields.value(name, None)?;
    if value.is_null() {
        return Some(None);
    }
    let Some(text) = value.as_str() else {
        fields.wrong(name, Problem::WrongType(Expected::String));
        return None;
    };
    for problem in rule.all_told().problems(text) {
        fields.wrong(name, problem);
    }
    Some(Some(text.to_owned()))
}

/// The phone numbers. Those above the limit are not judged one by one: an answer stays small.
fn phones(fields: &mut Fields<'_>) -> Option<Vec<String>> {
    let items = fields.array("phones", false)?;
    let mut phones = Vec::new();
    for (index, item) in items.iter().take(PHONES_MAX as usize).enumerate() {
        let problem = match item.as_str() {
            Some(text) => PHONE.problems(text).next(),
            None => Some(Problem::WrongType(Expected::String)),
        };
        if let Some(problem) = problem {
            let path = fields.path(&format!("phones.{index}"));
            let violation = Violation::new(path, problem).with_value(item.clone());
            fields.violations.push(violation);
        }
        phones.extend(item.as_str().map(str::to_owned));
    }
    if items.len() > PHONES_MAX as usize {
        fields.wrong("phones", Problem::TooMany(PHONES_MAX));
    }
    Some(phones)
}

/// The Card's key of the phone number at this place, from 1.
fn phone_key(place: u32) -> String {
    format!("p{place}")
}

fn is_notified(card: &Card) -> bool {
    card.get(NOTIFY)
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

/// What of a contact harms nobody: whether it is notified.
pub fn non_sensitive(card: &Card) -> Map<String, Value> {
    Map::from_iter([("notify".to_owned(), is_notified(card).into())])
}

/// What a list shows beside its contacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extend {
    /// The company.
    pub company: bool,
    /// What can be done with the contact.
    pub actions: bool,
}

/// The vendor's answer that holds a contact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactBody {
    id: Value,
    name: String,
    email: Option<String>,
    phones: Vec<String>,
    comment: Option<String>,
    company_id: Value,
    notify_at: Option<String>,
    updated_at: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<CompanyBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Actions>,
}

/// A company, of which only its number is known here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CompanyBody {
    id: Value,
    name: Option<String>,
    r#type: Option<i64>,
    location: Option<String>,
    archived_at: Option<String>,
    created_at: Option<String>,
}

/// What can be done with a contact that is there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Actions {
    can_be_updated: bool,
    can_be_deleted: bool,
}

impl ContactBody {
    /// A contact with what was asked for beside it.
    ///
    /// `notifyAt` is the time of the last write where that said `notify: true`. Every write of
    /// this vendor must say `notify`, so that time is when notifying was last asked for; the
    /// vendor's own examples show it equal to `updatedAt`.
    pub fn new(contact: &Contact, extend: Extend) -> Self {
        let CompanyContact {
            name,
            notify,
            email,
            phones,
            comment,
        } = CompanyContact::from_card(&contact.card);
        let company_id = integer(contact.owner.tenant());
        Self {
            id: integer(&contact.vendor_id),
            name,
            email,
            phones,
            comment,
            company_id: company_id.clone(),
            notify_at: notify.then(|| contact.modified_at.to_string()),
            updated_at: contact.modified_at.to_string(),
            created_at: contact.created_at.to_string(),
            company: extend.company.then_some(CompanyBody {
                id: company_id,
                name: None,
                r#type: None,
                location: None,
                archived_at: None,
                created_at: None,
            }),
            actions: extend.actions.then_some(Actions {
                can_be_updated: true,
                can_be_deleted: true,
            }),
        }
    }
}

/// An id as the number that it is.
fn integer(id: &str) -> Value {
    id.parse::<i64>().map_or_else(|_| id.into(), Value::from)
}
