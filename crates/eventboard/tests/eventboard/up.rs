//! Tests of `eventboard up`.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Installation, Output, eventboard, run, world_readable_folder};

/// Lets each service choose a free port, so that tests can run in parallel.
const FREE_PORTS: [(&str, &str); 5] = [
    ("GATEWAY_PORT", "0"),
    ("AUTH_SERVICE_PORT", "0"),
    ("EVENTS_SERVICE_PORT", "0"),
    ("NOTIFICATION_SERVICE_PORT", "0"),
    ("METRICS_PORT", "0"),
];

/// A running `eventboard up`. It is killed when a test fails.
pub(crate) struct Up {
    process: Child,
    stdout: BufReader<ChildStdout>,
    banner: String,
}

impl Up {
    /// Starts the process and reads its output until a line contains `expected`.
    fn start(command: &mut Command, expected: &str) -> Self {
        let mut process =
            command.envs(FREE_PORTS).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut up =
            Self { stdout: BufReader::new(process.stdout.take().unwrap()), process, banner: String::new() };
        while !up.banner.lines().last().is_some_and(|line| line.contains(expected)) {
            let length = up.stdout.read_line(&mut up.banner).unwrap();
            assert!(length > 0, "the process ended early: {:?}", up.wait());
        }
        up
    }

    /// Starts the process and waits for the last line of the banner.
    pub(crate) fn start_until_ready(command: &mut Command) -> Self {
        Self::start(command, "  curl -s http")
    }

    /// The value after a heading in the banner.
    fn banner_value(&self, heading: &str) -> &str {
        let line = self.banner.lines().find_map(|line| line.trim().strip_prefix(heading));
        line.unwrap_or_else(|| panic!("no {heading} in {}", self.banner)).trim()
    }

    fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path}"), "", "")
    }

    /// Sends a JSON document. Returns the status of the response.
    pub(crate) fn post(&self, path: &str, body: &str) -> u16 {
        let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let response = self.send(&format!("POST {path}"), &headers, body);
        response.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Like [`Up::post`], with a token.
    pub(crate) fn post_as(&self, token: &str, path: &str, body: &str) -> u16 {
        let headers = format!(
            "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let response = self.send(&format!("POST {path}"), &headers, body);
        response.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Reads a page with a token. Returns the status of the response.
    pub(crate) fn get_as(&self, token: &str, path: &str) -> u16 {
        let response = self.send(&format!("GET {path}"), &format!("Authorization: Bearer {token}\r\n"), "");
        response.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Like [`Up::post`], but returns the body of a successful response.
    pub(crate) fn post_for_json(&self, path: &str, body: &str) -> serde_json::Value {
        let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let response = self.send(&format!("POST {path}"), &headers, body);
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    fn send(&self, target: &str, headers: &str, body: &str) -> String {
        let address = self.banner_value("API").strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("{target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
        write!(stream, "{head}{body}").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.args([name, &self.process.id().to_string()]).status().unwrap().success());
    }

    /// Waits until the process exits.
    fn wait(&mut self) -> Output {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Output { code: self.process.wait().unwrap().code(), stdout, stderr }
    }

    fn stop(mut self, signal: &str) -> String {
        self.signal(signal);
        self.wait().success()
    }

    pub(crate) fn interrupt(self) -> String {
        self.stop("-INT")
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // This has no effect if the process has already ended, which is the case unless a test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A process that is killed when a test fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn server_is_running(folder: &Path) -> bool {
    folder.join("home/postgres/postmaster.pid").exists()
}

#[test]
fn the_system_starts_serves_stops_and_keeps_its_data() {
    let folder = world_readable_folder();
    let folder = folder.path();

    let up = Up::start_until_ready(&mut eventboard(folder, ""));
    assert!(up.get("/health").starts_with("HTTP/1.1 200 "), "{}", up.get("/health"));
    assert!(up.banner.contains("Demo data added: 2 organizations, 4 users, 3 events."), "{}", up.banner);
    assert!(up.banner.contains("admin@acme.com") && up.banner.contains("Password123!"), "{}", up.banner);
    assert!(up.banner_value("Database").starts_with("psql postgres://eventboard:"), "{}", up.banner);
    let mails = folder.join("home/mail/*.eml").display().to_string();
    assert!(up.banner_value("Mails").starts_with(&mails), "{}", up.banner);
    // The command finds the running PostgreSQL by itself.
    run(&mut eventboard(folder, "user role user@acme.com MODERATOR")).success();
    let output = up.interrupt();
    assert!(output.contains("SIGINT: stopping") && output.contains("Stopping PostgreSQL"), "{output}");
    assert!(!server_is_running(folder));

    let up = Up::start_until_ready(&mut eventboard(folder, "up"));
    assert!(up.banner.contains("The demo data already exists."), "{}", up.banner);
    assert!(up.get("/health").starts_with("HTTP/1.1 200 "));
    up.interrupt();

    // The system is stopped, so the command itself starts PostgreSQL.
    let users = run(&mut eventboard(folder, "user list --json")).json();
    assert_eq!((&users[2]["email"], &users[2]["role"]), (&"user@acme.com".into(), &"MODERATOR".into()));
    assert!(!server_is_running(folder));
}

#[test]
fn a_second_process_in_the_same_folder_is_rejected() {
    let folder = world_readable_folder();
    let up = Up::start_until_ready(&mut eventboard(folder.path(), "up"));
    let second = run(eventboard(folder.path(), "up").envs(FREE_PORTS).env("RUST_LOG", "off"));
    assert!(second.failure(1).contains("`eventboard up` is already running"));
    assert!(up.get("/health").starts_with("HTTP/1.1 200 "));
    up.interrupt();
}

#[test]
fn a_port_in_use_is_reported_with_its_variable_before_postgresql_starts() {
    for (variable, _) in FREE_PORTS {
        let folder = world_readable_folder();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let mut up = eventboard(folder.path(), "up");
        let output = run(up.envs(FREE_PORTS).env(variable, &port).env("RUST_LOG", "off")).failure(1);
        assert_eq!(output.lines().count(), 1, "{output}");
        let hint = format!("set {variable} to use another port");
        assert!(output.contains(&port) && output.contains(&hint), "{output}");
        assert!(!folder.path().join("home/postgres").exists());
    }
}

#[test]
fn an_interrupted_first_start_leaves_no_server_and_the_next_start_succeeds() {
    let folder = world_readable_folder();
    let up = Up::start(&mut eventboard(folder.path(), "up"), "Creating a PostgreSQL");
    up.interrupt();
    let began = Instant::now();
    while server_is_running(folder.path()) {
        assert!(began.elapsed() < Duration::from_secs(20), "the server is still running");
        std::thread::sleep(Duration::from_millis(20));
    }
    Up::start_until_ready(&mut eventboard(folder.path(), "up")).interrupt();
}

#[tokio::test]
async fn an_external_database_is_used_and_container_host_names_are_ignored() {
    let installation = Installation::create().await;
    let mut command = installation.command("up");
    command.envs([("AUTH_SERVICE_HOST", "auth-service:3001"), ("EVENTS_SERVICE_HOST", "events-service")]);
    // PORT applies only to a process that runs one service.
    command.env("PORT", "1");
    let up = Up::start_until_ready(&mut command);
    assert!(up.get("/health").starts_with("HTTP/1.1 200 "), "{}", up.get("/health"));
    assert_eq!(up.banner_value("Database"), "psql \"$DATABASE_URL\"");
    assert_eq!(installation.query_number(r#"select count(*) from "User""#).await, 4);
    let output = up.stop("-TERM");
    assert!(output.contains("SIGTERM: stopping"), "{output}");
}

#[tokio::test]
async fn the_banner_and_the_services_use_the_address_of_the_listeners() {
    let installation = Installation::create().await;
    for (host, shown) in
        [("::1", "http://[::1]:"), ("::", "http://[::1]:"), ("127.0.0.2", "http://127.0.0.2:")]
    {
        if host != "127.0.0.2" && TcpListener::bind("[::1]:0").is_err() {
            continue;
        }
        let mut command = installation.command("up");
        command.env("HOST", host).env("JWT_SECRET", "0123456789abcdef0123456789abcdef");
        let up = Up::start_until_ready(&mut command);
        assert!(up.banner_value("API").starts_with(shown), "{}", up.banner);
        assert!(up.get("/health").starts_with("HTTP/1.1 200 "), "{}", up.get("/health"));
        up.interrupt();
    }
}

#[tokio::test]
async fn the_system_starts_without_demo_data_if_somebody_else_uses_its_names() {
    let installation = Installation::create().await;
    installation
        .execute(
            r#"insert into "Organization" (id, name, slug) values (gen_random_uuid(), 'Acme', 'acme-corp')"#,
        )
        .await;
    let up = Up::start_until_ready(&mut installation.command("up"));
    let reason = "No demo data: the organization acme-corp was not created by the seed";
    assert!(up.banner.contains(reason) && !up.banner.contains("Password123!"), "{}", up.banner);
    assert!(up.get("/health").starts_with("HTTP/1.1 200 "));
    up.interrupt();
    assert_eq!(installation.query_number(r#"select count(*) from "User""#).await, 0);
}

#[tokio::test]
async fn the_system_serves_on_a_full_stdout_and_a_closed_stderr() {
    let installation = Installation::create().await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = installation.command("up");
    command.envs(FREE_PORTS).env("GATEWAY_PORT", port.to_string());
    let process = command.stdout(full).stderr(std::io::pipe().unwrap().1).spawn().unwrap();
    let mut process = Killed(process);
    let url = format!("healthcheck --url http://127.0.0.1:{port}/health");
    while run(&mut installation.command(&url)).code != Some(0) {
        assert!(process.0.try_wait().unwrap().is_none(), "the process ended early");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(Command::new("kill").arg(process.0.id().to_string()).status().unwrap().success());
    assert_eq!(process.0.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_restart_does_not_restore_deleted_demo_events() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(r#"delete from "Event""#).await;
    Up::start_until_ready(&mut installation.command("up")).interrupt();
    assert_eq!(installation.query_number(r#"select count(*) from "Event""#).await, 0);
}

#[tokio::test]
async fn no_demo_data_is_inserted_in_production() {
    let installation = Installation::create().await;
    let mut command = installation.command("up");
    command.env("APP_ENV", "production").env("JWT_SECRET", "0123456789abcdef0123456789abcdef");
    let up = Up::start_until_ready(&mut command);
    assert!(!up.banner.contains("Password123!"), "{}", up.banner);
    up.interrupt();
    assert_eq!(installation.query_number(r#"select count(*) from "User""#).await, 0);
}

#[test]
fn the_data_folder_is_not_accessible_to_other_users() {
    use std::os::unix::fs::PermissionsExt;
    let folder = world_readable_folder();
    run(&mut eventboard(folder.path(), "migrate")).success();
    let mode = fs::metadata(folder.path().join("home/postgres")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
