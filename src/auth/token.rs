//! The compact form of a token, taken apart.
//!
//! Nothing here is verified: the header only says which key to try and what
//! the token claims to be. We read the header ourselves because its `alg` must
//! be a text first (`none` and HMAC are refusals with a name, not parse
//! errors) and because `crit` has to be seen to be refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::error::AuthError;

/// The longest token looked at, in bytes. Real ones stay below two thousand.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The purpose of a token. The two kinds are never accepted in each other's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An access token, sent as `Authorization: Bearer`.
    Access,
    /// A session token, sent beside it as Kare's `x-session-token`.
    Session,
}

impl Kind {
    /// The `typ` that tokens signed here carry.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Kind::Access => "at+jwt",
            Kind::Session => "session+jwt",
        }
    }

    /// Whether a token of this `typ` is of this kind. Identity providers write
    /// `JWT`, RFC 9068 `at+jwt`, and some nothing; media types know no case and
    /// may leave out `application/` (RFC 7515, section 4.1.9).
    fn admits(self, media_type: Option<&str>) -> bool {
        let Some(media_type) = media_type else {
            return self == Kind::Access;
        };
        let full = media_type.to_ascii_lowercase();
        let short = full.strip_prefix("application/").unwrap_or(&full);
        match self {
            Kind::Access => matches!(short, "jwt" | "at+jwt"),
            Kind::Session => short == Kind::Session.media_type(),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// A token in its parts; nothing of it is trusted yet.
pub(super) struct Compact<'a> {
    /// The name of the algorithm the token says it was signed with.
    pub(super) algorithm: String,
    /// The id of the key the token says it was signed with.
    pub(super) key_id: Option<String>,
    /// The claims, as JSON text.
    pub(super) payload: Vec<u8>,
    /// The signed part: header and payload as they came.
    pub(super) signed: &'a str,
    /// The signature, still encoded in base64url.
    pub(super) signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Takes `token` apart if it is of `kind`.
    pub(super) fn parse(token: &'a str, kind: Kind) -> Result<Self, AuthError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(AuthError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(AuthError::Malformed)?;
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| AuthError::Malformed)?;
        if header.crit.is_some() {
            return Err(AuthError::CriticalHeader);
        }
        if !kind.admits(header.typ.as_deref()) {
            return Err(AuthError::WrongType);
        }
        Ok(Self {
            algorithm: header.alg,
            key_id: header.kid,
            payload: decode(payload)?,
            signed,
            signature,
        })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, AuthError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| AuthError::Malformed)
}

/// The token in the value of an `Authorization` header, if its scheme is
/// `Bearer` (in any case, RFC 9110) and something follows it.
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    let token = token.trim_start();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_header_gives_its_token() {
        assert_eq!(bearer_token("Bearer a.b.c"), Some("a.b.c"));
        assert_eq!(bearer_token("bearer   a.b.c "), Some("a.b.c"));
        assert_eq!(bearer_token("Bearer <token>"), Some("<token>"));
        for none in ["", "Bearer", "Bearer ", "Basic a.b.c", "a.b.c"] {
            assert_eq!(bearer_token(none), None, "{none:?}");
        }
    }

    #[test]
    fn the_two_kinds_share_no_type() {
        let types = [
            None,
            Some("JWT"),
            Some("jwt"),
            Some("at+jwt"),
            Some("application/at+jwt"),
            Some("session+jwt"),
            Some("Session+JWT"),
            Some("application/session+jwt"),
            Some("secevent+jwt"),
            Some(""),
        ];
        let admitted = |kind: Kind| types.iter().filter(|typ| kind.admits(**typ)).count();
        assert_eq!(admitted(Kind::Access), 5);
        assert_eq!(admitted(Kind::Session), 3);
        assert!(
            types
                .iter()
                .all(|typ| !(Kind::Access.admits(*typ) && Kind::Session.admits(*typ)))
        );
    }
}
