//! Signed notes (C2SP signed-note): a text, and lines of signatures below it.
//!
//! Ed25519 only, for logs and, with a time, for witnesses. A note is read
//! strictly: it has one spelling, so that no bit of it can change unseen.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{
    Signature, Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding},
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::storage::{FileAt, StorageError};

/// A note longer than this is refused.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// A note with more signatures than this is refused.
pub const SIGNATURES_MAX: usize = 64;
/// A key file is a few lines; of a longer one no more than this is read.
const PEM_BYTES_MAX: usize = 16 * 1024;
const NAME_BYTES_MAX: usize = 255;
const DASH: &str = "\u{2014} ";

/// The name of a key, and the origin of a log: without spaces, `+` and control characters.
///
/// ```
/// use contactd::audit::KeyName;
///
/// assert_eq!(KeyName::parse("log.example/contacts").expect("a name").as_str(), "log.example/contacts");
/// assert_eq!(KeyName::parse("two words"), None);
/// assert_eq!(KeyName::parse("a+b"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyName(Box<str>);

impl KeyName {
    /// The name of this text, unless it is empty, longer than 255 bytes or has a character that
    /// a name may not have.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len());
        (fits && text.chars().all(good)).then(|| Self(text.into()))
    }

    /// The prefix as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// The text of a note.
    Note,
    /// A checkpoint at a time, as a witness.
    Cosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// A public key and its name: what a verifier is given. Its text is `name+hash+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    kind: KeyKind,
    key: VerifyingKey,
}

impl VerifierKey {
    pub(super) fn new(name: KeyName, kind: KeyKind, key: VerifyingKey) -> Self {
        Self { name, kind, key }
    }

    /// The key that a text names; `None` where it is no such text or its hash is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '+');
        let name = KeyName::parse(parts.next()?)?;
        let _id = parts.next()?;
        let material = STANDARD.decode(parts.next()?).ok()?;
        let (kind, key) = material.split_first()?;
        let kind = match kind {
            0x01 => KeyKind::Note,
            0x04 => KeyKind::Cosignature,
            _ => return None,
        };
        let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
        let parsed = Self::new(name, kind, key);
        (parsed.to_string() == text).then_some(parsed)
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The kind of text that the key signs.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The number that signature lines name it by, beside its name.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_str());
        hasher.update([b'\n', self.kind.byte()]);
        hasher.update(self.key.as_bytes());
        let hash: [u8; 32] = hasher.finalize().into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }

    /// This key, as one that signs other texts.
    pub(super) fn of_kind(&self, kind: KeyKind) -> Self {
        Self::new(self.name.clone(), kind, self.key)
    }

    /// This key under another name.
    pub(super) fn named(&self, name: KeyName) -> Self {
        Self::new(name, self.kind, self.key)
    }

    /// Whether a signature line names this key.
    pub(super) fn is_named_by(&self, line: &SignatureLine) -> bool {
        line.name == self.name && line.id == self.id()
    }

    /// Whether these are the key's signature over a message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&[self.kind.byte()], self.key.as_bytes().as_slice()].concat();
        let (id, material) = (hex::encode(self.id()), STANDARD.encode(material));
        write!(f, "{}+{id}+{material}", self.name)
    }
}

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// It cannot be read or created.
    #[error(transparent)]
    File(#[from] StorageError),
    /// It is no key.
    #[error("{} is no Ed25519 key in PKCS #8 PEM form; the key of a log that has begun is in a backup, and `openssl genpkey -algorithm ed25519` makes one for a new log", path.display())]
    Malformed {
        /// The path of the key file.
        path: std::path::PathBuf,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes for a new key: {0}")]
    Random(getrandom::Error),
}

/// A private key that signs notes.
pub struct Signer {
    name: KeyName,
    key: SigningKey,
}

impl Signer {
    /// Takes the key in a PKCS #8 PEM file, and creates a file with a fresh one where there is
    /// none.
    ///
    /// # Errors
    /// The file cannot be read or created, or holds no Ed25519 key.
    pub fn read_or_create(file: &FileAt, name: KeyName) -> Result<Self, SignerError> {
        if file.exists()? {
            return Self::read(file, name);
        }
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(SignerError::Random)?;
        let pem = SigningKey::from_bytes(&seed).to_pkcs8_pem(LineEnding::LF);
        let pem = pem.map_err(|_| SignerError::Malformed { path: file.path() })?;
        file.create_whole(pem.as_bytes())?;
        Self::read(file, name)
    }

    /// Takes the key in a PKCS #8 PEM file.
    ///
    /// # Errors
    /// The file cannot be read, or holds no Ed25519 key.
    pub fn read(file: &FileAt, name: KeyName) -> Result<Self, SignerError> {
        let malformed = || SignerError::Malformed { path: file.path() };
        let pem = file.read_existing(PEM_BYTES_MAX)?;
        let pem = Zeroizing::new(pem);
        let pem = std::str::from_utf8(&pem).map_err(|_| malformed())?;
        let key = SigningKey::from_pkcs8_pem(pem).map_err(|_| malformed())?;
        Ok(Self { name, key })
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::new(self.name.clone(), KeyKind::Note, self.key.verifying_key())
    }

    /// The signature over bytes.
    pub(super) fn sign_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.key.sign(bytes).to_vec()
    }

    /// The note of a text, which ends in a newline, with this signature alone.
    #[must_use]
    pub(super) fn sign(&self, text: String) -> Note {
        let line = SignatureLine {
            name: self.name.clone(),
            id: self.verifier().id(),
            bytes: self.sign_bytes(text.as_bytes()),
        };
        Note {
            text,
            signatures: vec![line],
        }
    }
}

