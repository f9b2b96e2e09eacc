//! The record of a read that a following node answered, on its way to the node that leads, which
//! writes it.
//!
//! As everywhere, nobody waits for the record of a read. It is sent until a node that leads has taken
//! it, for a while; one whose answer is lost is not sent again, for it must not be recorded twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use tokio::sync::Semaphore;

use super::Gateway;
use super::carrier::{Forward, Forwarded};
use crate::dialect;
use crate::domain::{
    Actor, ContactId, Context, Correlation, ListRange, Operation, Owner, Tag, TraceParent,
    VendorKey,
};
use crate::service::ReadAudit;

/// The pause before a record is sent once more, and the longest for which it is tried.
const PAUSE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(10);
/// Records that may be on their way at the same time.
const RECORDS_MAX: usize = 1_024;
static ROOM: Semaphore = Semaphore::const_new(RECORDS_MAX);

/// What the leader answers: it takes the record, or it does not lead.
const TAKEN: &[u8] = b"taken";
const ELSEWHERE: &[u8] = b"elsewhere";

/// The record of a read as it travels.
#[derive(Encode, Decode)]
pub(super) struct ForwardedRead {
    #[n(0)]
    dialect: String,
    #[n(1)]
    owner_ids: Vec<String>,
    /// Client, user and subject.
    #[n(2)]
    actor: [Option<String>; 3],
    #[n(3)]
    correlation: String,
    #[n(4)]
    traceparent: Option<String>,
    #[n(5)]
    operation: String,
    #[n(6)]
    contact: Option<WireContact>,
    #[n(7)]
    asked: Option<WireRange>,
    #[n(8)]
    given: Option<WireRange>,
    #[n(9)]
    found: bool,
}

#[derive(Encode, Decode)]
struct WireContact {
    #[n(0)]
    id: String,
    #[n(1)]
    key: WireKey,
}

#[derive(Encode, Decode)]
enum WireKey {
    #[n(0)]
    Own,
    #[n(1)]
    Sequence(#[n(0)] u64),
    #[n(2)]
    Chosen(#[n(0)] ByteArray<16>),
}

#[derive(Encode, Decode)]
struct WireRange {
    #[n(0)]
    contacts: u32,
    #[n(1)]
    cursor: Option<String>,
}

impl ForwardedRead {
    /// The record, to be sent.
    pub fn of(trail: &ReadAudit) -> Option<Self> {
        let ReadAudit {
            owner,
            context,
            operation,
            contact,
            asked,
            given,
            found,
        } = trail;
        let Context {
            actor,
            correlation,
            traceparent,
            idempotency: _,
        } = context;
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let range = |range: &Option<ListRange>| {
            range.map(|ListRange { contacts, cursor }| WireRange {
                contacts,
                cursor: cursor.map(|cursor| cursor.to_string()),
            })
        };
        Some(Self {
            dialect: dialect::by_id(owner.dialect())?.rules.name.to_owned(),
            owner_ids: owner.ids().map(str::to_owned).collect(),
            actor: [&actor.client_id, &actor.user_id, &actor.subject].map(text),
            correlation: correlation.as_str().to_owned(),
            traceparent: traceparent.as_ref().map(|it| it.as_str().to_owned()),
            operation: operation.name().to_owned(),
            contact: contact.as_ref().map(|(id, key)| WireContact {
                id: id.to_string(),
                key: match *key {
                    VendorKey::Own => WireKey::Own,
                    VendorKey::Sequence(number) => WireKey::Sequence(number),
                    VendorKey::Chosen(Tag(tag)) => WireKey::Chosen(tag.into()),
                },
            }),
            asked: range(asked),
            given: range(given),
            found: *found,
        })
    }

    /// The record; `None` for one that no node of this version sends.
    fn read(self) -> Option<ReadAudit> {
        let dialect = dialect::ALL.iter();
        let mut dialect = dialect.filter(|dialect| dialect.rules.name == self.dialect);
        let ids: Vec<&str> = self.owner_ids.iter().map(String::as_str).collect();
        let [client_id, user_id, subject] = self.actor.map(|text| text.map(Into::into));
        let operations = Operation::ALL.into_iter();
        let mut operation = operations.filter(|it| it.is_read() && it.name() == self.operation);
        Some(ReadAudit {
            owner: Owner::new(dialect.next()?.rules.dialect, &ids).ok()?,
            context: Context {
                actor: Actor {
                    client_id,
                    user_id,
                    subject,
                },
                correlation: Correlation::parse(&self.correlation)?,
                traceparent: self.traceparent.as_deref().and_then(TraceParent::parse),
                idempotency: None,
            },
            operation: operation.next()?,
            contact: match self.contact {
                None => None,
                Some(WireContact { id, key }) => Some((
                    ContactId::parse(&id)?,
                    match key {
                        WireKey::Own => VendorKey::Own,
                        WireKey::Sequence(number) => VendorKey::Sequence(number),
                        WireKey::Chosen(tag) => VendorKey::Chosen(Tag(tag.into())),
                    },
                )),
            },
            asked: range(self.asked)?,
            given: range(self.given)?,
            found: self.found,
        })
    }
}

/// The part of a list; the outer `None` where its cursor is no id.
fn range(wire: Option<WireRange>) -> Option<Option<ListRange>> {
    let Some(WireRange { contacts, cursor }) = wire else {
        return Some(None);
    };
    let cursor = match cursor {
        None => None,
        Some(cursor) => Some(ContactId::parse(&cursor)?),
    };
    Some(Some(ListRange { contacts, cursor }))
}

impl Gateway {
    /// Sends the record of a read to the node that leads, beside everything else, in the form in which
    /// nodes hand things on.
    pub(super) fn send_read(forward: Arc<dyn Forward>, handed: Vec<u8>) {
        let Ok(place) = ROOM.try_acquire() else {
            return tracing::warn!("a read was not recorded: too many are on their way");
        };
        tokio::spawn(async move {
            let ends = Instant::now() + PATIENCE;
            let why = loop {
                match forward.forward(handed.clone()).await {
                    Forwarded::Answered(reply) if reply != ELSEWHERE => break None,
                    Forwarded::Unknown => break Some("the node that leads gave no answer"),
                    Forwarded::Answered(_) | Forwarded::NotSent if Instant::now() >= ends => {
                        break Some("no node leads");
                    }
                    Forwarded::Answered(_) | Forwarded::NotSent => tokio::time::sleep(PAUSE).await,
                }
            };
            if let Some(why) = why {
                tracing::warn!(why, "a read may not have been recorded");
            }
            drop(place);
        });
    }

    /// Writes the record of a read that another node answered.
    pub(super) fn take_read(&self, read: ForwardedRead) -> Option<Vec<u8>> {
        let trail = read.read()?;
        if self.service.follows() {
            return Some(ELSEWHERE.to_vec());
        }
        if let Err(error) = self.service.record_read(trail) {
            tracing::warn!(%error, "a read was not recorded");
        }
        Some(TAKEN.to_vec())
    }
}
