//! A place where a service runs, with one process after another.

use std::{net::SocketAddr, process::Command};

use eventboard_e2e::{
    Anonymous, Log, Process,
    process::{Variables, command},
    until,
};

/// One replica of a service; it keeps its address and settings over restarts.
pub(crate) struct Replica {
    command: Command,
    process: Process,
    /// What the processes before this one logged.
    earlier: Vec<Log>,
}

impl Replica {
    /// Starts it; it listens, but may not be ready.
    pub(crate) async fn start(binary: &str, variables: &Variables) -> Self {
        Self::launch(command(binary, variables)).await
    }

    /// The same by a command that becomes the service.
    pub(crate) async fn launch(mut command: Command) -> Self {
        let process = Process::spawn(&mut command).await;
        Self { command, process, earlier: Vec::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub(crate) fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// SIGTERM, and until it has ended in good order.
    pub(crate) async fn drain(&mut self) {
        self.process.signal("TERM");
        assert_eq!(self.process.ended().await, Some(0), "it did not end in good order");
    }

    /// A new process at the same address; it listens, but may not be ready.
    pub(crate) async fn start_again(&mut self) {
        let next = Process::spawn(&mut self.command).await;
        self.earlier.push(std::mem::replace(&mut self.process, next).log().clone());
    }

    pub(crate) async fn until_ready(&self) {
        let client = self.client();
        until("the replica is ready", async || client.get("/health/ready").await.status == 200).await;
    }

    /// A client of this replica's own HTTP.
    pub(crate) fn client(&self) -> Anonymous {
        Anonymous::new(&self.process)
    }

    /// Lines with this text, of all its processes.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.earlier.iter().map(|log| log.count(text)).sum::<usize>() + self.logged_by_this_process(text)
    }

    pub(crate) fn logged_by_this_process(&self, text: &str) -> usize {
        self.process.log().count(text)
    }
}
