//! The settings for mails.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use eventboard_chassis::{
    config::{AppEnv, Env, minutes},
    public_url::PublicUrl,
};
use lettre::{Address, message::Mailbox};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// The range of `SMTP_TIMEOUT`.
const MIN_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_TIMEOUT: Duration = minutes(10);

/// The largest number of parallel deliveries. Servers usually accept fewer connections of one client.
const MAX_CONCURRENCY: usize = 64;

const SMTP_URL_FORM: &str = "must be a URL such as smtp://user:password@host:587 (STARTTLS), \
    smtps://user:password@host:465 (TLS) or, without a password, smtp://host:25?tls=none";

/// The settings for mails.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// Where mails go.
    pub(crate) destination: Destination,
    /// `SMTP_TIMEOUT` (default 30s): the time for one delivery, from reading the row to the server's last reply.
    pub(crate) timeout: Duration,
    /// `MAIL_CONCURRENCY` (default 4): the maximum number of parallel deliveries.
    pub(crate) concurrency: NonZeroUsize,
    /// `MAIL_FROM`: the sender. Required with `SMTP_URL`.
    pub(crate) from: Mailbox,
    /// `PUBLIC_URL` (default `http://localhost:3000`): where readers of mails reach the gateway. Required with `SMTP_URL` in
    /// production.
    pub(crate) public_url: PublicUrl,
}

/// Where mails go.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// `SMTP_URL` (or `SMTP_URL_FILE`): the server that takes the mails.
    Server(SmtpServer),
    /// `MAIL_FOLDER`: the folder for files with the mails, for development.
    Folder(PathBuf),
    /// Neither is set: mails stay in the outbox.
    Nowhere,
}

/// A server that takes mails.
#[derive(Debug, Clone)]
pub(crate) struct SmtpServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    /// The user and the password.
    pub(crate) credentials: Option<(String, SecretString)>,
}

/// How the connection to the server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// TLS from the first byte (`smtps://`).
    Tls,
    /// STARTTLS, without which nothing is sent (`smtp://`).
    StartTls,
    /// None (`smtp://…?tls=none`).
    Disabled,
}

impl MailConfig {
    /// Reads the variables.
    pub fn from_env(env: &mut Env) -> Self {
        let destination = destination(env);
        if matches!(destination, Destination::Server(_)) && !env.is_set("MAIL_FROM") {
            env.report_invalid("MAIL_FROM", "is required with SMTP_URL");
        }
        let is_production = AppEnv::from_env(env) == AppEnv::Production;
        if is_production && matches!(destination, Destination::Server(_)) && !env.is_set("PUBLIC_URL") {
            env.report_invalid("PUBLIC_URL", "is required with SMTP_URL in production");
        }
        // Without mails, nobody could verify an address, and MAIL_FROM tells events-service to require that.
        if is_production && matches!(destination, Destination::Nowhere) && env.is_set("MAIL_FROM") {
            env.report_invalid("MAIL_FROM", "must not be set without SMTP_URL in production");
        }
        Self {
            destination,
            timeout: env.duration("SMTP_TIMEOUT", Duration::from_secs(30), MIN_TIMEOUT..=MAX_TIMEOUT),
            concurrency: concurrency(env),
            from: sender(env),
            public_url: PublicUrl::from_env(env),
        }
    }
}

fn destination(env: &mut Env) -> Destination {
    let folder = env.get("MAIL_FOLDER").map(PathBuf::from);
    let Some(url) = env.secret("SMTP_URL") else {
        return folder.map_or(Destination::Nowhere, Destination::Folder);
    };
    if folder.is_some() {
        env.report_invalid("MAIL_FOLDER", "must not be set together with SMTP_URL");
    }
    // The parser's error is not reported, because it may quote the password.
    parse_server(url.expose_secret()).map_or_else(
        || {
            env.report_invalid("SMTP_URL", SMTP_URL_FORM);
            Destination::Nowhere
        },
        Destination::Server,
    )
}

/// Parses `SMTP_URL`. `None` if it is not such a URL, or if it would send a password without encryption.
fn parse_server(url: &str) -> Option<SmtpServer> {
    let url = Url::parse(url).ok()?;
    let (encryption, default_port) = match (url.scheme(), url.query()) {
        ("smtps", None) => (Encryption::Tls, 465),
        ("smtp", None) => (Encryption::StartTls, 587),
        ("smtp", Some("tls=none")) => (Encryption::Disabled, 25),
        _ => return None,
    };
    let credentials = match (decode(url.username())?, url.password()) {
        (user, None) if user.is_empty() => None,
        (user, Some(password)) => Some((user, decode(password)?.into())),
        (_, None) => return None,
    };
    let is_plain_password = encryption == Encryption::Disabled && credentials.is_some();
    if is_plain_password || !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return None;
    }
    // The parser takes the host of a URL with an unknown scheme as it is.
    let host = Host::parse(url.host_str()?).ok()?;
    let host = match host {
        Host::Domain(name) => name,
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    Some(SmtpServer { host, port: url.port().unwrap_or(default_port), encryption, credentials })
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

fn concurrency(env: &mut Env) -> NonZeroUsize {
    let number = env.number("MAIL_CONCURRENCY", 4, 1..=MAX_CONCURRENCY);
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

fn sender(env: &mut Env) -> Mailbox {
    let default =
        Mailbox::new(Some("EventBoard".to_owned()), Address::new_dangerous("eventboard", "localhost"));
    let sender = env.parse("MAIL_FROM", default, "an address such as EventBoard <board@example.org>");
    if !sender.email.domain().is_ascii() {
        env.report_invalid("MAIL_FROM", "must be an address whose domain has only ASCII characters");
    }
    sender
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Option<(String, u16, Encryption)> {
        parse_server(url).map(|server| (server.host, server.port, server.encryption))
    }

    #[test]
    fn the_scheme_decides_about_encryption_and_port() {
        let host = || "mail.example.org".to_owned();
        assert_eq!(server("smtp://mail.example.org"), Some((host(), 587, Encryption::StartTls)));
        assert_eq!(server("smtps://mail.example.org/"), Some((host(), 465, Encryption::Tls)));
        assert_eq!(server("smtp://mail.example.org?tls=none"), Some((host(), 25, Encryption::Disabled)));
        let address = ("::1".to_owned(), 2525, Encryption::Disabled);
        assert_eq!(server("smtp://[::1]:2525?tls=none"), Some(address));
    }

    #[test]
    fn a_password_may_contain_any_character() {
        let server = parse_server("smtp://board%40example.org:p%3A%2F%C3%A9@mail.example.org");
        let (user, password) = server.and_then(|server| server.credentials).expect("credentials");
        assert_eq!((user.as_str(), password.expose_secret()), ("board@example.org", "p:/é"));
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://user@mail.example.org",
            "smtp://user:password@mail.example.org?tls=none",
            "smtp://mail.example.org?tls=maybe",
            "smtps://mail.example.org?tls=none",
            "smtp://mail.example.org/path",
            "smtp://mail.example.org#fragment",
        ] {
            assert_eq!(server(url), None, "{url}");
        }
    }
}
