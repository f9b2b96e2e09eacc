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
    let (said, mac) = bytes.split_last_chunk::<CODE_BYTES>()?;
    key.vouches(purpose, &[bound, &[said]].concat(), mac)
        .then(|| cbor::decode(said))?
}
