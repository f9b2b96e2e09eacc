//! What nodes say to each other beside the stream: nothing of it is kept anywhere.
//!
//! A spoken message is CBOR, then the MAC of it under the cluster's key. Nobody's safety rests on
//! the moment at which it is heard: one that is lost, late or heard twice costs time only.

use bytes::Bytes;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use uuid::Uuid;

use super::member::NodeName;
use super::place::Place;
use super::vouched;
use crate::audit::Hash;
use crate::domain::Position;
use crate::keys::ClusterKey;

/// What the MACs of these messages are for, so that they are nothing elsewhere.
const PURPOSE: &str = "spoken";
/// The longest version, in bytes.
const VERSION_BYTES_MAX: usize = 32;

/// Something that a node says to all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The node that says it.
    pub from: NodeName,
    /// The start of its process, which tells it from another one under its name; `None` of a release
    /// that does not say.
    pub start: Option<Uuid>,
    /// The term that it is in, as far as it has read.
    pub term: u64,
    /// What the others are told.
    pub said: Said,
}

/// The things that nodes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The leader is there.
    Beat {
        /// The last place that a majority of nodes has on its disks.
        settled: Place,
        /// Whether it gives the lead up, so that the next one stands at once.
        yields: bool,
    },
    /// So much is on the disk of this node, synced.
    Durable {
        /// The end of its log.
        place: Place,
        /// Whether it serves nothing, because its log contradicts what it has read or heard.
        halted: bool,
        /// Whether the log counts for a majority; one that was begun anew does not at first.
        whole: bool,
        /// Whoever is erased up to this position is so on this disk.
        erased: Position,
        /// The version that this node runs; `None` of one that does not say.
        version: Option<Box<str>>,
    },
    /// The keys of a group's new contacts, which must be on a majority of disks before the group is
    /// ordered.
    Keys {
        /// The position that the group's first event will have.
        first: Position,
        /// The keys, sealed under the cluster's key.
        sealed: Bytes,
    },
    /// This node has those keys on its disk.
    Kept {
        /// The position that the group's first event will have.
        first: Position,
        /// The hash of the sealed keys, for a leader may have drawn others since.
        hash: Hash,
    },
    /// The leader shall give the lead up.
    HandOver,
    /// This node has everything up to its newest checkpoint on its disk, and whoever is erased
    /// below is erased there.
    Cosigned {
        /// The key that this node's disk has, as a text (C2SP signed-note).
        key: String,
        /// The checkpoint, with the cosignature of that key.
        note: String,
    },
    /// The disk that had this key is destroyed: it is not asked for any more.
    Forget {
        /// The key, as a text.
        key: String,
    },
}

#[derive(Encode, Decode)]
struct Wire {
    #[n(0)]
    from: String,
    #[n(1)]
    term: u64,
    #[n(2)]
    said: WireSaid,
    /// Absent of a release that did not say; one of these passes over it.
    #[n(3)]
    start: Option<ByteArray<16>>,
}

#[derive(Encode, Decode)]
enum WireSaid {
    #[n(0)]
    Beat {
        #[n(0)]
        position: u64,
        #[n(1)]
        root: ByteArray<32>,
        #[n(2)]
        yields: bool,
    },
    #[n(1)]
    Durable {
        #[n(0)]
        position: u64,
        #[n(1)]
        root: ByteArray<32>,
        #[n(2)]
        halted: bool,
        #[n(3)]
        whole: bool,
        /// Absent of a release that destroyed keys as it took an erasure in.
        #[n(4)]
        erased: Option<u64>,
        /// Absent of a release that did not say; one of these passes over it.
        #[n(5)]
        version: Option<String>,
    },
    #[n(2)]
    Keys {
        #[n(0)]
        first: u64,
        #[n(1)]
        sealed: ByteVec,
    },
    #[n(3)]
    Kept {
        #[n(0)]
        first: u64,
        #[n(1)]
        hash: ByteArray<32>,
    },
    #[n(4)]
    HandOver,
    #[n(5)]
    Cosigned {
        #[n(0)]
        key: String,
        #[n(1)]
        note: String,
    },
    #[n(6)]
    Forget {
        #[n(0)]
        key: String,
    },
}

