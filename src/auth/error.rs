//! Every refusal of a token.

use thiserror::Error;

/// Why a token is refused. The message may be shown to the caller: it holds
/// nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthError {
    /// There is no token.
    #[error("a bearer token is needed: send `Authorization: Bearer <JWT>`")]
    Missing,
    /// It is no JWT in compact form, is too long, or a claim has a wrong JSON type.
    #[error("the token is no readable JWT")]
    Malformed,
    /// Its header asks for something that must be understood (`crit`), and is not.
    #[error("the token's header holds `crit`, which is not supported")]
    CriticalHeader,
    /// It is a session token where an access token belongs, or the reverse, or neither.
    #[error("the token is of another type than this place asks for (`typ`)")]
    WrongType,
    /// Its `alg` is none of EdDSA, ES256 and RS256: `none` and HMAC are here.
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
    /// Its `exp` has passed.
    #[error("the token has expired; get a new one")]
    Expired,
    /// Its `nbf` has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Its `iss` is missing or not the configured one.
    #[error("the token is of another issuer (`iss`)")]
    WrongIssuer,
    /// Its `aud` is missing or does not hold the configured one.
    #[error("the token is for another audience (`aud`)")]
    WrongAudience,
    /// A claim that has to be there is not.
    #[error("the token lacks the claim `{claim}`")]
    ClaimMissing {
        /// The claim's name.
        claim: &'static str,
    },
    /// A claim is empty, too long, has a control character, or holds too many entries.
    #[error("the token's claim `{claim}` is out of bounds")]
    ClaimOutOfBounds {
        /// The claim's name.
        claim: &'static str,
    },
}
