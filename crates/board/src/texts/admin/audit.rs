//! The texts of the audit.

use eventboard_domain::{AuditAction, InvitationEnd, LoginFailure, SessionEnd, ThrottleLimit};

/// The texts of the audit.
#[derive(Debug)]
pub(crate) struct AuditTexts {
    pub(crate) when: &'static str,
    pub(crate) who: &'static str,
    pub(crate) what: &'static str,
    pub(crate) target: &'static str,
    /// The address and the client.
    pub(crate) client: &'static str,
    pub(crate) caption: &'static str,
    /// The filter for actions without a choice.
    pub(crate) anything: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) date_fault: &'static str,
    pub(crate) only: fn(name: &str) -> String,
    pub(crate) show_everybody: &'static str,
    pub(crate) none: &'static str,
    pub(crate) show_all: &'static str,
    pub(crate) operator: &'static str,
    pub(crate) not_signed_in: &'static str,
    /// What an action was about.
    pub(crate) invitation: &'static str,
    /// What was done.
    pub(crate) action: fn(AuditAction) -> &'static str,
    pub(crate) signed_up: fn(role: &str, has_founded: bool) -> String,
    pub(crate) login_failure: fn(LoginFailure) -> String,
    pub(crate) throttle_limit: fn(ThrottleLimit) -> String,
    pub(crate) session_end: fn(SessionEnd) -> String,
    pub(crate) invitation_end: fn(InvitationEnd) -> String,
    pub(crate) invited: fn(role: &str) -> String,
    pub(crate) changed: fn(from: &str, to: &str) -> String,
    pub(crate) setting_changed: fn(setting: &str, from: &str, to: &str) -> String,
    pub(crate) open_signup: fn(is_open: bool) -> String,
    pub(crate) transferred: fn(events: u64, to: &str) -> String,
    pub(crate) number: fn(u64) -> String,
    /// Before the ID of a session.
    pub(crate) session: &'static str,
}

pub(super) const ENGLISH: AuditTexts = AuditTexts {
    when: "When",
    who: "Who",
    what: "What",
    target: "About",
    client: "From where",
    caption: "Records, the newest first",
    anything: "Anything",
    from: "From",
    to: "To",
    date_fault: "Enter a date as year, month and day, such as 2026-03-31.",
    only: |name| format!("Only what {name} did."),
    show_everybody: "Show what everybody did",
    none: "Nothing is recorded here.",
    show_all: "Show all records",
    operator: "The operator",
    not_signed_in: "Somebody who was not signed in",
    invitation: "Invitation",
    action,
    signed_up: |role, has_founded| {
        if has_founded { "Founded the organization".to_owned() } else { format!("As {role}") }
    },
    login_failure: |reason| {
        let reason = match reason {
            LoginFailure::UnknownUser => "Unknown address",
            LoginFailure::WrongPassword => "Wrong password",
            LoginFailure::DisabledUser => "The account is disabled",
        };
        reason.to_owned()
    },
    throttle_limit: |limit| {
        let limit = match limit {
            ThrottleLimit::Address => "Too many wrong passwords from this address",
            ThrottleLimit::Account => "Too many wrong passwords from many addresses",
        };
        limit.to_owned()
    },
    session_end: |reason| {
        let reason = match reason {
            SessionEnd::LoggedOut => "Signed out",
            SessionEnd::Revoked => "Ended from another session",
            SessionEnd::RevokedByOperator => "Ended by the operator",
            SessionEnd::PasswordChanged => "The password was changed",
            SessionEnd::PasswordReset => "The password was reset",
            SessionEnd::UserDisabled => "The member was disabled",
            SessionEnd::RoleChanged => "The role was changed",
            SessionEnd::TokenReused => "A token was used twice: somebody may have copied it",
            SessionEnd::TooMany => "There were too many sessions",
        };
        reason.to_owned()
    },
    invitation_end: |reason| {
        let reason = match reason {
            InvitationEnd::Withdrawn => "An admin withdrew it",
            InvitationEnd::InviterNoAdmin => "Who sent it is no admin any more",
        };
        reason.to_owned()
    },
    invited: |role| format!("As {role}"),
    changed: |from, to| format!("{from} → {to}"),
    setting_changed: |setting, from, to| format!("{setting}: {from} → {to}"),
    open_signup: |is_open| {
        let now = if is_open {
            "Everybody with the link can join now"
        } else {
            "Only people who are invited can join now"
        };
        now.to_owned()
    },
    transferred: |events, to| match events {
        1 => format!("1 event to {to}"),
        _ => format!("{} events to {to}", number(events)),
    },
    number,
    session: "Session",
};

fn number(number: u64) -> String {
    super::number(i64::try_from(number).unwrap_or(i64::MAX))
}

fn action(action: AuditAction) -> &'static str {
    match action {
        AuditAction::SignedUp => "Signed up",
        AuditAction::LoginSucceeded => "Signed in",
        AuditAction::LoginFailed => "Could not sign in",
        AuditAction::LoginThrottled => "Sign-in locked for a while",
        AuditAction::SessionRevoked => "Session ended",
        AuditAction::SessionRefreshedElsewhere => "Session used from another address",
        AuditAction::PasswordChanged => "Password changed",
        AuditAction::PasswordResetRequested => "Password reset asked for",
        AuditAction::PasswordReset => "Password reset",
        AuditAction::EmailVerified => "E-mail verified",
        AuditAction::EmailChangeRequested => "Other e-mail asked for",
        AuditAction::EmailChanged => "E-mail changed",
        AuditAction::RoleChanged => "Role changed",
        AuditAction::UserDisabled => "Member disabled",
        AuditAction::UserEnabled => "Member enabled",
        AuditAction::UserDeleted => "Member deleted",
        AuditAction::EventsTransferred => "Events handed over",
        AuditAction::DataExported => "Copy of own data taken",
        AuditAction::InvitationCreated => "Invited",
        AuditAction::InvitationUsed => "Joined by invitation",
        AuditAction::InvitationWithdrawn => "Invitation withdrawn",
        AuditAction::SettingsChanged => "Settings changed",
        AuditAction::OrganizationDeleted => "Organization deleted",
        AuditAction::IdempotencyKeysCleared => "Keys of repeated requests removed",
        AuditAction::MailsRetried => "Unsent mails sent again",
        AuditAction::MailsDiscarded => "Unsent mails discarded",
        AuditAction::DataSeeded => "Sample events added",
        AuditAction::SchemaMigrated => "Database updated",
    }
}
