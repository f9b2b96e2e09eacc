//! What Apple, Android and others write in properties of their own, in the words of vCard 4.0.
//!
//! Only what has one plain meaning is translated. The rest stays as it is, and the caller keeps
//! it among the Card's vCard properties.

use super::dates::When;
use super::property::Property;

/// Properties that may have a label (RFC 9554, section 4.5).
const LABELLED: [&str; 12] = [
    "TEL",
    "EMAIL",
    "URL",
    "IMPP",
    "SOCIALPROFILE",
    "LANG",
    "KEY",
    "PHOTO",
    "LOGO",
    "SOUND",
    "CALURI",
    "FBURL",
];
/// Apple's labels for relations, and the TYPE that each is.
const RELATIONS: [(&str, &str); 5] = [
    ("Spouse", "spouse"),
    ("Child", "child"),
    ("Parent", "parent"),
    ("Friend", "friend"),
    ("Colleague", "colleague"),
];
/// Apple's labels that say what a TYPE says, and those TYPEs.
const TYPE_LABELS: [(&str, &[&str]); 9] = [
    ("Home", &["home"]),
    ("Work", &["work"]),
    ("Mobile", &["cell"]),
    ("Main", &["main-number"]),
    ("Pager", &["pager"]),
    ("HomeFAX", &["home", "fax"]),
    ("WorkFAX", &["work", "fax"]),
    ("HomeFax", &["home", "fax"]),
    ("WorkFax", &["work", "fax"]),
];
/// Android's numbers for relations, and the TYPE that each is.
const ANDROID_RELATIONS: [(&str, &str); 5] = [
    ("3", "child"),
    ("6", "friend"),
    ("9", "parent"),
    ("12", "kin"),
    ("14", "spouse"),
];

/// Translates all properties of a vCard.
pub fn normalize(properties: Vec<Property>) -> Vec<Property> {
    let properties: Vec<Property> = properties.into_iter().map(renamed).collect();
    let properties = attach_labels(attach_countries(without_company(properties)));
    attach_addresses(without_repeats(properties))
}

/// Whether it is Apple's word for an organization.
pub fn is_shown_as_company(property: &Property) -> bool {
    property.name == "X-ABSHOWAS" && property.value.eq_ignore_ascii_case("company")
}

/// Apple's word for an organization says nothing beside that of vCard 4.0.
fn without_company(mut properties: Vec<Property>) -> Vec<Property> {
    let is_org = |p: &Property| p.name == "KIND" && p.value.trim().eq_ignore_ascii_case("org");
    if properties.iter().any(is_org) {
        properties.retain(|p| !is_shown_as_company(p));
    }
    properties
}

/// One property in the words of vCard 4.0.
fn renamed(mut property: Property) -> Property {
    let text = property.text();
    match property.name.as_str() {
        "X-ADDRESSBOOKSERVER-KIND" => property.name = "KIND".into(),
        "X-ADDRESSBOOKSERVER-MEMBER" => property.name = "MEMBER".into(),
        "X-ANNIVERSARY" | "X-EVOLUTION-ANNIVERSARY" if When::parse(text.trim()).is_some() => {
            property.name = "ANNIVERSARY".into();
        }
        "X-SPOUSE" | "X-EVOLUTION-SPOUSE"
            if !text.trim().is_empty() && !has_own_type(&property) =>
        {
            relate(&mut property, "spouse");
        }
        "X-SOCIALPROFILE" => {
            property.name = "SOCIALPROFILE".into();
            let types = property.take_param("TYPE");
            for value in types {
                if ["home", "work", "pref"].contains(&value.to_lowercase().as_str())
                    || property.param("SERVICE-TYPE").is_some()
                {
                    property.add_param("TYPE", value);
                } else {
                    property.add_param("SERVICE-TYPE", value);
                }
            }
            rename_param(&mut property, "X-USER", "USERNAME");
        }
        "IMPP" => rename_param(&mut property, "X-SERVICE-TYPE", "SERVICE-TYPE"),
        "X-ANDROID-CUSTOM" => android(&mut property),
        _ => {}
    }
    property
}

/// Whether it has a TYPE that says more than that it is preferred, as Apple's programs write to each.
fn has_own_type(property: &Property) -> bool {
    let mut types = property.values("TYPE");
    types.any(|value| !value.eq_ignore_ascii_case("pref"))
}

/// Makes it a relation. The TYPE that it has is given up for that.
fn relate(property: &mut Property, relation: &str) {
    property.name = "RELATED".into();
    property.take_param("VALUE");
    property.take_param("TYPE");
    property.add_param("TYPE", relation);
}

fn rename_param(property: &mut Property, from: &str, to: &str) {
    if property.param(to).is_none() {
        for value in property.take_param(from) {
            property.add_param(to, value);
        }
    }
}

