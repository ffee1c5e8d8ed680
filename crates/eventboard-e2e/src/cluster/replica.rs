//! A place where a service runs, with one process after another.

use std::{net::SocketAddr, process::Command};

use crate::{
    anonymous::Anonymous,
    log::Log,
    process::{Process, Variables, command},
    waiting::until,
};

/// One replica of a service; it keeps its address and settings over restarts.
pub struct Replica {
    command: Command,
    process: Process,
    /// What the processes before this one logged.
    earlier: Vec<Log>,
}

impl Replica {
    /// Starts it; it listens, but may not be ready.
    pub async fn start(binary: &str, variables: &Variables) -> Self {
        Self::launch(command(binary, variables)).await
    }

    /// The same by a command that becomes the service.
    pub async fn launch(mut command: Command) -> Self {
        let process = Process::spawn(&mut command).await;
        Self { command, process, earlier: Vec::new() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// Where it serves its metrics.
    pub fn metrics(&self) -> SocketAddr {
        let port = self.command.get_envs().find_map(|(name, port)| port.filter(|_| name == "METRICS_PORT"));
        (self.address().ip(), port.unwrap().to_str().unwrap().parse().unwrap()).into()
    }

    /// The number of its present process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// SIGTERM, and until it has ended in good order.
    pub async fn drain(&mut self) {
        self.process.signal("TERM");
        assert_eq!(self.process.ended().await, Some(0), "it did not end in good order");
    }

    /// A new process at the same address; it listens, but may not be ready.
    pub async fn start_again(&mut self) {
        let next = Process::spawn(&mut self.command).await;
        self.earlier.push(std::mem::replace(&mut self.process, next).log().clone());
    }

    /// Waits until it wants work.
    pub async fn until_ready(&self) {
        let client = self.client();
        until("the replica is ready", async || client.get("/health/ready").await.status == 200).await;
    }

    /// A client of this replica's own HTTP.
    pub fn client(&self) -> Anonymous {
        Anonymous::new(&self.process)
    }

    /// Lines with this text, of all its processes.
    pub fn logged(&self, text: &str) -> usize {
        self.earlier.iter().map(|log| log.count(text)).sum::<usize>() + self.logged_by_this_process(text)
    }

    /// Lines with this text, of its present process.
    pub fn logged_by_this_process(&self, text: &str) -> usize {
        self.process.log().count(text)
    }
}
