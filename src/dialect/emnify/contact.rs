//! The vendor's contact and its JSON.

use serde_json::{Map, Value, json};

use crate::dialect::email::is_email;
use crate::dialect::fields::{ANY_TEXT, Fields, Nulls, Text};
use crate::domain::{Contact, Expected, FieldName, Problem, Violation};

/// What a contact is for. 1 and 5 are in the vendor's own SDK; the others follow the order of its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 1.
    Commercial,
    /// 2.
    Technical,
    /// 3.
    Finance,
    /// 4.
    ShippingAddress,
    /// 5.
    CompanyAddress,
    /// 6: the only one that may have a purchase order number.
    InvoiceAddress,
}

impl Kind {
    /// All of them, each with its number and the vendor's name.
    pub const ALL: [(Self, u64, &'static str); 6] = [
        (Self::Commercial, 1, "Commercial"),
        (Self::Technical, 2, "Technical"),
        (Self::Finance, 3, "Finance"),
        (Self::ShippingAddress, 4, "Shipping address"),
        (Self::CompanyAddress, 5, "Company address"),
        (Self::InvoiceAddress, 6, "Invoice address"),
    ];

    /// The kind of this number.
    pub fn numbered(number: u64) -> Option<Self> {
        let row = Self::ALL.into_iter().find(|(_, id, _)| *id == number)?;
        Some(row.0)
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.row().1
    }

    /// Its name.
    pub fn description(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, u64, &'static str) {
        let mut rows = Self::ALL.into_iter();
        let row = rows.find(|(kind, _, _)| *kind == self);
        row.unwrap_or((self, 1, "Commercial"))
    }
}

/// A contact of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationContact {
    /// What it is for.
    pub kind: Kind,
    /// Everything that may be left out.
    pub details: Details,
}

/// What of a contact may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The vendor's number of a country.
    pub country: Option<u64>,
    /// Full name.
    pub name: Option<String>,
    /// A title before the name: "Ing".
    pub title: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Street with number.
    pub street: Option<String>,
    /// Postcode: text, for it may start with a zero.
    pub zipcode: Option<String>,
    /// City.
    pub city: Option<String>,
    /// E-mail address; an empty one is none.
    pub email: Option<String>,
    /// Phone number, free text.
    pub phone: Option<String>,
    /// Mobile number, free text.
    pub mobile: Option<String>,
    /// State or region.
    pub state: Option<String>,
    /// A further line of the address.
    pub secondary_address: Option<String>,
    /// The purchase order that invoices name.
    pub purchase_order_number: Option<String>,
}

impl Details {
    /// The texts by their names, in the vendor's order.
    pub const fn texts(&self) -> [(&'static str, &Option<String>); 12] {
        [
            ("name", &self.name),
            ("title", &self.title),
            ("department", &self.department),
            ("street", &self.street),
            ("zipcode", &self.zipcode),
            ("city", &self.city),
            ("email", &self.email),
            ("phone", &self.phone),
            ("mobile", &self.mobile),
            ("state", &self.state),
            ("secondary_address", &self.secondary_address),
            ("purchase_order_number", &self.purchase_order_number),
        ]
    }

    /// The same, to be written.
    const fn texts_mut(&mut self) -> [(&'static str, &mut Option<String>); 12] {
        [
            ("name", &mut self.name),
            ("title", &mut self.title),
            ("department", &mut self.department),
            ("street", &mut self.street),
            ("zipcode", &mut self.zipcode),
            ("city", &mut self.city),
            ("email", &mut self.email),
            ("phone", &mut self.phone),
            ("mobile", &mut self.mobile),
            ("state", &mut self.state),
            ("secondary_address", &mut self.secondary_address),
            ("purchase_order_number", &mut self.purchase_order_number),
        ]
    }

    /// The text of this name.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, text) = self.texts().into_iter().find(|(key, _)| *key == name)?;
        text.as_deref()
    }
}

/// What was read of a body.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// The kind, where it was sent.
    kind: Option<Kind>,
    /// The rest; what was not sent or was null is `None`.
    details: Details,
    /// The names of the fields that were sent, null or not.
    pub sent: Vec<FieldName>,
    /// What is wrong, in the order of the schema.
    violations: Vec<Violation>,
}

/// What a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A new contact: `type` must be there, ids must not.
    Create,
    /// A change: everything may be left out, and ids are passed over, so that what was read can be sent back.
    Update,
}

/// Server-assigned fields: the vendor forbids the first two in words, the third says the same.
pub const FORBIDDEN: [&str; 3] = ["id", "organisation_id", "organisation"];

impl Read {
    /// Reads a body.
    pub fn new(body: &Map<String, Value>, purpose: Use) -> Self {
        let mut fields = Fields::new(body, "", Nulls::Absent);
        let mut details = Details::default();
        // A null kind is as good as none, and a contact without one can't be.
        let required = purpose == Use::Create || body.contains_key("type");
        let kind = reference(&mut fields, "type", required, |id| {
            Kind::numbered(id).is_some()
        });
        for (name, text) in details.texts_mut() {
            *text = fields.text(name, rule(name), false);
        }
        details.email = details.email.filter(|email| !email.is_empty());
        details.country = reference(&mut fields, "country", false, |id| id > 0);
        for name in FORBIDDEN.into_iter().filter(|_| purpose == Use::Create) {
            if fields.value(name, None).is_some() {
                fields.wrong(name, Problem::NotAllowed);
            }
        }
        Self {
            kind: kind.and_then(Kind::numbered),
            details,
            sent: fields.sent,
            violations: fields.violations,
        }
    }

