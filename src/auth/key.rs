//! Public keys, and the choice among them.
//!
//! A key knows its algorithm, and only that one is ever tried with it; a
//! token's header merely has to agree. So a token cannot ask for HMAC with a
//! public key as the secret, nor for no signature at all.
//!
//! Keys of a JWKS (RFC 7517) that we cannot or may not use are skipped with a
//! warning that names their place in the set and nothing of their material.
//! Each key's sizes are checked when it is read.
//!
//! `ring` verifies RSA and P-256 signatures, `ed25519-dalek` those of Ed25519;
//! both are here for TLS and for the audit log already. A caller sends the same
//! token for hours, and verifying costs as much as half a request: so a key
//! remembers what it has verified, by hash. That goes with the key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use quick_cache::sync::Cache;
use ring::agreement::{self, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tracing::warn;

use super::claims::TEXT_CHARS_MAX;
use super::error::AuthError;
use super::token::Compact;

/// The most keys that one JWKS may have.
pub const KEYS_MAX: usize = 64;
/// The most tokens that one key remembers; the least used go.
const REMEMBERED_MAX: usize = 1_024;
/// RSA moduli in bytes, from 2,048 bits (RFC 7518, section 3.3) to 4,096.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// RSA exponents in bytes: 65,537, which everybody uses, has three.
const RSA_EXPONENT_BYTES: std::ops::RangeInclusive<usize> = 1..=4;
/// Bytes of an Ed25519 public key, and of one coordinate on P-256.
const CURVE_BYTES: usize = 32;

/// The algorithms of RFC 7518 and RFC 8037 that a token may be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    /// EdDSA with Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on the curve P-256 with SHA-256 (RFC 7518).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518).
    Rs256,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// The value of `alg` in a token's header and in a JWK.
    fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of this name, if it is one that we verify.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// The public half of a key, in the form that its library takes.
enum PublicKey {
    /// A key whose point has been decompressed.
    Ed25519(VerifyingKey),
    /// The point, uncompressed (SEC 1): a four, then both coordinates.
    P256(Vec<u8>),
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

/// A public key with the one algorithm it is for. It has no `Debug`, for nothing in it can be read.
pub(super) struct VerifyKey {
    key_id: Option<String>,
    key: PublicKey,
    /// The hashes of tokens that it has signed.
    remembered: Cache<[u8; 32], ()>,
}

impl VerifyKey {
    fn new(key_id: Option<String>, key: PublicKey) -> Self {
        Self {
            key_id,
            key,
            remembered: Cache::new(REMEMBERED_MAX),
        }
    }

    /// The public half of an Ed25519 key of our own.
    pub(super) fn ed25519(key_id: String, public: VerifyingKey) -> Self {
        Self::new(Some(key_id), PublicKey::Ed25519(public))
    }

    fn algorithm(&self) -> Algorithm {
        match self.key {
            PublicKey::Ed25519(_) => Algorithm::EdDsa,
            PublicKey::P256(_) => Algorithm::Es256,
            PublicKey::Rsa(_) => Algorithm::Rs256,
        }
    }

    /// Whether it has signed a token. What is signed and the signature are hashed as they came, with
    /// the dot between them, which a signature has not: another token has another hash.
    fn verifies(&self, token: &Compact<'_>) -> bool {
        let hash = Sha256::new().chain_update(token.signed).chain_update(".");
        let hash = hash.chain_update(token.signature).finalize().into();
        if self.remembered.get(&hash).is_some() {
            return true;
        }
        let verified = self.verifies_anew(token);
        if verified {
            self.remembered.insert(hash, ());
        }
        verified
    }

    fn verifies_anew(&self, token: &Compact<'_>) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(token.signature) else {
            return false;
        };
        let signed = token.signed.as_bytes();
        match &self.key {
            PublicKey::Ed25519(key) => Signature::from_slice(&signature)
                .is_ok_and(|signature| key.verify(signed, &signature).is_ok()),
            PublicKey::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(signed, &signature)
                .is_ok(),
            PublicKey::Rsa(key) => key
                .verify(&RSA_PKCS1_2048_8192_SHA256, signed, &signature)
                .is_ok(),
        }
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
    let algorithm = Algorithm::named(&token.algorithm).ok_or(AuthError::UnsupportedAlgorithm)?;
    let mut refusal = AuthError::KeyUnknown;
    for key in keys {
        if token.key_id.is_some() && token.key_id != key.key_id {
            continue;
        }
        if key.algorithm() != algorithm {
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

/// The reasons for which a document is not a JWKS.
#[derive(Debug, Error)]
pub(super) enum KeySetError {
    #[error("it is no JSON object with an array `keys` (RFC 7517, section 5)")]
    NotAJwks,
    #[error("it holds {found} keys; at most {KEYS_MAX} are read")]
    TooManyKeys { found: usize },
}

/// The usable keys of a JWKS.
#[derive(Default)]
pub(super) struct KeySet {
    keys: Vec<VerifyKey>,
}

impl KeySet {
    /// Parses a JWKS document (RFC 7517), leaving out keys that cannot be used.
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

    /// The number of keys that can be used.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// The reasons for which one key of a JWKS is not used.
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
    let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("OKP", Some("Ed25519")) => ed25519(&jwk)?,
        ("EC", Some("P-256")) => p256(&jwk)?,
        ("RSA", _) => rsa(&jwk)?,
        _ => return Err(Unusable::KeyType),
    };
    let key = VerifyKey::new(jwk.kid, key);
    if jwk.alg.is_some_and(|alg| alg != key.algorithm().name()) {
        return Err(Unusable::Algorithm);
    }
    Ok(key)
}

fn ed25519(jwk: &Jwk) -> Result<PublicKey, Unusable> {
    let bytes = coordinate(&jwk.x)?;
    let key = VerifyingKey::try_from(bytes.as_slice()).map_err(|_| Unusable::Material)?;
    Ok(PublicKey::Ed25519(key))
}

fn p256(jwk: &Jwk) -> Result<PublicKey, Unusable> {
    let point = [vec![4], coordinate(&jwk.x)?, coordinate(&jwk.y)?].concat();
    is_on_p256(&point)
        .then_some(PublicKey::P256(point))
        .ok_or(Unusable::Material)
}

/// Whether these bytes are a point of the curve P-256. `ring` answers that as
/// part of a key agreement only, so one is made with a key for the moment.
fn is_on_p256(point: &[u8]) -> bool {
    let theirs = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, point);
    EphemeralPrivateKey::generate(&agreement::ECDH_P256, &SystemRandom::new())
        .and_then(|ours| agreement::agree_ephemeral(ours, &theirs, |_| ()))
        .is_ok()
}

fn rsa(jwk: &Jwk) -> Result<PublicKey, Unusable> {
    Ok(PublicKey::Rsa(RsaPublicKeyComponents {
        n: number(&jwk.n, RSA_MODULUS_BYTES)?,
        e: number(&jwk.e, RSA_EXPONENT_BYTES)?,
    }))
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

    /// Whether a key has signed a token, of which these are the two parts.
    fn verifies(key: &VerifyKey, signed: &str, signature: &str) -> bool {
        key.verifies(&Compact {
            algorithm: key.algorithm().name().to_owned(),
            key_id: None,
            payload: Vec::new(),
            signed,
            signature,
        })
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

    /// The examples of RFC 7515 (appendices A.2 and A.3) and RFC 8037 (A.4):
    /// signatures that neither our libraries nor our tests made.
    #[test]
    fn the_examples_of_the_standards_verify() {
        const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let cases = [
            (
                json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}),
                "eyJhbGciOiJSUzI1NiJ9",
                CLAIMS,
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
                "eyJhbGciOiJFUzI1NiJ9",
                CLAIMS,
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
                "eyJhbGciOiJFZERTQSJ9",
                "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            ),
        ];
        for (jwk, header, claims, signature) in cases {
            let key = read_key(jwk).ok().unwrap();
            let (signed, other) = (format!("{header}.{claims}"), format!("{header}.x{claims}"));
            assert!(verifies(&key, &signed, signature), "{header}");
            assert!(!verifies(&key, &other, signature), "{header}");
        }
    }

    #[test]
    fn a_good_signature_is_remembered_and_a_forgery_is_not() {
        for signer in [Signer::ed25519("k"), Signer::p256("k"), Signer::rsa("k")] {
            let key = read_key(signer.jwk()).ok().unwrap();
            let verifies = |signed: &str, signature: &str| verifies(&key, signed, signature);
            let (one, other) = (json!({"sub": "a"}), json!({"sub": "b"}));
            let (one, other) = (signer.sign(&one), signer.sign(&other));
            let (signed, signature) = one.rsplit_once('.').unwrap();
            let (forged, _) = other.rsplit_once('.').unwrap();
            for _ in 0..2 {
                assert!(!verifies(forged, signature));
                assert!(verifies(signed, signature));
                assert!(!verifies(signed, &format!("{signature}=")));
                assert_eq!(key.remembered.len(), 1);
            }
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
