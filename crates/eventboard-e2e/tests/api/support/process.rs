//! A service as a real process, with its log.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::Value;

use super::waiting::{until, until_some};

/// The binaries of the services.
pub(crate) const GATEWAY: &str = env!("CARGO_BIN_EXE_e2e-api-gateway");
pub(crate) const AUTH: &str = env!("CARGO_BIN_EXE_e2e-auth-service");
pub(crate) const EVENTS: &str = env!("CARGO_BIN_EXE_e2e-events-service");

/// Variables of a process.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// A running service; killed when the test ends.
pub(crate) struct Process {
    child: Child,
    log: Log,
    pub(crate) address: SocketAddr,
}

/// What a process has logged so far, one JSON object a line.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Value>>>);

/// How a process ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

fn command(binary: &str, variables: &Variables) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().env("LOG_FORMAT", "json").env("HOST", "127.0.0.1").env("METRICS_PORT", "0");
    command.envs(variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    command
}

/// Starts a binary that is expected to end by itself, and waits for that.
pub(crate) async fn run_to_the_end(binary: &'static str, variables: &[(&'static str, &str)]) -> End {
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let output =
        tokio::task::spawn_blocking(move || command(binary, &variables).output().unwrap()).await.unwrap();
    End { code: output.status.code(), stderr: String::from_utf8(output.stderr).unwrap() }
}

impl Process {
    /// Starts a binary of this workspace and waits until it listens.
    pub(crate) async fn start(binary: &str, variables: &Variables) -> Self {
        let mut child = command(binary, variables).stdout(Stdio::piped()).spawn().unwrap();
        let log = Log::default();
        log.follow(child.stdout.take().unwrap());
        let listening = log.wait_for("it listens", |line| line["message"] == "Listening").await;
        let address = listening["address"].as_str().unwrap().parse().unwrap();
        Self { child, log, address }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// SIGKILL, as when a machine dies.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by name, for example `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// SIGTERM, and until the process has said that it drains.
    pub(crate) async fn begin_to_drain(&self) {
        self.signal("TERM");
        self.log
            .wait_for("it drains", |line| line["message"].as_str().unwrap().starts_with("Draining"))
            .await;
    }

    /// The exit code, as soon as there is one.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
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

impl Log {
    fn follow(&self, stdout: impl std::io::Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let line =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("not a JSON object: {line}"));
                log.0.lock().unwrap().push(line);
            }
        });
    }

    /// All lines that satisfy the test.
    pub(crate) fn find(&self, test: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.0.lock().unwrap().iter().filter(|line| test(line)).cloned().collect()
    }

    /// All of it as text.
    pub(crate) fn text(&self) -> String {
        self.find(|_| true).iter().map(|line| format!("{line}\n")).collect()
    }

    /// The first line that satisfies the test, as soon as it is there.
    pub(crate) async fn wait_for(&self, what: &str, test: impl Fn(&Value) -> bool) -> Value {
        until_some(what, async || self.find(&test).into_iter().next()).await
    }

    /// The first line about this request that has the word in its message, as soon as it is there.
    pub(crate) async fn wait_for_word(&self, correlation_id: &str, word: &str) -> Value {
        let is_it = |line: &Value| {
            line["correlation_id"] == correlation_id
                && line["message"].as_str().is_some_and(|text| text.contains(word))
        };
        self.wait_for(&format!("a line about {correlation_id} with {word}"), is_it).await
    }
}
