//! Sends the mails in the outbox. The other services write a row in the transaction of its cause. This service reads what
//! the mail is about, renders it and sends it over SMTP.
//!
//! `worker` takes what is due and records the outcome, `texts` and `message` render a mail, `transport` delivers it, and
//! `store` contains the SQL. A mail is delivered at least once: twice only if this process ends between the server's
//! reply and the record of it. Both mails then have the same `Message-ID`.

mod failure;
mod housekeeping;
mod line;
mod mail_config;
mod message;
mod metrics;
mod store;
mod texts;
mod transport;
mod worker;

use std::time::Duration;

use eventboard_chassis::{
    account_key::AccountKeys,
    config::{Env, ListenConfig, days},
    health::Health,
    link_token::LinkSigner,
    server::{AddressLimit, LoadConfig, serve_health},
    shutdown::Shutdown,
    token::TokenConfig,
    unsubscribe_token::UnsubscribeSigner,
};
use eventboard_db::{Database, DatabaseConfig};
use tokio::net::TcpListener;

use crate::{
    mail_config::MailConfig, message::Renderer, metrics::Deliveries, store::Store, transport::Transport,
    worker::Worker,
};

/// The service's name in logs, health documents and `pg_stat_activity`.
pub const NAME: &str = "notification-service";

/// The range of `OUTBOX_RETENTION`.
const MIN_RETENTION: Duration = Duration::from_secs(1);
const MAX_RETENTION: Duration = days(365);

/// The configuration of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on for health checks; the port is `NOTIFICATION_SERVICE_PORT` (default 3003).
    pub listen: ListenConfig,
    /// The limit for connections.
    pub load: LoadConfig,
    /// The secret that signs the links in mails.
    pub token: TokenConfig,
    /// The database connection.
    pub database: DatabaseConfig,
    /// The server that takes the mails.
    pub mail: MailConfig,
    /// `OUTBOX_RETENTION` (default 7d): how long a mail stays in the outbox after it was sent, or without a server to send
    /// it to.
    pub retention: Duration,
}

impl Config {
    /// Reads the configuration from environment variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            listen: ListenConfig::from_env(env, "NOTIFICATION_SERVICE_PORT", 3003),
            load: LoadConfig::from_env(env),
            token: TokenConfig::from_env(env),
            database: DatabaseConfig::from_env(env, NAME),
            mail: MailConfig::from_env(env),
            retention: env.duration("OUTBOX_RETENTION", days(7), MIN_RETENTION..=MAX_RETENTION),
        }
    }
}

/// Runs the service on `listener` until shutdown, and then until the deliveries in flight have ended.
///
/// # Errors
/// When the database is reachable but unusable, or no mail can be sent with these settings.
pub async fn run(config: Config, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    if config.token.is_publicly_known() {
        tracing::warn!("JWT_SECRET is publicly known; set a custom secret");
    }
    let database = Database::open(config.database);
    let health = Health::of_backend(NAME, shutdown.clone(), vec![database.health_check()]);
    let addresses = AddressLimit::new(config.load.max_connections_per_address);
    let store = Store::new(database.clone());
    let worker = Worker {
        store: store.clone(),
        renderer: Renderer::new(
            &config.mail,
            UnsubscribeSigner::new(&config.token),
            LinkSigner::new(&config.token),
        ),
        account_keys: AccountKeys::new(&config.token.secret),
        transport: Transport::new(&config.mail)?,
        deliveries: Deliveries::new(),
        timeout: config.mail.timeout,
        concurrency: config.mail.concurrency,
    };
    let sends = worker.transport.is_configured();
    let work = async {
        tokio::select! {
            prepared = database.prepare() => prepared?,
            () = shutdown.draining() => return Ok(()),
        }
        tokio::select! {
            () = worker.run(&shutdown) => {}
            never = housekeeping::run(&store, config.retention, sends) => match never {},
        }
        Ok(())
    };
    let serve = async {
        serve_health(listener, &health, addresses, shutdown.clone()).await;
        anyhow::Ok(())
    };
    tokio::try_join!(serve, work).map(|((), ())| ())
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::config;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env = variables.collect::<Env>().with_default("HOST", "127.0.0.1");
        config::read(env, Config::from_env).map_err(|error| error.to_string())
    }

    #[test]
    fn every_variable_has_a_default() {
        let config = read(&[]).expect("defaults");
        assert_eq!((config.listen.port, config.retention), (3003, days(7)));
        assert_eq!((config.mail.timeout, config.mail.concurrency.get()), (Duration::from_secs(30), 4));
        assert_eq!(config.mail.public_url.link("/"), "http://localhost:3000/");
    }

    #[test]
    fn all_invalid_variables_are_reported_together_and_without_secrets() {
        let error = read(&[
            ("NOTIFICATION_SERVICE_PORT", "seventy"),
            ("SMTP_URL", "http://user:hush@mail.example.org"),
            ("SMTP_TIMEOUT", "1ms"),
            ("MAIL_CONCURRENCY", "0"),
            ("MAIL_FROM", "nobody"),
            ("PUBLIC_URL", "localhost"),
            ("OUTBOX_RETENTION", "0s"),
        ])
        .expect_err("seven are invalid");
        for variable in [
            "NOTIFICATION_SERVICE_PORT",
            "SMTP_URL",
            "SMTP_TIMEOUT",
            "MAIL_CONCURRENCY",
            "MAIL_FROM",
            "PUBLIC_URL",
            "OUTBOX_RETENTION",
        ] {
            assert!(error.contains(&format!("{variable} must be")), "{variable}: {error}");
        }
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn a_server_needs_a_sender_and_no_folder() {
        let smtp = ("SMTP_URL", "smtp://mail.example.org");
        let from = ("MAIL_FROM", "EventBoard <board@example.org>");
        assert!(read(&[smtp, from]).is_ok());
        assert!(read(&[smtp]).expect_err("no sender").contains("MAIL_FROM is required"));
        let production =
            [smtp, from, ("APP_ENV", "production"), ("JWT_SECRET", "0123456789abcdef0123456789abcdef")];
        assert!(read(&production).expect_err("no URL").contains("PUBLIC_URL is required"));
        let error = read(&[smtp, from, ("MAIL_FOLDER", "/tmp")]).expect_err("both");
        assert!(error.contains("MAIL_FOLDER must not be set"), "{error}");
    }
}
