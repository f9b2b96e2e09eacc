//! Blocks of items of one kind, each under a checksum.

use bytes::{Buf, BufMut, Bytes};

use super::VIEW_VERSION;
use super::error::PartError;
use crate::storage::StorageError;

/// The bytes that a part begins with, before the number of its version.
const MAGIC: &[u8; 8] = b"contacts";
/// A block that has grown to this is closed.
const BLOCK_BYTES: usize = 32 << 10;
/// The largest block that is read: an item more than [`BLOCK_BYTES`].
const BLOCK_BYTES_MAX: usize = 1 << 20;
/// The most bytes that are read of a file at a time.
const READ_BYTES: usize = 1 << 20;
const HEAD_BYTES: usize = 5;
const CHECKSUM_BYTES: usize = 4;
/// The bytes of a part's last block, which says the number of rows.
pub(super) const END_BYTES: usize = HEAD_BYTES + size_of::<u64>() + CHECKSUM_BYTES;

/// The kinds of items, in the order in which a part has their blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The two marks between which everything in the part changed.
    Marks = 1,
    Owners,
    Actors,
    Steps,
    Chosen,
    Receipts,
    Commands,
    Rows,
    /// Nothing comes after it: the number of rows.
    End,
}

impl Kind {
    /// The kinds of what is only ever added.
    pub(super) const ADDED: [Self; 6] = [
        Self::Owners,
        Self::Actors,
        Self::Steps,
        Self::Chosen,
        Self::Receipts,
        Self::Commands,
    ];

    fn of(number: u8) -> Option<Self> {
        let [first, rest @ ..] = Self::ADDED;
        let all = [Self::Marks, first].into_iter().chain(rest);
        let mut all = all.chain([Self::Rows, Self::End]);
        all.find(|kind| *kind as u8 == number)
    }
}

/// Makes blocks of items.
pub(super) struct Blocks {
    bytes: Vec<u8>,
    /// The kind of the block that is open, and where it begins.
    open: Option<(Kind, usize)>,
}

impl Blocks {
    /// The beginning of a part.
    pub(super) fn new() -> Self {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VIEW_VERSION);
        Self { bytes, open: None }
    }

    /// Adds an item behind those of its kind.
    pub(super) fn item(&mut self, kind: Kind, write: impl FnOnce(&mut Vec<u8>)) {
        let fits =
            |(open, begin): (Kind, usize)| open == kind && self.bytes.len() - begin < BLOCK_BYTES;
        if !self.open.is_some_and(fits) {
            self.close();
            self.open = Some((kind, self.bytes.len()));
            self.bytes.put_u8(kind as u8);
            self.bytes.put_u32(0);
        }
        write(&mut self.bytes);
    }

    /// Ends the block that is open.
    pub(super) fn close(&mut self) {
        let Some((_, begin)) = self.open.take() else {
            return;
        };
        let length = self.bytes.len() - begin - HEAD_BYTES;
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let place = self.bytes.iter_mut().skip(begin + 1);
        place.zip(length).for_each(|(to, from)| *to = from);
        let block = self.bytes.get(begin..).unwrap_or_default();
        let checksum = crc32c::crc32c(block);
        self.bytes.put_u32(checksum);
    }

    /// The number of bytes made and not taken.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes the bytes of the blocks that are closed.
    pub(super) fn take_closed(&mut self) -> Vec<u8> {
        match &mut self.open {
            Some((_, begin)) => {
                let open = self.bytes.split_off(*begin);
                *begin = 0;
                std::mem::replace(&mut self.bytes, open)
            }
            None => std::mem::take(&mut self.bytes),
        }
    }

    /// Closes the last block and gives all bytes that were not taken.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.close();
        self.bytes
    }
}

/// A source of the bytes of a part: at most so many from an offset on.
pub(super) type Source<'a> = Box<dyn Fn(u64, usize) -> Result<Vec<u8>, StorageError> + Send + 'a>;

/// Reads the blocks of a part, in order.
pub(super) struct BlockReader<'a> {
    source: Source<'a>,
    read: u64,
    ahead: Bytes,
}

impl<'a> BlockReader<'a> {
    /// Begins to read a part, at its version.
    pub(super) fn new(source: Source<'a>) -> Result<Self, PartError> {
        let mut reader = Self {
            source,
            read: 0,
            ahead: Bytes::new(),
        };
        let begins = reader.fill(MAGIC.len() + 1)?;
        let magic = reader.ahead.first_chunk() == Some(MAGIC);
        if !begins || !magic || reader.ahead.get(MAGIC.len()) != Some(&VIEW_VERSION) {
            return Err(PartError::Version);
        }
        reader.ahead.advance(MAGIC.len() + 1);
        Ok(reader)
    }

    /// The next block; `None` where the bytes have come to their end.
    pub(super) fn next(&mut self) -> Result<Option<(Kind, Bytes)>, PartError> {
        if !self.fill(HEAD_BYTES)? {
            return if self.ahead.is_empty() {
                Ok(None)
            } else {
                Err(PartError::Damaged)
            };
        }
        let length = self.ahead.get(1..HEAD_BYTES).unwrap_or_default();
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let whole = HEAD_BYTES + length;
        if length > BLOCK_BYTES_MAX || !self.fill(whole + CHECKSUM_BYTES)? {
            return Err(PartError::Damaged);
        }
        let block = self.ahead.split_to(whole + CHECKSUM_BYTES);
        opened(block).ok_or(PartError::Damaged).map(Some)
    }

    /// Reads on until so many bytes are at hand; whether there are so many.
    fn fill(&mut self, wanted: usize) -> Result<bool, PartError> {
        while self.ahead.len() < wanted {
            let more = (self.source)(self.read, READ_BYTES)?;
            if more.is_empty() {
                return Ok(false);
            }
            self.read += more.len() as u64;
            self.ahead = if self.ahead.is_empty() {
                more.into()
            } else {
                [&*self.ahead, &more].concat().into()
            };
        }
        Ok(true)
    }
}

/// The kind and the items of a block with its checksum; `None` where that is wrong.
pub(super) fn opened(mut block: Bytes) -> Option<(Kind, Bytes)> {
    let checksum = block.split_off(block.len().checked_sub(CHECKSUM_BYTES)?);
    if crc32c::crc32c(&block).to_be_bytes() != *checksum {
        return None;
    }
    let kind = Kind::of(*block.first()?)?;
    (block.len() >= HEAD_BYTES).then(|| (kind, block.split_off(HEAD_BYTES)))
}
