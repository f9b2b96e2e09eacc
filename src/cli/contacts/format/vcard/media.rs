//! Files that stand in a vCard, such as photographs: `data:` URIs (RFC 2397) are made of them.

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use super::property::Property;

/// Properties that hold a file, or say where it is.
const FILES: [&str; 4] = ["PHOTO", "LOGO", "SOUND", "KEY"];
/// Base64 of which the padding may be missing, as in some files it is. Bits that no byte has would
/// be lost, so they make it none.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether a property holds a file, or says where it is.
pub fn is_file(name: &str) -> bool {
    FILES.contains(&name)
}

/// Makes a URI of a file's value, where it is plain what it is; else the value stays.
///
/// `calcard` decodes base64 that happens to be text and then takes it for a text, and forgets the
/// media type of the rest.
pub fn normalize(property: &mut Property, is_binary_by_default: bool) {
    let text = property.text();
    let media_type = media_type(property);
    let says_where = property.param("VALUE").is_some_and(|value| {
        ["uri", "url", "content-id", "cid"].contains(&value.to_lowercase().as_str())
    });
    let uri = match scheme(&text) {
        Some("data") => data_uri(&text),
        Some(_) => Some(text.trim().to_owned()),
        None if property.is_base64 => of_base64(&text, media_type.as_deref()),
        None if is_binary_by_default && !says_where => of_unsaid(&text, media_type.as_deref()),
        None => None,
    };
    let Some(uri) = uri else {
        return;
    };
    property.is_base64 = false;
    property.value = uri;
    property.take_param("VALUE");
    if let Some(media_type) = media_type {
        property.params.retain(|param| {
            let said = |value: &String| said_by(&property.name, value).is_some();
            param.name != "TYPE" || !param.values.iter().any(said)
        });
        let is_data = property.value.starts_with("data:");
        if !is_data && property.param("MEDIATYPE").is_none() {
            property.add_param("MEDIATYPE", media_type);
        }
    }
}

/// The scheme of a URI, of those that files have.
fn scheme(text: &str) -> Option<&'static str> {
    let (scheme, _) = text.trim_start().split_once(':')?;
    let known = ["data", "http", "https", "ftp", "file", "cid", "urn"];
    known
        .into_iter()
        .find(|known| scheme.eq_ignore_ascii_case(known))
}

/// A `data:` URI with its scheme, media type and `base64` in lower case and without white space.
fn data_uri(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(':')?;
    let (head, data) = rest.split_once(',')?;
    if !head.to_lowercase().ends_with(";base64") {
        return Some(format!("data:{rest}"));
    }
    let data: String = data.split_whitespace().collect();
    let decoded = LENIENT.decode(&data).ok()?;
    let data = base64::prelude::BASE64_STANDARD.encode(decoded);
    Some(format!("data:{},{data}", head.to_lowercase()))
}

/// The URI of a value that is said to be base64.
fn of_base64(text: &str, media_type: Option<&str>) -> Option<String> {
    let text: String = text.split_whitespace().collect();
    let bytes = LENIENT
        .decode(&text)
        .ok()
        .filter(|bytes| !bytes.is_empty())?;
    let media_type = media_type.or_else(|| sniffed(&bytes)).unwrap_or_default();
    let data = base64::prelude::BASE64_STANDARD.encode(bytes);
    Some(format!("data:{media_type};base64,{data}"))
}

/// The URI of a value that nothing says to be base64. Many a word is base64 by chance, so that it has
/// to be so to its last character, and of a media type that is told.
fn of_unsaid(text: &str, media_type: Option<&str>) -> Option<String> {
    let bytes = base64::prelude::BASE64_STANDARD.decode(text).ok()?;
    media_type.or_else(|| sniffed(&bytes))?;
    of_base64(text, media_type)
}

/// The media type that a file's first bytes tell, for pictures that no TYPE names.
fn sniffed(bytes: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 3] = [
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG", "image/png"),
        (b"GIF8", "image/gif"),
    ];
    let found = known
        .into_iter()
        .find(|(magic, _)| bytes.starts_with(magic));
    found.map(|(_, media_type)| media_type)
}