/// `vnd.android.cursor.item/nickname;Annie;1;;…`: the kind of a row, and its columns.
fn android(property: &mut Property) {
    let columns: Vec<String> = property
        .components()
        .into_iter()
        .map(|c| c.join(","))
        .collect();
    let column = |at: usize| columns.get(at).map_or("", |text| text.trim());
    // A column beyond these, such as a label, has no place in the property.
    if columns.iter().skip(3).any(|text| !text.trim().is_empty()) || has_own_type(property) {
        return;
    }
    let kind = column(0).strip_prefix("vnd.android.cursor.item/");
    let related = ANDROID_RELATIONS
        .iter()
        .find(|(number, _)| *number == column(2));
    match (kind, column(2)) {
        (Some("nickname"), _) => property.name = "NICKNAME".into(),
        (Some("contact_event"), "1") if When::parse(column(1)).is_some() => {
            property.name = "ANNIVERSARY".into();
        }
        (Some("relation"), _) if let Some((_, relation)) = related => relate(property, relation),
        _ => return,
    }
    property.set_text(column(1));
}

/// Apple's country of an address, in a property of the same group.
fn attach_countries(mut properties: Vec<Property>) -> Vec<Property> {
    let is_country = |p: &Property| {
        let text = p.text();
        p.name == "X-ABADR" && text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic())
    };
    for country in properties.clone().iter().filter(|p| is_country(p)) {
        let is_its =
            |p: &&mut Property| p.name == "ADR" && p.group.is_some() && p.group == country.group;
        let mut addresses = properties.iter_mut().filter(is_its);
        if let Some(address) = addresses.next()
            && address.param("CC").is_none()
        {
            address.add_param("CC", country.text().to_uppercase());
            properties.retain(|p| p != country);
        }
    }
    properties
}

/// What stands in `_$!<` and `>!$_`: a label that Apple's programs translate.
fn built_in(label: &str) -> Option<&str> {
    label.strip_prefix("_$!<")?.strip_suffix(">!$_")
}

/// Apple's labels, each in a property of the same group as what it labels.
fn attach_labels(mut properties: Vec<Property>) -> Vec<Property> {
    let is_label = |p: &&Property| p.name == "X-ABLABEL" && p.group.is_some();
    for label in properties.clone().iter().filter(is_label) {
        let text = label.text();
        let mut used = false;
        for property in properties.iter_mut().filter(|p| p.group == label.group) {
            if property.name != "X-ABLABEL" && apply(property, &text) {
                used = true;
            }
        }
        if used {
            properties.retain(|p| p != label);
            // The group did nothing but to join the two.
            for property in properties.iter_mut().filter(|p| p.group == label.group) {
                property.group = None;
            }
        }
    }
    properties
}

/// Gives a property its label. `false` where the label would be lost so.
fn apply(property: &mut Property, label: &str) -> bool {
    let meant = built_in(label);
    let of_types = meant.and_then(|meant| TYPE_LABELS.iter().find(|(name, _)| *name == meant));
    match (property.name.as_str(), meant, of_types) {
        ("X-ABDATE" | "X-ABRELATEDNAMES", ..) if has_own_type(property) => return false,
        ("X-ABDATE", Some("Anniversary"), _) if When::parse(property.text().trim()).is_some() => {
            property.name = "ANNIVERSARY".into();
            property.take_param("TYPE");
        }
        ("X-ABRELATEDNAMES", Some(meant), _)
            if let Some((_, relation)) = RELATIONS.iter().find(|(name, _)| *name == meant) =>
        {
            relate(property, relation);
        }
        ("TEL", _, Some((_, types))) => {
            for value in *types {
                property.add_param("TYPE", *value);
            }
        }
        (
            "ADR" | "EMAIL" | "URL" | "IMPP" | "SOCIALPROFILE",
            Some("Home" | "Work"),
            Some((_, types)),
        ) => {
            for value in *types {
                property.add_param("TYPE", *value);
            }
        }
        (name, ..) if LABELLED.contains(&name) && property.param("LABEL").is_none() => {
            property.add_param("LABEL", meant.unwrap_or(label));
        }
        _ => return false,
    }
    true
}

/// An anniversary that two properties name is one.
fn without_repeats(properties: Vec<Property>) -> Vec<Property> {
    let mut kept: Vec<Property> = Vec::new();
    for property in properties {
        let day = |p: &Property| When::parse(p.text().trim());
        let repeats = property.name == "ANNIVERSARY"
            && kept
                .iter()
                .any(|p| p.name == "ANNIVERSARY" && day(p) == day(&property));
        if !repeats {
            kept.push(property);
        }
    }
    kept
}

