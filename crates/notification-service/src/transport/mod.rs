//! Delivers mails: to a server, or in development to a folder.

mod folder;
mod smtp;

use anyhow::Context;
use lettre::message::Mailbox;
use tokio::time::Instant;

use self::{folder::Folder, smtp::SmtpClient};
use crate::{
    failure::{Failure, Stage},
    mail_config::{Destination, MailConfig},
    message::Mail,
};

/// Delivers mails.
pub(crate) enum Transport {
    /// To a server.
    Smtp(SmtpClient),
    /// To a folder.
    Folder(Folder),
    /// Nothing is configured, so mails stay in the outbox.
    None,
}

impl Transport {
    /// Creates the transport.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(config: &MailConfig) -> anyhow::Result<Self> {
        let Mailbox { name: _, email: sender } = &config.from;
        Ok(match &config.destination {
            Destination::Server(server) => {
                let client = SmtpClient::new(server.clone(), sender.clone());
                Self::Smtp(client.context("TLS for SMTP_URL cannot be set up")?)
            }
            Destination::Folder(path) => Self::Folder(Folder::new(path.clone())),
            Destination::Nowhere => Self::None,
        })
    }

    /// Whether mails can be sent with these settings.
    pub(crate) fn is_configured(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Delivers a mail before the deadline.
    pub(crate) async fn deliver(&self, mail: &Mail, deadline: Instant) -> Result<(), Failure> {
        match self {
            Self::Smtp(client) => client.deliver(mail, deadline).await,
            Self::Folder(folder) => folder.deliver(mail).await,
            // The worker takes no mail then.
            Self::None => Err(Failure::temporary(Stage::Connect, "no server is configured")),
        }
    }
}
