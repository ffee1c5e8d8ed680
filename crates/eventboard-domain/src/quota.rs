//! The quantities that are limited for each organization.

/// A limit of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// The number of events.
    Events,
    /// The number of bytes.
    Bytes,
    /// The number of members.
    Members,
    /// The number of invitations that wait for an answer.
    OpenInvitations,
    /// The number of invitations in a day.
    InvitationsADay,
}

impl Quota {
    /// Returns what is limited.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Bytes => "stored bytes",
            Self::Members => "members",
            Self::OpenInvitations => "open invitations",
            Self::InvitationsADay => "invitations in a day",
        }
    }
}
