//! Public keys, and the choice among them.
//!
//! A key knows its algorithm, and only that one is ever tried with it; a
//! token's header merely has to agree. So a token cannot ask for HMAC with a
//! public key as the secret, nor for no signature at all.
//!
//! Keys of a JWKS (RFC 7517) that we cannot or may not use are skipped with a
//! warning that names their place in the set and nothing of their material.
//! Each key's sizes are checked when it is read: the verifying library assumes
//! them, and panics on an Ed25519 key that is too short.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use thiserror::Error;
use tracing::warn;

use super::claims::TEXT_CHARS_MAX;
use super::error::AuthError;
use super::token::Compact;

/// The most keys in one JWKS.
pub const KEYS_MAX: usize = 64;
/// RSA moduli from 2,048 bits (RFC 7518, section 3.3) to the library's 4,096.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// RSA exponents: 65,537 has three bytes; the library stops at 33 bits.
const RSA_EXPONENT_BYTES: std::ops::RangeInclusive<usize> = 1..=4;
/// An Ed25519 public key, and a coordinate on P-256.
const CURVE_BYTES: usize = 32;

/// One public key with its one algorithm. No `Debug`: there is nothing in it to read.
pub(super) struct VerifyKey {
    key_id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerifyKey {
    /// The public half of an Ed25519 key of our own.
    pub(super) fn ed25519(key_id: String, public: &[u8; CURVE_BYTES]) -> Self {
        Self {
            key_id: Some(key_id),
            algorithm: Algorithm::EdDSA,
            key: DecodingKey::from_ed_der(public),
        }
    }

    fn verifies(&self, token: &Compact<'_>) -> bool {
        let signed = token.signed.as_bytes();
        matches!(
            crypto::verify(token.signature, signed, &self.key, self.algorithm),
            Ok(true)
        )
    }
}

/// Checks that one of `keys` signed `token`.
///
/// A token that names a key is held to keys of that name; one that names none
/// is tried with every key of its algorithm, of which there are few.
pub(super) fn check_signature<'a>(
    token: &Compact<'_>,
    keys: impl Iterator<Item = &'a VerifyKey>,
) -> Result<&'a VerifyKey, AuthError> {
    let algorithm = match token.algorithm.as_str() {
        "EdDSA" => Algorithm::EdDSA,
        "ES256" => Algorithm::ES256,
        "RS256" => Algorithm::RS256,
        _ => return Err(AuthError::UnsupportedAlgorithm),
    };
    let mut refusal = AuthError::KeyUnknown;
    for key in keys {
        if token.key_id.is_some() && token.key_id != key.key_id {
            continue;
        }
        if key.algorithm != algorithm {
            // Without a key id it is merely not the key the token means.
            if token.key_id.is_some() && refusal == AuthError::KeyUnknown {
                refusal = AuthError::AlgorithmMismatch;
            }
            continue;
        }
        if key.verifies(token) {
            return Ok(key);
        }
        refusal = AuthError::BadSignature;
    }
    Err(refusal)
}

/// Why a document is no JWKS.
#[derive(Debug, Error)]
pub(super) enum KeySetError {
    #[error("it is no JSON object with an array `keys` (RFC 7517, section 5)")]
    NotAJwks,
    #[error("it holds {found} keys; at most {KEYS_MAX} are read")]
    TooManyKeys { found: usize },
}

/// The usable keys of one JWKS.
#[derive(Default)]
pub(super) struct KeySet {
    keys: Vec<VerifyKey>,
}

