//! Subjects: how events, requests and commands are addressed, and how an address is read.
//!
//! `<prefix>.<kind>.<dialect>.<operation>.<owner…>[.<vendorId>]`. A token has
//! one spelling (`wire::escape`) and so has each id in it: permissions are
//! granted by subject, and an alias of an id would slip past them.

use thiserror::Error;

use crate::dialect::{self, Dialect, Route};
use crate::domain::{Event, IdRule, Rules};
use crate::wire::{escape, phase_name, unescape};

/// The prefix of every subject unless another is configured.
pub const PREFIX_DEFAULT: &str = "contacts";
/// The memory that the subject of an event begins with beside its tenant, in bytes: most fit.
const SUBJECT_BYTES: usize = 48;
/// A prefix is part of the names of streams, which are short.
const PREFIX_BYTES_MAX: usize = 64;

/// The longest subject of a command, after the prefix and kind, that its dead letter keeps, in bytes.
const DEAD_ADDRESS_BYTES_MAX: usize = 1_024;

/// The first token of every subject, of which the names of the streams are made.
///
/// ```
/// use contactd::nats::{Kept, Prefix};
///
/// let ours = Prefix::default();
/// assert_eq!(ours.all(Kept::Events), "contacts.event.>");
/// assert_eq!(ours.stream(Kept::Events), "CONTACT_EVENTS");
/// let theirs: Prefix = "blue".parse().expect("a prefix");
/// assert_eq!(theirs.stream(Kept::Commands), "BLUE_COMMANDS");
/// assert_eq!(theirs.checkpoint(), "blue.audit.checkpoint");
/// assert!("two.tokens".parse::<Prefix>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Box<str>);

/// The text can't be a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a prefix of subjects has 1 to {PREFIX_BYTES_MAX} characters of A-Z, a-z, 0-9, _ and -, \
     and does not begin with _, which is for inboxes"
)]
pub struct BadPrefix;

impl Default for Prefix {
    fn default() -> Self {
        Self(PREFIX_DEFAULT.into())
    }
}

impl std::str::FromStr for Prefix {
    type Err = BadPrefix;

    fn from_str(text: &str) -> Result<Self, BadPrefix> {
        // A text that is its own escape is of the characters that a token may have.
        let good = (1..=PREFIX_BYTES_MAX).contains(&text.len())
            && escape(text) == text
            && !text.starts_with('_');
        good.then(|| Self(text.into())).ok_or(BadPrefix)
    }
}

/// The kinds of traffic that a stream keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Durable commands that wait to be taken.
    Commands,
    /// Every event of the log.
    Events,
    /// Durable commands that could not be taken.
    Dead,
    /// The log's groups of events, in the order that the nodes of a cluster agree on.
    Log,
}

impl Kept {
    const fn kind(self) -> &'static str {
        match self {
            Self::Commands => "command",
            Self::Events => "event",
            Self::Dead => "dead",
            Self::Log => "log",
        }
    }
}

impl Prefix {
    /// The prefix as text, without a dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a stream: `CONTACT_EVENTS`, and with another prefix than the default `P_EVENTS`.
    #[must_use]
    pub fn stream(&self, kept: Kept) -> String {
        let prefix = match self.as_str() {
            PREFIX_DEFAULT => "CONTACT".to_owned(),
            other => other.to_ascii_uppercase(),
        };
        let kept = match kept {
            Kept::Commands => "COMMANDS",
            Kept::Events => "EVENTS",
            Kept::Dead => "DEAD",
            Kept::Log => "LOG",
        };
        format!("{prefix}_{kept}")
    }

    /// The pattern of all subjects of a kind that a stream keeps.
    #[must_use]
    pub fn all(&self, kept: Kept) -> String {
        format!("{}.{}.>", self.0, kept.kind())
    }

