//! The components of names and addresses in their places in N and ADR (RFC 9554, section 2), and
//! their order where they have one (RFC 9555, section 3.3).

use serde_json::{Map, Value, json};

use super::super::property::escape;

/// The components of a property, as RFC 9554 has them.
pub struct Shape {
    /// The kind of component in each place.
    kinds: &'static [&'static str],
    /// The number of places that RFC 6350 had.
    old_count: usize,
    /// Older places, each with the newer ones that are repeated in it for older programs.
    repeated: &'static [(usize, &'static [usize])],
    /// Older places that are read as if they were these newer ones.
    read_as: &'static [(usize, usize)],
}

/// N (RFC 9554, section 2.2).
pub const NAME: Shape = Shape {
    kinds: &[
        "surname",
        "given",
        "given2",
        "title",
        "credential",
        "surname2",
        "generation",
    ],
    old_count: 5,
    repeated: &[(0, &[5]), (4, &[6])],
    read_as: &[],
};

/// ADR (RFC 9554, section 2.1). The extended address and the street are no kinds of their own.
pub const ADDRESS: Shape = Shape {
    kinds: &[
        "postOfficeBox",
        "",
        "",
        "locality",
        "region",
        "postcode",
        "country",
        "room",
        "apartment",
        "floor",
        "number",
        "name",
        "building",
        "block",
        "subdistrict",
        "district",
        "landmark",
        "direction",
    ],
    old_count: 7,
    repeated: &[(1, &[7, 8, 9, 12]), (2, &[10, 11, 13, 17, 16, 14, 15])],
    read_as: &[(1, 8), (2, 11)],
};

/// The kinds of a name's components in the order in which they are spoken.
const SPOKEN: [&str; 7] = [
    "title",
    "given",
    "given2",
    "surname",
    "surname2",
    "generation",
    "credential",
];

/// A component, or what stands between two.
enum Piece<'a> {
    Component {
        place: usize,
        /// The number of the component among those of its place.
        index: usize,
        text: &'a str,
    },
    Separator(&'a str),
}

/// A name's or an address's components.
pub struct Components<'a> {
    shape: &'static Shape,
    pieces: Vec<Piece<'a>>,
    /// What stands between two components that have no separator of their own.
    separator: &'a str,
    is_ordered: bool,
}

impl<'a> Components<'a> {
    /// The components of a name or an address. One in another language may leave out the kinds
    /// and the order of the one that it translates, its base.
    pub fn of(shape: &'static Shape, object: &'a Value, base: Option<&'a Value>) -> Self {
        let list = |of: &'a Value| of.get("components").and_then(Value::as_array);
        let mut counts = vec![0; shape.kinds.len()];
        let mut pieces = Vec::new();
        for (at, component) in list(object).into_iter().flatten().enumerate() {
            let text_of = |name: &str| component.get(name).and_then(Value::as_str);
            let translated = base.and_then(|base| list(base)?.get(at)?.get("kind")?.as_str());
            let Some(text) =
                text_of("value").or_else(|| text_of("phonetic").filter(|_| base.is_some()))
            else {
                continue;
            };
            let kind = text_of("kind")
                .or(translated)
                .filter(|kind| !kind.is_empty());
            if kind == Some("separator") {
                pieces.push(Piece::Separator(text));
            } else if let Some(place) = shape.kinds.iter().position(|known| kind == Some(known))
                && let Some(count) = counts.get_mut(place)
            {
                let index = *count;
                *count += 1;
                pieces.push(Piece::Component { place, index, text });
            }
        }
        let own_or_base = |name: &str| object.get(name).or_else(|| base?.get(name));
        let separator = own_or_base("defaultSeparator").and_then(Value::as_str);
        Self {
            shape,
            pieces,
            separator: separator.unwrap_or_default(),
            is_ordered: own_or_base("isOrdered") == Some(&json!(true)),
        }
    }