impl KeySet {
    /// Reads a JWKS document.
    pub(super) fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<serde_json::Value>,
        }
        let Document { keys } =
            serde_json::from_slice(document).map_err(|_| KeySetError::NotAJwks)?;
        if keys.len() > KEYS_MAX {
            return Err(KeySetError::TooManyKeys { found: keys.len() });
        }
        let mut usable = Vec::with_capacity(keys.len());
        for (index, key) in keys.into_iter().enumerate() {
            match read_key(key) {
                Ok(key) => usable.push(key),
                Err(reason) => warn!(index, %reason, "a key of the JWKS is skipped"),
            }
        }
        Ok(Self { keys: usable })
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, VerifyKey> {
        self.keys.iter()
    }

    /// How many keys can be used.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// Why one key of a JWKS is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum Unusable {
    #[error("it is no JSON Web Key")]
    NotAKey,
    #[error("its `kid` is empty or too long")]
    KeyId,
    #[error("it is not meant to verify signatures (`use`, `key_ops`)")]
    Purpose,
    #[error("only Ed25519, P-256 and RSA keys are used (`kty`, `crv`)")]
    KeyType,
    #[error("its `alg` is not the one we use with its type")]
    Algorithm,
    #[error("its numbers are missing, of a wrong size or no point of the curve")]
    Material,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

fn read_key(value: serde_json::Value) -> Result<VerifyKey, Unusable> {
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| Unusable::NotAKey)?;
    if (jwk.kid.as_ref()).is_some_and(|kid| kid.is_empty() || kid.len() > TEXT_CHARS_MAX) {
        return Err(Unusable::KeyId);
    }
    let signs = jwk
        .purpose
        .as_deref()
        .is_none_or(|purpose| purpose == "sig");
    let verifies = (jwk.key_ops.as_ref()).is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !signs || !verifies {
        return Err(Unusable::Purpose);
    }
    let (name, algorithm, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("OKP", Some("Ed25519")) => ("EdDSA", Algorithm::EdDSA, ed25519(&jwk)?),
        ("EC", Some("P-256")) => ("ES256", Algorithm::ES256, p256(&jwk)?),
        ("RSA", _) => ("RS256", Algorithm::RS256, rsa(&jwk)?),
        _ => return Err(Unusable::KeyType),
    };
    if jwk.alg.as_deref().is_some_and(|alg| alg != name) {
        return Err(Unusable::Algorithm);
    }
    // An attempt with any signature tells a point of the curve from none: the
    // library reports an unusable key as an error, a wrong signature as `false`.
    crypto::verify("", b"", &key, algorithm).map_err(|_| Unusable::Material)?;
    Ok(VerifyKey {
        key_id: jwk.kid,
        algorithm,
        key,
    })
}

fn ed25519(jwk: &Jwk) -> Result<DecodingKey, Unusable> {
    Ok(DecodingKey::from_ed_der(&coordinate(&jwk.x)?))
}

fn p256(jwk: &Jwk) -> Result<DecodingKey, Unusable> {
    // The uncompressed form of SEC 1: a four, then both coordinates.
    let point = [vec![4], coordinate(&jwk.x)?, coordinate(&jwk.y)?].concat();
    Ok(DecodingKey::from_ec_der(&point))
}

