//! What nodes say to each other directly: CBOR, then the MAC of it under the cluster's key.

use bytes::Bytes;
use minicbor::{Decode, Encode};

use super::cbor;
use crate::keys::{CODE_BYTES, ClusterKey};

/// Writes a value under the cluster's key. The purpose makes its MAC nothing elsewhere; `bound` is
/// what the MAC covers besides, and is not sent.
pub(super) fn write<T: Encode<()>>(
    value: &T,
    key: &ClusterKey,
    purpose: &str,
    bound: &[&[u8]],
) -> Bytes {
    let mut bytes = cbor::encode(value).to_vec();
    let mac = key.code(purpose, &[bound, &[&bytes]].concat());
    bytes.extend_from_slice(&mac);
    bytes.into()
}

/// Reads a value; `None` for what is not under the cluster's key, for this purpose and bound so.
pub(super) fn read<'b, T: Decode<'b, ()>>(
    bytes: &'b [u8],
    key: &ClusterKey,
    purpose: &str,
    bound: &[&[u8]],
) -> Option<T> {
    cbor::decode(vouched(bytes, key, purpose, bound)?)
}

/// Whether something is under the cluster's key, for this purpose, whatever it says.
pub(super) fn is_under(bytes: &[u8], key: &ClusterKey, purpose: &str) -> bool {
    vouched(bytes, key, purpose, &[]).is_some()
}

/// The bytes of a value without their MAC, where that is the right one.
fn vouched<'b>(
    bytes: &'b [u8],
    key: &ClusterKey,
    purpose: &str,
    bound: &[&[u8]],
) -> Option<&'b [u8]> {
    let (said, mac) = bytes.split_last_chunk::<CODE_BYTES>()?;
    let is_right = key.vouches(purpose, &[bound, &[said]].concat(), mac);
    is_right.then_some(said)
}
