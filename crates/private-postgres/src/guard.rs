//! The guard: a small shell between us and the server, which ends the server when we end, even by SIGKILL.
//!
//! No code of ours runs when a process is killed, but the kernel closes its pipes. The guard reads from a pipe
//! whose writing end only this process holds (it is closed on exec in every child), and shuts the server down
//! when that end is closed. It is the server's parent, so between its start and its watch there is no gap.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::account::Account;

const SCRIPT: &str = include_str!("guard.sh");

/// How a server is told to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shutdown {
    /// Disconnects everybody and writes everything: the next start finds clean data.
    Fast,
    /// Drops everything at once, like a crash: the next start recovers.
    Immediate,
}

impl Shutdown {
    fn signal(self) -> &'static str {
        match self {
            Self::Fast => "INT",
            Self::Immediate => "QUIT",
        }
    }
}

/// What to run, and what to do when the owner is gone.
pub(crate) struct Watch {
    pub(crate) account: Account,
    pub(crate) postgres: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) data_dir: PathBuf,
    pub(crate) at_the_end: Shutdown,
    /// Removed at the end.
    pub(crate) folder: Option<PathBuf>,
}

/// A handle to the guard. It uses plain blocking pipes away from the runtime's threads, so that a cluster can be
/// shared by runtimes, as the tests of one process do. Dropping the last handle ends the server.
#[derive(Clone)]
pub(crate) struct Guard(Arc<Mutex<Shell>>);

struct Shell {
    process: Child,
    /// None once the end was announced.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Guard {
    pub(crate) fn spawn(watch: &Watch) -> Result<Self> {
        let mut command = watch.account.command("/bin/sh");
        command.args(["-c", &script(), "guard", watch.at_the_end.signal()]);
        command.arg(watch.folder.as_deref().unwrap_or(Path::new("")));
        command.arg(crate::server_log::file(&watch.data_dir));
        command.arg(&watch.postgres).arg("-D").arg(&watch.data_dir).args(&watch.arguments);
        // Ctrl-C goes to the whole group of the terminal; the guard decides itself when the server ends.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("could not start /bin/sh to watch PostgreSQL")?;
        let orders = process.stdin.take();
        let answers = process.stdout.take().context("the guard of PostgreSQL has no output")?;
        Ok(Self(Arc::new(Mutex::new(Shell { process, orders, answers: BufReader::new(answers) }))))
    }

    /// Starts the server; returns its process id at once.
    pub(crate) async fn start(&self, port: u16) -> Result<u32> {
        let answer = self.ask(format!("start {port}")).await?;
        answer.parse().with_context(|| format!("the guard of PostgreSQL answered {answer:?}"))
    }

    pub(crate) async fn signal(&self, shutdown: Shutdown) -> Result<()> {
        self.ask(format!("signal {}", shutdown.signal())).await.map(|_| ())
    }

    pub(crate) async fn is_running(&self) -> Result<bool> {
        Ok(self.ask("status".to_owned()).await? == "running")
    }

    /// Ends the server the way it would end with us, and waits until all is done.
    pub(crate) async fn end(self) -> Result<()> {
        self.with_shell(|shell| {
            drop(shell.orders.take());
            let status = shell.process.wait()?;
            ensure!(status.success(), "the guard of PostgreSQL ended with {status}");
            Ok(())
        })
        .await
    }

    async fn ask(&self, order: String) -> Result<String> {
        self.with_shell(move |shell| shell.ask(&order).context("the guard of PostgreSQL is gone")).await
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

/// The script without its comments, which would only fill the list of processes.
fn script() -> String {
    SCRIPT.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

impl Shell {
    fn ask(&mut self, order: &str) -> Result<String> {
        let orders = self.orders.as_mut().context("it was told to end")?;
        writeln!(orders, "{order}")?;
        let mut answer = String::new();
        ensure!(self.answers.read_line(&mut answer)? > 0, "it did not answer");
        Ok(answer.trim().to_owned())
    }
}
