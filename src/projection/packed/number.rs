//! Numbers in few bytes.

/// The number that stands for nothing in links between entries.
pub const NONE: u32 = u32::MAX;

/// A number below 2^48 in six bytes: enough for the positions of a log that grows by a million
/// events a second for eight years, and for the milliseconds until the year 10,889.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct U48([u8; 6]);

impl U48 {
    /// The greatest of these numbers.
    pub const MAX: u64 = (1 << 48) - 1;

    /// The number itself, or the greatest that there is.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let [_, _, bytes @ ..] = number.min(Self::MAX).to_be_bytes();
        Self(bytes)
    }

    /// The number in full width.
    #[must_use]
    pub const fn get(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_order_as_they_are() {
        let numbers = [0, 1, 255, 256, 65_536, U48::MAX - 1, U48::MAX];
        for number in numbers {
            assert_eq!(U48::new(number).get(), number);
        }
        assert!(numbers.map(U48::new).is_sorted());
        assert_eq!(U48::new(u64::MAX).get(), U48::MAX);
    }
}