/// The media type that a property's parameters name.
fn media_type(property: &Property) -> Option<String> {
    let named = property.param("MEDIATYPE").map(str::to_lowercase);
    named.or_else(|| {
        let mut types = property.values("TYPE");
        types.find_map(|value| said_by(&property.name, value))
    })
}

/// The media type that a TYPE of vCard 2.1 or 3.0 is.
fn said_by(name: &str, value: &str) -> Option<String> {
    let value = value.to_lowercase();
    let short = match (name, value.as_str()) {
        (_, "home" | "work" | "pref") => return None,
        (_, value) if value.contains('/') => return Some(value.to_owned()),
        ("KEY", "pgp" | "gpg") => "application/pgp-keys",
        ("KEY", "x509") => "application/x-x509-user-cert",
        ("PHOTO" | "LOGO", "jpg") => "image/jpeg",
        ("PHOTO" | "LOGO", "svg") => "image/svg+xml",
        ("SOUND", "wave") => "audio/wav",
        ("PHOTO" | "LOGO", _) => return Some(format!("image/{value}")),
        ("SOUND", _) => return Some(format!("audio/{value}")),
        _ => return None,
    };
    Some(short.to_owned())
}

/// The media type as the TYPE of vCard 3.0 names it: `JPEG` of `image/jpeg`.
pub fn legacy_type(media_type: &str) -> String {
    match media_type {
        "application/pgp-keys" => "PGP".to_owned(),
        "application/x-x509-user-cert" => "X509".to_owned(),
        "image/svg+xml" => "SVG".to_owned(),
        "audio/wav" => "WAVE".to_owned(),
        other => other.rsplit('/').next().unwrap_or(other).to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::{self, Decoder, Version};
    use super::*;

    #[test]
    fn files_become_uris_with_a_media_type() {
        for (line, uri, media_type) in [
            (
                "PHOTO;ENCODING=b;TYPE=JPEG:/9j/",
                "data:image/jpeg;base64,/9j/",
                None,
            ),
            ("PHOTO;BASE64;JPG:/9j/", "data:image/jpeg;base64,/9j/", None),
            (
                "PHOTO;ENCODING=b:/9j/4A",
                "data:image/jpeg;base64,/9j/4A==",
                None,
            ),
            (
                "PHOTO;TYPE=SVG;ENCODING=b:PHN2Zy8+",
                "data:image/svg+xml;base64,PHN2Zy8+",
                None,
            ),
            ("LOGO;ENCODING=b:dGVzdA==", "data:;base64,dGVzdA==", None),
            (
                "KEY;TYPE=PGP;ENCODING=b:LS0t",
                "data:application/pgp-keys;base64,LS0t",
                None,
            ),
            ("SOUND;TYPE=OGG:AAAA", "data:audio/ogg;base64,AAAA", None),
            (
                "PHOTO:DATA:IMAGE/JPEG;BASE64,/9j/",
                "data:image/jpeg;base64,/9j/",
                None,
            ),
            (
                r"PHOTO:data:image/png;base64\,iVBO",
                "data:image/png;base64,iVBO",
                None,
            ),
            (
                "PHOTO;VALUE=URI;TYPE=PNG:http://x.de/a",
                "http://x.de/a",
                Some("image/png"),
            ),
            (
                "KEY;TYPE=PGP:http://x.de/k",
                "http://x.de/k",
                Some("application/pgp-keys"),
            ),
            ("PHOTO;ENCODING=b:not base64!", "not base64!", None),
        ] {
            let (head, value) = decode::split_head(line.as_bytes()).expect("a colon");
            let mut property = decode::head(head);
            Decoder::new(Version::V3, false).value(&mut property, value);
            normalize(&mut property, true);
            assert_eq!(property.value, uri, "{line}");
            assert_eq!(property.param("MEDIATYPE"), media_type, "{line}");
        }
    }
}
