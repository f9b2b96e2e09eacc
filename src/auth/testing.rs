//! Signers for the tests of this floor: one of each type of key, and tokens as
//! an identity provider, or somebody who wants to be taken for one, makes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};

/// A private key, with the id that tokens name it by.
pub(super) struct Signer {
    key: Key,
    key_id: String,
    jwk: Value,
}

enum Key {
    Ed25519(SigningKey),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub(super) fn ed25519(key_id: &str) -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).unwrap();
        let key = SigningKey::from_bytes(&seed);
        let x = text(key.verifying_key().as_bytes());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x});
        Self::new(key_id, Key::Ed25519(key), jwk)
    }

    pub(super) fn p256(key_id: &str) -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        // Uncompressed: a four, then both coordinates.
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": text(x), "y": text(y)});
        Self::new(key_id, Key::P256(key), jwk)
    }

    /// Always the same key: making one takes seconds.
    pub(super) fn rsa(key_id: &str) -> Self {
        let lines: String = RSA_PEM.lines().filter(|line| !line.contains('-')).collect();
        let key = RsaKeyPair::from_der(&STANDARD.decode(lines).unwrap()).unwrap();
        let public: RsaPublicKeyComponents<Vec<u8>> = key.public_key().into();
        let jwk = json!({"kty": "RSA", "alg": "RS256", "n": text(&public.n), "e": text(&public.e)});
        Self::new(key_id, Key::Rsa(key), jwk)
    }

    fn new(key_id: &str, key: Key, mut jwk: Value) -> Self {
        jwk["kid"] = json!(key_id);
        Self {
            key,
            key_id: key_id.to_owned(),
            jwk,
        }
    }

    /// The public half, as a provider publishes it.
    pub(super) fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    /// The header of a token that a proper issuer would make.
    pub(super) fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": self.jwk["alg"], "kid": self.key_id})
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    pub(super) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| text(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let (bytes, random) = (signed.as_bytes(), SystemRandom::new());
        let signature = match &self.key {
            Key::Ed25519(key) => key.sign(bytes).to_vec(),
            Key::P256(key) => key.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature)
                    .unwrap();
                signature
            }
        };
        format!("{signed}.{}", text(&signature))
    }
}

/// An RSA key made for these tests alone.
const RSA_PEM: &str = "\
-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAptpyF/SnZ9r8/XCsGapJRMgys1xUbDEKWiUKf1Cyi3qHfm8Q
uxt7DeY0UtsSVInmcnpvfYNYp+0dHby7PeqDJCh8DjanKcKekwd4ALnhW6z7i21z
DE77qhNQmhz00aXr0nfwgDif6+NHSiS3uLiPMlSIcfqnBVWQ6JLT/Y+X9OSgatSe
KYbM547ZwxpEnqMLQHT2eX4Dh/D9ZAcLhFp+iCrpFmr5ivfHkPiVYYaqz79iun4t
JCXuel902thgI7QPRjKYvGafulJHK6xvc3uIXajGbsYOFINIbFgT4wdz7vwkW/w2
fq7X68gTPQmoxRsVRg2D2qsX7vrme1uzoH5IEQIDAQABAoIBADsO5QV/rmV/SL74
S6JF+OskpXWA/8zPyuc/ZyjLSnc+JollDJn9zx+LVQfizOkpam0o0x+tBwthTUYC
UJBI2qRIxChPxfltDq3iHeK76H2Hi/28/tTjfAamEYiLKUivnvn/RBxObqSS7N/c
gT8b7GuXKjiVzNqBf+oiVnDQi6u9UiEOvXr4tiyYdj6oizmeJXGUez2Uu6Atrv+j
/ZWwDpXiU/dOJOBpgT3nmqR3TBAbcNDPUIbvStPt+P6eASaCqUMGeDVosrWPN6kg
Sp+HQJI6SihJzd75Ti9r9GKgtpoGhPADqrdXg+pBuw0j9jmXVViw7mFvkVHBk1x/
/9N9TNUCgYEA3y4dkU6/TfDFWO6t4AEKlZGgX3O5Q7+t0NaoHbqAv+X++i4jIw8a
OdC/XPVEqL2fowHgFr39Y/pAdRpTikHOmDDeeh0I8MF8MUwHiMZ1xfwpAGazy3Yu
kUh8Ikn51fuZsA+O08eDR2g+W/frr71G9VIMixMKRPMh7U+1pu6AjtcCgYEAv2PW
una0GrA3bDPMTrJOTDaHX6eZc/dv//xTcvOJgrWKZCgqkY724ovZSkzfVIbSvb4z
RGeu7YuZw2mF16GluWmfs7U9ermlPPKufnoPXte6dVHNe5D0FU0tEiLm0r/YdjDa
WJtE0qeQJXyuyC32agD6nUQXfvmQdH73PLfZi1cCgYB4Dr+7JkiFLguLnsIMaaL+
+Nrz3jYAewGPAZpoe6a9FIXIob8nIf2yslfvMsXfnDpfHygkM8o22S2JkUL1chco
Ccn0mN/xW7RqdILtEg3TFqYb4CPCRO4iG4MjkvYCJZn0ezoTNRWq+SnqoYC5BjJA
0AWNXw28L6rFlYabqVug+wKBgQCV1igKG1yteEArqfHNurKp4BbjwGbW72Tz2CvM
1vVVK6OI/hk1k+OdQTeAf+ZoWpUqj3m7mCDPQHfFERwD0T3ZhuPM4ZucNTM0IBqU
UiMucV488yoYD0fIVX9vr3tei2uAPIb0z7p14VFsx8xeU/2Sx+lsrh5m/iMl0TDm
jFj4SQKBgAnvZZqY8bQuLFGdSp+/umxReqQo5yd5OHFiIWfYn6zEDkufDlU6PgFL
9xmy8BGRvcNm4Af+TVGnTH/DWxa453rDbXH58Phl21OznXthSH5MQHxcMShc1qpO
kMEYJEAiqOmqPJkTDDQQiP6oCRPbhHouDEBSl7uYk22eeGtHKhlW
-----END RSA PRIVATE KEY-----
";
