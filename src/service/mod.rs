//! The one door to contacts: submit, read, follow.
//!
//! Commands wait in a bounded queue for the one writer, which decides on a group
//! of them, puts their events on the disk, folds them into the inline view and
//! only then answers. Reads look at the view and open contents from the log;
//! they never wait for the writer.
//!
//! | file | what |
//! | --- | --- |
//! | `service` | the door: submit, record a read, stop |
//! | `open` | a data directory becomes a service |
//! | `saved_view` | the view of contacts on the disk, and the thread that saves it |
//! | `writer` | the thread that takes groups of commands |
//! | `order`, `parked` | a group's place, and the replies that wait until it is settled |
//! | `erasures` | keys that wait to be destroyed until their erasure is settled |
//! | `job` | what waits for the writer |
//! | `cluster`, `opened_groups`, `apply` | following a service that decides; its groups opened, and taken as they are |
//! | `handler`, `load` | a command is decided on what is loaded of its contact |
//! | `group`, `overlay` | the group's events and changes, before they are durable |
//! | `handled`, `read_audit`, `error` | what goes in and what comes of it |
//! | `clock` | time and ids |
//! | `guard`, `space`, `steady` | whether the disk has room and the clock can be believed |
//! | `in_order` | the log on all processors, and what comes of it in its order |
//! | `look` | how many reads look at much at once |
//! | `read`, `by_email`, `by_vendor_id` | contacts; contacts by their exact address or their vendor's id |
//! | `scan`, `owner_events` | events in the order of the log; those of one owner's contacts |
//! | `count` | how many contacts meet a filter |
//! | `command`, `replay` | what came of a command; answers made again |
//! | `scrub`, `check` | reading again what nobody reads, and mending it; whether the events agree |
//! | `missing_keys` | contacts whose key is not there, and giving them up |
//! | `meters` | what the writer counts and times |
//! | `auditor` | sealing what is durable, beside the writer |
//! | `afresh` | catch-up views made of the whole log at once |
//! | `catch_up`, `views` | views that follow the log on threads of their own |
//! | `follower`, `view_state` | such a thread, and what it shares with readers and the writer |
//! | `recent`, `opened` | the newest events in memory, and the contents that were read last |
//! | `shared` | what the writer and the readers share |

mod afresh;
mod apply;
mod auditor;
mod by_email;
mod by_vendor_id;
mod catch_up;
mod check;
mod clock;
mod cluster;
mod command;
mod count;
#[cfg(test)]
mod door_tests;
mod erasures;
mod error;
mod follower;
mod group;
mod guard;
mod handled;
mod handler;
mod in_order;
mod job;
mod load;
mod look;
mod meters;
mod missing_keys;
mod open;
mod opened;
mod opened_groups;
mod order;
mod overlay;
mod owner_events;
#[cfg(test)]
mod page_tests;
mod parked;
mod read;
mod read_audit;
mod recent;
mod replay;
mod saved_view;
mod scan;
mod scrub;
#[expect(clippy::module_inception, reason = "the file of `Service`")]
mod service;
mod shared;
mod space;
mod steady;
#[cfg(test)]
mod tests;
mod view_state;
mod views;
mod writer;

pub use auditor::{Audit, AuditError, Signed};
pub use by_email::Holder;
pub use catch_up::{CatchUp, ViewError};
pub use check::{Checked, check_records};
pub use clock::{Clock, now, system_clock};
pub use error::{ApplyError, OpenError, ReadError, SubmitError};
pub use guard::Seen;
pub use handled::Committed;
pub use meters::Meters;
pub use missing_keys::mark_keys_lost;
pub use open::{Opening, Options, open, rebuild_views};
pub use opened_groups::OpenedGroups;
pub use order::{Alone, Judged, NotOrdered, Order};
pub use read::{Found, LIST_CONTACTS_MAX};
pub use read_audit::ReadAudit;
pub use recent::RecentEvent;
pub use saved_view::VIEWS;
pub use scan::{EventScan, PAGE_BYTES_MAX, SCAN_EVENTS_MAX};
pub use scrub::Scrubbed;
pub use service::Service;
pub use shared::Body;
pub use space::make_way;
pub use steady::{Unbelievable, check_start};
pub use view_state::{LAG_EVENTS_MAX, Stop, ViewStatus};
pub use views::{NoSuchView, Views};
