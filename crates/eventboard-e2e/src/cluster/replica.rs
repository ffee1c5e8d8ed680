//! A service replica whose process can be restarted.

use std::{net::SocketAddr, process::Command};

use crate::{
    anonymous::Anonymous,
    log::Log,
    process::{Process, Variables, command},
    waiting::wait_until,
};

/// One replica of a service. The address and the settings stay the same across restarts.
pub struct Replica {
    command: Command,
    process: Process,
    /// The logs of earlier processes.
    earlier_logs: Vec<Log>,
}

impl Replica {
    /// Starts a binary and waits until it listens. The replica may not be ready yet.
    pub async fn start(binary: &str, variables: &Variables) -> Self {
        Self::launch(command(binary, variables)).await
    }

    /// Like [`start`](Self::start), but with a command that runs the service.
    pub async fn launch(mut command: Command) -> Self {
        let process = Process::spawn(&mut command).await;
        Self { command, process, earlier_logs: Vec::new() }
    }

    /// The address of the service.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// The address of the metrics endpoint.
    pub fn metrics_address(&self) -> SocketAddr {
        let port = self.command.get_envs().find_map(|(name, port)| port.filter(|_| name == "METRICS_PORT"));
        (self.address().ip(), port.unwrap().to_str().unwrap().parse().unwrap()).into()
    }

    /// The id of the current process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Sends SIGSTOP, so that the replica keeps its connections but does not respond.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Sends SIGCONT.
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Sends SIGTERM and asserts a clean exit.
    pub async fn drain(&mut self) {
        self.process.signal("TERM");
        assert_eq!(self.process.wait_for_exit().await, Some(0), "the replica did not exit cleanly");
    }

    /// Starts a new process at the same address and waits until it listens. The replica may not be ready yet.
    pub async fn start_again(&mut self) {
        let next = Process::spawn(&mut self.command).await;
        self.earlier_logs.push(std::mem::replace(&mut self.process, next).log().clone());
    }

    /// Waits until the replica is ready to accept requests.
    pub async fn wait_until_ready(&self) {
        let client = self.client();
        wait_until("the replica is ready", async || client.get("/health/ready").await.status == 200).await;
    }

    /// Creates a client for this replica's HTTP endpoints.
    pub fn client(&self) -> Anonymous {
        Anonymous::new(&self.process)
    }

    /// The number of log lines with this text, from all processes of this replica.
    pub fn log_count(&self, text: &str) -> usize {
        let earlier: usize = self.earlier_logs.iter().map(|log| log.count(text)).sum();
        earlier + self.log_count_of_current_process(text)
    }

    /// The number of log lines with this text, from the current process.
    pub fn log_count_of_current_process(&self, text: &str) -> usize {
        self.process.log().count(text)
    }
}