/// A line below a note: whose signature, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    /// The name of the key that signed.
    pub name: KeyName,
    /// The key id: four bytes of the hash of name and key.
    pub id: [u8; 4],
    /// The signature, in the form of that key's kind.
    pub bytes: Vec<u8>,
}

impl SignatureLine {
    fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = STANDARD.decode(base64).ok()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        Some(Self {
            name: KeyName::parse(name)?,
            id: *id,
            bytes: bytes.to_vec(),
        })
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base64 = STANDARD.encode([&self.id, self.bytes.as_slice()].concat());
        writeln!(f, "{DASH}{} {base64}", self.name)
    }
}

/// A text with signatures. Nothing in it is to be believed before a signature is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub(super) text: String,
    pub(super) signatures: Vec<SignatureLine>,
}

impl Note {
    /// Reads a note; `None` where it is not one, or longer than [`NOTE_BYTES_MAX`].
    #[must_use]
    pub fn parse(note: &str) -> Option<Self> {
        let control = |c: char| c < ' ' && c != '\n';
        if note.len() > NOTE_BYTES_MAX || note.contains(control) {
            return None;
        }
        let (text, signatures) = note.rsplit_once("\n\n")?;
        let signatures = parse_signatures(signatures)?;
        let text = format!("{text}\n");
        Some(Self { text, signatures })
    }

    /// The text that is signed, its last newline included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in their order.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Whether the log's key has signed the text, and no line that names it is wrong.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        let mut named = self.signatures.iter().filter(|l| key.is_named_by(l));
        let mut any = false;
        let all = named.all(|line| {
            any = true;
            key.verifies(self.text.as_bytes(), &line.bytes)
        });
        any && all
    }

    /// Whether another key has signed the text in this key's name. A line whose bytes have changed
    /// is none: one changed character of it leaves the number's first bytes or the signature.
    #[must_use]
    pub(super) fn is_signed_by_another(&self, key: &VerifierKey) -> bool {
        let [a, b, c, _] = key.id();
        let mut named = self.signatures.iter().filter(|l| l.name == *key.name());
        named.any(|line| {
            !line.id.starts_with(&[a, b, c]) && !key.verifies(self.text.as_bytes(), &line.bytes)
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(f))
    }
}

