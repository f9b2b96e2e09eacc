//! What the parameter TYPE says: contexts and features, in the words of vCard 4.0.

use super::super::note::Note;
use super::property::Property;

/// Properties of which a Card holds the contexts that TYPE names (RFC 9555, section 2.3.20).
const WITH_CONTEXTS: [&str; 14] = [
    "NICKNAME",
    "ADR",
    "EMAIL",
    "IMPP",
    "LANG",
    "SOCIALPROFILE",
    "TEL",
    "CONTACT-URI",
    "ORG",
    "URL",
    "KEY",
    "CALADRURI",
    "FBURL",
    "CALURI",
];
/// The features of a telephone (RFC 6350, section 6.4.1).
const FEATURES: [&str; 8] = [
    "text",
    "voice",
    "fax",
    "cell",
    "video",
    "pager",
    "textphone",
    "main-number",
];
/// The relations between persons (RFC 6350, section 6.6.6).
const RELATIONS: [&str; 20] = [
    "contact",
    "acquaintance",
    "friend",
    "met",
    "co-worker",
    "colleague",
    "co-resident",
    "neighbor",
    "child",
    "parent",
    "sibling",
    "spouse",
    "kin",
    "muse",
    "crush",
    "date",
    "sweetheart",
    "me",
    "agent",
    "emergency",
];

/// Writes TYPE as vCard 4.0 has it: values one by one in lower case, `pref` as PREF, and nothing
/// of `internet`, which says nothing of an address.
pub fn normalize(property: &mut Property, notes: &mut Vec<Note>) {
    let given = property.take_param("TYPE");
    // A list in quotes is one value to the RFC; in the RFC's own examples it is a list.
    let values = given.iter().flat_map(|value| value.split(','));
    for value in values.map(|value| value.trim().to_lowercase()) {
        match value.as_str() {
            "" | "internet" => {}
            "pref" => {
                if property.param("PREF").is_none() {
                    property.add_param("PREF", "1");
                }
            }
            _ if property.has_type(&value) => {}
            _ => property.add_param("TYPE", value),
        }
    }
    for value in unknown(property) {
        notes.push(Note::Kept(format!("{};TYPE={value}", property.name)));
    }
}

/// The types of a property that a Card could only hold as contexts, relations or features, and
/// which are none of those that RFC 9553 knows.
fn unknown(property: &Property) -> Vec<String> {
    let all = property.values("TYPE");
    let unknown = all.filter(|value| is_unknown(&property.name, value));
    unknown.map(str::to_owned).collect()
}

/// Whether a TYPE of a property says nothing that a Card knows. `calcard` makes a context of it,
/// which RFC 9553 does not allow; it stays a parameter instead, in `vCard/convertedProperties`.
pub fn is_unknown(name: &str, value: &str) -> bool {
    let is_vendors = value.contains(':');
    let is_context = matches!(value, "work" | "home") || is_vendors;
    match name {
        "RELATED" => !RELATIONS.contains(&value) && !is_vendors,
        "TEL" => !is_context && !FEATURES.contains(&value),
        "ADR" => !is_context && !matches!(value, "billing" | "delivery"),
        name => WITH_CONTEXTS.contains(&name) && !is_context,
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    #[test]
    fn types_become_those_of_vcard_4() {
        let check = |head: &str, types: &str, pref: Option<&str>, kept: &[&str]| {
            let mut property = decode::head(head.as_bytes());
            let mut notes = Vec::new();
            normalize(&mut property, &mut notes);
            let got: Vec<&str> = property.values("TYPE").collect();
            assert_eq!(got.join(" "), types, "{head}");
            assert_eq!(property.param("PREF"), pref, "{head}");
            let kept: Vec<Note> = kept.iter().map(|k| Note::Kept((*k).into())).collect();
            assert_eq!(notes, kept, "{head}");
        };
        check("TEL;TYPE=\"WORK,VOICE,PREF\"", "work voice", Some("1"), &[]);
        check(
            "TEL;type=WORK;type=VOICE;type=work",
            "work voice",
            None,
            &[],
        );
        check("TEL;CELL;PREF;PREF=3", "cell", Some("3"), &[]);
        check("EMAIL;INTERNET=;HOME", "home", None, &[]);
        check("TEL;TYPE=arbeit", "arbeit", None, &["TEL;TYPE=arbeit"]);
        check("EMAIL;TYPE=cell", "cell", None, &["EMAIL;TYPE=cell"]);
        check(
            "RELATED;TYPE=Spouse,boss",
            "spouse boss",
            None,
            &["RELATED;TYPE=boss"],
        );
        check("TITLE;TYPE=main", "main", None, &[]);
    }
}
