//! The supervisor: a small shell process that stops the server when this process ends, even by SIGKILL.
//!
//! A process that is killed by SIGKILL cannot run any code, but the kernel closes its pipes. The supervisor reads
//! from a pipe whose write end only this process holds (it is closed on exec in every child process). When this write
//! end is closed, the supervisor shuts the server down. The supervisor is the parent process of the server, so the
//! server never runs unsupervised, not even for a moment.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::account::Account;

const SCRIPT: &str = include_str!("supervisor.sh");

/// The shutdown mode of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shutdown {
    /// Disconnects all clients and writes all data. The next start needs no recovery.
    Fast,
    /// Aborts immediately, as in a crash. The next start performs recovery.
    Immediate,
    /// The server runs no more code (`kill -9`). Its processes notice that by themselves.
    Kill,
}

impl Shutdown {
    fn signal(self) -> &'static str {
        match self {
            Self::Fast => "INT",
            Self::Immediate => "QUIT",
            Self::Kill => "KILL",
        }
    }
}

/// What to run, and what to do when this process ends.
pub(crate) struct SupervisorConfig {
    pub(crate) account: Account,
    pub(crate) postgres: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) data_dir: PathBuf,
    pub(crate) shutdown: Shutdown,
    /// A folder to remove after the server has ended.
    pub(crate) folder_to_remove: Option<PathBuf>,
}

/// A handle to the supervisor. The handle uses blocking pipes on blocking threads, so that several runtimes can share
/// a server. The tests of one process do that. Dropping the last handle stops the server.
#[derive(Clone)]
pub(crate) struct Supervisor(Arc<Mutex<Shell>>);

struct Shell {
    process: Child,
    /// `None` once the pipe was closed to stop the supervisor.
    commands: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Supervisor {
    pub(crate) fn spawn(config: &SupervisorConfig) -> Result<Self> {
        let mut command = config.account.command("/bin/sh");
        command.args(["-c", &script(), "supervisor", config.shutdown.signal()]);
        command.arg(config.folder_to_remove.as_deref().unwrap_or(Path::new("")));
        command.arg(crate::server_log::file(&config.data_dir));
        command.arg(&config.postgres).arg("-D").arg(&config.data_dir).args(&config.arguments);
        // The supervisor gets its own process group, because Ctrl-C is sent to the terminal's whole process group,
        // and only the supervisor may stop the server.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("could not start /bin/sh to supervise PostgreSQL")?;
        let commands = process.stdin.take();
        let replies = process.stdout.take().context("the PostgreSQL supervisor has no output")?;
        Ok(Self(Arc::new(Mutex::new(Shell { process, commands, replies: BufReader::new(replies) }))))
    }

    /// Starts the server and returns its process id without waiting until it is ready.
    pub(crate) async fn start(&self, port: u16) -> Result<u32> {
        let reply = self.send(format!("start {port}")).await?;
        reply.parse().with_context(|| format!("unexpected reply of the PostgreSQL supervisor: {reply:?}"))
    }

    pub(crate) async fn signal(&self, shutdown: Shutdown) -> Result<()> {
        self.send(format!("signal {}", shutdown.signal())).await.map(|_| ())
    }

    pub(crate) async fn is_running(&self) -> Result<bool> {
        Ok(self.send("status".to_owned()).await? == "running")
    }

    /// Stops the server in the same way as when this process ends, and waits until it has ended.
    pub(crate) async fn end(self) -> Result<()> {
        self.with_shell(|shell| {
            drop(shell.commands.take());
            let status = shell.process.wait()?;
            ensure!(status.success(), "the PostgreSQL supervisor ended with {status}");
            Ok(())
        })
        .await
    }

    async fn send(&self, command: String) -> Result<String> {
        let failed = "the PostgreSQL supervisor has ended";
        self.with_shell(move |shell| shell.send(&command).context(failed)).await
    }

    async fn with_shell<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Shell) -> Result<T> + Send + 'static,
    {
        let shell = Arc::clone(&self.0);
        let work = move || work(&mut shell.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await?
    }
}

/// The script without comments, because they would only fill the process list.
fn script() -> String {
    SCRIPT.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

impl Shell {
    fn send(&mut self, command: &str) -> Result<String> {
        let commands = self.commands.as_mut().context("it was stopped")?;
        writeln!(commands, "{command}")?;
        let mut reply = String::new();
        ensure!(self.replies.read_line(&mut reply)? > 0, "it did not reply");
        Ok(reply.trim().to_owned())
    }
}
