//! What a token says, bounded, and made into a principal or a session.
//!
//! Every text that can end up in the log as part of an actor has a length and
//! no control character, for the log keeps it for ever. A token with a claim
//! out of bounds is refused as a whole: cutting a name would make two callers one.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::error::AuthError;
use super::principal::{Principal, Roles, Session};
use super::tenants::Tenants;

/// The allowed difference between an identity provider's clock and ours, in seconds. Half a minute
/// covers machines that keep time at all. Our own tokens follow our own clock.
pub const LEEWAY_SECONDS: u16 = 30;
/// The longest text of a claim, in characters.
pub const TEXT_CHARS_MAX: usize = 256;
/// The most roles (or words of `scope`) in one token.
pub const ROLES_MAX: usize = 64;
/// The most entries of `tenant` in one token.
pub const TENANTS_MAX: usize = 256;

/// The claims of an access token to be signed here; they are checked when it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessClaims {
    /// The claim `sub`: the subject of the token.
    pub subject: Option<String>,
    /// The claim `client_id`: the OAuth client that acts.
    pub client_id: Option<String>,
    /// The claim `management_user_id`: a person in the vendor's portal.
    pub management_user_id: Option<String>,
    /// The claim `roles`: the names of the roles.
    pub roles: Vec<String>,
    /// The claim `tenant`: the tenants that the token opens.
    pub tenants: Vec<String>,
}

impl From<&Principal> for AccessClaims {
    /// The claims that make this principal again: for a short-lived token given
    /// in exchange for a long-lived one.
    fn from(principal: &Principal) -> Self {
        Self {
            subject: principal.subject.clone(),
            client_id: principal.client_id.clone(),
            management_user_id: principal.user_id.clone(),
            roles: principal.roles.texts(),
            tenants: principal.tenants.texts(),
        }
    }
}

/// The JSON of a token's payload; claims that are not listed are of no interest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Seconds since 1970; a fraction is allowed by RFC 7519.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aud: Option<OneOrMany>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing)]
    azp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<String>>,
    #[serde(skip_serializing)]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<OneOrMany>,
    #[serde(skip_serializing_if = "Option::is_none")]
    management_user_id: Option<String>,
    #[serde(rename = "userId", skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
}

/// A claim that is written as a text or as an array of texts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        }
    }
}

impl Claims {
    /// Reads a payload; refused where a claim is of another JSON type.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, AuthError> {
        serde_json::from_slice(payload).map_err(|_| AuthError::Malformed)
    }

    /// The payload of an access token, without its times.
    pub(super) fn of_access(claims: AccessClaims) -> Self {
        let AccessClaims {
            subject,
            client_id,
            management_user_id,
            roles,
            tenants,
        } = claims;
        Self {
            sub: subject,
            client_id,
            management_user_id,
            roles: Some(roles),
            tenant: Some(OneOrMany::Many(tenants)),
            ..Self::default()
        }
    }

    /// The payload of a session token, without its times.
    pub(super) fn of_session(session: Session) -> Self {
        let Session {
            user_id,
            session_id,
        } = session;
        Self {
            user_id: Some(user_id),
            session_id: Some(session_id),
            ..Self::default()
        }
    }

    /// This payload, issued at `now` and valid until `expiry`, both in seconds since 1970.
    pub(super) fn valid(self, now: u64, expiry: u64) -> Self {
        Self {
            iat: Some(now.into()),
            exp: Some(expiry.into()),
            ..self
        }
    }

    /// Checks `exp`, which has to be there, and `nbf`, for an issuer whose clock may be so many
    /// seconds from ours.
    pub(super) fn check_times(&self, now: u64, leeway: u16) -> Result<(), AuthError> {
        let seconds = |time: &Number| time.as_f64().ok_or(AuthError::Malformed);
        // Seconds since 1970 are exact in a double for many million years.
        let now = now as f64;
        let leeway = f64::from(leeway);
        let expiry = (self.exp.as_ref()).ok_or(AuthError::ClaimMissing { claim: "exp" })?;
        if now >= seconds(expiry)? + leeway {
            return Err(AuthError::Expired);
        }
        match &self.nbf {
            Some(start) if now + leeway < seconds(start)? => Err(AuthError::NotYetValid),
            _ => Ok(()),
        }
    }

    /// The caller this payload speaks of. Its times, issuer and audience were
    /// judged before.
    pub(super) fn into_principal(self) -> Result<Principal, AuthError> {
        // A token with both says its roles in `roles`; `scope` is then OAuth's.
        let roles = match (self.roles, &self.scope) {
            (Some(roles), _) => roles,
            (None, Some(scope)) => scope.split_whitespace().map(str::to_owned).collect(),
            (None, None) => Vec::new(),
        };
        let tenants = self.tenant.map(OneOrMany::into_vec).unwrap_or_default();
        Ok(Principal {
            subject: optional("sub", self.sub)?,
            client_id: optional("client_id", self.client_id.or(self.azp))?,
            user_id: optional("management_user_id", self.management_user_id)?,
            roles: Roles::Named(many("roles", roles, ROLES_MAX)?.into_iter().collect()),
            tenants: Tenants::from_iter(many("tenant", tenants, TENANTS_MAX)?),
            session: None,
            expires: self.exp.as_ref().and_then(whole_seconds),
        })
    }

    /// The session that this payload describes.
    pub(super) fn into_session(self) -> Result<Session, AuthError> {
        Ok(Session {
            user_id: required("userId", self.user_id)?,
            session_id: required("sessionId", self.session_id)?,
        })
    }
}

