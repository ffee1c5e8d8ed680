//! A service as a real process, with its log.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use crate::{log::Log, waiting::until};

/// Variables of a process.
pub type Variables = Vec<(&'static str, String)>;

/// A running service; killed when the test ends.
pub struct Process {
    child: Child,
    log: Log,
    /// Where it listens.
    pub address: SocketAddr,
}

/// How a process ended.
#[derive(Debug)]
pub struct End {
    /// None when a signal ended it.
    pub code: Option<i32>,
    /// What it said last.
    pub stderr: String,
}

/// Memory that a process has at the moment (its resident set), in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A binary with exactly these variables and those that every test wants.
pub fn command(binary: &str, variables: &Variables) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().env("LOG_FORMAT", "json").env("HOST", "127.0.0.1").env("METRICS_PORT", "0");
    command.envs(variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    command
}

/// Starts a binary that is expected to end by itself, and waits for that.
pub async fn run_to_the_end(binary: &'static str, variables: &[(&'static str, &str)]) -> End {
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let output =
        tokio::task::spawn_blocking(move || command(binary, &variables).output().unwrap()).await.unwrap();
    End { code: output.status.code(), stderr: String::from_utf8(output.stderr).unwrap() }
}

impl Process {
    /// Starts a binary of this workspace and waits until it listens.
    pub async fn start(binary: &str, variables: &Variables) -> Self {
        Self::spawn(&mut command(binary, variables)).await
    }

    /// Starts a command that becomes a service, and waits until that listens.
    pub async fn spawn(command: &mut Command) -> Self {
        let log = Log::create();
        let child = command.stdout(log.output()).spawn().unwrap();
        // Nobody else ends it when it never listens.
        let mut process = Self { child, log, address: ([0, 0, 0, 0], 0).into() };
        let listening = process.log.wait_for("it listens", |line| line["message"] == "Listening").await;
        process.address = listening["address"].as_str().unwrap().parse().unwrap();
        process
    }

    /// What it has logged.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as when a machine dies.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by name, for example `STOP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// SIGTERM, and until the process has said that it drains.
    pub async fn begin_to_drain(&self) {
        self.signal("TERM");
        self.log
            .wait_for("it drains", |line| line["message"].as_str().unwrap().starts_with("Draining"))
            .await;
    }

    /// The exit code, as soon as there is one.
    pub async fn ended(&mut self) -> Option<i32> {
        until("the process ends", async || self.child.try_wait().unwrap().is_some()).await;
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
