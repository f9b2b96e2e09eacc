//! Every refusal, each with the token that earns it and nothing else wrong.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::auth::testing::Signer;
use crate::auth::{LEEWAY_SECONDS, TOKEN_BYTES_MAX};

const NOW: u64 = 1_800_000_000;

/// Jwt mode with an identity provider whose keys are `signers`.
struct Stage {
    authenticator: Authenticator,
    own: OwnKey,
    jwks_path: std::path::PathBuf,
    _directory: tempfile::TempDir,
}

async fn stage(signers: &[&Signer]) -> Stage {
    stage_with(signers, None, None).await
}

async fn stage_with(signers: &[&Signer], issuer: Option<&str>, audience: Option<&str>) -> Stage {
    let directory = tempfile::tempdir().unwrap();
    let own = OwnKey::load_or_create(directory.path()).unwrap();
    let jwks_path = directory.path().join("jwks.json");
    publish(&jwks_path, signers);
    let source = jwks_path.to_str().unwrap().parse().unwrap();
    let jwks = Jwks::new(source).unwrap();
    jwks.load().await.unwrap();
    let settings = JwtSettings {
        jwks: Some(Arc::new(jwks)),
        issuer: issuer.map(str::to_owned),
        audience: audience.map(str::to_owned),
    };
    Stage {
        authenticator: Authenticator::jwt(&own, settings),
        own,
        jwks_path,
        _directory: directory,
    }
}

fn publish(path: &std::path::Path, signers: &[&Signer]) {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    std::fs::write(path, json!({ "keys": keys }).to_string()).unwrap();
}

impl Stage {
    fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        self.authenticator.verify(Some(token), NOW)
    }
}