/// A time of a token without its fraction.
fn whole_seconds(time: &Number) -> Option<u64> {
    // A time before 1970 or after the end of all times is the nearest there is.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates"
    )]
    let seconds = |time: f64| time as u64;
    time.as_u64().or_else(|| time.as_f64().map(seconds))
}

fn required(claim: &'static str, text: Option<String>) -> Result<String, AuthError> {
    optional(claim, text)?.ok_or(AuthError::ClaimMissing { claim })
}

fn optional(claim: &'static str, text: Option<String>) -> Result<Option<String>, AuthError> {
    text.map(|text| bounded(claim, text)).transpose()
}

fn many(claim: &'static str, texts: Vec<String>, max: usize) -> Result<Vec<String>, AuthError> {
    if texts.len() > max {
        return Err(AuthError::ClaimOutOfBounds { claim });
    }
    texts.into_iter().map(|text| bounded(claim, text)).collect()
}

fn bounded(claim: &'static str, text: String) -> Result<String, AuthError> {
    let fits = !text.is_empty()
        && text.chars().count() <= TEXT_CHARS_MAX
        && !text.chars().any(char::is_control);
    if fits {
        Ok(text)
    } else {
        Err(AuthError::ClaimOutOfBounds { claim })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn principal(payload: Value) -> Result<Principal, AuthError> {
        Claims::parse(payload.to_string().as_bytes())?.into_principal()
    }

    #[test]
    fn the_client_is_client_id_else_azp() {
        let client = |payload| principal(payload).unwrap().client_id;
        assert_eq!(client(json!({"azp": "a"})).as_deref(), Some("a"));
        assert_eq!(
            client(json!({"azp": "a", "client_id": "c"})).as_deref(),
            Some("c")
        );
        assert_eq!(client(json!({"client_id": null})), None);
    }

    #[test]
    fn roles_are_an_array_or_the_words_of_scope() {
        let has = |payload, role| principal(payload).unwrap().has_any(&[role]);
        assert!(has(json!({"roles": ["admin"]}), "admin"));
        assert!(has(
            json!({"scope": "openid contacts:read"}),
            "contacts:read"
        ));
        assert!(!has(json!({"scope": "xadmin"}), "admin"));
        assert!(!has(json!({"roles": [], "scope": "admin"}), "admin"));
        assert!(!has(json!({}), "admin"));
        assert_eq!(
            principal(json!({"roles": "admin"})),
            Err(AuthError::Malformed)
        );
    }

    #[test]
    fn a_tenant_is_a_text_or_an_array() {
        let may = |payload, tenant| principal(payload).unwrap().may("oracle", tenant);
        assert!(may(json!({"tenant": "a"}), "a"));
        assert!(may(json!({"tenant": ["a", "oracle/b"]}), "b"));
        assert!(!may(json!({}), "a"));
        assert_eq!(principal(json!({"tenant": 1})), Err(AuthError::Malformed));
    }

    #[test]
    fn a_text_out_of_bounds_refuses_the_token() {
        let long = "é".repeat(TEXT_CHARS_MAX);
        assert!(principal(json!({ "sub": long })).is_ok());
        let bad = ["", "a\nb", "\u{0}", "\u{85}", &format!("{long}x")].map(str::to_owned);
        for text in bad {
            for (claim, payload) in [
                ("sub", json!({ "sub": text })),
                ("client_id", json!({ "client_id": text })),
                ("client_id", json!({ "azp": text })),
                ("management_user_id", json!({ "management_user_id": text })),
                ("roles", json!({ "roles": [text] })),
                ("tenant", json!({ "tenant": text })),
                ("tenant", json!({ "tenant": ["a", text] })),
            ] {
                assert_eq!(
                    principal(payload),
                    Err(AuthError::ClaimOutOfBounds { claim }),
                    "{claim}"
                );
            }
        }
    }

    #[test]
    fn too_many_of_a_thing_refuses_the_token() {
        let names = |count: usize| -> Vec<String> { (0..count).map(|n| n.to_string()).collect() };
        assert!(principal(json!({"roles": names(ROLES_MAX)})).is_ok());
        assert!(principal(json!({"tenant": names(TENANTS_MAX)})).is_ok());
        assert_eq!(
            principal(json!({"roles": names(ROLES_MAX + 1)})),
            Err(AuthError::ClaimOutOfBounds { claim: "roles" })
        );
        assert_eq!(
            principal(json!({"tenant": names(TENANTS_MAX + 1)})),
            Err(AuthError::ClaimOutOfBounds { claim: "tenant" })
        );
    }

    #[test]
    fn a_claim_given_twice_refuses_the_token() {
        let twice = br#"{"client_id":"a","client_id":"b"}"#;
        assert_eq!(Claims::parse(twice).unwrap_err(), AuthError::Malformed);
    }

    #[test]
    fn a_session_names_its_user_and_itself() {
        let session = |payload: Value| {
            Claims::parse(payload.to_string().as_bytes())
                .unwrap()
                .into_session()
        };
        assert!(session(json!({"userId": "u", "sessionId": "s"})).is_ok());
        assert_eq!(
            session(json!({"userId": "u"})),
            Err(AuthError::ClaimMissing { claim: "sessionId" })
        );
        assert_eq!(
            session(json!({"userId": "\t", "sessionId": "s"})),
            Err(AuthError::ClaimOutOfBounds { claim: "userId" })
        );
    }

    #[test]
    fn a_principal_survives_the_way_through_claims() {
        let first = principal(json!({
            "sub": "s", "client_id": "c", "management_user_id": "m",
            "roles": ["admin"], "tenant": ["a", "kare/1"],
        }))
        .unwrap();
        let again = Claims::of_access(AccessClaims::from(&first)).into_principal();
        assert_eq!(again, Ok(first));
    }
}
