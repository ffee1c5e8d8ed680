//! Reads `postmaster.pid` and checks whether the server that it describes is running.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use crate::{folders, progress};

/// How long to wait for a running server to end. If the process that started it has just died, the supervisor is
/// about to stop the server.
const RUNNING_WAIT_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait for a server that is stopping.
const STOPPING_WAIT_LIMIT: Duration = Duration::from_secs(60);

/// The contents of `postmaster.pid`, which exists while a server runs, and remains if the server is killed.
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

/// Returns the port of the server that is running in `data_dir`, no matter which process started it. Returns `None`
/// if no server is running or the server accepts no connections. `data_dir` is the folder that was passed to
/// [`Cluster::start`](crate::Cluster::start). Blocks for at most half a second.
#[must_use]
pub fn running_port(data_dir: &Path) -> Option<u16> {
    let data_dir = folders::usable_data_dir(data_dir);
    let postmaster = Postmaster::read(&data_dir)?;
    let port = postmaster.port?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let accepts_connections = || TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok();
    (postmaster.is_alive(&data_dir) && accepts_connections()).then_some(port)
}

/// Waits until no server uses `data_dir`, up to a limit. Then removes the `postmaster.pid` of a killed server.
pub(crate) async fn wait_until_free(data_dir: &Path) -> Result<()> {
    let began = Instant::now();
    let mut reported = false;
    while let Some((pid, state)) = process_using(data_dir) {
        let limit = if state == State::Stopping { STOPPING_WAIT_LIMIT } else { RUNNING_WAIT_LIMIT };
        if began.elapsed() > limit {
            bail!(
                "a PostgreSQL server (process {pid}) is already running in {}; stop the program that started it or, if \
                 that has ended, the server itself: kill -INT {pid}",
                data_dir.display()
            );
        }
        if !reported {
            progress::report(&format!(
                "Waiting for the PostgreSQL server in {} to stop (process {pid})",
                data_dir.display()
            ));
            reported = true;
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
        if has_proc() { is_server_of(self.pid, data_dir) } else { exists(self.pid) }
    }
}

fn file(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("postmaster.pid")
}

/// Finds a process that uses the data folder: the server, or a child process that has not ended yet.
fn process_using(data_dir: &Path) -> Option<(u32, State)> {
    let postmaster = Postmaster::read(data_dir);
    if let Some(postmaster) = postmaster.filter(|postmaster| postmaster.is_alive(data_dir)) {
        return Some((postmaster.pid, postmaster.state));
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| is_server_of(*pid, data_dir)).map(|pid| (pid, State::Stopping))
}

/// Removes a stale `postmaster.pid`. PostgreSQL refuses to start if the process id in it has been reused, which is
/// common in containers. If /proc shows that no process uses the folder, the file is stale. Without /proc, the file
/// is left, and PostgreSQL decides.
fn remove_stale_file(data_dir: &Path) {
    if has_proc() {
        // The result is ignored, because after a clean shutdown there is no file.
        let _ = fs::remove_file(file(data_dir));
    }
}

fn has_proc() -> bool {
    Path::new("/proc/self/cwd").exists()
}

/// Whether the process belongs to the server of the data folder. All processes of the server have that folder as
/// their current directory.
fn is_server_of(pid: u32, data_dir: &Path) -> bool {
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
    fn the_file_of_a_running_server_is_parsed() {
        let text = "4711\n/data\n1700000000\n5433\n\n127.0.0.1\n  1234  5\nready   \n";
        let expected = Postmaster { pid: 4711, port: Some(5433), state: State::Ready };
        assert_eq!(Postmaster::parse(text), Some(expected));
    }

    #[test]
    fn an_incomplete_file_means_that_the_server_is_starting() {
        let expected = Postmaster { pid: 4711, port: None, state: State::Starting };
        assert_eq!(Postmaster::parse("4711\n/data\n"), Some(expected));
        assert_eq!(Postmaster::parse(""), None);
    }

    #[test]
    fn a_stale_file_with_a_reused_process_id_is_not_a_running_server() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(file(folder.path()), format!("{}\n/data\n1\n5432\n", std::process::id()))?;
        assert_eq!(running_port(folder.path()), None);
        if has_proc() {
            assert_eq!(process_using(folder.path()), None);
        }
        Ok(())
    }
}
