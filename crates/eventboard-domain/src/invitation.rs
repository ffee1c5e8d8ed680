//! Invitations to an organization.

use std::time::Duration;

use crate::{Quota, Refusal, Role};

/// How long an invitation works.
pub const INVITATION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The most invitations of an organization that wait for an answer at the same time.
pub const MAX_OPEN_INVITATIONS: i64 = 100;

/// The most invitations that an organization makes in a day. Otherwise anybody could send mails to strangers.
pub const MAX_INVITATIONS_A_DAY: i64 = 50;

/// An invitation to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvitation {
    /// The address that gets it.
    pub email: String,
    /// The role that its user will have.
    pub role: Role,
}

/// The invitations that an organization has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvitationCounts {
    /// Those that wait for an answer.
    pub open: i64,
    /// Those that were made in the last day.
    pub last_day: i64,
}

impl InvitationCounts {
    /// Decides whether the organization may make another one.
    ///
    /// # Errors
    /// When it has made too many.
    pub fn check_another(self) -> Result<(), Refusal> {
        let Self { open, last_day } = self;
        let reached = |quota, limit| Err(Refusal::QuotaExceeded { quota, limit });
        if open >= MAX_OPEN_INVITATIONS {
            return reached(Quota::OpenInvitations, MAX_OPEN_INVITATIONS);
        }
        if last_day >= MAX_INVITATIONS_A_DAY {
            return reached(Quota::InvitationsADay, MAX_INVITATIONS_A_DAY);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_invitations_are_open_at_most_and_fifty_are_made_in_a_day() {
        let refused = |open, last_day| {
            InvitationCounts { open, last_day }.check_another().err().map(|refusal| refusal.to_string())
        };
        assert_eq!(refused(99, 49), None);
        let open = "The organization has reached its limit of open invitations (100).";
        assert_eq!(refused(100, 49).as_deref(), Some(open));
        let a_day = "The organization has reached its limit of invitations in a day (50).";
        assert_eq!(refused(99, 50).as_deref(), Some(a_day));
    }
}
