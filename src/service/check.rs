//! Checks what the events say: positions, times, that every START has its one outcome, and that
//! what a contact's content was sealed with is there unless somebody destroyed or gave it up.

use bytes::Bytes;

use super::in_order::in_order;
use super::missing_keys::MissingKeys;
use super::shared::{self, Body};
use super::{OpenError, ReadError};
use crate::domain::{Event, EventId, Operation, Phase, Position, Timestamp};
use crate::keys::KeyRing;
use crate::log::record::{self, DecodeError, Record};
use crate::log::{self, OpenOptions};
use crate::storage::Disk;

/// The result of checking every record.
#[derive(Debug, Default)]
pub struct Checked {
    /// The faults that were found, a line each, at most a thousand.
    pub wrong: Vec<String>,
    /// The number of contacts whose keys were given up, by a restore without keys or a repair.
    pub marked_lost: usize,
}

/// Reads every event, opens what can be opened, and changes nothing.
///
/// # Errors
/// The log can't be opened.
pub fn check_records(
    disk: &dyn Disk,
    keys: &KeyRing,
    options: &OpenOptions,
    progress: &mut dyn FnMut(Position),
) -> Result<Checked, OpenError> {
    let opened = log::open(disk, options, &mut |_| {})?;
    let mut check = Check::default();
    let work = |position, bytes: Bytes| {
        let looked = record::decode(&bytes).map(|record| {
            let opened = shared::open_strictly(keys, &record);
            (record, opened.map(|body| matches!(body, Body::None)))
        });
        Ok((position, looked))
    };
    let look = |(position, looked): (Position, Looked)| {
        match looked {
            Ok((record, opened)) => check.record(position, &record, opened, keys),
            Err(error) => check.say(position, &error),
        }
        if position.get().is_multiple_of(4_096) {
            progress(position);
        }
        Ok::<_, ReadError>(())
    };
    let all = (Position::FIRST, opened.reader.head());
    in_order(&opened.reader, all, work, look)?;
    if let Some((position, _)) = check.open {
        check.say(position, &"a START without its outcome");
    }
    check.keys(keys);
    Ok(Checked {
        wrong: check.wrong,
        marked_lost: check.missing_keys.marked_lost.len(),
    })
}

/// Lines of one check: a log that is all wrong need not be told line by line.
const LINES_MAX: usize = 1_000;

/// A record, and whether its content could be opened and is none.
type Looked = Result<(Record, Result<bool, ReadError>), DecodeError>;

#[derive(Default)]
struct Check {
    wrong: Vec<String>,
    /// The START whose outcome must come next.
    open: Option<(Position, EventId)>,
    time: Timestamp,
    /// The contacts whose content can't be opened so far.
    missing_keys: MissingKeys,
}

impl Check {
    fn record(
        &mut self,
        position: Position,
        record: &Record,
        opened: Result<bool, ReadError>,
        keys: &KeyRing,
    ) {
        let Event { header, phase } = &record.event;
        if header.position != position {
            self.say(
                position,
                &format!("the event says that it is {}", header.position),
            );
        }
        if header.time < self.time {
            self.say(position, &"the time goes back");
        }
        self.time = header.time;
        match (phase, self.open.take()) {
            (Phase::Start { .. }, None) => self.open = Some((position, header.id)),
            (Phase::Start { .. }, Some((start, _))) => {
                self.say(start, &"a START without its outcome");
                self.open = Some((position, header.id));
            }
            (_, Some((_, start))) if header.causation == Some(start) => {}
            (_, _) => self.say(position, &"an outcome without its START before it"),
        }
        let writes = matches!(header.operation, Operation::Create | Operation::Update);
        let success = matches!(phase, Phase::Success { .. });
        if !self.missing_keys.fold(record, keys) {
            return;
        }
        match opened {
            Ok(true) if writes && success => self.say(position, &"the content is missing"),
            Ok(_) => {}
            Err(error) => self.say(position, &error),
        }
    }

    /// Checks the contact keys that no erasure has explained by the end of the log.
    fn keys(&mut self, keys: &KeyRing) {
        if let Err(error) = keys.check(self.missing_keys.next) {
            self.wrong.push(error.to_string());
        }
        match keys.compare(self.missing_keys.next) {
            Ok(found) if found.is_nothing() => {}
            Ok(found) => self.wrong.push(format!(
                "the two copies of the contacts' keys differ: {found}"
            )),
            Err(error) => self.wrong.push(error.to_string()),
        }
        let mut lost: Vec<_> = std::mem::take(&mut self.missing_keys.lost)
            .into_values()
            .collect();
        lost.sort_unstable_by_key(|(position, _)| *position);
        for (position, error) in lost {
            let said = format!("{error}; the log has no erasure of that contact");
            self.say(position, &said);
        }
    }

    fn say(&mut self, position: Position, what: &dyn std::fmt::Display) {
        if self.wrong.len() < LINES_MAX {
            self.wrong.push(format!("position {position}: {what}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{DialectId, Header, Owner};
    use crate::service::tests::keys;
    use crate::storage::SimDisk;

    /// The lines about a success whose START stands before it.
    fn said_of(operation: Operation, has_no_content: bool) -> Vec<String> {
        let [start, id] = [1, 2].map(|id| EventId(Uuid::from_u128(id)));
        let owner = Owner::new(DialectId(1), &["acme"]).unwrap();
        let at = Position::new(2);
        let header = Header {
            causation: Some(start),
            ..Header::new(at, id, Timestamp::from_millis(2), operation, owner)
        };
        let phase = Phase::Success { erasure: None };
        let record = Record {
            event: Event { header, phase },
            slot: None,
            sealed: None,
        };
        let mut check = Check {
            open: Some((Position::FIRST, start)),
            ..Check::default()
        };
        let (keys, _) = keys(&SimDisk::new(1));
        check.record(at, &record, Ok(has_no_content), &keys);
        check.wrong
    }

    #[test]
    fn what_a_create_or_an_update_wrote_must_be_there() {
        let missing = ["position 2: the content is missing"];
        for operation in [Operation::Create, Operation::Update] {
            assert_eq!(said_of(operation, true), missing);
            assert_eq!(said_of(operation, false), [""; 0]);
        }
        assert_eq!(said_of(Operation::Delete, true), [""; 0]);
    }
}
