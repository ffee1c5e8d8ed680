//! Why a mail was not delivered.

use std::fmt;

use lettre::transport::smtp;

/// The part of a delivery that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Reading what the mail is about.
    Read,
    /// Creating the mail.
    Render,
    /// The connection, the greeting and EHLO.
    Connect,
    /// STARTTLS.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The mail, and the reply to it.
    Content,
    /// Writing a file.
    File,
}

/// Whether the delivery is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permanence {
    /// Later it may succeed.
    Temporary,
    /// The server may have taken the mail, so that it arrives more than once if this is repeated too often.
    Uncertain,
    /// It would fail again.
    Permanent,
}

/// Why a mail was not delivered. The description is stored and logged, so it contains no text of the server: servers
/// repeat addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) permanence: Permanence,
    stage: Stage,
    reason: String,
}

impl Failure {
    /// A failure after which the delivery is tried again.
    pub(crate) fn temporary(stage: Stage, reason: impl Into<String>) -> Self {
        Self { permanence: Permanence::Temporary, stage, reason: reason.into() }
    }

    /// A failure after which the delivery is not tried again.
    pub(crate) fn permanent(stage: Stage, reason: impl Into<String>) -> Self {
        Self { permanence: Permanence::Permanent, stage, reason: reason.into() }
    }

    /// The server has the mail, but its reply is missing.
    pub(crate) fn uncertain(stage: Stage, reason: impl Into<String>) -> Self {
        Self { permanence: Permanence::Uncertain, stage, reason: reason.into() }
    }

    /// The failure of an exchange with the server.
    pub(crate) fn of_exchange(stage: Stage, error: &smtp::Error) -> Self {
        if let Some(code) = error.status() {
            let reason = format!("the server replied {code}");
            return match permanence_of_refusal(stage, error) {
                Permanence::Temporary => Self::temporary(stage, reason),
                Permanence::Uncertain => Self::uncertain(stage, reason),
                Permanence::Permanent => Self::permanent(stage, reason),
            };
        }
        let reason = if error.is_tls() { "TLS failed" } else { reason_without_reply(stage, error) };
        if stage == Stage::Content { Self::uncertain(stage, reason) } else { Self::temporary(stage, reason) }
    }
}

/// A 5xx reply to the mail or the recipient is final. Before that, it concerns this client or its sender address, for
/// example because its password has changed, and the operator can mend that.
fn permanence_of_refusal(stage: Stage, error: &smtp::Error) -> Permanence {
    match stage {
        Stage::Recipient | Stage::Data | Stage::Content if error.is_permanent() => Permanence::Permanent,
        Stage::Sender
        | Stage::Recipient
        | Stage::Data
        | Stage::Content
        | Stage::Read
        | Stage::Render
        | Stage::Connect
        | Stage::StartTls
        | Stage::Auth
        | Stage::File => Permanence::Temporary,
    }
}

fn reason_without_reply(stage: Stage, error: &smtp::Error) -> &'static str {
    match stage {
        Stage::StartTls if error.is_client() => "the server does not offer STARTTLS",
        Stage::Auth if error.is_client() => "the server does not offer a known mechanism",
        Stage::StartTls => "TLS failed",
        _ if error.is_response() => "the connection was closed, or the reply was not SMTP",
        _ => "the connection failed",
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Read => "read",
            Stage::Render => "render",
            Stage::Connect => "connect",
            Stage::StartTls => "STARTTLS",
            Stage::Auth => "AUTH",
            Stage::Sender => "MAIL FROM",
            Stage::Recipient => "RCPT TO",
            Stage::Data => "DATA",
            Stage::Content => "mail",
            Stage::File => "file",
        };
        write!(f, "{stage}: {}", self.reason)
    }
}
