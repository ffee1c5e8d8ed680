//! Resource usage of processes, from /proc on Linux.

use std::{collections::BTreeMap, fs};

use eventboard_e2e::process::resident_kib;

/// One figure per process, by the process name.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// CPU ticks per second in /proc. The value is the same for every kernel configuration.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processes whose resource usage is measured.
#[derive(Clone)]
pub(crate) struct MonitoredProcesses {
    /// Names and process ids.
    pub(crate) servers: Vec<(&'static str, u32)>,
    /// The process id of the PostgreSQL postmaster.
    pub(crate) postgres: u32,
}

/// The relevant fields of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    /// CPU seconds of the process.
    own: f64,
    /// CPU seconds of the child processes that have ended.
    ended_children: f64,
}

impl MonitoredProcesses {
    /// CPU seconds so far.
    pub(crate) fn cpu(&self) -> Figures {
        let mut cpu: Figures =
            self.servers.iter().map(|(name, pid)| (*name, Stat::of(*pid).unwrap().own)).collect();
        cpu.insert("client", Stat::of(std::process::id()).unwrap().own);
        cpu.insert("postgres", self.postgres_cpu());
        cpu
    }

    /// Resident memory of the servers, in MiB.
    pub(crate) fn memory(&self) -> Figures {
        self.servers.iter().map(|(name, pid)| (*name, resident_kib(*pid) as f64 / 1024.0)).collect()
    }

    fn postgres_cpu(&self) -> f64 {
        let first = Stat::of(self.postgres).unwrap();
        let pids =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        // A process may end while it is inspected.
        let children = pids.filter_map(Stat::of).filter(|stat| stat.parent == self.postgres);
        first.own + first.ended_children + children.map(|child| child.own).sum::<f64>()
    }
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The process name is in parentheses and may contain any character.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let seconds = |range: std::ops::Range<usize>| {
            fields[range].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND
        };
        Some(Self { parent: fields[1].parse().ok()?, own: seconds(11..13), ended_children: seconds(13..15) })
    }
}
