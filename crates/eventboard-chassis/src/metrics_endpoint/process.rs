//! This process as the operating system sees it, under the names that every Prometheus client library uses.

use metrics::Gauge;
use procfs::{ProcResult, process::Process};

use crate::metrics::at_each_scrape;

struct Meters {
    cpu_seconds: Gauge,
    resident_memory: Gauge,
    virtual_memory: Gauge,
    open_fds: Gauge,
    threads: Gauge,
}

/// Shows operators what this process uses.
pub(super) fn observe() {
    let meters = Meters {
        cpu_seconds: metrics::gauge!("process_cpu_seconds_total"),
        resident_memory: metrics::gauge!("process_resident_memory_bytes"),
        virtual_memory: metrics::gauge!("process_virtual_memory_bytes"),
        open_fds: metrics::gauge!("process_open_fds"),
        threads: metrics::gauge!("process_threads"),
    };
    // What cannot be read is not shown; nothing else depends on it.
    let _ = set_constants();
    at_each_scrape(move || {
        // When there is no room for one more open file, say, what was read last stays.
        let _ = meters.set();
        true
    });
}

fn set_constants() -> ProcResult<()> {
    let myself = Process::myself()?;
    let started = myself.stat()?.starttime as f64 / procfs::ticks_per_second() as f64;
    metrics::gauge!("process_start_time_seconds").set(procfs::boot_time_secs()? as f64 + started);
    if let procfs::process::LimitValue::Value(files) = myself.limits()?.max_open_files.soft_limit {
        metrics::gauge!("process_max_fds").set(files as f64);
    }
    Ok(())
}

impl Meters {
    fn set(&self) -> ProcResult<()> {
        let myself = Process::myself()?;
        let stat = myself.stat()?;
        self.cpu_seconds.set((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64);
        self.resident_memory.set((stat.rss * procfs::page_size()) as f64);
        self.virtual_memory.set(stat.vsize as f64);
        self.threads.set(stat.num_threads as f64);
        self.open_fds.set(myself.fd_count()? as f64);
        Ok(())
    }
}
