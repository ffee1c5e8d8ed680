//! What `postmaster.pid` tells about the server of a data folder, and whether it is true.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use crate::{place, progress};

/// Given to a server whose owner has just died, whose guard is about to end it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Given to a server that is ending already.
const PATIENCE_WITH_SHUTDOWN: Duration = Duration::from_secs(60);

/// The file that a server keeps in its data folder while it runs, and leaves there when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Postmaster {
    pub(crate) pid: u32,
    port: Option<u16>,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Ready,
    Stopping,
}

/// The port of the cluster that runs on `data_dir`, whoever started it; None if none does or it takes no
/// connections. `data_dir` is the folder that [`Cluster::start`](crate::Cluster::start) was given. Blocks for
/// half a second at most.
#[must_use]
pub fn running_port(data_dir: &Path) -> Option<u16> {
    let data_dir = place::usable_data_dir(data_dir);
    let postmaster = Postmaster::read(&data_dir)?;
    let port = postmaster.port?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let answers = || TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok();
    (postmaster.is_alive(&data_dir) && answers()).then_some(port)
}

/// Waits a little until no server works in `data_dir` any more, then clears away what a killed one left.
pub(crate) async fn wait_until_free(data_dir: &Path) -> Result<()> {
    let began = Instant::now();
    let mut told = false;
    while let Some((pid, state)) = occupant(data_dir) {
        let patience = if state == State::Stopping { PATIENCE_WITH_SHUTDOWN } else { PATIENCE };
        if began.elapsed() > patience {
            bail!(
                "a PostgreSQL server (process {pid}) runs on {} already; stop the program that started it, or, if \
                 there is none, the server: kill -INT {pid}",
                data_dir.display()
            );
        }
        if !told {
            progress::tell(&format!(
                "Waiting for the PostgreSQL server of {} to end (process {pid})",
                data_dir.display()
            ));
            told = true;
        }
        sleep(Duration::from_millis(100)).await;
    }
    remove_stale_file(data_dir);
    Ok(())
}

impl Postmaster {
    pub(crate) fn read(data_dir: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(file(data_dir)).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let state = match lines.get(7) {
            Some(&"ready") => State::Ready,
            Some(&"stopping") => State::Stopping,
            _ => State::Starting,
        };
        let port = lines.get(3).and_then(|port| port.parse().ok());
        Some(Self { pid: lines.first()?.parse().ok()?, port, state })
    }

    fn is_alive(&self, data_dir: &Path) -> bool {
        if has_proc() { works_in(self.pid, data_dir) } else { exists(self.pid) }
    }
}

fn file(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("postmaster.pid")
}

/// A process that uses the data: the server, or one of its children that has outlived it for the moment.
fn occupant(data_dir: &Path) -> Option<(u32, State)> {
    let postmaster = Postmaster::read(data_dir);
    if let Some(postmaster) = postmaster.filter(|postmaster| postmaster.is_alive(data_dir)) {
        return Some((postmaster.pid, postmaster.state));
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| works_in(*pid, data_dir)).map(|pid| (pid, State::Stopping))
}

/// PostgreSQL refuses to start when the process id in a stale file is in use again, which in a container it
/// soon is. Where /proc has shown that nobody works in the folder the file means nothing; elsewhere PostgreSQL
/// judges.
fn remove_stale_file(data_dir: &Path) {
    if has_proc() {
        // There is none after a clean end.
        let _ = fs::remove_file(file(data_dir));
    }
}

fn has_proc() -> bool {
    Path::new("/proc/self/cwd").exists()
}

/// Every process of a server has the data folder as its current one.
fn works_in(pid: u32, data_dir: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    let is_postgres = fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres");
    let folder = || Some((process.join("cwd").canonicalize().ok()?, data_dir.canonicalize().ok()?));
    is_postgres && folder().is_some_and(|(current, data)| current == data)
}

fn exists(pid: u32) -> bool {
    let mut command = Command::new("kill");
    command.args(["-0", &pid.to_string()]).stdin(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_running_server_is_read() {
        let text = "4711\n/data\n1700000000\n5433\n\n127.0.0.1\n  1234  5\nready   \n";
        let expected = Postmaster { pid: 4711, port: Some(5433), state: State::Ready };
        assert_eq!(Postmaster::parse(text), Some(expected));
    }

    #[test]
    fn a_file_that_is_being_written_is_a_server_that_starts() {
        let expected = Postmaster { pid: 4711, port: None, state: State::Starting };
        assert_eq!(Postmaster::parse("4711\n/data\n"), Some(expected));
        assert_eq!(Postmaster::parse(""), None);
    }

    #[test]
    fn a_stale_file_with_a_process_id_in_use_again_is_no_server() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(file(folder.path()), format!("{}\n/data\n1\n5432\n", std::process::id()))?;
        assert_eq!(running_port(folder.path()), None);
        if has_proc() {
            assert_eq!(occupant(folder.path()), None);
        }
        Ok(())
    }
}