    /// The subject of an event.
    #[must_use]
    pub fn event(&self, rules: &Rules, event: &Event) -> String {
        let header = &event.header;
        let tenant = escape(header.owner.tenant());
        let mut subject = String::with_capacity(SUBJECT_BYTES + tenant.len());
        for token in [self.as_str(), "event", rules.name, &tenant] {
            subject.push_str(token);
            subject.push('.');
        }
        let lower = |letter: char| letter.to_ascii_lowercase();
        subject.extend(header.operation.name().chars().map(lower));
        subject.push('.');
        subject.extend(phase_name(&event.phase).chars().map(lower));
        subject
    }

    /// The subject on which new checkpoints are published.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        format!("{}.audit.checkpoint", self.0)
    }

    /// The pattern of the subjects of one route's requests.
    #[must_use]
    pub fn requests(&self, dialect: &Dialect, route: &Route) -> String {
        let name = dialect.rules.name;
        format!("{}.rpc.{name}.{}.>", self.0, route.operation.name())
    }

    /// The subject of a command that cannot be taken: its own subject, where that can be published
    /// to. A server stores a message even if its subject has wildcards or is long.
    #[must_use]
    pub fn dead(&self, command: &str) -> String {
        let address = self.address_in(command, "command").filter(|address| {
            let is_plain = |token: &str| !matches!(token, "" | "*" | ">");
            address.len() <= DEAD_ADDRESS_BYTES_MAX
                && address.split('.').all(is_plain)
                && address.bytes().all(|byte| byte.is_ascii_graphic())
        });
        format!("{}.dead.{}", self.0, address.unwrap_or("unknown"))
    }

    /// A command's subject as it may be told in a log: up to its tenant, and nothing of one that is
    /// no command's.
    #[must_use]
    pub fn told(&self, command: &str) -> String {
        let Ok(address) = self.command(command) else {
            return "unknown".to_owned();
        };
        let tenant = escape(address.owner.first().map_or("", String::as_str));
        let (dialect, operation) = (address.dialect.rules.name, address.route.operation.name());
        format!("{}.command.{dialect}.{operation}.{tenant}", self.0)
    }

    /// The subject of the command that became a dead letter; none where the letter does not say it.
    #[must_use]
    pub fn revived(&self, dead: &str) -> Option<String> {
        let address = self.address_in(dead, "dead")?;
        Some(format!("{}.command.{address}", self.0))
    }

    /// Reads the subject of a request that waits for its answer.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn request(&self, subject: &str) -> Result<Address, BadAddress> {
        Address::parse(self.address_in(subject, "rpc").unwrap_or_default())
    }

    /// Reads the subject of a durable command: a request that changes contacts.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn command(&self, subject: &str) -> Result<Address, BadAddress> {
        let address = Address::parse(self.address_in(subject, "command").unwrap_or_default())?;
        if address.route.operation.writes() {
            Ok(address)
        } else {
            Err(BadAddress::Operation)
        }
    }

    /// The part of a subject after the prefix and this kind; none for other subjects.
    fn address_in<'a>(&self, subject: &'a str, kind: &str) -> Option<&'a str> {
        let rest = subject.strip_prefix(self.as_str())?.strip_prefix('.')?;
        rest.strip_prefix(kind)?.strip_prefix('.')
    }
}

/// What a request is about, as its subject says.
#[derive(Clone, Debug)]
pub struct Address {
    /// The dialect that the subject names.
    pub dialect: &'static Dialect,
    /// The route of the dialect that the operation names.
    pub route: &'static Route,
    /// The ids of the contact's owner, in the dialect's order.
    pub owner: Vec<String>,
    /// The vendor's id of the contact, where the route is about one.
    pub vendor_id: Option<String>,
}

/// The reasons for which a subject cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadAddress {
    /// No dialect has this name.
    #[error("the subject names no dialect that is spoken here")]
    Dialect,
    /// The dialect has no such operation here.
    #[error("the subject names no operation that its dialect has here")]
    Operation,
    /// A token too many or too few.
    #[error("the subject does not have the ids that its operation needs")]
    Count,
    /// A token that is not the one spelling of an id.
    #[error("an id in the subject is not in its one spelling")]
    Spelling,
}

