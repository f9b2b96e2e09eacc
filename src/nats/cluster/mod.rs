//! The cluster on the bus: the stream that orders, what nodes say and ask, and the one who drives.
//!
//! | file | what |
//! | --- | --- |
//! | `options` | what it needs to know |
//! | `driver` | gives the node its events, and does what it wants done |
//! | `order`, `placing` | the writer's question for a place, handed to the driver, and its answer |
//! | `cosigning` | what each node proves of its disk |
//! | `disk` | this node's own log and keys: appending, looking, fetching |
//! | `hearing` | what is said, and who speaks as this node beside it |
//! | `noting` | what is logged of who leads and who is away |
//! | `link` | one connection after another, with the stream and what is heard on it |
//! | `stream`, `reader` | the stream: made, published to, read, looked at |
//! | `comparing`, `roots` | where other logs part from this one |
//! | `asks` | what another node is asked, and answering that |
//! | `forward` | requests handed on to the node that leads, and their replies |
//! | `carrying`, `bundle`, `single` | those that wait at the same time in one message, or each alone |
//! | `hello` | how a node without a log finds it |
//! | `subjects` | the names of all this on the bus |
//!
//! What to do is decided in [`crate::cluster`] alone; here it is only carried out. Whatever does
//! not come back, or comes back late, is asked for once more: the node bears it.

mod asks;
mod bundle;
mod carrying;
mod comparing;
mod cosigning;
mod disk;
mod driver;
mod forward;
mod hearing;
mod hello;
mod link;
mod noting;
mod options;
mod order;
mod placing;
mod reader;
mod roots;
mod single;
mod stream;
mod subjects;

pub use cosigning::Cosigning;
pub use driver::run;
pub use forward::{Forwarder, serve as serve_forwarded};
pub use hello::{Found, find_log};
pub use options::Options;
pub use order::{Orders, Placing, orders};
