//! When the work on an index begins, and how much of it is done at a time.

/// The sizes at which work is begun; tests have smaller ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Contacts that were folded and are in no run yet; with one more, they become one.
    pub pending_max: usize,
    /// Bytes of young runs that are worth a file.
    pub flush_bytes: usize,
    /// Events behind the last checkpoint that are worth a new one: folding them takes seconds.
    pub flush_events: u64,
    /// Runs in memory; with one more, neighbours are merged.
    pub young_max: usize,
    /// Runs in files; with one more, neighbours are merged.
    pub old_max: usize,
    /// Keys that one slice of the work looks at.
    pub slice_keys: usize,
}

impl Limits {
    /// For an index that is made of a whole log, and read by nobody until then: large runs at once,
    /// for a key that is sorted among many need not be merged again and again.
    pub const fn of_whole_log() -> Self {
        Self {
            pending_max: 32_768,
            flush_bytes: 1,
            flush_events: u64::MAX,
            young_max: 8,
            old_max: 32,
            slice_keys: usize::MAX,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_max: 256,
            flush_bytes: 16 << 20,
            flush_events: 100_000,
            young_max: 8,
            old_max: 8,
            slice_keys: 8_192,
        }
    }
}
