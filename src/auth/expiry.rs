//! The end of a token while what it was given for still goes on.

use std::future::pending;
use std::time::Duration;

use super::authenticator::Authenticator;
use super::error::AuthError;

/// The time after which a token is judged again whatever has happened: the wall clock may have been
/// set meanwhile.
const JUDGED_AGAIN: Duration = Duration::from_secs(60);
/// The least time between two judgements of one token.
const JUDGED_AGAIN_AT_MOST: Duration = Duration::from_secs(1);

impl Authenticator {
    /// Waits until a token is refused that was good before: its time is over, or the key that signed
    /// it was taken back. In open mode that never happens. `expires` is the token's end and `now`
    /// gives the present time, both in seconds since 1970.
    pub async fn refused_later(
        &self,
        bearer: Option<&str>,
        expires: Option<u64>,
        now: impl Fn() -> u64,
    ) -> AuthError {
        let Some(mut keys) = self.follow_keys() else {
            return pending().await;
        };
        loop {
            let present = now();
            if let Err(refused) = self.verify(bearer, present) {
                return refused;
            }
            let left = expires.map(|expires| expires.saturating_sub(present));
            let wait = left.map_or(JUDGED_AGAIN, Duration::from_secs);
            let wait = wait.clamp(JUDGED_AGAIN_AT_MOST, JUDGED_AGAIN);
            // Whoever would say that the keys have changed lives as long as `self`.
            drop(tokio::time::timeout(wait, keys.changed()).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use serde_json::{Value, json};

    use super::*;
    use crate::auth::testing::Signer;
    use crate::auth::{Jwks, JwksSource, JwtSettings, OwnKey};

    const NOW: u64 = 1_000_000;

    /// An authenticator over a key set file, and a token of the one key in it.
    struct Provider {
        dir: tempfile::TempDir,
        jwks: Arc<Jwks>,
        authenticator: Authenticator,
        token: String,
    }

    impl Provider {
        async fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let signer = Signer::ed25519("one");
            let claims =
                json!({"client_id": "c", "exp": NOW + 3_600, "roles": [], "tenant": "acme"});
            let token = signer.sign(&claims);
            let file = dir.path().join("jwks.json");
            let jwks = Arc::new(Jwks::new(JwksSource::File(file)).expect("a source"));
            let settings = JwtSettings {
                jwks: Some(jwks.clone()),
                ..JwtSettings::default()
            };
            let own = OwnKey::load_or_create(dir.path()).expect("a key");
            let provider = Self {
                authenticator: Authenticator::jwt(&own, settings),
                dir,
                jwks,
                token,
            };
            provider.publish(&[signer.jwk()]).await;
            provider
        }

        async fn publish(&self, keys: &[Value]) {
            let document = json!({ "keys": keys }).to_string();
            std::fs::write(self.dir.path().join("jwks.json"), document).expect("a file");
            self.jwks.load().await.expect("a key set");
        }
    }

    #[tokio::test]
    async fn a_token_ends_when_its_key_is_taken_back() {
        let provider = Provider::new().await;
        let token = Some(provider.token.as_str());
        let ended = provider
            .authenticator
            .refused_later(token, Some(NOW + 3_600), || NOW);
        let taken_back = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            provider.publish(&[Signer::ed25519("two").jwk()]).await;
            Instant::now()
        };
        let (refused, at) = tokio::join!(ended, taken_back);
        assert_eq!(refused, AuthError::KeyUnknown);
        assert!(at.elapsed() < JUDGED_AGAIN_AT_MOST, "it is judged at once");
    }

    #[tokio::test]
    async fn a_token_ends_when_the_directory_s_own_key_is_another() {
        let (one, other) = (tempfile::tempdir(), tempfile::tempdir());
        let own = |dir: &std::io::Result<tempfile::TempDir>| {
            OwnKey::load_or_create(dir.as_ref().expect("a directory").path()).expect("a key")
        };
        let (one, other) = (own(&one), own(&other));
        let claims = crate::auth::AccessClaims {
            client_id: Some("c".into()),
            ..Default::default()
        };
        let token = one
            .sign_access(claims, Duration::from_secs(60), NOW)
            .expect("a token");
        let authenticator = Authenticator::jwt(&one, JwtSettings::default());
        let ended = authenticator.refused_later(Some(&token), Some(NOW + 60), || NOW);
        let (refused, ()) = tokio::join!(ended, async { authenticator.replace_own(&other) });
        assert_eq!(refused, AuthError::KeyUnknown);
    }

    #[tokio::test]
    async fn a_token_ends_at_its_end_and_not_before() {
        let provider = Provider::new().await;
        let token = Some(provider.token.as_str());
        let ended = |now: u64| {
            let later = provider
                .authenticator
                .refused_later(token, Some(NOW + 3_600), move || now);
            tokio::time::timeout(Duration::from_millis(50), later)
        };
        assert!(ended(NOW).await.is_err(), "it is good for an hour");
        assert_eq!(ended(NOW + 4_000).await, Ok(AuthError::Expired));
    }

    #[tokio::test]
    async fn in_open_mode_nothing_ends() {
        let authenticator = Authenticator::open();
        let later = authenticator.refused_later(None, None, || u64::MAX);
        assert!(
            tokio::time::timeout(Duration::from_millis(20), later)
                .await
                .is_err()
        );
    }
}
