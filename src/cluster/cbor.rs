//! CBOR (RFC 8949) of this floor's own forms: whole, and nothing behind it.

use bytes::Bytes;
use minicbor::{Decode, Decoder, Encode};

/// Writes a value. To memory that can't fail.
pub(super) fn encode<T: Encode<()>>(value: &T) -> Bytes {
    minicbor::to_vec(value).unwrap_or_default().into()
}

/// Reads a value that fills the bytes; `None` for anything else.
pub(super) fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Option<T> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode().ok()?;
    (decoder.position() == bytes.len()).then_some(value)
}
