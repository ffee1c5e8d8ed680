//! `eventboard up` from its start to its end.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Installation, Output, eventboard, finish, open_folder};

/// Any free port for each service, so that tests run beside each other.
const FREE_PORTS: [(&str, &str); 4] =
    [("GATEWAY_PORT", "0"), ("AUTH_SERVICE_PORT", "0"), ("EVENTS_SERVICE_PORT", "0"), ("METRICS_PORT", "0")];

/// A running system; it is killed when a test fails.
struct Up {
    process: Child,
    stdout: BufReader<ChildStdout>,
    banner: String,
}

impl Up {
    /// Starts it and reads until a line contains `expected`.
    fn start(command: &mut Command, expected: &str) -> Self {
        let mut process =
            command.envs(FREE_PORTS).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut up =
            Self { stdout: BufReader::new(process.stdout.take().unwrap()), process, banner: String::new() };
        while !up.banner.lines().last().is_some_and(|line| line.contains(expected)) {
            let length = up.stdout.read_line(&mut up.banner).unwrap();
            assert!(length > 0, "it ended early: {:?}", up.end());
        }
        up
    }

    fn ready(command: &mut Command) -> Self {
        Self::start(command, "  curl -s http")
    }

    /// What stands behind a heading of the banner.
    fn told(&self, heading: &str) -> &str {
        let line = self.banner.lines().find_map(|line| line.trim().strip_prefix(heading));
        line.unwrap_or_else(|| panic!("no {heading} in {}", self.banner)).trim()
    }

    fn get(&self, path: &str) -> String {
        let address = self.told("API").strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.args([name, &self.process.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end.
    fn end(&mut self) -> Output {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Output { code: self.process.wait().unwrap().code(), stdout, stderr }
    }

    fn stop(mut self, signal: &str) -> String {
        self.signal(signal);
        self.end().success()
    }

    fn interrupt(self) -> String {
        self.stop("-INT")
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Ended already, unless a test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn has_server(folder: &Path) -> bool {
    folder.join("home/postgres/postmaster.pid").exists()
}

#[test]
fn everything_starts_serves_stops_and_keeps_its_data() {
    let folder = open_folder();
    let folder = folder.path();

    let up = Up::ready(&mut eventboard(folder, ""));
    assert!(up.get("/health").starts_with("HTTP/1.1 200 "), "{}", up.get("/health"));
    assert!(up.banner.contains("Demo data added: 2 organizations, 4 users, 3 events."), "{}", up.banner);
    assert!(up.banner.contains("admin@acme.com") && up.banner.contains("Password123!"), "{}", up.banner);
    assert!(up.told("Database").starts_with("psql postgres://eventboard:"), "{}", up.banner);
    // The command finds the running cluster by itself.
    finish(&mut eventboard(folder, "user role user@acme.com MODERATOR")).success();
    let said = up.interrupt();
    assert!(said.contains("SIGINT: stopping") && said.contains("Stopping PostgreSQL"), "{said}");
    assert!(!has_server(folder));

    let up = Up::ready(&mut eventboard(folder, "up"));
    assert!(up.banner.contains("The demo data are there already."), "{}", up.banner);
    assert!(up.get("/health").starts_with("HTTP/1.1 200 "));
    up.interrupt();

    // Nothing runs any more, so the command starts the cluster for itself.
    let users = finish(&mut eventboard(folder, "user list --json")).json();
    assert_eq!((&users[2]["email"], &users[2]["role"]), (&"user@acme.com".into(), &"MODERATOR".into()));
    assert!(!has_server(folder));
}

#[test]
fn a_second_one_on_the_same_folder_is_refused() {
    let folder = open_folder();
    let up = Up::ready(&mut eventboard(folder.path(), "up"));
    let second = finish(eventboard(folder.path(), "up").envs(FREE_PORTS).env("RUST_LOG", "off"));
    assert!(second.failure(1).contains("`eventboard up` is already running"));
    assert!(up.get("/health").starts_with("HTTP/1.1 200 "));
    up.interrupt();
}

#[test]
fn a_port_in_use_is_named_with_its_variable_before_postgresql_starts() {
    for variable in ["GATEWAY_PORT", "AUTH_SERVICE_PORT", "EVENTS_SERVICE_PORT", "METRICS_PORT"] {
        let folder = open_folder();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let mut up = eventboard(folder.path(), "up");
        let said = finish(up.envs(FREE_PORTS).env(variable, &port).env("RUST_LOG", "off")).failure(1);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(&port) && said.contains(&format!("{variable} chooses another port")), "{said}");
        assert!(!folder.path().join("home/postgres").exists());
    }
}

#[test]
fn an_interrupted_first_start_leaves_no_server_and_the_next_one_works() {
    let folder = open_folder();
    let up = Up::start(&mut eventboard(folder.path(), "up"), "Creating a PostgreSQL");
    up.interrupt();
    let began = Instant::now();
    while has_server(folder.path()) {
        assert!(began.elapsed() < Duration::from_secs(20), "the server stays");
        std::thread::sleep(Duration::from_millis(20));
    }
    Up::ready(&mut eventboard(folder.path(), "up")).interrupt();
}

#[tokio::test]
async fn a_database_of_ones_own_is_used_and_hosts_of_containers_are_not() {
    let installation = Installation::create().await;
    let mut command = installation.command("up");
    command.envs([("AUTH_SERVICE_HOST", "auth-service:3001"), ("EVENTS_SERVICE_HOST", "events-service")]);
    // It belongs to processes that run one service.
    command.env("PORT", "1");
    let up = Up::ready(&mut command);
    assert!(up.get("/health").starts_with("HTTP/1.1 200 "), "{}", up.get("/health"));
    assert_eq!(up.told("Database"), "psql \"$DATABASE_URL\"");
    assert_eq!(installation.number(r#"select count(*) from "User""#).await, 4);
    let said = up.stop("-TERM");
    assert!(said.contains("SIGTERM: stopping"), "{said}");
}

#[tokio::test]
async fn a_restart_does_not_bring_back_what_was_deleted() {
    let installation = Installation::seeded().await;
    installation.execute(r#"delete from "Event""#).await;
    Up::ready(&mut installation.command("up")).interrupt();
    assert_eq!(installation.number(r#"select count(*) from "Event""#).await, 0);
}

#[tokio::test]
async fn production_gets_no_demo_data() {
    let installation = Installation::create().await;
    let mut command = installation.command("up");
    command.env("APP_ENV", "production").env("JWT_SECRET", "0123456789abcdef0123456789abcdef");
    let up = Up::ready(&mut command);
    assert!(!up.banner.contains("Password123!"), "{}", up.banner);
    up.interrupt();
    assert_eq!(installation.number(r#"select count(*) from "User""#).await, 0);
}

#[test]
fn the_data_folder_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = open_folder();
    finish(&mut eventboard(folder.path(), "migrate")).success();
    let mode = fs::metadata(folder.path().join("home/postgres")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
