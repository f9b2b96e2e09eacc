//! What ordinary vCards hold that fits no Card: mended where it is plain what is meant, else put
//! aside, so that an odd value does not lose the person.
//!
//! What is put aside becomes a property that the crate does not know. Such ones it keeps as they
//! are in the Card's `vCard` (RFC 9555, section 2.15.1), and an export writes them again.

use calcard::common::Data;
use calcard::vcard::{
    VCard, VCardEntry, VCardParameterName, VCardParameterValue, VCardProperty, VCardValue,
    VCardVersion,
};

use super::super::link;
use crate::dialect::uri::is_uri;

/// Drops what says nothing, and turns what is of an older form into that of vCard 4.0.
pub fn mend(vcard: &mut VCard) {
    let binary_by_default = vcard.version() == Some(VCardVersion::V3_0);
    for VCardEntry { name, values, .. } in &mut vcard.entries {
        match name {
            VCardProperty::Categories | VCardProperty::Nickname => values.retain(says_something),
            // The first is the organization's name, whatever comes after it.
            VCardProperty::Org => while values.pop_if(|value| !says_something(value)).is_some() {},
            _ => {}
        }
    }
    vcard
        .entries
        .retain(|entry| entry.values.iter().any(says_something));
    for entry in &mut vcard.entries {
        let [VCardValue::Text(text)] = entry.values.as_slice() else {
            continue;
        };
        let mended = match entry.name {
            VCardProperty::Geo => geo(text),
            VCardProperty::Url => Some(VCardValue::Text(link(text))),
            VCardProperty::Photo
            | VCardProperty::Logo
            | VCardProperty::Sound
            | VCardProperty::Key
                if binary_by_default =>
            {
                data(entry, text)
            }
            _ => None,
        };
        if let Some(mended) = mended {
            entry.values = vec![mended];
        }
    }
}

/// `EMAIL:` and `N:;;;;` say nothing.
fn says_something(value: &VCardValue) -> bool {
    match value {
        VCardValue::Text(text) => !text.trim().is_empty(),
        VCardValue::Component(texts) => texts.iter().any(|text| !text.trim().is_empty()),
        _ => true,
    }
}

/// The two numbers of RFC 2426, section 3.4.2, as a URI.
fn geo(text: &str) -> Option<VCardValue> {
    let (latitude, longitude) = text.split_once([';', ','])?;
    let number = |text: &str| -> Option<String> {
        let text = text.trim();
        let text = text.strip_prefix('+').unwrap_or(text);
        text.parse::<f64>().ok()?;
        Some(text.to_owned())
    };
    let uri = format!("geo:{},{}", number(latitude)?, number(longitude)?);
    Some(VCardValue::Text(uri))
}

/// Base64 whose bytes happen to be text, which the crate has read as such: in vCard 3.0 these
/// properties are binary unless they say otherwise.
fn data(entry: &VCardEntry, text: &str) -> Option<VCardValue> {
    let mut values = entry.parameters(&VCardParameterName::Value);
    if values.next().is_some() || is_uri(text) {
        return None;
    }
    Some(VCardValue::Binary(Data {
        content_type: media_type(entry).map(str::to_owned),
        data: text.as_bytes().to_vec(),
    }))
}

/// The media types that are text, by the names that vCard 3.0 has for them.
fn media_type(entry: &VCardEntry) -> Option<&'static str> {
    let mut types = entry
        .parameters(&VCardParameterName::Type)
        .filter_map(VCardParameterValue::as_text);
    types.find_map(|name| match (&entry.name, name.to_lowercase().as_str()) {
        (VCardProperty::Key, "pgp" | "gpg") => Some("application/pgp-keys"),
        (VCardProperty::Key, "x509") => Some("application/x-x509-user-cert"),
        (VCardProperty::Photo | VCardProperty::Logo, "svg" | "svg+xml") => Some("image/svg+xml"),
        _ => None,
    })
}

/// Drops the files that stand in a vCard, and gives the names of their properties.
pub fn drop_files(vcard: &mut VCard) -> Vec<String> {
    let mut names = Vec::new();
    vcard.entries.retain(|entry| {
        let is_file = entry.values.iter().any(|value| match value {
            VCardValue::Binary(_) => true,
            VCardValue::Text(text) => text.starts_with("data:"),
            _ => false,
        });
        let name = entry.name.as_str().to_owned();
        if is_file && !names.contains(&name) {
            names.push(name);
        }
        !is_file
    });
    names
}

