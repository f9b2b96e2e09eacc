//! People as a load has them: names, firms and domains come from pools of which a few are frequent,
//! and every e-mail address and telephone number is another.
//!
//! A load of one name and one telephone number would leave most of an index's work undone.

/// A person with a number.
pub struct Person {
    /// The person's number, which no other has.
    pub number: u64,
    /// The given name, one of 2,000.
    pub first: String,
    /// The surname, one of 50,000.
    pub last: String,
    /// The firm, one of 5,000.
    pub firm: String,
}

const SYLLABLES: [&str; 20] = [
    "ba", "ko", "ri", "ne", "sa", "mu", "to", "li", "ve", "ha", "du", "ge", "po", "ja", "wi", "fo",
    "ce", "ry", "za", "xu",
];

impl Person {
    /// The person with this number: the same one each time.
    pub fn new(number: u64) -> Self {
        Self {
            number,
            first: name(pick(number, 1, 2_000), 3),
            last: name(pick(number, 2, 50_000), 4),
            firm: name(pick(number, 3, 5_000), 4),
        }
    }

    /// Given name and surname.
    pub fn full(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// An address at the firm's domain.
    pub fn email(&self) -> String {
        let Self {
            number,
            first,
            last,
            firm,
        } = self;
        let (first, last, firm) = (lower(first), lower(last), lower(firm));
        format!("{first}.{last}{number}@{firm}.example")
    }

    /// A telephone number of Berlin.
    pub fn phone(&self) -> String {
        format!("+49 30 {:08}", scatter(self.number ^ 0x99) % 100_000_000)
    }
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// One of so many, the first ones most often, as names are.
fn pick(number: u64, what: u64, many: u64) -> u64 {
    let even = (scatter(number ^ what << 56) % 1_000_003) as f64 / 1_000_003.0;
    (many as f64 * even * even) as u64
}

/// A name of so many syllables, by its place in a pool.
fn name(mut place: u64, syllables: usize) -> String {
    let mut text = String::new();
    for _ in 0..syllables {
        let syllable = SYLLABLES.get((place % 20) as usize);
        text.push_str(syllable.copied().unwrap_or_default());
        place /= 20;
    }
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A number that looks like chance: the finaliser of SplitMix64.
fn scatter(mut number: u64) -> u64 {
    number ^= number >> 30;
    number = number.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number ^= number >> 27;
    number = number.wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