fn claims() -> Value {
    json!({"exp": NOW + 60, "client_id": "c", "roles": ["admin"], "tenant": "a"})
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// A token of any header, with a signature that is given.
fn forged(header: Value, claims: &Value, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = part(header.to_string().as_bytes());
    let payload = part(claims.to_string().as_bytes());
    format!("{header}.{payload}.{}", part(signature))
}

#[tokio::test]
async fn each_algorithm_is_accepted_with_and_without_a_key_id() {
    let signers = [Signer::ed25519("a"), Signer::p256("b"), Signer::rsa("c")];
    let stage = stage(&signers.each_ref()).await;
    for signer in &signers {
        let caller = stage.verify(&signer.sign(&claims())).unwrap();
        assert_eq!(caller.client_id.as_deref(), Some("c"));
        assert!(caller.has_any(&["admin"]) && caller.may("oracle", "a"));
        let mut header = signer.header();
        header["kid"] = Value::Null;
        assert!(stage.verify(&signer.sign_as(&header, &claims())).is_ok());
    }
}

#[tokio::test]
async fn without_a_token_or_with_a_broken_one_nothing_is_verified() {
    let signer = Signer::ed25519("a");
    let stage = stage(&[&signer]).await;
    let missing = stage.authenticator.verify(None, NOW);
    assert_eq!(missing, Err(AuthError::Missing));

    let good = signer.sign(&claims());
    let [header, payload, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let array = URL_SAFE_NO_PAD.encode("[]");
    for broken in [
        String::new(),
        "<token>".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.x"),
        format!("{header}=.{payload}.{signature}"),
        format!("{array}.{payload}.{signature}"),
        format!("{good}{}", "A".repeat(TOKEN_BYTES_MAX)),
        signer.sign(&json!([])),
        signer.sign(&json!("claims")),
        signer.sign(&claims_with("exp", json!("tomorrow"))),
        signer.sign(&claims_with("roles", json!("admin"))),
    ] {
        assert_eq!(stage.verify(&broken), Err(AuthError::Malformed), "{broken}");
    }
}

#[tokio::test]
async fn a_token_cannot_choose_how_it_is_verified() {
    let ed = Signer::ed25519("a");
    let rsa = Signer::rsa("r");
    let stage = stage(&[&ed, &rsa]).await;
    for alg in [
        "none", "None", "", "HS256", "HS512", "ES384", "RS512", "PS256", "ES256K",
    ] {
        for kid in [json!("a"), Value::Null] {
            let token = forged(json!({"alg": alg, "kid": kid}), &claims(), b"");
            let refusal = stage.verify(&token);
            assert_eq!(refusal, Err(AuthError::UnsupportedAlgorithm), "{alg}");
        }
    }

    // The public keys as secrets of an HMAC, in the forms an attacker has them.
    for (signer, text) in [(&ed, "x"), (&rsa, "n")] {
        let public = signer.jwk()[text].as_str().unwrap().to_owned();
        let bytes = URL_SAFE_NO_PAD.decode(&public).unwrap();
        for secret in [public.as_bytes(), &bytes] {
            let mut header = signer.header();
            header["alg"] = json!("HS256");
            let token = forged(header.clone(), &claims(), b"");
            let (signed, _) = token.rsplit_once('.').unwrap();
            let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
            let mac = ring::hmac::sign(&secret, signed.as_bytes());
            let token = forged(header, &claims(), mac.as_ref());
            assert_eq!(stage.verify(&token), Err(AuthError::UnsupportedAlgorithm));

            let token = forged(signer.header(), &claims(), mac.as_ref());
            assert_eq!(stage.verify(&token), Err(AuthError::BadSignature));
        }
    }
}

#[tokio::test]
async fn a_token_is_held_to_the_key_it_names() {
    let (ed, other) = (Signer::ed25519("ed"), Signer::ed25519("other"));
    let (ec, stranger) = (Signer::p256("ec"), Signer::ed25519("ed"));
    let stage = stage(&[&ed, &other, &ec]).await;
    let named = |signer: &Signer, kid: Option<&str>| {
        let mut header = signer.header();
        header["kid"] = json!(kid);
        signer.sign_as(&header, &claims())
    };
    let cases = [
        (named(&ed, Some("other")), AuthError::BadSignature),
        (named(&ed, Some("ec")), AuthError::AlgorithmMismatch),
        (named(&ec, Some("ed")), AuthError::AlgorithmMismatch),
        (named(&ed, Some("nobody")), AuthError::KeyUnknown),
        (named(&ed, Some("")), AuthError::KeyUnknown),
        (named(&stranger, Some("ed")), AuthError::BadSignature),
        (named(&stranger, None), AuthError::BadSignature),
        (named(&Signer::rsa("r"), None), AuthError::KeyUnknown),
    ];
    for (index, (token, refusal)) in cases.into_iter().enumerate() {
        assert_eq!(stage.verify(&token), Err(refusal), "case {index}");
    }
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let signers = [Signer::ed25519("a"), Signer::p256("b"), Signer::rsa("c")];
    let stage = stage(&signers.each_ref()).await;
    for signer in &signers {
        let good = signer.sign(&claims());
        assert!(stage.verify(&good).is_ok(), "its signature is remembered");
        let more = signer.sign(&claims_with("tenant", json!("*")));
        let (header, rest) = good.split_once('.').unwrap();
        let (payload, signature) = rest.split_once('.').unwrap();
        let payload_of_more = more.split('.').nth(1).unwrap();
        for changed in [
            format!("{header}.{payload_of_more}.{signature}"),
            format!("{header}.{payload}."),
            format!("{header}.{payload}.{}", &signature[..signature.len() - 4]),
            format!("{header}.{payload}.{signature}="),
            format!("{header}.{payload}.!"),
        ] {
            assert_eq!(stage.verify(&changed), Err(AuthError::BadSignature));
        }
    }
}

#[tokio::test]
async fn a_token_lives_from_nbf_to_exp_give_or_take_the_leeway() {
    let signer = Signer::ed25519("a");
    let stage = stage(&[&signer]).await;
    let leeway = u64::from(LEEWAY_SECONDS);
    let token = signer.sign(&json!({"nbf": NOW, "exp": NOW + 100}));
    let at = |now| stage.authenticator.verify(Some(&token), now).err();
    assert_eq!(at(NOW - leeway - 1), Some(AuthError::NotYetValid));
    assert_eq!(at(NOW - leeway), None);
    assert_eq!(at(NOW + 100 + leeway - 1), None);
    assert_eq!(at(NOW + 100 + leeway), Some(AuthError::Expired));
    assert_eq!(at(u64::MAX), Some(AuthError::Expired));
    assert_eq!(at(0), Some(AuthError::NotYetValid));

    let fraction = signer.sign(&json!({"exp": NOW as f64 + 0.5}));
    assert!(stage.verify(&fraction).is_ok());
    let negative = signer.sign(&json!({"exp": -1}));
    assert_eq!(stage.verify(&negative), Err(AuthError::Expired));
    let endless = signer.sign(&json!({"sub": "s"}));
    assert_eq!(
        stage.verify(&endless),
        Err(AuthError::ClaimMissing { claim: "exp" })
    );
}

#[tokio::test]
async fn issuer_and_audience_are_held_to_what_is_configured() {
    let signer = Signer::ed25519("a");
    let strict = stage_with(&[&signer], Some("https://i"), Some("contacts")).await;
    let judged = |iss: Value, aud: Value| {
        let mut claims = claims_with("iss", iss);
        claims["aud"] = aud;
        strict.verify(&signer.sign(&claims)).err()
    };
    let (issuer, audience) = (json!("https://i"), json!("contacts"));
    assert_eq!(judged(issuer.clone(), audience.clone()), None);
    assert_eq!(judged(issuer.clone(), json!(["x", "contacts"])), None);
    for wrong in [Value::Null, json!("https://i/"), json!("")] {
        assert_eq!(
            judged(wrong, audience.clone()),
            Some(AuthError::WrongIssuer)
        );
    }
    for wrong in [Value::Null, json!("contact"), json!([]), json!(["x"])] {
        assert_eq!(
            judged(issuer.clone(), wrong),
            Some(AuthError::WrongAudience)
        );
    }
    let lax = stage(&[&signer]).await;
    let any = claims_with("aud", json!("somebody else"));
    assert!(lax.verify(&signer.sign(&any)).is_ok());
}

#[tokio::test]
async fn an_access_token_is_no_session_token_nor_the_reverse() {
    let signer = Signer::ed25519("a");
    let stage = stage(&[&signer]).await;
    let mut both = claims();
    both["userId"] = json!("u");
    both["sessionId"] = json!("s");
    for (typ, bearer, session) in [
        (Some("JWT"), true, false),
        (Some("at+jwt"), true, false),
        (None, true, false),
        (Some("session+jwt"), false, true),
        (Some("secevent+jwt"), false, false),
    ] {
        let mut header = signer.header();
        header["typ"] = json!(typ);
        let token = signer.sign_as(&header, &both);
        let wrong = |accepted: bool| (!accepted).then_some(AuthError::WrongType);
        assert_eq!(stage.verify(&token).err(), wrong(bearer), "{typ:?}");
        let verified = stage.authenticator.verify_session(Some(&token), NOW);
        assert_eq!(verified.err(), wrong(session), "{typ:?}");
    }
    let missing = stage.authenticator.verify_session(None, NOW);
    assert_eq!(missing, Err(AuthError::Missing));
}

#[tokio::test]
async fn a_header_that_must_be_understood_is_refused() {
    let signer = Signer::ed25519("a");
    let stage = stage(&[&signer]).await;
    let mut header = signer.header();
    header["crit"] = json!(["b64"]);
    let token = signer.sign_as(&header, &claims());
    assert_eq!(stage.verify(&token), Err(AuthError::CriticalHeader));
}

#[tokio::test]
async fn a_claim_out_of_bounds_refuses_a_good_signature() {
    let signer = Signer::ed25519("a");
    let stage = stage(&[&signer]).await;
    let token = signer.sign(&claims_with("sub", json!("a\u{7}")));
    let claim = "sub";
    assert_eq!(
        stage.verify(&token),
        Err(AuthError::ClaimOutOfBounds { claim })
    );
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_fetched_when_it_is_first_seen() {
    let (old, new) = (Signer::ed25519("old"), Signer::p256("new"));
    let first = stage(&[&old]).await;
    publish(&first.jwks_path, &[&new]);
    let token = new.sign(&claims());
    assert_eq!(first.verify(&token), Err(AuthError::KeyUnknown));
    // The set was fetched a moment ago, so strangers' keys do not make us ask again.
    let again = first.authenticator.authenticate(Some(&token), NOW).await;
    assert_eq!(again, Err(AuthError::KeyUnknown));

    let lazy = Jwks::new(first.jwks_path.to_str().unwrap().parse().unwrap()).unwrap();
    let settings = JwtSettings {
        jwks: Some(Arc::new(lazy)),
        ..JwtSettings::default()
    };
    let second = Authenticator::jwt(&first.own, settings);
    let session = second.authenticate_session(Some(&token), NOW).await;
    assert_eq!(session, Err(AuthError::WrongType), "which needs no key");
    assert!(second.authenticate(Some(&token), NOW).await.is_ok());
}

#[test]
fn open_mode_knows_one_caller() {
    let open = Authenticator::open();
    assert_eq!(open.mode(), Mode::Open);
    for token in [None, Some(""), Some("<token>"), Some("a.b.c")] {
        assert_eq!(open.verify(token, NOW), Ok(Principal::local_developer()));
        let session = open.verify_session(token, NOW);
        assert_eq!(session, Ok(Session::local_developer()));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_token_panics(
        text in ".{0,80}",
        header in "\\PC{0,40}",
        payload in "\\PC{0,40}",
        kid in "[a-z]{0,3}",
    ) {
        let directory = tempfile::tempdir().unwrap();
        let own = OwnKey::load_or_create(directory.path()).unwrap();
        let authenticator = Authenticator::jwt(&own, JwtSettings::default());
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let honest = json!({"alg": "EdDSA", "kid": kid}).to_string();
        for token in [
            text.clone(),
            format!("{}.{}.{}", part(&header), part(&payload), part(&text)),
            format!("{}.{}.{}", part(&honest), part(&payload), text),
            format!("{}.{}.{}", part(r#"{"alg":"EdDSA"}"#), part(&payload), part(&text)),
        ] {
            assert!(authenticator.verify(Some(&token), NOW).is_err());
            assert!(authenticator.verify_session(Some(&token), NOW).is_err());
        }
        // What is signed by a known key is still judged claim by claim.
        let _ = Claims::parse(payload.as_bytes()).map(Claims::into_principal);
    }
}
