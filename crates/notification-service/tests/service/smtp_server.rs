//! An SMTP server that fails at a chosen point.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the server has just received when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Connection,
    Ehlo,
    StartTls,
    Auth,
    Sender,
    Recipient,
    Data,
    /// The mail with its last line.
    Mail,
    Quit,
}

/// How the server fails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Reply(&'static str),
    Hang,
    Close,
}

/// A running server.
pub(crate) struct SmtpServer {
    pub(crate) address: SocketAddr,
    mails: Arc<Mutex<Vec<Vec<u8>>>>,
    accepting: JoinHandle<()>,
}

impl SmtpServer {
    /// Starts a server that takes every mail.
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(crate) async fn start_with(fault: Option<(Point, Fault)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mails = Arc::default();
        let session = Session { fault, mails: Arc::clone(&mails) };
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(session.clone().serve(stream));
            }
        });
        Self { address, mails, accepting }
    }

    /// The mails that the server has received completely, even if it has not said so.
    pub(crate) fn mails(&self) -> Vec<Vec<u8>> {
        self.mails.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.mails.lock().unwrap().len()
    }

    /// Waits until the server has received this number of mails.
    pub(crate) async fn wait_for(&self, number: usize) {
        let waiting = async {
            while self.count() < number {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), waiting).await.expect("mails arrive");
    }

    /// `SMTP_URL` without encryption.
    pub(crate) fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Clone)]
struct Session {
    fault: Option<(Point, Fault)>,
    mails: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Session {
    /// Serves one connection. Errors are those of a client that has gone.
    async fn serve(self, stream: TcpStream) {
        let _ = self.exchange(&mut BufReader::new(stream)).await;
    }

    async fn exchange(&self, stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
        if !self.reply(stream, Point::Connection, "220 test").await? {
            return Ok(());
        }
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let (point, reply) = match line.split([' ', '\r']).next().unwrap() {
                "EHLO" => (Point::Ehlo, "250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN"),
                "STARTTLS" => (Point::StartTls, "220 go"),
                "AUTH" => (Point::Auth, "235 ok"),
                "MAIL" => (Point::Sender, "250 ok"),
                "RCPT" => (Point::Recipient, "250 ok"),
                "DATA" => (Point::Data, "354 go"),
                "QUIT" => (Point::Quit, "221 bye"),
                other => panic!("unexpected command {other}"),
            };
            if !self.reply(stream, point, reply).await? {
                return Ok(());
            }
            if point == Point::Data && !self.receive_mail(stream).await? {
                return Ok(());
            }
        }
    }

    async fn receive_mail(&self, stream: &mut BufReader<TcpStream>) -> std::io::Result<bool> {
        let mut mail = Vec::new();
        loop {
            let start = mail.len();
            if stream.read_until(b'\n', &mut mail).await? == 0 {
                return Ok(false);
            }
            if &mail[start..] == b".\r\n" {
                mail.truncate(start);
                break;
            }
            if mail[start..].starts_with(b".") {
                mail.remove(start);
            }
        }
        self.mails.lock().unwrap().push(mail);
        self.reply(stream, Point::Mail, "250 taken").await
    }

    /// Replies, or fails. Returns whether the session goes on.
    async fn reply(
        &self,
        stream: &mut BufReader<TcpStream>,
        point: Point,
        reply: &str,
    ) -> std::io::Result<bool> {
        let reply = match self.fault {
            Some((at, Fault::Reply(other))) if at == point => other,
            Some((at, Fault::Hang)) if at == point => std::future::pending().await,
            Some((at, Fault::Close)) if at == point => return Ok(false),
            _ => reply,
        };
        stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await?;
        Ok(true)
    }
}
