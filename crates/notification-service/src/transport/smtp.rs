//! Delivers mails to a server. Each mail has a connection of its own, so that nothing remains of one that failed.
//!
//! lettre's transports are not used: their timeout covers only the connect (lettre#1027), and after the server has taken
//! a mail they wait for its reply to QUIT. A server that is silent then would get the mail again.

use std::future::Future;

use lettre::{
    Address,
    transport::smtp::{
        self,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail as MailFrom, Quit, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};

use crate::{
    failure::{Failure, Stage},
    mail_config::{Encryption, SmtpServer},
    message::Mail,
};

/// The mechanisms that the client can use, the preferred one first.
const MECHANISMS: &[Mechanism] = &[Mechanism::Plain, Mechanism::Login];

/// Delivers mails to a server.
pub(crate) struct SmtpClient {
    server: SmtpServer,
    tls: TlsParameters,
    sender: Address,
    /// The name of this client in EHLO.
    name: ClientId,
}

impl SmtpClient {
    /// Creates a client. It trusts the certificate authorities of the operating system, or those in the file that
    /// `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(server: SmtpServer, sender: Address) -> Result<Self, smtp::Error> {
        let tls = TlsParameters::new(server.host.clone())?;
        let name = ClientId::Domain(sender.domain().to_owned());
        Ok(Self { server, tls, sender, name })
    }

    /// Delivers a mail. It is delivered when the server has taken it, whatever happens then.
    pub(crate) async fn deliver(&self, mail: &Mail, deadline: Instant) -> Result<(), Failure> {
        let mut exchange = Exchange { connection: self.connect(deadline).await?, deadline };
        let sender = MailFrom::new(Some(self.sender.clone()), exchange.parameters_for(&mail.recipient)?);
        exchange.command(Stage::Sender, sender).await?;
        exchange.command(Stage::Recipient, Rcpt::new(mail.recipient.clone(), Vec::new())).await?;
        exchange.command(Stage::Data, Data).await?;
        exchange.send_content(&mail.content).await?;
        exchange.end();
        Ok(())
    }

    async fn connect(&self, deadline: Instant) -> Result<AsyncSmtpConnection, Failure> {
        let SmtpServer { host, port, encryption, credentials } = &self.server;
        let tls = (*encryption == Encryption::Tls).then(|| self.tls.clone());
        let connecting =
            AsyncSmtpConnection::connect_tokio1((host.as_str(), *port), None, &self.name, tls, None);
        let mut connection = step(deadline, Stage::Connect, connecting).await?;
        if *encryption == Encryption::StartTls {
            let upgrade = connection.starttls(self.tls.clone(), &self.name);
            step(deadline, Stage::StartTls, upgrade).await?;
        }
        if let Some((user, password)) = credentials {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            step(deadline, Stage::Auth, connection.auth(MECHANISMS, &credentials)).await?;
        }
        Ok(connection)
    }
}

/// A connection to the server, with the deadline of the delivery.
struct Exchange {
    connection: AsyncSmtpConnection,
    deadline: Instant,
}

impl Exchange {
    async fn command(&mut self, stage: Stage, command: impl std::fmt::Display) -> Result<(), Failure> {
        step(self.deadline, stage, self.connection.command(command)).await.map(drop)
    }

    async fn send_content(&mut self, content: &[u8]) -> Result<(), Failure> {
        step(self.deadline, Stage::Content, self.connection.message(content)).await.map(drop)
    }

    /// An address with other characters than ASCII needs a server that understands it (RFC 6531).
    fn parameters_for(&self, recipient: &Address) -> Result<Vec<MailParameter>, Failure> {
        if AsRef::<str>::as_ref(recipient).is_ascii() {
            return Ok(Vec::new());
        }
        if self.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Ok(vec![MailParameter::SmtpUtfEight]);
        }
        Err(Failure::permanent(Stage::Recipient, "the server accepts only ASCII in addresses"))
    }

    /// Says goodbye in the background, because the reply does not matter.
    fn end(self) {
        let Self { mut connection, deadline } = self;
        tokio::spawn(async move { timeout_at(deadline, connection.command(Quit)).await });
    }
}

/// Performs a step of a delivery before the deadline of the whole delivery.
async fn step<T>(
    deadline: Instant,
    stage: Stage,
    work: impl Future<Output = Result<T, smtp::Error>>,
) -> Result<T, Failure> {
    match timeout_at(deadline, work).await {
        Ok(result) => result.map_err(|error| {
            tracing::debug!(%error, ?stage, "The server did not take a mail");
            Failure::of_exchange(stage, &error)
        }),
        Err(_) if stage == Stage::Content => Err(Failure::uncertain(stage, "no reply in time")),
        Err(_) => Err(Failure::temporary(stage, "no reply in time")),
    }
}