/// Puts aside each property that does not fit, and gives their names. One is tried without the
/// others, but for the kind, which decides what a Card may have.
pub fn put_aside(vcard: &mut VCard, fits: impl Fn(VCard) -> bool) -> Vec<String> {
    let with = |names: &[VCardProperty]| {
        let entries = vcard.entries.iter();
        let named = entries.filter(|entry| names.contains(&entry.name));
        VCard {
            entries: named.cloned().collect(),
        }
    };
    let mut rest = with(&[VCardProperty::Version, VCardProperty::Kind]);
    if !fits(rest.clone()) {
        rest = with(&[VCardProperty::Version]);
    }
    let mut names = Vec::new();
    for entry in &mut vcard.entries {
        let mut alone = rest.clone();
        alone.entries.push(entry.clone());
        if !fits(alone) {
            let name = entry.name.as_str().to_owned();
            if !names.contains(&name) {
                names.push(name.clone());
            }
            entry.name = VCardProperty::Other(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Reader;

    /// The Card of a vCard of these lines, and what was put aside.
    fn card(version: &str, lines: &str) -> (Value, Vec<String>) {
        let text = format!("BEGIN:VCARD\nVERSION:{version}\n{lines}\nEND:VCARD\n");
        let mut reader = Reader::new(text.as_bytes()).expect("a reader");
        let record = reader.next().expect("a record").expect("it can be read");
        let mut card = record.card.expect("a Card");
        let object = card.as_object_mut().expect("an object");
        object.retain(|name, _| !["@type", "version"].contains(&name.as_str()));
        assert_eq!(record.left.dropped, Vec::<String>::new());
        (card, record.left.aside)
    }

    fn check(version: &str, lines: &str, want: Value) {
        let got = card(version, lines);
        assert_eq!(got, (want, Vec::new()), "{version}: {lines}");
    }

    #[test]
    fn what_says_nothing_is_dropped() {
        for version in ["3.0", "4.0"] {
            let organization = json!({"k1": {"name": "Acme GmbH"}});
            check(
                version,
                "N:;;;;\nFN:Acme GmbH\nORG:Acme GmbH;",
                json!({"name": {"full": "Acme GmbH"}, "organizations": organization}),
            );
            check(
                version,
                "FN:Ann\nEMAIL;TYPE=INTERNET:\nTEL:\nADR;TYPE=home:;;;;;;\nUID:\nURL:\nBDAY:\n\
                 NICKNAME:,\nCATEGORIES:a,,b",
                json!({"name": {"full": "Ann"}, "keywords": {"a": true, "b": true}}),
            );
        }
    }

    #[test]
    fn values_of_vcard_3_become_those_of_a_card() {
        for (line, map, property, want) in [
            (
                "GEO:50.0;-8.25",
                "addresses",
                "coordinates",
                "geo:50.0,-8.25",
            ),
            (
                "GEO:geo:50.0,8.0",
                "addresses",
                "coordinates",
                "geo:50.0,8.0",
            ),
            ("URL:www.x.de", "links", "uri", "https://www.x.de"),
            ("URL:http://x.de", "links", "uri", "http://x.de"),
            (
                "KEY;ENCODING=b;TYPE=PGP:LS0tLS1CRUdJTiBQR1A=",
                "cryptoKeys",
                "uri",
                "data:application/pgp-keys;base64,LS0tLS1CRUdJTiBQR1A=",
            ),
            (
                "PHOTO;TYPE=SVG;ENCODING=b:PHN2Zy8+",
                "media",
                "uri",
                "data:image/svg+xml;base64,PHN2Zy8+",
            ),
            (
                "LOGO;ENCODING=b:dGVzdA==",
                "media",
                "uri",
                "data:;base64,dGVzdA==",
            ),
            (
                "PHOTO;VALUE=uri:http://x.de/a.png",
                "media",
                "uri",
                "http://x.de/a.png",
            ),
        ] {
            let (card, aside) = card("3.0", &format!("FN:Ann\n{line}"));
            assert_eq!(card[map]["k1"][property], want, "{line}: {card}");
            assert_eq!(aside, Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn what_fits_no_card_is_put_aside_and_the_rest_is_kept() {
        let lines = "FN:Ann\nKIND:group\nMEMBER:urn:uuid:1\nEMAIL;TYPE=home:nobody\n\
            EMAIL:ann@x.de\nBDAY:19901345\nURL:none at all\nPHOTO;VALUE=uri:a b";
        let (card, aside) = card("4.0", lines);
        assert_eq!(aside, ["EMAIL", "BDAY", "URL", "PHOTO"]);
        let want = json!({
            "kind": "group",
            "name": {"full": "Ann"},
            "members": {"urn:uuid:1": true},
            "emails": {"k1": {"address": "ann@x.de"}},
            "vCard": {"properties": [
                ["email", {"type": "HOME"}, "unknown", "nobody"],
                ["bday", {}, "unknown", "19901345"],
                ["url", {}, "unknown", "none at all"],
                ["photo", {}, "URI", "a b"],
            ]},
        });
        assert_eq!(card, want);
    }
    #[test]
    fn a_picture_too_large_for_a_contact_does_not_lose_the_person() {
        let picture = "AAAA".repeat(crate::domain::limits::RECORD_BYTES_MAX / 4);
        for (version, photo) in [
            ("3.0", format!("PHOTO;ENCODING=b;TYPE=JPEG:{picture}")),
            ("4.0", format!("PHOTO:data:image/jpeg;base64,{picture}")),
        ] {
            let lines = format!("FN:Ann\n{photo}\nEMAIL:ann@x.de");
            let text = format!("BEGIN:VCARD\nVERSION:{version}\n{lines}\nEND:VCARD\n");
            let mut reader = Reader::new(text.as_bytes()).expect("a reader");
            let record = reader.next().expect("a record").expect("it can be read");
            assert_eq!(record.left.dropped, ["PHOTO"], "{version}");
            let card = record.card.expect("a Card");
            assert_eq!(card["emails"]["k1"]["address"], "ann@x.de", "{version}");
            assert_eq!(card.get("media"), None, "{version}");
        }
    }
}
