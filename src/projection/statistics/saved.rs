//! The counts in a file, so that a start need not count all events again.
//!
//! It is replaced whole, and has a checksum. Tenants stand in it once and are numbered, for each has
//! many counts. What is damaged, of another version or of another log is made again from the log.

use std::fmt;
use std::sync::Arc;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::domain::Position;
use crate::projection::KeepError;
use crate::storage::Files;

/// The file of the counts.
const NAME: &str = "statistics.view";

/// The place where counts are saved, and how far they were.
#[derive(Default)]
pub struct Place {
    files: Option<Arc<dyn Files>>,
    /// Whether the file is to hold these counts, and not those of another.
    pub counts: bool,
    /// The position of the last event that is counted in the file.
    pub at: Position,
}

impl Place {
    /// The place of counts that will be saved, but not yet.
    pub fn beside(files: Arc<dyn Files>) -> Self {
        Self {
            files: Some(files),
            ..Self::default()
        }
    }

    /// The counts that are in the file; `None` where there are none of this version, or they are
    /// damaged.
    pub fn read(&self, version: u32) -> Option<SavedV1> {
        let files = self.files.as_ref()?;
        let length = usize::try_from(files.len(NAME).ok()?).ok()?;
        let saved = SavedV1::decode(&files.read_at(NAME, 0, length).ok()?);
        if saved.is_none() {
            tracing::warn!("the saved statistics are damaged; they are made again");
        }
        saved.filter(|saved| saved.version == version)
    }

    /// Replaces what the file holds by these counts, where it is to hold them.
    ///
    /// # Errors
    /// The disk refused; what was saved before stands.
    pub fn write(&mut self, saved: &SavedV1) -> Result<(), KeepError> {
        if let Some(files) = self.files.as_ref().filter(|_| self.counts) {
            files.write_atomic(NAME, &saved.encode())?;
            self.at = Position::new(saved.position);
        }
        Ok(())
    }

    /// Removes the file, where it holds these counts.
    ///
    /// # Errors
    /// The disk refused; call again.
    pub fn remove(&mut self) -> Result<(), KeepError> {
        self.at = Position::ZERO;
        match &self.files {
            Some(files) if self.counts && files.has(NAME)? => Ok(files.remove(NAME)?),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = f.debug_struct("Place");
        place.field("at", &self.at).finish_non_exhaustive()
    }
}

/// The place of the file is no part of the counts.
impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

/// All counts as they are in the file.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SavedV1 {
    /// The version of the view that counted.
    #[n(0)]
    pub version: u32,
    /// The position of the last event counted.
    #[n(1)]
    pub position: u64,
    /// The id of that event, which tells one log from another.
    #[n(2)]
    pub event: ByteArray<16>,
    /// The time of the newest event, in milliseconds since 1970.
    #[n(3)]
    pub time: u64,
    /// The names of the tenants, in order.
    #[n(4)]
    pub tenants: Vec<String>,
    /// The counts since the first event.
    #[n(5)]
    pub totals: Vec<CountV1>,
    /// The counts of each hour.
    #[n(6)]
    pub hours: Vec<HourV1>,
}

/// The counts of one hour.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct HourV1 {
    /// The hour, counted since 1970.
    #[n(0)]
    pub hour: u64,
    /// The counts of that hour alone.
    #[n(1)]
    pub counts: Vec<CountV1>,
}

/// The number of events of one kind.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct CountV1 {
    /// The number of the dialect.
    #[n(0)]
    pub dialect: u8,
    /// The tenant's place among the names.
    #[n(1)]
    pub tenant: u32,
    /// The operation's place among all.
    #[n(2)]
    pub operation: u8,
    /// The phase's place among all.
    #[n(3)]
    pub phase: u8,
    /// The number of events.
    #[n(4)]
    pub count: u64,
}

impl SavedV1 {
    /// The bytes of the file: the counts, and a checksum behind them.
    pub fn encode(&self) -> Vec<u8> {
        // Writing into memory does not fail; an empty file would be seen as damage.
        let mut bytes = minicbor::to_vec(self).unwrap_or_default();
        bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// The counts that these bytes are; `None` where they are damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (saved, checksum) = bytes.split_last_chunk()?;
        if crc32c::crc32c(saved) != u32::from_be_bytes(*checksum) {
            return None;
        }
        minicbor::decode(saved).ok()
    }
}
