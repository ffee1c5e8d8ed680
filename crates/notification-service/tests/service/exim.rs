//! Sends mails to a real exim with STARTTLS and AUTH, which delivers them to a folder. Needs Debian's
//! `exim4-daemon-light` and `openssl`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the other tests use the rest")]
mod support;

use std::{
    fs::{self, Permissions},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use mail_parser::MessageParser;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::support::Outbox;

const PASSWORD: &str = "p%3Ass%2Fw%C3%B6rd";

/// A running exim. It is killed when dropped.
struct Exim {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl Exim {
    /// Starts exim with its own configuration, as an unprivileged user.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (uid, gid) = account();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        create_certificate(path);
        fs::write(path.join("exim.conf"), configuration(path, port, uid, gid)).unwrap();
        for name in ["spool", "mail"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        for name in ["", "exim.conf", "spool", "mail", "cert.pem", "key.pem"] {
            chown(path.join(name), Some(uid), Some(gid)).unwrap();
        }
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("/usr/sbin/exim4");
        command.arg("-C").arg(path.join("exim.conf")).arg("-bdf").stdin(Stdio::null()).uid(uid).gid(gid);
        let exim = Self { port, process: command.spawn().unwrap(), folder };
        wait_until(|| TcpStream::connect(("127.0.0.1", exim.port)).is_ok()).await;
        exim
    }

    fn url(&self, password: &str) -> String {
        format!("smtp://board:{password}@localhost:{}", self.port)
    }

    /// The mails that were delivered.
    fn mails(&self) -> Vec<Vec<u8>> {
        let Ok(files) = fs::read_dir(self.folder.path().join("mail/new")) else { return Vec::new() };
        files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn wait_until(is_done: impl Fn() -> bool) {
    let waiting = async {
        while !is_done() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(120), waiting).await.expect("exim works");
}

/// The user that runs exim: the one of these tests, or the one of Debian's package if that is root.
fn account() -> (u32, u32) {
    match (id(&["-u"]), id(&["-g"])) {
        (0, _) => (id(&["-u", "Debian-exim"]), id(&["-g", "Debian-exim"])),
        own => own,
    }
}

fn id(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn create_certificate(folder: &Path) {
    let command = "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    let openssl = Command::new("openssl").args(command.split_whitespace()).current_dir(folder).output();
    assert!(openssl.unwrap().status.success());
}

fn configuration(folder: &Path, port: u16, uid: u32, gid: u32) -> String {
    let folder = folder.display();
    format!(
        "exim_user = {uid}
exim_group = {gid}
keep_environment =
primary_hostname = localhost
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
pid_file_path = {folder}/spool/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {folder}/cert.pem
tls_privatekey = {folder}/key.pem
auth_advertise_hosts = ${{if def:tls_in_cipher {{*}}{{}}}}
acl_smtp_rcpt = recipient
deliver_drop_privilege
never_users =
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 0
smtp_accept_queue = 0
begin acl
recipient:
  accept authenticated = *
  deny message = authenticate first
begin routers
all:
  driver = accept
  transport = folder
begin transports
folder:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  create_directory
  user = {uid}
  group = {gid}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{board}}}}{{eq{{$auth3}}{{p:ss/wörd}}}}}}}}
  server_set_id = $auth2
"
    )
}

/// The service as a process, because the trusted certificate is a variable of the environment. It is killed when dropped.
struct Worker(Child);

impl Worker {
    fn start(outbox: &Outbox, url: &str, certificate: Option<&Path>) -> Self {
        let variables = outbox.variables(&[
            ("SMTP_URL", url),
            ("PUBLIC_URL", "https://board.example.org"),
            ("RUST_LOG", "warn"),
        ]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_notification-service"));
        command.env_clear().envs(variables).stdin(Stdio::null());
        if let Some(certificate) = certificate {
            command.env("SSL_CERT_FILE", certificate);
        }
        Self(command.spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn mails_arrive_through_starttls_and_auth() {
    const MAILS: i64 = 100;
    let (outbox, exim) = (Outbox::create().await, Exim::start().await);
    let rejection = outbox.write("EVENT_REJECTED", 1).await[0];
    outbox.write("WELCOME", MAILS - 1).await;
    let began = Instant::now();
    let certificate = exim.folder.path().join("cert.pem");
    let _worker = Worker::start(&outbox, &exim.url(PASSWORD), Some(&certificate));
    let rows = outbox.wait_until_attempted().await;
    println!("{MAILS} mails in {:?}", began.elapsed());
    assert!(rows.iter().all(|row| row.state == "DONE" && row.attempts == 1), "{rows:?}");
    wait_until(|| exim.mails().len() == rows.len()).await;

    let mails = exim.mails();
    let mails: Vec<_> = mails.iter().map(|mail| MessageParser::default().parse(mail).unwrap()).collect();
    let id = format!("{rejection}@example.org");
    let mail = mails.iter().find(|mail| mail.message_id() == Some(&id)).unwrap();
    assert_eq!(mail.subject(), Some("Sent back: Autumn hackathon"));
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("Olga@example.org"));
    let link = mail.header_raw("List-Unsubscribe").unwrap().trim();
    assert!(
        link.starts_with("<https://") && link.ends_with('>') && !link.contains(char::is_whitespace),
        "{link}"
    );
    for part in [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()] {
        assert!(part.contains("“Autumn hackathon”") && part.contains("The room is taken."), "{part}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_certificate_are_no_reason_to_give_up() {
    let exim = Exim::start().await;
    let certificate = exim.folder.path().join("cert.pem");
    for (password, certificate, error) in [
        ("wrong", Some(&*certificate), "AUTH: the server replied 535"),
        (PASSWORD, None, "STARTTLS: TLS failed"),
    ] {
        let outbox = Outbox::create().await;
        outbox.write("WELCOME", 1).await;
        let _worker = Worker::start(&outbox, &exim.url(password), certificate);
        let rows = outbox.wait_until_attempted().await;
        assert_eq!((&*rows[0].state, rows[0].error.as_deref()), ("DUE", Some(error)));
    }
    assert!(exim.mails().is_empty());
}