    /// The same, with ids that the query string must not hold either.
    pub fn forbid(mut self, names: impl Iterator<Item = &'static str>) -> Self {
        for name in names {
            self.violations
                .push(Violation::new(name, Problem::NotAllowed));
        }
        self
    }

    /// The new contact that was sent.
    pub fn contact(self) -> Result<OrganisationContact, Vec<Violation>> {
        match self.kind {
            Some(kind) if self.violations.is_empty() => OrganisationContact {
                kind,
                details: self.details,
            }
            .checked(),
            _ => Err(self.violations),
        }
    }

    /// The change that was sent.
    pub fn change(self) -> Result<Change, Vec<Violation>> {
        if self.violations.is_empty() {
            Ok(Change(self))
        } else {
            Err(self.violations)
        }
    }
}

/// A change: what was sent replaces what is there, null clears, the rest stays.
#[derive(Clone, Debug)]
pub struct Change(Read);

impl Change {
    /// The contact after the change.
    pub fn apply(
        &self,
        before: &OrganisationContact,
    ) -> Result<OrganisationContact, Vec<Violation>> {
        let Self(read) = self;
        let mut after = before.clone();
        let sent = |name: &str| read.sent.iter().any(|field| field == name);
        after.kind = read.kind.unwrap_or(after.kind);
        if sent("country") {
            after.details.country = read.details.country;
        }
        for (name, text) in after.details.texts_mut() {
            if sent(name) {
                *text = read.details.text(name).map(str::to_owned);
            }
        }
        after.checked()
    }
}

/// The rule of the text of this name.
pub fn rule(name: &str) -> Text {
    match name {
        "email" => ANY_TEXT
            .of("Email", is_email)
            .known_as("email")
            .empty_is_none(),
        _ => ANY_TEXT,
    }
}

/// The number in `{"id": 1}`. Any further members of the object are passed over, as the vendor does.
fn reference(
    fields: &mut Fields<'_>,
    name: &'static str,
    required: bool,
    known: fn(u64) -> bool,
) -> Option<u64> {
    let object = fields.object(name, required)?;
    let mut inner = Fields::new(object, format!("{name}."), Nulls::Absent);
    let id = match inner.value("id", Some(Expected::Number)) {
        None => None,
        Some(Value::Number(number)) => {
            let id = number.as_u64().filter(|id| known(*id));
            if id.is_none() {
                inner.wrong("id", Problem::UnknownReference);
            }
            id
        }
        Some(_) => {
            inner.wrong("id", Problem::WrongType(Expected::Number));
            None
        }
    };
    fields.violations.append(&mut inner.violations);
    id
}

impl OrganisationContact {
    /// The contact, unless its fields do not go together.
    fn checked(self) -> Result<Self, Vec<Violation>> {
        let field = "purchase_order_number";
        if self.kind != Kind::InvoiceAddress && self.details.purchase_order_number.is_some() {
            return Err(vec![Violation::new(
                field,
                Problem::OnlyFor("invoice contacts"),
            )]);
        }
        Ok(self)
    }

    /// The names of the fields in which two contacts differ.
    pub fn changed(&self, other: &Self) -> Vec<FieldName> {
        let (these, those) = (self.details.texts(), other.details.texts());
        let texts = these.into_iter().zip(those);
        [
            ("type", self.kind != other.kind),
            ("country", self.details.country != other.details.country),
        ]
        .into_iter()
        .chain(texts.map(|((name, this), (_, that))| (name, this != that)))
        .filter_map(|(name, differs)| differs.then_some(FieldName::Borrowed(name)))
        .collect()
    }
}

/// A country's name, as far as the vendor's pages tell its number.
const fn country_name(number: u64) -> Option<&'static str> {
    match number {
        14 => Some("Australia"),
        74 => Some("Germany"),
        _ => None,
    }
}

/// The vendor's answer that holds a contact; what it does not have is null.
pub fn body(contact: &Contact) -> Value {
    let OrganisationContact { kind, details } = OrganisationContact::from_card(&contact.card);
    let country = |id: u64| json!({"id": id, "name": country_name(id)});
    let mut body = Map::new();
    body.insert("id".into(), number(&contact.vendor_id));
    body.insert("organisation".into(), organisation(contact.owner.tenant()));
    let kind = json!({"id": kind.number(), "description": kind.description()});
    body.insert("type".into(), kind);
    body.insert("country".into(), details.country.map(country).into());
    for (name, text) in details.texts() {
        body.insert(name.into(), text.as_deref().into());
    }
    body.into()
}

/// An organisation as answers name it. Its name is not ours to know.
pub fn organisation(id: &str) -> Value {
    json!({"id": number(id), "name": null})
}

/// An id of digits, as a number.
fn number(id: &str) -> Value {
    id.parse::<u64>().map_or(Value::Null, Value::from)
}