fn rsa(jwk: &Jwk) -> Result<DecodingKey, Unusable> {
    let modulus = number(&jwk.n, RSA_MODULUS_BYTES)?;
    let exponent = number(&jwk.e, RSA_EXPONENT_BYTES)?;
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn coordinate(text: &Option<String>) -> Result<Vec<u8>, Unusable> {
    let bytes = decode(text)?;
    (bytes.len() == CURVE_BYTES)
        .then_some(bytes)
        .ok_or(Unusable::Material)
}

/// An odd number of so many bytes, without leading zeros. Both numbers of an
/// RSA key are odd, and an exponent of one would let any signature through.
fn number(
    text: &Option<String>,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<Vec<u8>, Unusable> {
    let bytes: Vec<u8> = decode(text)?.into_iter().skip_while(|b| *b == 0).collect();
    let odd = bytes.last().is_some_and(|last| last & 1 == 1);
    (odd && lengths.contains(&bytes.len()) && bytes != [1])
        .then_some(bytes)
        .ok_or(Unusable::Material)
}

fn decode(text: &Option<String>) -> Result<Vec<u8>, Unusable> {
    let text = text.as_deref().ok_or(Unusable::Material)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Unusable::Material)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::testing::Signer;

    fn with(mut jwk: Value, name: &str, value: Value) -> Value {
        jwk[name] = value;
        jwk
    }

    fn refusal(jwk: Value) -> Option<Unusable> {
        read_key(jwk).err()
    }

    #[test]
    fn each_type_of_key_is_read() {
        for signer in [Signer::ed25519("k"), Signer::p256("k"), Signer::rsa("k")] {
            assert_eq!(refusal(signer.jwk()), None);
            let bare = with(signer.jwk(), "alg", Value::Null);
            assert_eq!(refusal(bare), None);
        }
    }

    #[test]
    fn a_key_that_is_no_use_says_why() {
        let (ed, ec, rsa) = (Signer::ed25519("k"), Signer::p256("k"), Signer::rsa("k"));
        let short = URL_SAFE_NO_PAD.encode([7; 31]);
        let small = URL_SAFE_NO_PAD.encode([255; 128]);
        let cases = [
            (json!(7), Unusable::NotAKey),
            (json!({"kty": 7}), Unusable::NotAKey),
            (json!({"kty": "oct", "k": "c2VjcmV0"}), Unusable::KeyType),
            (with(ed.jwk(), "crv", json!("X25519")), Unusable::KeyType),
            (with(ec.jwk(), "crv", json!("P-384")), Unusable::KeyType),
            (with(ed.jwk(), "use", json!("enc")), Unusable::Purpose),
            (
                with(ed.jwk(), "key_ops", json!(["sign"])),
                Unusable::Purpose,
            ),
            (with(ed.jwk(), "kid", json!("")), Unusable::KeyId),
            (with(rsa.jwk(), "alg", json!("PS256")), Unusable::Algorithm),
            (with(ec.jwk(), "alg", json!("HS256")), Unusable::Algorithm),
            (with(ed.jwk(), "x", json!(short)), Unusable::Material),
            (with(ed.jwk(), "x", json!("")), Unusable::Material),
            (with(ed.jwk(), "x", json!("!")), Unusable::Material),
            (with(ed.jwk(), "x", Value::Null), Unusable::Material),
            (
                with(ec.jwk(), "y", ec.jwk()["x"].clone()),
                Unusable::Material,
            ),
            (with(rsa.jwk(), "n", json!(small)), Unusable::Material),
            (with(rsa.jwk(), "e", json!("AQ")), Unusable::Material),
            (with(rsa.jwk(), "e", json!("AQAA")), Unusable::Material),
        ];
        for (index, (jwk, expected)) in cases.into_iter().enumerate() {
            assert_eq!(refusal(jwk), Some(expected), "case {index}");
        }
    }

    #[test]
    fn a_set_keeps_what_it_can_use() {
        let set = json!({"keys": [Signer::ed25519("k").jwk(), {"kty": "oct"}, 7]}).to_string();
        assert_eq!(
            KeySet::parse(set.as_bytes()).map(|keys| keys.len()).ok(),
            Some(1)
        );
        for no_set in ["", "[]", "{}", r#"{"keys":{}}"#] {
            assert!(KeySet::parse(no_set.as_bytes()).is_err(), "{no_set}");
        }
        let many = json!({"keys": vec![json!({}); KEYS_MAX + 1]}).to_string();
        assert!(matches!(
            KeySet::parse(many.as_bytes()),
            Err(KeySetError::TooManyKeys { found }) if found == KEYS_MAX + 1
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_document_panics(
            document in ".{0,64}",
            x in proptest::collection::vec(proptest::num::u8::ANY, 0..70),
        ) {
            let _ = KeySet::parse(document.as_bytes());
            let text = URL_SAFE_NO_PAD.encode(x);
            for (kty, crv) in [("OKP", "Ed25519"), ("EC", "P-256"), ("RSA", "")] {
                let _ = read_key(json!({
                    "kty": kty, "crv": crv, "x": text, "y": text, "n": text, "e": text,
                }));
            }
        }
    }
}
