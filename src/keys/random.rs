//! Random bytes for keys and nonces, many asked for at once.
//!
//! A call of the system for each key and each nonce costs more than what is sealed under them. Each
//! thread has some at hand; those that were taken are cleared.

use std::cell::RefCell;

use zeroize::{Zeroize, Zeroizing};

/// Random bytes that are asked of the operating system at once.
const POOL_BYTES: usize = 4_096;

/// Random bytes of the operating system that nobody has taken yet.
struct Pool {
    bytes: Zeroizing<[u8; POOL_BYTES]>,
    /// Those before this one were taken, and cleared.
    next: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::new(Pool {
        bytes: Zeroizing::new([0; POOL_BYTES]),
        next: POOL_BYTES,
    });
}

/// Fills `wanted`, which is shorter than a pool, with random bytes that nobody else gets.
pub(super) fn fill_random(wanted: &mut [u8]) -> Result<(), getrandom::Error> {
    POOL.with_borrow_mut(|pool| {
        if POOL_BYTES - pool.next < wanted.len() {
            getrandom::fill(pool.bytes.as_mut_slice())?;
            pool.next = 0;
        }
        let end = pool.next + wanted.len();
        let taken = pool.bytes.get_mut(pool.next..end);
        let taken = taken.ok_or(getrandom::Error::UNEXPECTED)?;
        wanted.copy_from_slice(taken);
        taken.zeroize();
        pool.next = end;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn random_bytes_are_given_once_and_forgotten() {
        let mut seen = BTreeSet::new();
        for _ in 0..2 * POOL_BYTES / 32 {
            let mut bytes = [0; 32];
            fill_random(&mut bytes).unwrap();
            assert!(seen.insert(bytes));
        }
        POOL.with_borrow(|pool| {
            assert!(pool.next > 0);
            let taken = pool.bytes.get(..pool.next).unwrap();
            assert!(taken.iter().all(|byte| *byte == 0));
        });
    }
}
