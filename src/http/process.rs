//! What the process takes, under the names that Prometheus' own clients use.

use procfs::process::Process;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Reads `/proc` whenever somebody asks. What cannot be read is left out.
#[derive(Debug)]
pub struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Ok(process) = Process::myself() else {
            return Ok(());
        };
        if let Ok(stat) = process.stat() {
            let ticks = procfs::ticks_per_second();
            let cpu = (stat.utime + stat.stime) as f64 / ticks as f64;
            let counter = ConstCounter::new(cpu);
            counter.encode(encoder.encode_descriptor(
                "process_cpu_seconds",
                "User and system time that the process has used",
                None,
                counter.metric_type(),
            )?)?;
            let resident = stat.rss.saturating_mul(procfs::page_size());
            gauge(
                &mut encoder,
                "process_resident_memory_bytes",
                "Memory that the process has resident",
                resident,
            )?;
            gauge(
                &mut encoder,
                "process_virtual_memory_bytes",
                "Addresses that the process has taken",
                stat.vsize,
            )?;
            gauge(
                &mut encoder,
                "process_threads",
                "Threads of the process",
                stat.num_threads.unsigned_abs(),
            )?;
            if let Ok(boot) = procfs::boot_time_secs() {
                let started = boot.saturating_add(stat.starttime / ticks.max(1));
                gauge(
                    &mut encoder,
                    "process_start_time_seconds",
                    "When the process was started, in seconds since 1970",
                    started,
                )?;
            }
        }
        if let Ok(open) = process.fd_count() {
            gauge(
                &mut encoder,
                "process_open_fds",
                "Files that the process has open",
                open as u64,
            )?;
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        if let Some(most) = limit.current {
            gauge(
                &mut encoder,
                "process_max_fds",
                "Files that the process may have open",
                most,
            )?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), std::fmt::Error> {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    let kind = gauge.metric_type();
    gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)
}
