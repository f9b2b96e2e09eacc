//! The vendor's ids: a UUID as 32 upper-case hexadecimal digits.
//!
//! The pages call the type `uuid` and give the pattern `^[A-F0-9]{32}$`; clients send either
//! form and any case, so both are read and one is written.

use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::dialect::fields::ANY_TEXT;
use crate::dialect::schema::IdForm;
use crate::domain::{ContactId, Target};

/// An id, whichever way it was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HexId(Uuid);

impl HexId {
    /// The id of 32 hexadecimal digits, or of a hyphenated UUID, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        ContactId::parse(text).map(|id| Self(id.0))
    }

    /// The id of a code in one of the vendor's code lists, the same for any case of the code.
    ///
    /// The real lists belong to each tenant and are not ours to know, yet an answer must name the
    /// id of a code. So the id is made of the two names (UUID version 8, RFC 9562, section 5.8).
    pub fn of_code(list: &str, code: &str) -> Self {
        let digest = Sha256::digest(format!("{list}\n{}", code.to_uppercase()));
        let mut bytes = [0; 16];
        bytes
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The contact of this id, which may be the client's choice or our own.
    pub fn target(self) -> Target {
        Target::Chosen {
            text: self.to_string().into(),
            id: ContactId(self.0),
        }
    }
}

/// The spellings of an id, for the contact's table.
pub static HEX: IdForm = IdForm {
    rule: ANY_TEXT.of("uuid", None, |text| HexId::parse(text).is_some()),
    canonical: |text| HexId::parse(text).map(|id| id.to_string()),
    schemas: || (id_read(), id_written()),
};

/// The JSON Schema of an id that is read: either spelling, in any case.
pub fn id_read() -> Value {
    let hyphenated = "[A-Fa-f0-9]{8}(-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}";
    json!({"type": "string", "pattern": format!("^([A-Fa-f0-9]{{32}}|{hyphenated})$")})
}

/// The JSON Schema of an id that is written.
pub fn id_written() -> Value {
    json!({"type": "string", "pattern": "^[A-F0-9]{32}$"})
}

impl fmt::Display for HexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}", self.0.simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_id() {
        let want = "C36A3197FDEE433FB5547EE83DE99E4B";
        for text in [
            want,
            "c36a3197fdee433fb5547ee83de99e4b",
            "C36A3197-FDEE-433F-B554-7EE83DE99E4B",
        ] {
            let id = HexId::parse(text).expect(text);
            assert_eq!(id.to_string(), want);
        }
        for bad in [
            "",
            "XYZ",
            "C36A3197FDEE433FB5547EE83DE99E4",
            "{C36A3197FDEE433FB5547EE83DE99E4B}",
            "G36A3197FDEE433FB5547EE83DE99E4B",
        ] {
            assert_eq!(HexId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_code_has_one_id_in_its_list() {
        let active = HexId::of_code("status", "ACTIVE");
        assert_eq!(active, HexId::of_code("status", "Active"));
        assert_ne!(active, HexId::of_code("contactType", "ACTIVE"));
        // Answers already given hold it, so it may not change.
        assert_eq!(active.to_string(), "7472736EBC718245A91DCE856D8E5D32");
    }
}
