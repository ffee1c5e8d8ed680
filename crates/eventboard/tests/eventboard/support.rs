//! Runs the binary as an operator would, isolated from the environment of the test run.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use eventboard_testing::TestDatabase;
use serde_json::Value;
use tempfile::TempDir;

/// The variables that the binary inherits, because they locate programs, libraries and PostgreSQL.
const INHERITED: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "EVENTBOARD_PG_BIN", "TMPDIR"];

/// The exit code and the output of a command.
#[derive(Debug)]
pub(crate) struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A temporary folder that PostgreSQL's account can enter even when the tests run as root.
pub(crate) fn world_readable_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The binary, run in its own project folder.
pub(crate) fn eventboard(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventboard"));
    command.args(arguments.split_whitespace()).current_dir(folder).stdin(Stdio::null()).env_clear();
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.env("EVENTBOARD_HOME", folder.join("home")).env("NO_COLOR", "1");
    command
}

pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Output {
    /// Asserts that the command succeeded and returns its stdout.
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Asserts that the command succeeded and returns the JSON array that it printed.
    pub(crate) fn json(self) -> Vec<Value> {
        serde_json::from_str(&self.success()).unwrap()
    }

    /// Asserts that the command failed with this exit code and returns its stderr.
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:?}");
        self.stderr
    }
}

/// A test database and a project folder for the binary.
pub(crate) struct Installation {
    pub database: TestDatabase,
    folder: TempDir,
}

impl Installation {
    pub(crate) async fn create() -> Self {
        Self { database: TestDatabase::create().await, folder: world_readable_folder() }
    }

    pub(crate) async fn create_with_demo_data() -> Self {
        let installation = Self::create().await;
        installation.run("seed").success();
        installation
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = eventboard(self.folder.path(), arguments);
        command.env("DATABASE_URL", self.database.service_url());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Output {
        run(&mut self.command(arguments))
    }

    /// Runs the command with this standard input.
    pub(crate) fn run_with_input(&self, arguments: &str, input: &str) -> Output {
        let file = self.folder.path().join("input");
        fs::write(&file, input).unwrap();
        run(self.command(arguments).stdin(fs::File::open(file).unwrap()))
    }

    pub(crate) async fn query_number(&self, query: &'static str) -> i64 {
        let mut connection = self.database.connect().await;
        sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
    }

    /// Waits for a mail to this address that has a link with this beginning, and returns the rest of the link.
    pub(crate) async fn link_in_mail(&self, address: &str, beginning: &str) -> String {
        loop {
            let mails = fs::read_dir(self.folder.path().join("home/mail"));
            let mails =
                mails.into_iter().flatten().map(|mail| fs::read_to_string(mail.unwrap().path()).unwrap());
            // Quoted-printable: a line is continued after `=`, and `=3D` is an equals sign.
            let texts = mails.filter(|mail| mail.contains(&format!("To: {address}\r\n")));
            let texts = texts.map(|mail| mail.replace("=\r\n", "").replace("=3D", "="));
            let mut links = texts.filter_map(|text| text.split(beginning).nth(1).map(str::to_owned));
            if let Some(rest) = links.next() {
                return rest.split(|c: char| c.is_whitespace() || c == '"').next().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The rows of the whole database that contain a text, in any letter case, each after the name of its table.
    pub(crate) async fn rows_with(&self, text: &str) -> Vec<String> {
        self.database.rows_with(text).await
    }

    /// The kinds of the mails in the outbox, newest first.
    pub(crate) fn mails(&self) -> Vec<String> {
        let mails = self.run("outbox list --json").json();
        mails.iter().map(|mail| mail["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// The actions in the audit of an organization and their details, newest first.
    pub(crate) fn audit(&self, slug: &str) -> Vec<(String, Value)> {
        let audit = self.run(&format!("audit --organization {slug} --json")).json();
        let entries = audit.into_iter().map(|entry| {
            assert_eq!(entry["client"], "eventboard (operator)", "{entry}");
            (entry["action"].as_str().unwrap().to_owned(), entry["details"].clone())
        });
        entries.collect()
    }

    /// Executes one or more statements, separated by semicolons.
    pub(crate) async fn execute(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&mut self.database.connect().await).await.unwrap();
    }
}