impl Address {
    fn parse(address: &str) -> Result<Self, BadAddress> {
        let mut tokens = address.split('.');
        let name = tokens.next().unwrap_or_default();
        let dialect = dialect::by_name(name).ok_or(BadAddress::Dialect)?;
        let operation = tokens.next().unwrap_or_default();
        let route = dialect
            .routes
            .iter()
            .find(|route| route.operation.on_bus() && route.operation.name() == operation)
            .ok_or(BadAddress::Operation)?;
        let ids: Option<Vec<String>> = tokens.map(unescape).collect();
        let mut owner = ids.ok_or(BadAddress::Spelling)?;
        let rules = dialect.rules;
        let about_one = usize::from(route.target.is_some());
        if owner.len() != rules.owner_names.len() + about_one {
            return Err(BadAddress::Count);
        }
        let vendor_id = route.target.and_then(|_| owner.pop());
        if vendor_id
            .as_ref()
            .is_some_and(|id| !is_canonical(rules.ids, id))
        {
            return Err(BadAddress::Spelling);
        }
        Ok(Self {
            dialect,
            route,
            owner,
            vendor_id,
        })
    }

    /// The parameters that the documented path would have, in its order: whoever reads a request
    /// finds them where HTTP puts them.
    #[must_use]
    pub fn params(&self) -> Vec<(String, String)> {
        let path = self.route.paths.first().copied().unwrap_or_default();
        let named = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let value = |name: &str| {
            if self.route.target == Some(name) {
                return self.vendor_id.clone();
            }
            let names = self.dialect.rules.owner_names.iter().zip(&self.owner);
            let mut values = names.filter(|(owner, _)| **owner == name);
            values.next().map(|(_, value)| value.clone())
        };
        named
            .filter_map(|name| Some((name.to_owned(), value(name)?)))
            .collect()
    }
}