/// The delivery label of vCard 2.1 and 3.0, which 4.0 has as a parameter of the address.
fn attach_addresses(properties: Vec<Property>) -> Vec<Property> {
    let (labels, mut kept): (Vec<Property>, Vec<Property>) =
        properties.into_iter().partition(|p| p.name == "LABEL");
    for label in labels {
        let kind = |p: &Property| {
            let all = p.values("TYPE").map(str::to_lowercase);
            let mut all: Vec<String> = all.filter(|value| value != "pref").collect();
            all.sort_unstable();
            all
        };
        let text = label.text();
        let is_its = |p: &&mut Property| {
            p.name == "ADR" && p.param("LABEL").is_none() && kind(p) == kind(&label)
        };
        if text.trim().is_empty() {
            continue;
        }
        if let Some(address) = kept.iter_mut().find(is_its) {
            address.add_param("LABEL", text);
            continue;
        }
        let mut address = Property {
            name: "ADR".into(),
            value: ";;;;;;".into(),
            ..label
        };
        address.add_param("LABEL", text);
        kept.push(address);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::decode::{self, Decoder, Version};
    use super::*;

    fn property(line: &str) -> Property {
        let (head, value) = decode::split_head(line.as_bytes()).expect("a colon");
        let mut property = decode::head(head);
        Decoder::new(Version::V3, false).value(&mut property, value);
        let params = std::mem::take(&mut property.params);
        for param in params {
            for value in param.values {
                property.add_param(&param.name, value);
            }
        }
        property
    }

    /// The properties in one line, such as `TEL;TYPE=home:1`.
    fn check(lines: &[&str], want: &[&str]) {
        let got = normalize(lines.iter().map(|line| property(line)).collect());
        let want: Vec<Property> = want.iter().map(|line| property(line)).collect();
        assert_eq!(got, want, "{lines:?}");
    }

    #[test]
    fn apples_properties_are_translated() {
        check(
            &[
                "item1.X-ABDATE;type=pref:2012-06-06",
                "item1.X-ABLabel:_$!<Anniversary>!$_",
            ],
            &["ANNIVERSARY:2012-06-06"],
        );
        check(
            &["i.X-ABDATE:2012-06-06", "i.X-ABLabel:Party"],
            &["i.X-ABDATE:2012-06-06", "i.X-ABLABEL:Party"],
        );
        check(
            &["i.X-ABRELATEDNAMES:Jane", "i.X-ABLabel:_$!<Spouse>!$_"],
            &["RELATED;TYPE=spouse:Jane"],
        );
        check(
            &["i.X-ABRELATEDNAMES:Jane", "i.X-ABLabel:_$!<Mother>!$_"],
            &["i.X-ABRELATEDNAMES:Jane", "i.X-ABLABEL:_$!<Mother>!$_"],
        );
        check(
            &["a.TEL:1", "a.X-ABLabel:_$!<HomeFAX>!$_"],
            &["TEL;TYPE=home;TYPE=fax:1"],
        );
        check(
            &["a.TEL:1", "a.X-ABLabel:Hotline"],
            &["TEL;LABEL=Hotline:1"],
        );
        check(
            &["a.URL:x", "a.X-ABLabel:_$!<HomePage>!$_"],
            &["URL;LABEL=HomePage:x"],
        );
        check(&["a.ADR:;;1", "a.X-ABADR:us"], &["a.ADR;CC=US:;;1"]);
        check(
            &["a.ADR:;;1", "a.X-ABLabel:Hut"],
            &["a.ADR:;;1", "a.X-ABLABEL:Hut"],
        );
        check(&["X-ADDRESSBOOKSERVER-KIND:group"], &["KIND:group"]);
        check(&["X-ABShowAs:COMPANY"], &["X-ABSHOWAS:COMPANY"]);
        check(&["X-ABShowAs:COMPANY", "KIND:Org"], &["KIND:Org"]);
        check(
            &["X-SOCIALPROFILE;type=twitter;x-user=ann:http://x.de/ann"],
            &["SOCIALPROFILE;SERVICE-TYPE=twitter;USERNAME=ann:http://x.de/ann"],
        );
    }

    #[test]
    fn androids_rows_and_old_labels_are_translated() {
        let row = |rest: &str| format!("X-ANDROID-CUSTOM:vnd.android.cursor.item/{rest}");
        check(&[&row("nickname;Annie;1;;;;")], &["NICKNAME:Annie"]);
        check(
            &[&row("contact_event;2012-06-06;1;;")],
            &["ANNIVERSARY:2012-06-06"],
        );
        check(&[&row("relation;Jane;14;;")], &["RELATED;TYPE=spouse:Jane"]);
        check(
            &[&row("relation;Jane;0;Boss")],
            &[&row("relation;Jane;0;Boss")],
        );
        check(
            &["X-ANNIVERSARY:2012-06-06", "ANNIVERSARY:20120606"],
            &["ANNIVERSARY:2012-06-06"],
        );
        check(
            &[
                "ADR;TYPE=home:;;1",
                "LABEL;TYPE=home,pref:1 Main",
                "LABEL;TYPE=work:2 W",
            ],
            &[
                "ADR;TYPE=home;LABEL=1 Main:;;1",
                "ADR;TYPE=work;LABEL=2 W:;;;;;;",
            ],
        );
    }
}
