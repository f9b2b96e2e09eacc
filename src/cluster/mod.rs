//! Several nodes, one log: who orders, what counts, what a majority has.
//!
//! The bus orders, the nodes' disks keep, the hash tree tells. A stream that several nodes publish
//! to, each message expecting the one before it, gives every group of events one place. Each
//! node keeps the ordered groups in a log of its own, synced, and a write is answered when a
//! majority of nodes has it. Each group names the tree on which it was judged, and a node applies
//! nothing that does not stand on its own tree: so agreement needs nothing of the bus, and a bus
//! that loses messages costs time, never an answer.
//!
//! | file | what |
//! | --- | --- |
//! | `member` | the nodes, and how many of them are a majority |
//! | `place` | how far a log goes, and the root of its tree |
//! | `message`, `term_record`, `cbor` | the messages of the stream |
//! | `spoken`, `ask`, `vouched` | what nodes say to each other beside it, and ask of each other, under their key |
//! | `rules` | what each message means |
//! | `ends`, `peers` | what others have, and what a majority has |
//! | `hello` | how a node without a log finds the others |
//! | `namesake` | who else speaks under this node's name |
//! | `event` | what a node is told, and what it wants done |
//! | `fork` | which of two logs stays where they part |
//! | `node`, `following`, `resuming`, `gap`, `leading`, `flight`, `yielding`, `halted`, `saying` | the node itself |
//! | `status` | what operators see |
//!
//! Nothing here waits, reads a clock, a disk or a socket: time comes in as a value, and a
//! simulation drives the same code as the service does.

mod ask;
mod cbor;
mod ends;
mod event;
mod flight;
mod following;
mod fork;
mod gap;
mod halted;
mod hello;
mod leading;
mod member;
mod message;
mod namesake;
mod node;
mod peers;
mod place;
mod resuming;
mod rules;
mod saying;
mod spoken;
mod status;
mod term_record;
mod vouched;
mod yielding;

pub use ask::Ask;
pub use event::{Action, Event};
pub use fork::{Answers, Branch, Parting, Verdict, verdict};
pub use hello::{Hello, Stranger};
pub use member::{BadMembers, BadName, MEMBERS_MAX, Members, NodeName};
pub use message::{Body, Coder, Message, MessageId, Sent};
pub use namesake::{Namesake, Namesakes};
pub use node::{Node, Role, Sizes};
pub use place::Place;
pub use rules::{Contradiction, Meaning, Rules};
pub use spoken::{Said, Spoken};
pub use status::{PeerStatus, Status};
pub use term_record::TermRecord;
