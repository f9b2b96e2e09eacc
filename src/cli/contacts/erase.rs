//! `contactd contacts erase`: destroys a contact's personal data, which only a running service does.

use std::io::Write;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::super::client::{Server, block_on, cut_off};
use super::super::exit::Failure;
use super::super::options::ServerOptions;
use super::source::{contact_id, path_of};
use crate::domain::{ContactId, EraseReason};

/// Options for erasing a contact.
#[derive(Args)]
pub struct EraseOptions {
    #[command(flatten)]
    server: ServerOptions,
    /// Its id, as events have it in `subject`
    #[arg(value_parser = contact_id)]
    id: ContactId,
    /// The reason, which stays in the log
    #[arg(long, value_parser = reasons())]
    reason: String,
    /// The number of the request or case, 1 to 64 of A-Z a-z 0-9 . _ -; it stays in the log in clear
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
}

fn reasons() -> PossibleValuesParser {
    EraseReason::ALL.map(EraseReason::name).into()
}

/// Erases the contact, and writes what the service says of it.
pub fn run(options: &EraseOptions) -> Result<(), Failure> {
    block_on(erase(options))
}

async fn erase(options: &EraseOptions) -> Result<(), Failure> {
    let server = Server::of(&options.server)?
        .ok_or_else(|| Failure::usage("say where the service runs: --url http://127.0.0.1:8080"))?;
    let mut body = json!({"reason": options.reason});
    if let (Some(reference), Some(members)) = (&options.reference, body.as_object_mut()) {
        members.insert("reference".to_owned(), reference.as_str().into());
    }
    let path = format!("{}/erase", path_of(options.id));
    let erased = server.post(&path, &body).await?.text().await;
    let erased = erased.map_err(cut_off)?;
    writeln!(std::io::stdout(), "{}", erased.trim_end()).map_err(Failure::failed)
}

#[cfg(test)]
mod tests {
    use super::super::super::data::Purpose;
    use super::super::super::faults::{
        CONTACTS, SPREAD, assert_whole, contacts, open, send, served, take,
    };
    use crate::dialect::ApiOperation;
    use crate::keys::Slot;
    use crate::storage::Disk;
    use crate::storage::faulty::{FaultyDisk, Tried, end, every_fault};

    const REASON: &str = r#"{"reason":"request"}"#;
    /// The contact that is erased: neither the first nor the last.
    const NAME: &str = "Number 77";

    fn erased(disk: &(impl Disk + Clone + 'static), id: &str) -> Option<u16> {
        let local = open(disk, Purpose::Use).ok()?;
        let (status, _) = send(&local, ApiOperation::Erase, Some(id), REASON);
        local.close();
        Some(status)
    }

    #[test]
    fn what_an_erasure_promised_holds_whatever_fault_it_met() {
        let (whole, before) = served();
        let id = &before[NAME];
        let slot = Slot::new(76);
        let mut after = before.clone();
        after.remove(NAME);
        let run = |disk: &FaultyDisk| erased(disk, id);
        every_fault(
            "erase",
            SPREAD,
            |point| whole.copy(point),
            run,
            |tried| {
                let Tried {
                    disk,
                    point,
                    fault,
                    ended,
                } = tried;
                // Its key is gone before the erasure is answered, not only after the next start.
                let keys = take(&disk.copy(0), Purpose::Look).unwrap().keys;
                let is_destroyed = keys.is_erased(slot);
                assert!(ended != Some(200) || is_destroyed, "{fault:?} at {point}");
                let local = open(disk, Purpose::Use).unwrap_or_else(|failure| {
                    panic!("{fault:?} at {point}: {}", failure.message);
                });
                let there = contacts(&local);
                local.close();
                assert!(
                    there == after || (there == *before && !is_destroyed),
                    "{fault:?} at {point}"
                );
                end(disk, point);
                assert_eq!(erased(disk, id), Some(200), "{fault:?} at {point}");
                end(disk, point);
                assert!(take(disk, Purpose::Look).unwrap().keys.is_erased(slot));
                assert_whole(disk, &after);
            },
        );
        assert_eq!(before.len() as u64, CONTACTS - 1);
    }
}
