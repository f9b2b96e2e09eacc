//! Bearer and session tokens. Nothing that a fuzzer makes is signed, so nothing may pass.
#![no_main]

use std::sync::LazyLock;

use contactd::auth::{Authenticator, JwtSettings, OwnKey, bearer_token};
use libfuzzer_sys::fuzz_target;

static AUTHENTICATOR: LazyLock<Authenticator> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("contactd-fuzz-{}", std::process::id()));
    let own = OwnKey::load_or_create(&dir).expect("a key");
    let settings = JwtSettings {
        jwks: None,
        issuer: None,
        audience: None,
    };
    Authenticator::jwt(&own, settings)
});

fuzz_target!(|text: &str| {
    let _ = bearer_token(text);
    for token in [Some(text), None] {
        assert!(AUTHENTICATOR.verify(token, 1_700_000_000).is_err());
        assert!(AUTHENTICATOR.verify_session(token, 1_700_000_000).is_err());
    }
});