/// Whether a vendor id is in its one spelling. What the rule cannot read a dialect may read all the same,
/// as another spelling of an id: `3.0`, or a prefix before it. Each id has a digit; what has none is no id
/// at all, and the dialect refuses it in its own words.
fn is_canonical(rule: IdRule, id: &str) -> bool {
    match rule.canonical(id) {
        Some(canonical) => canonical == id,
        None => !id.contains(char::is_numeric),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix() -> Prefix {
        Prefix::default()
    }

    #[test]
    fn a_prefix_names_subjects_and_streams() {
        assert_eq!(prefix().stream(Kept::Events), "CONTACT_EVENTS");
        let mine: Prefix = "acme-eu".parse().expect("a prefix");
        assert_eq!(mine.stream(Kept::Commands), "ACME-EU_COMMANDS");
        assert_eq!(mine.all(Kept::Dead), "acme-eu.dead.>");
        for bad in ["", "a.b", "a b", ">", "*", "é", "_INBOX", &"x".repeat(65)] {
            assert_eq!(bad.parse::<Prefix>(), Err(BadPrefix), "{bad}");
        }
    }

    #[test]
    fn an_address_has_what_the_path_has() {
        let id = "0190c5f2-0000-7000-8000-000000000001";
        let subject = format!("contacts.rpc.mattr.update.eco.part.{id}");
        let address = prefix().request(&subject).expect("an address");
        let params = address.params();
        let names: Vec<(&str, &str)> = params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("ecosystemId", "eco"),
                ("participantId", "part"),
                ("contactId", id)
            ]
        );
    }

    #[test]
    fn other_spellings_and_other_operations_are_refused() {
        let upper = "0190C5F2-0000-7000-8000-000000000001";
        let cases = [
            ("contacts.command.mattr.create.e.p", None),
            (
                "contacts.command.nobody.create.e",
                Some(BadAddress::Dialect),
            ),
            (
                "contacts.command.native.erase.t.x",
                Some(BadAddress::Operation),
            ),
            (
                "contacts.command.native.list.t",
                Some(BadAddress::Operation),
            ),
            ("contacts.command.mattr.create.e", Some(BadAddress::Count)),
            (
                "contacts.command.mattr.create.e.p.x",
                Some(BadAddress::Count),
            ),
            (
                "contacts.command.mattr.create.e.%70",
                Some(BadAddress::Spelling),
            ),
            (
                "contacts.command.mattr.create.e.",
                Some(BadAddress::Spelling),
            ),
            (
                &format!("contacts.command.native.delete.t.{upper}"),
                Some(BadAddress::Spelling),
            ),
            // Spellings that only the vendor's own path takes.
            (
                "contacts.command.thena.delete.t.C01J0000000000000000000000A",
                Some(BadAddress::Spelling),
            ),
            (
                "contacts.command.kare.delete.7.3%2E0",
                Some(BadAddress::Spelling),
            ),
            (
                "contacts.command.kare.delete.7.30e-1",
                Some(BadAddress::Spelling),
            ),
            ("contacts.event.native.create.t", Some(BadAddress::Dialect)),
        ];
        for (subject, wrong) in cases {
            assert_eq!(prefix().command(subject).err(), wrong, "{subject}");
        }
    }

    #[test]
    fn a_dead_letter_keeps_its_address() {
        let dead = prefix().dead("contacts.command.native.create.t%2Ex");
        assert_eq!(dead, "contacts.dead.native.create.t%2Ex");
        for odd in [
            "else.where",
            "contacts.command.native.>",
            "contacts.command.*.create",
            "contacts.command.native..x",
            "contacts.command.native.é",
            &format!("contacts.command.native.create.{}", "x".repeat(2_000)),
        ] {
            assert_eq!(prefix().dead(odd), "contacts.dead.unknown", "{odd}");
        }
    }

    #[test]
    fn a_log_tells_whose_command_it_was_and_not_of_whom() {
        let told = |subject: &str| prefix().told(subject);
        let id = "0190c5f2-0000-7000-8000-000000000001";
        assert_eq!(
            told(&format!("contacts.command.native.delete.t%2Ex.{id}")),
            "contacts.command.native.delete.t%2Ex"
        );
        assert_eq!(told("contacts.command.native.create.a b"), "unknown");
    }

    fn addresses() -> impl Strategy<Value = (&'static Dialect, &'static Route, Vec<String>)> {
        let routes: Vec<(&'static Dialect, &'static Route)> = dialect::ALL
            .iter()
            .flat_map(|dialect| dialect.routes.iter().map(move |route| (*dialect, route)))
            .filter(|(_, route)| route.operation.on_bus() && route.target.is_none())
            .collect();
        prop::sample::select(routes).prop_flat_map(|(dialect, route)| {
            let ids = dialect.rules.owner_names.len();
            let ids = prop::collection::vec(".{1,12}", ids);
            (Just(dialect), Just(route), ids)
        })
    }

    proptest! {
        #[test]
        fn an_address_survives_its_subject((dialect, route, ids) in addresses()) {
            let mut subject = format!("contacts.rpc.{}.{}", dialect.rules.name, route.operation.name());
            for id in &ids {
                subject.push('.');
                subject.push_str(&escape(id));
            }
            let address = prefix().request(&subject).expect("an address");
            prop_assert_eq!(address.dialect.rules.name, dialect.rules.name);
            prop_assert_eq!(address.route.operation, route.operation);
            prop_assert_eq!(address.owner, ids);
        }

        #[test]
        fn no_subject_panics(tail in ".{0,40}", dialect in "(native|mattr|oracle)", op in "(create|update|get)") {
            let _ = prefix().request(&tail);
            let _ = prefix().command(&format!("contacts.command.{tail}"));
            let subject = format!("contacts.rpc.{dialect}.{op}.{tail}");
            if let Ok(address) = prefix().request(&subject) {
                let _ = address.params();
            }
            let _ = prefix().dead(&subject);
        }
    }
}