/// Reads one or more signature lines, each with its newline.
pub(super) fn parse_signatures(lines: &str) -> Option<Vec<SignatureLine>> {
    let lines = lines.strip_suffix('\n')?;
    let lines: Option<Vec<_>> = lines.split('\n').map(SignatureLine::parse).collect();
    lines.filter(|lines| lines.len() <= SIGNATURES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of the specification.
    const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
        Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    #[test]
    fn the_specifications_example_verifies_and_no_bit_of_it_may_change() {
        let key = VerifierKey::parse(KEY).unwrap();
        assert_eq!(key.to_string(), KEY);
        let note = Note::parse(NOTE).unwrap();
        assert_eq!(note.to_string(), NOTE);
        assert!(note.is_signed_by(&key));
        for bit in 0..NOTE.len() * 8 {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let flipped = String::from_utf8(bytes).ok();
            let note = flipped.and_then(|text| Note::parse(&text));
            assert!(!note.is_some_and(|note| note.is_signed_by(&key)), "{bit}");
        }
        for at in 0..KEY.len() {
            let mut text = KEY.as_bytes().to_vec();
            text[at] ^= 1;
            let other = VerifierKey::parse(std::str::from_utf8(&text).unwrap());
            assert!(other.is_none_or(|key| !note.is_signed_by(&key)), "{at}");
        }
    }

    #[test]
    fn a_key_file_is_made_once_and_signs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.key");
        let file = FileAt::at(&path);
        let name = KeyName::parse("contactd.local/1").unwrap();
        let signer = Signer::read_or_create(&file, name.clone()).unwrap();
        let note = signer.sign("one\n\ntwo\n".into());
        let again = Signer::read_or_create(&file, name.clone()).unwrap();
        let read = Note::parse(&note.to_string()).unwrap();
        assert!(read.is_signed_by(&again.verifier()));
        assert_eq!(read.text(), "one\n\ntwo\n");
        std::fs::write(&path, "no key").unwrap();
        let read = Signer::read_or_create(&file, name);
        assert!(matches!(read, Err(SignerError::Malformed { .. })));
    }

    #[test]
    fn a_wrong_line_of_a_known_key_spoils_a_good_one() {
        let key = VerifierKey::parse(KEY).unwrap();
        let mut note = Note::parse(NOTE).unwrap();
        let mut wrong = note.signatures[0].clone();
        wrong.bytes[0] ^= 1;
        note.signatures.push(wrong);
        assert!(!note.is_signed_by(&key));
        note.signatures[1].id[0] ^= 1;
        assert!(note.is_signed_by(&key), "an unknown key is passed over");
    }

    #[test]
    fn another_key_is_told_from_any_changed_character() {
        let dir = tempfile::tempdir().unwrap();
        let name = KeyName::parse("contactd.local/x").unwrap();
        let [ours, other] = ["a", "b"]
            .map(|key| Signer::read_or_create(&FileAt::at(&dir.path().join(key)), name.clone()));
        let (ours, other) = (ours.unwrap(), other.unwrap().verifier());
        let text = ours.sign("one\n".into()).to_string();
        let note = Note::parse(&text).unwrap();
        assert!(note.is_signed_by_another(&other));
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let flipped = String::from_utf8(bytes).ok();
                let note = flipped.and_then(|text| Note::parse(&text));
                let another = note.is_some_and(|note| note.is_signed_by_another(&ours.verifier()));
                assert!(!another, "{at}");
            }
        }
    }

    #[test]
    fn names_that_would_be_ambiguous_are_refused() {
        for bad in ["", "a b", "a+b", "a\nb", "a\u{2003}b", &"x".repeat(256)] {
            assert!(KeyName::parse(bad).is_none(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_spelled_that_way(text in "(\\PC|\n| |\u{2014}){0,80}") {
            for text in [text.clone(), NOTE.replace("example.com/foo", &text)] {
                if let Some(note) = Note::parse(&text) {
                    prop_assert_eq!(note.to_string(), text);
                }
            }
        }
    }
}
