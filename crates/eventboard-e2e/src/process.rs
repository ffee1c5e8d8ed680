//! Runs a service as a process and collects its log.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use crate::{log::Log, waiting::wait_until};

/// The environment variables of a process.
pub type Variables = Vec<(&'static str, String)>;

/// A running service. It is killed when dropped.
pub struct Process {
    child: Child,
    log: Log,
    /// The address on which the service listens.
    pub address: SocketAddr,
}

/// The result of a process that has ended.
#[derive(Debug)]
pub struct Exit {
    /// The exit code. `None` if a signal ended the process.
    pub code: Option<i32>,
    /// The output on stderr.
    pub stderr: String,
}

/// The current resident set size of a process, in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    memory_kib(pid, "VmRSS:")
}

/// The largest resident set size of a process so far, in KiB.
pub fn peak_resident_kib(pid: u32) -> u64 {
    memory_kib(pid, "VmHWM:")
}

fn memory_kib(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Allows this process, and the processes that it starts from now on, as many open files as the administrator of the
/// machine permits. Returns the number.
pub fn allow_many_sockets() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let hard = line.split_whitespace().nth(1).unwrap();
    let own = std::process::id().to_string();
    let status = Command::new("prlimit").args(["--pid", &own, &format!("--nofile={hard}:{hard}")]).status();
    assert!(status.unwrap().success());
    hard.parse().unwrap()
}

/// A command with these variables and the default variables of all tests. No other variables are inherited.
pub fn command(binary: &str, variables: &Variables) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().env("LOG_FORMAT", "json").env("HOST", "127.0.0.1").env("METRICS_PORT", "0");
    command.envs(variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    command
}

/// Runs a binary until it exits by itself.
pub async fn run_to_exit(binary: &'static str, variables: &[(&'static str, &str)]) -> Exit {
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let output =
        tokio::task::spawn_blocking(move || command(binary, &variables).output().unwrap()).await.unwrap();
    Exit { code: output.status.code(), stderr: String::from_utf8(output.stderr).unwrap() }
}

impl Process {
    /// Starts a binary of this workspace and waits until it listens.
    pub async fn start(binary: &str, variables: &Variables) -> Self {
        Self::spawn(&mut command(binary, variables)).await
    }

    /// Starts a command that runs a service, and waits until the service listens.
    pub async fn spawn(command: &mut Command) -> Self {
        let log = Log::create();
        let child = command.stdout(log.output()).spawn().unwrap();
        // The value is created before the wait, so that the process is killed if it never listens.
        let mut process = Self { child, log, address: ([0, 0, 0, 0], 0).into() };
        let listening = process.log.wait_for("it listens", |line| line["message"] == "Listening").await;
        process.address = listening["address"].as_str().unwrap().parse().unwrap();
        process
    }

    /// The log of the process.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGKILL, as in a crash of the machine.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name, for example `STOP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Sends SIGTERM and waits until the process logs that it is draining.
    pub async fn start_draining(&self) {
        self.signal("TERM");
        self.log
            .wait_for("the process drains", |line| line["message"].as_str().unwrap().starts_with("Draining"))
            .await;
    }

    /// Waits until the process ends and returns its exit code.
    pub async fn wait_for_exit(&mut self) -> Option<i32> {
        wait_until("the process ends", async || self.child.try_wait().unwrap().is_some()).await;
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
