//! Every refusal of a token.

use thiserror::Error;

/// The reasons for which a token is refused. The message may be shown to the caller, for it holds
/// nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthError {
    /// The request carries no token.
    #[error("a bearer token is needed: send `Authorization: Bearer <JWT>`")]
    Missing,
    /// The token is not a JWT in compact form, is too long, or a claim has a wrong JSON type.
    #[error("the token is no readable JWT")]
    Malformed,
    /// The header marks a parameter as critical (`crit`, RFC 7515 section 4.1.11) that is not known
    /// here.
    #[error("the token's header holds `crit`, which is not supported")]
    CriticalHeader,
    /// The token is a session token where an access token belongs, or the reverse, or neither.
    #[error("the token is of another type than this place asks for (`typ`)")]
    WrongType,
    /// The algorithm (`alg`) is none of EdDSA, ES256 and RS256; `none` and HMAC are refused so.
    #[error("the token's algorithm is not supported; use EdDSA, ES256 or RS256")]
    UnsupportedAlgorithm,
    /// The key it names signs with another algorithm.
    #[error("the token's algorithm is not that of the key it names")]
    AlgorithmMismatch,
    /// No key fits it; fetching the key set again may help.
    #[error("the token was signed with a key that is not known here")]
    KeyUnknown,
    /// The signature is not of the key.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// The token's `exp` has passed.
    #[error("the token has expired; get a new one")]
    Expired,
    /// The token's `nbf` has not come yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The token's `iss` is missing, or not the configured issuer.
    #[error("the token is of another issuer (`iss`)")]
    WrongIssuer,
    /// The token's `aud` is missing, or does not hold the configured audience.
    #[error("the token is for another audience (`aud`)")]
    WrongAudience,
    /// A claim that has to be there is not.
    #[error("the token lacks the claim `{claim}`")]
    ClaimMissing {
        /// The name of the claim.
        claim: &'static str,
    },
    /// A claim is empty, too long, has a control character, or holds too many entries.
    #[error("the token's claim `{claim}` is out of bounds")]
    ClaimOutOfBounds {
        /// The name of the claim.
        claim: &'static str,
    },
}
