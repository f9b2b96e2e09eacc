//! An array in chunks: it grows by one chunk at a time, and nothing in it is ever moved.

/// Entries of one chunk. The first chunk grows to this, the others begin with it.
const CHUNK: usize = 1 << 12;

/// A growing array whose entries are named by their number, from 0.
#[derive(Debug)]
pub struct Chunks<T> {
    chunks: Vec<Vec<T>>,
    len: u32,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Chunks<T> {
    /// The number of entries, which is the number of the next one.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether no more entries can be numbered.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len >= super::NONE - 1
    }

    /// Adds an entry and gives its number. Whoever adds asks [`Self::is_full`] first.
    pub fn push(&mut self, value: T) -> u32 {
        let number = self.len;
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            last => {
                let capacity = if last.is_some() { CHUNK } else { 1 };
                let mut chunk = Vec::with_capacity(capacity);
                chunk.push(value);
                self.chunks.push(chunk);
            }
        }
        self.len = self.len.saturating_add(1);
        number
    }

    /// The entry of a number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        let number = number as usize;
        self.chunks.get(number / CHUNK)?.get(number % CHUNK)
    }

    /// The entry of a number, to be changed.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let number = number as usize;
        self.chunks.get_mut(number / CHUNK)?.get_mut(number % CHUNK)
    }

    /// The entries from a number on, each with its own.
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, &T)> {
        (first..self.len).filter_map(|number| Some((number, self.get(number)?)))
    }

    /// The number of the first entry for which this does not hold, where it holds for all before
    /// and for none after.
    pub fn partition_point(&self, holds: impl Fn(&T) -> bool) -> u32 {
        let begins = |chunk: &Vec<T>| chunk.first().is_some_and(&holds);
        let chunk = self.chunks.partition_point(begins).saturating_sub(1);
        let within = self.chunks.get(chunk);
        let within = within.map_or(0, |chunk| chunk.partition_point(holds));
        u32::try_from(chunk * CHUNK + within).unwrap_or(super::NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_numbers_over_many_chunks() {
        let mut chunks = Chunks::default();
        let count = 3 * CHUNK as u32 + 7;
        for number in 0..count {
            assert_eq!(chunks.push(2 * number), number);
        }
        assert_eq!(chunks.len(), count);
        assert_eq!(chunks.get(count), None);
        let last: Vec<_> = chunks.iter_from(count - 2).collect();
        assert_eq!(
            last,
            [(count - 2, &(2 * count - 4)), (count - 1, &(2 * count - 2))]
        );
        for number in [0, 1, CHUNK as u32 - 1, CHUNK as u32, count - 1, count] {
            assert_eq!(chunks.partition_point(|value| *value < 2 * number), number);
        }
        *chunks.get_mut(5_000).unwrap() = 1;
        assert_eq!(chunks.get(5_000), Some(&1));
        assert_eq!(Chunks::<u32>::default().partition_point(|_| true), 0);
    }
}
