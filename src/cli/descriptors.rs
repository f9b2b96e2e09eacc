//! The limit of open files, and how many connections it leaves room for.
//!
//! Each connection is an open file. Where there are too few of them, the log and the audit log are
//! the ones that must not go short: connections get what those leave.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::exit::Failure;
use crate::http::PlaceLimits;

/// More open files than this are not asked for.
const WANTED: u64 = 1 << 20;
/// Files that the log, the audit log, the bus and reads have open, with room to spare.
const FILES: u64 = 64;
/// Connections that only probes are answered on.
const PROBES: u64 = 32;
/// The fewest connections that are worth a start.
const CONNECTIONS_MIN: u64 = 8;

/// Raises this process's limit of open files as far as it may be raised; gives the limit.
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let (now, most) = (limit.current.unwrap_or(u64::MAX), limit.maximum);
    let wanted = most.unwrap_or(u64::MAX).min(WANTED);
    if now >= wanted {
        return now;
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: most,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted,
        // What there is must do.
        Err(_) => now,
    }
}

/// The number of connections that there may be: as many as are asked for, or as the limit of open
/// files leaves, which is then said.
///
/// # Errors
/// The limit leaves next to none.
pub fn places(
    asked: usize,
    of_address: Option<usize>,
    descriptors: u64,
) -> Result<PlaceLimits, Failure> {
    let left = descriptors.saturating_sub(FILES);
    let kept = PROBES.min(left / 4);
    let left = left.saturating_sub(kept);
    if left < CONNECTIONS_MIN {
        return Err(Failure::usage(format!(
            "at most {descriptors} files may be open, which is too few to serve; raise the limit \
             (ulimit -n, or LimitNOFILE= of systemd) to {} at least",
            FILES + 2 * CONNECTIONS_MIN
        )));
    }
    let all = asked.min(usize::try_from(left).unwrap_or(usize::MAX));
    if all < asked {
        tracing::warn!(
            connections = all,
            asked,
            descriptors,
            "fewer connections than --max-connections: the limit of open files (ulimit -n) leaves \
             no room for more"
        );
    }
    // One address leaves an eighth to the others; among a few there is nothing to divide.
    let of_others = if all < 16 { 0 } else { all / 8 };
    Ok(PlaceLimits {
        all,
        of_address: of_address.unwrap_or(all - of_others).min(all),
        kept: usize::try_from(kept).unwrap_or(usize::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_what_the_files_leave() {
        let all = |asked, descriptors| {
            let limits = places(asked, None, descriptors).ok();
            limits.map(
                |PlaceLimits {
                     all,
                     of_address,
                     kept,
                 }| (all, of_address, kept),
            )
        };
        assert_eq!(all(1_024, 1 << 20), Some((1_024, 896, 32)));
        assert_eq!(all(1_024, 1_024), Some((928, 812, 32)));
        assert_eq!(all(4, 1_024), Some((4, 4, 32)));
        assert_eq!(all(1_024, 128), Some((48, 42, 16)));
        assert_eq!(all(1_024, 64), None);
        let of_address = |number| places(1_024, Some(number), 1_024).unwrap().of_address;
        assert_eq!([of_address(10), of_address(2_000)], [10, 928]);
    }
}
