//! Several requests of one node to another in one message, and their replies in another: whatever waits
//! when a message leaves goes with it.
//!
//! A bundle is CBOR, sealed with the cluster's secret. Whoever asks numbers the requests, and each reply
//! bears the number of its request: they come back in whatever order they are ready in.

use minicbor::{Decode, Encode};
use tokio::sync::mpsc;

use crate::keys::ClusterKey;

/// What the seal of requests is for, so that it is nothing elsewhere.
pub const ASKED: &str = "forwarded requests";
/// Likewise of their replies.
pub const ANSWERED: &str = "forwarded replies";
/// A bundle is closed when it has grown to this: larger ones would save little, and a message must fit
/// into what any broker takes.
const BUNDLE_BYTES: usize = 64 << 10;

/// A request or its reply, with the number by which they belong together.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Numbered {
    /// The number that whoever asks gave the request.
    #[n(0)]
    pub number: u64,
    /// The request, or the reply to it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// Seals some of them as one message; `None` where the system gives no random bytes.
pub fn seal(key: &ClusterKey, purpose: &str, all: &[Numbered]) -> Option<Vec<u8>> {
    key.seal(purpose, &minicbor::to_vec(all).ok()?).ok()
}

/// Opens what another node sealed for this purpose; `None` for anything else.
pub fn open(key: &ClusterKey, purpose: &str, sealed: &[u8]) -> Option<Vec<Numbered>> {
    minicbor::decode(&key.open(purpose, sealed)?).ok()
}

/// The first of a queue with whatever is behind it, up to the size of a bundle; one that would make it
/// larger is a bundle of its own, for a message must fit into what the broker takes. What others are about
/// to put there is let come: where much is under way it comes at once, and a lone one waits for nobody.
pub async fn gather<T>(
    first: T,
    queue: &mut mpsc::Receiver<T>,
    size: fn(&T) -> usize,
) -> Vec<Vec<T>> {
    tokio::task::yield_now().await;
    let mut bytes = size(&first);
    let mut all = vec![first];
    while bytes < BUNDLE_BYTES
        && let Ok(next) = queue.try_recv()
    {
        bytes += size(&next);
        all.push(next);
    }
    let fits = all.len() == 1 || bytes <= BUNDLE_BYTES;
    let last = if fits { None } else { all.pop() };
    [all]
        .into_iter()
        .chain(last.map(|last| vec![last]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: u64) -> Numbered {
        let bytes = vec![7; number as usize];
        Numbered { number, bytes }
    }

    #[test]
    fn a_bundle_opens_for_its_purpose_and_its_log_alone() {
        let key = ClusterKey::new([7; 32], "a-log");
        let sealed = seal(&key, ASKED, &[numbered(1), numbered(300)]).unwrap();
        let opened = open(&key, ASKED, &sealed).unwrap();
        assert_eq!(opened, [numbered(1), numbered(300)]);
        assert_eq!(open(&key, ANSWERED, &sealed), None);
        assert_eq!(open(&key.of_log("another"), ASKED, &sealed), None);
        let other = key.seal(ASKED, b"no bundle").unwrap();
        assert_eq!(open(&key, ASKED, &other), None);
    }

    #[tokio::test]
    async fn what_waits_goes_together_up_to_a_size() {
        let (queue, mut waiting) = mpsc::channel(8);
        let half = BUNDLE_BYTES / 2;
        for bytes in [half, half, 1, BUNDLE_BYTES, 3] {
            queue.send(bytes).await.unwrap();
        }
        let first = async |waiting: &mut mpsc::Receiver<usize>| waiting.recv().await.unwrap();
        let size: fn(&usize) -> usize = |bytes| *bytes;
        let one = first(&mut waiting).await;
        assert_eq!(gather(one, &mut waiting, size).await, [[half, half]]);
        let one = first(&mut waiting).await;
        let large = [vec![1], vec![BUNDLE_BYTES]];
        assert_eq!(gather(one, &mut waiting, size).await, large);
        let one = first(&mut waiting).await;
        let late = async { queue.send(2).await.unwrap() };
        let (all, ()) = tokio::join!(gather(one, &mut waiting, size), late);
        assert_eq!(all, [[3, 2]], "what is put there meanwhile goes with it");
    }
}
