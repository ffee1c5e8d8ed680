//! Commands as an operator types them.

use std::{
    io::{Read, Seek},
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

/// A command that takes longer hangs; the longest build the images again.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The first build of the images compiles everything.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(40 * 60);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ending {
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it said on both its outputs.
    pub(crate) text: String,
}

impl Ending {
    /// Asserts that it went well, and gives what it said.
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self.text
    }

    /// Asserts that it failed, and gives what it said.
    pub(crate) fn failure(self) -> String {
        assert!(!matches!(self.code, None | Some(0)), "{:?}: {}", self.code, self.text);
        self.text
    }
}

/// Runs lines of bash in a folder, as a script that ends at the first command that fails.
pub(crate) async fn bash(folder: &Path, lines: &str, variables: &[(&str, String)]) -> Ending {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &format!("exec 2>&1\n{lines}")]);
    end(folder, command, variables, PATIENCE_AT_FIRST).await
}

/// The same on a terminal of its own, which `docker exec -it` wants. With a limit, it is interrupted then.
pub(crate) async fn bash_on_terminal(
    folder: &Path,
    lines: &str,
    variables: &[(&str, String)],
    limit: Option<Duration>,
) -> Ending {
    let lines_file = folder.join(".runbook-lines");
    // A screen so wide that no program breaks or cuts its lines.
    std::fs::write(&lines_file, format!("stty rows 50 columns 1000\n{lines}")).unwrap();
    let limited =
        limit.map_or_else(String::new, |limit| format!("timeout --signal=INT {} ", limit.as_secs()));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--command"]);
    command.arg(format!("{limited}bash -euo pipefail .runbook-lines")).arg("/dev/null");
    end(folder, command, variables, PATIENCE).await
}

async fn end(
    folder: &Path,
    mut command: Command,
    variables: &[(&str, String)],
    patience: Duration,
) -> Ending {
    let mut said = tempfile::tempfile().unwrap();
    command.current_dir(folder).envs(variables.iter().map(|(name, value)| (name, value)));
    command.stdout(said.try_clone().unwrap()).stderr(said.try_clone().unwrap());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let outcome = timeout(patience, command.status()).await;
    said.rewind().unwrap();
    let mut bytes = Vec::new();
    said.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).replace('\r', "");
    let status = outcome.unwrap_or_else(|_| panic!("it has not ended after {patience:?}: {text}")).unwrap();
    Ending { code: status.code(), text }
}
