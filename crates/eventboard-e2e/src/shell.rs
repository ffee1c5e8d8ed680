//! Runs commands as an operator would type them.

use std::{
    io::{Read, Seek},
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

/// The time limit for a command. Rebuilding the images takes longest.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// The time limit for the first build of the images, which compiles everything.
const FIRST_BUILD_TIMEOUT: Duration = Duration::from_secs(40 * 60);

/// How a command ended.
#[derive(Debug)]
pub struct CommandResult {
    /// The exit code. `None` if a signal ended the command.
    pub code: Option<i32>,
    /// The standard output and the standard error.
    pub output: String,
}

impl CommandResult {
    /// Asserts that the command succeeded, and returns its output.
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.output);
        self.output
    }

    /// Asserts that the command failed, and returns its output.
    pub fn failure(self) -> String {
        assert!(!matches!(self.code, None | Some(0)), "{:?}: {}", self.code, self.output);
        self.output
    }
}

/// Runs lines of bash in a folder, as a script that ends at the first command that fails.
pub async fn bash(folder: &Path, lines: &str, variables: &[(&str, String)]) -> CommandResult {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &format!("exec 2>&1\n{lines}")]);
    run_to_end(folder, command, variables, FIRST_BUILD_TIMEOUT).await
}

/// Runs lines of bash on a terminal, which `docker exec -it` needs. After the time limit, if there is one, the script
/// is interrupted.
pub async fn bash_on_terminal(
    folder: &Path,
    lines: &str,
    variables: &[(&str, String)],
    limit: Option<Duration>,
) -> CommandResult {
    let lines_file = folder.join(".runbook-lines");
    // The screen is wide, so that no program wraps or cuts its lines.
    std::fs::write(&lines_file, format!("stty rows 50 columns 1000\n{lines}")).unwrap();
    let limited =
        limit.map_or_else(String::new, |limit| format!("timeout --signal=INT {} ", limit.as_secs()));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--command"]);
    command.arg(format!("{limited}bash -euo pipefail .runbook-lines")).arg("/dev/null");
    run_to_end(folder, command, variables, TIMEOUT).await
}

async fn run_to_end(
    folder: &Path,
    mut command: Command,
    variables: &[(&str, String)],
    limit: Duration,
) -> CommandResult {
    let mut file = tempfile::tempfile().unwrap();
    command.current_dir(folder).envs(variables.iter().map(|(name, value)| (name, value)));
    command.stdout(file.try_clone().unwrap()).stderr(file.try_clone().unwrap());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let outcome = timeout(limit, command.status()).await;
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let output = String::from_utf8_lossy(&bytes).replace('\r', "");
    let status = outcome.unwrap_or_else(|_| panic!("it has not ended after {limit:?}: {output}")).unwrap();
    CommandResult { code: status.code(), output }
}