impl From<&Said> for WireSaid {
    fn from(said: &Said) -> Self {
        match said {
            Said::Beat { settled, yields } => Self::Beat {
                position: settled.position.get(),
                root: settled.root.0.into(),
                yields: *yields,
            },
            Said::Durable {
                place,
                halted,
                whole,
                erased,
                version,
            } => Self::Durable {
                position: place.position.get(),
                root: place.root.0.into(),
                halted: *halted,
                whole: *whole,
                erased: Some(erased.get()),
                version: version.as_deref().map(str::to_owned),
            },
            Said::Keys { first, sealed } => Self::Keys {
                first: first.get(),
                sealed: sealed.to_vec().into(),
            },
            Said::Kept { first, hash } => Self::Kept {
                first: first.get(),
                hash: hash.0.into(),
            },
            Said::HandOver => Self::HandOver,
            Said::Cosigned { key, note } => Self::Cosigned {
                key: key.clone(),
                note: note.clone(),
            },
            Said::Forget { key } => Self::Forget { key: key.clone() },
        }
    }
}

/// Whether a text may be a version, which operators are shown: short, and no sign that a terminal minds.
fn is_version(text: &str) -> bool {
    (1..=VERSION_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl From<WireSaid> for Said {
    fn from(said: WireSaid) -> Self {
        match said {
            WireSaid::Beat {
                position,
                root,
                yields,
            } => Self::Beat {
                settled: place(position, root),
                yields,
            },
            WireSaid::Durable {
                position,
                root,
                halted,
                whole,
                erased,
                version,
            } => Self::Durable {
                place: place(position, root),
                halted,
                whole,
                erased: Position::new(erased.unwrap_or(position)),
                version: version.filter(|text| is_version(text)).map(Into::into),
            },
            WireSaid::Keys { first, sealed } => Self::Keys {
                first: Position::new(first),
                sealed: Vec::from(sealed).into(),
            },
            WireSaid::Kept { first, hash } => Self::Kept {
                first: Position::new(first),
                hash: Hash(hash.into()),
            },
            WireSaid::HandOver => Self::HandOver,
            WireSaid::Cosigned { key, note } => Self::Cosigned { key, note },
            WireSaid::Forget { key } => Self::Forget { key },
        }
    }
}

fn place(position: u64, root: ByteArray<32>) -> Place {
    Place {
        position: Position::new(position),
        root: Hash(root.into()),
    }
}

impl Spoken {
    /// Writes a message under the cluster's key.
    #[must_use]
    pub fn encode(&self, key: &ClusterKey) -> Bytes {
        let wire = Wire {
            from: self.from.to_string(),
            term: self.term,
            said: (&self.said).into(),
            start: self.start.map(|start| start.into_bytes().into()),
        };
        vouched::write(&wire, key, PURPOSE, &[])
    }

    /// Reads a message; `None` for one that is not under the cluster's key.
    #[must_use]
    pub fn decode(bytes: &[u8], key: &ClusterKey) -> Option<Self> {
        let Wire {
            from,
            term,
            said,
            start,
        } = vouched::read(bytes, key, PURPOSE, &[])?;
        Some(Self {
            from: from.parse().ok()?,
            start: start.map(|start| Uuid::from_bytes(start.into())),
            term,
            said: said.into(),
        })
    }

    /// Whether a message is under the cluster's key, though it may be of a later release and say what
    /// this one does not know.
    #[must_use]
    pub fn is_under(bytes: &[u8], key: &ClusterKey) -> bool {
        vouched::is_under(bytes, key, PURPOSE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn said() -> impl Strategy<Value = Said> {
        let position = || any::<u64>().prop_map(Position::new);
        let hash = || any::<[u8; 32]>().prop_map(Hash);
        let place = || (position(), hash()).prop_map(|(position, root)| Place { position, root });
        let sealed = vec(any::<u8>(), 0..70).prop_map(Bytes::from);
        let beat = (place(), any::<bool>());
        let version = prop::option::of("[!-~]{1,32}".prop_map(Into::into));
        let durable = (place(), any::<bool>(), any::<bool>(), position(), version);
        prop_oneof![
            beat.prop_map(|(settled, yields)| Said::Beat { settled, yields }),
            durable.prop_map(|(place, halted, whole, erased, version)| Said::Durable {
                place,
                halted,
                whole,
                erased,
                version,
            }),
            (position(), sealed).prop_map(|(first, sealed)| Said::Keys { first, sealed }),
            (position(), hash()).prop_map(|(first, hash)| Said::Kept { first, hash }),
            Just(Said::HandOver),
            (".{0,9}", ".{0,99}").prop_map(|(key, note)| Said::Cosigned { key, note }),
            ".{0,9}".prop_map(|key| Said::Forget { key }),
        ]
    }

    /// The form of a message of releases before the start was added to it.
    #[derive(Encode, Decode)]
    struct Earlier {
        #[n(0)]
        from: String,
        #[n(1)]
        term: u64,
        #[n(2)]
        said: WireSaid,
    }

    #[test]
    fn releases_that_name_no_start_are_heard_and_hear() {
        let key = ClusterKey::new([7; 32], "log");
        let earlier = Earlier {
            from: "a".into(),
            term: 3,
            said: (&Said::HandOver).into(),
        };
        let heard = Spoken::decode(&vouched::write(&earlier, &key, PURPOSE, &[]), &key);
        let heard = heard.expect("it is under the key");
        assert_eq!((heard.start, heard.term), (None, 3));
        let start = Some(Uuid::from_u128(9));
        let said = Spoken { start, ..heard }.encode(&key);
        let read: Option<Earlier> = vouched::read(&said, &key, PURPOSE, &[]);
        assert_eq!(read.map(|read| read.term), Some(3));
    }

    /// What a release said of its disk that named no version.
    #[derive(Encode, Decode)]
    enum EarlierSaid {
        #[n(1)]
        Durable {
            #[n(0)]
            position: u64,
            #[n(1)]
            root: ByteArray<32>,
            #[n(2)]
            halted: bool,
            #[n(3)]
            whole: bool,
            #[n(4)]
            erased: Option<u64>,
        },
    }

    #[test]
    fn releases_that_name_no_version_are_heard_and_hear() {
        let earlier = EarlierSaid::Durable {
            position: 7,
            root: [1; 32].into(),
            halted: false,
            whole: true,
            erased: Some(6),
        };
        let of = |version: Option<&str>| Said::Durable {
            place: place(7, [1; 32].into()),
            halted: false,
            whole: true,
            erased: Position::new(6),
            version: version.map(Into::into),
        };
        let heard = |bytes: &[u8]| minicbor::decode::<WireSaid>(bytes).map(Said::from);
        let bytes = minicbor::to_vec(&earlier).expect("room");
        assert_eq!(heard(&bytes).expect("it is heard"), of(None));
        let bytes = minicbor::to_vec(WireSaid::from(&of(Some("1.2.3")))).expect("room");
        assert_eq!(heard(&bytes).expect("it is heard"), of(Some("1.2.3")));
        let EarlierSaid::Durable { position, .. } =
            minicbor::decode(&bytes).expect("it passes over the version");
        assert_eq!(position, 7);
        // What is no version is shown to nobody.
        for text in ["", "a b", "\u{1b}[2J", &"1".repeat(33)] {
            let bytes = minicbor::to_vec(WireSaid::from(&of(Some(text)))).expect("room");
            assert_eq!(heard(&bytes).expect("it is heard"), of(None), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_said_is_heard_and_not_when_a_bit_is_flipped(
            term: u64,
            said in said(),
            start: Option<u128>,
            bit: prop::sample::Index,
        ) {
            let key = ClusterKey::new([7; 32], "log");
            let from = "node-1".parse().expect("a name");
            let start = start.map(Uuid::from_u128);
            let spoken = Spoken { from, start, term, said };
            let mut bytes = spoken.encode(&key).to_vec();
            prop_assert_eq!(Spoken::decode(&bytes, &key), Some(spoken));
            prop_assert!(Spoken::is_under(&bytes, &key));
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Spoken::decode(&bytes, &key), None);
            prop_assert!(!Spoken::is_under(&bytes, &key));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..99)) {
            let key = ClusterKey::new([7; 32], "log");
            prop_assert_eq!(Spoken::decode(&bytes, &key), None);
        }
    }
}
