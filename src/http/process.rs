//! What the process takes, under the names that Prometheus' own clients use.

use std::fmt::Error;
use std::fs;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Asks the system whenever somebody asks for metrics. What cannot be read is left out.
#[derive(Debug)]
pub struct ProcessCollector {
    started: SystemTime,
}

impl ProcessCollector {
    /// A collector for a process that was started at this time.
    pub const fn new(started: SystemTime) -> Self {
        Self { started }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let counter = ConstCounter::new(used.tv_sec as f64 + used.tv_nsec as f64 / 1e9);
        counter.encode(encoder.encode_descriptor(
            "process_cpu_seconds",
            "User and system time that the process has used",
            None,
            counter.metric_type(),
        )?)?;
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kib = |field| status_field(&status, field).map(|kib| kib.saturating_mul(1_024));
        let since_1970 = self.started.duration_since(SystemTime::UNIX_EPOCH).ok();
        let open = fs::read_dir("/proc/self/fd").ok();
        let gauges = [
            (
                "process_resident_memory_bytes",
                "Memory that the process has resident",
                kib("VmRSS"),
            ),
            (
                "process_virtual_memory_bytes",
                "Addresses that the process has taken",
                kib("VmSize"),
            ),
            (
                "process_threads",
                "Threads of the process",
                status_field(&status, "Threads"),
            ),
            (
                "process_start_time_seconds",
                "When the process was started, in seconds since 1970",
                since_1970.map(|time| time.as_secs()),
            ),
            (
                "process_open_fds",
                "Files that the process has open",
                open.map(|files| files.count() as u64),
            ),
            (
                "process_max_fds",
                "Files that the process may have open",
                getrlimit(Resource::Nofile).current,
            ),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                gauge(&mut encoder, name, help, value)?;
            }
        }
        Ok(())
    }
}

/// The number behind a name in `/proc/self/status`, which proc(5) describes. Sizes there are in KiB.
fn status_field(status: &str, name: &str) -> Option<u64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), Error> {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    let kind = gauge.metric_type();
    gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)
}

#[cfg(test)]
mod tests {
    use super::status_field;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "VmRSSx:\t1 kB\nVmRSS:\t   1234 kB\nThreads:\t7\nName:\tcontactd\n";
        assert_eq!(status_field(status, "VmRSS"), Some(1_234));
        assert_eq!(status_field(status, "Threads"), Some(7));
        assert_eq!(status_field(status, "Name"), None);
        assert_eq!(status_field(status, "VmSize"), None);
    }
}