    /// The value of N or ADR; empty components are of no use but as places for others.
    pub fn value(&self) -> String {
        let mut parts: Vec<Vec<String>> = vec![Vec::new(); self.shape.kinds.len()];
        for piece in &self.pieces {
            if let Piece::Component { place, text, .. } = piece
                && let Some(part) = parts.get_mut(*place)
            {
                part.push(escape(text));
            }
        }
        for (older, newer) in self.shape.repeated {
            let copies: Vec<String> = newer
                .iter()
                .filter_map(|at| parts.get(*at))
                .flatten()
                .cloned()
                .collect();
            if let Some(part) = parts.get_mut(*older) {
                part.extend(copies);
            }
        }
        if !self.is_ordered && self.is_said_by_older(&parts) {
            parts.truncate(self.shape.old_count);
        }
        let parts: Vec<String> = parts.iter().map(|part| part.join(",")).collect();
        parts.join(";")
    }

    /// The texts of the components in one place.
    fn texts_at(&self, wanted: Option<usize>) -> impl Iterator<Item = &'a str> {
        self.pieces.iter().filter_map(move |piece| match piece {
            Piece::Component { place, text, .. } if Some(*place) == wanted => Some(*text),
            _ => None,
        })
    }

    /// Whether the newer places say no more than the older ones before them.
    fn is_said_by_older(&self, parts: &[Vec<String>]) -> bool {
        let newer = parts.iter().enumerate().skip(self.shape.old_count);
        let mut said = newer.map(|(at, part)| {
            let is_copy =
                |(older, newer): &(usize, usize)| *newer == at && parts.get(*older) == Some(part);
            part.is_empty() || self.shape.read_as.iter().any(is_copy)
        });
        said.all(|is_said| is_said)
    }

    /// The parameter JSCOMPS, for components that have an order (RFC 9555, section 3.3.1).
    pub fn order(&self) -> Option<String> {
        if !self.is_ordered || self.pieces.is_empty() {
            return None;
        }
        let separator = |text: &str| format!("s,{}", escape(text));
        let first = Some(self.separator).filter(|text| !text.is_empty());
        let mut written = first.map(separator).unwrap_or_default();
        for piece in &self.pieces {
            written.push(';');
            written.push_str(&match piece {
                Piece::Separator(text) => separator(text),
                Piece::Component {
                    place, index: 0, ..
                } => place.to_string(),
                Piece::Component { place, index, .. } => format!("{place},{index}"),
            });
        }
        Some(written)
    }

    /// The components as a text: in their order, or in the one in which names are spoken.
    pub fn spoken(&self) -> String {
        if !self.is_ordered {
            let place = |kind: &str| self.shape.kinds.iter().position(|known| *known == kind);
            let texts = SPOKEN.iter().flat_map(|kind| self.texts_at(place(kind)));
            return texts.collect::<Vec<_>>().join(" ");
        }
        let between = if self.separator.is_empty() {
            " "
        } else {
            self.separator
        };
        let mut spoken = String::new();
        let mut is_after_component = false;
        for piece in &self.pieces {
            match piece {
                Piece::Separator(text) => spoken.push_str(text),
                Piece::Component { text, .. } => {
                    if is_after_component {
                        spoken.push_str(between);
                    }
                    spoken.push_str(text);
                }
            }
            is_after_component = matches!(piece, Piece::Component { .. });
        }
        spoken
    }
}

/// Puts components that have no order into the order of vCard, in which they will come back.
pub fn order(card: &mut Map<String, Value>) {
    let sort = |of: &mut Value, shape: &Shape| {
        if of.get("isOrdered") == Some(&json!(true)) {
            return;
        }
        let place = |component: &Value| {
            let kind = component.get("kind").and_then(Value::as_str)?;
            shape
                .kinds
                .iter()
                .position(|known| *known == kind && !known.is_empty())
        };
        if let Some(Value::Array(components)) = of.get_mut("components")
            && components
                .iter()
                .all(|component| place(component).is_some())
        {
            components.sort_by_key(place);
        }
    };
    if let Some(name) = card.get_mut("name") {
        sort(name, &NAME);
    }
    let addresses = card.get_mut("addresses").and_then(Value::as_object_mut);
    for address in addresses.into_iter().flat_map(Map::values_mut) {
        sort(address, &ADDRESS);
    }
}
