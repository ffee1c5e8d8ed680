//! Converts enums and timestamps between protobuf messages and the domain.
//!
//! The conversions are in this crate because Rust's orphan rule requires them in the crate of one of the two types,
//! and the domain does not depend on the generated code.

use chrono::{DateTime, Utc};
use eventboard_domain::{
    AuditAction, AuditTargetType, DecisionMails, EntityTags, EventStatus, HistoryAction, Preconditions, Role,
    SortBy, rules,
};
use prost_types::Timestamp;

use crate::{
    auth::{
        AuditAction as AuditActionMessage, AuditTargetType as AuditTargetTypeMessage,
        DecisionMails as DecisionMailsMessage, Role as RoleMessage,
    },
    events::{
        EventStatus as EventStatusMessage, HistoryAction as HistoryActionMessage, SortBy as SortByMessage,
    },
    writes::EntityTags as EntityTagsMessage,
};

/// The message contains the unspecified value of an enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unspecified;

macro_rules! enum_conversions {
    ($domain:ident, $message:ident { $($variant:ident),+ } $(or $unspecified:ident)?) => {
        impl From<$domain> for $message {
            fn from(value: $domain) -> Self {
                match value {
                    $($domain::$variant => Self::$variant,)+
                }
            }
        }

        impl TryFrom<$message> for $domain {
            type Error = Unspecified;

            fn try_from(message: $message) -> Result<Self, Unspecified> {
                match message {
                    $($message::$variant => Ok(Self::$variant),)+
                    $($message::$unspecified => Err(Unspecified),)?
                }
            }
        }
    };
}

enum_conversions!(Role, RoleMessage { User, Moderator, Admin } or Unspecified);
enum_conversions!(AuditAction, AuditActionMessage {
    SignedUp,
    LoginSucceeded,
    LoginFailed,
    RoleChanged,
    UserDisabled,
    UserEnabled,
    SettingsChanged,
    IdempotencyKeysCleared,
    DataSeeded,
    SchemaMigrated,
    MailsRetried,
    MailsDiscarded,
    SessionRevoked,
    SessionRefreshedElsewhere,
    LoginThrottled,
    PasswordChanged,
    PasswordResetRequested,
    PasswordReset,
    EmailVerified,
    EmailChangeRequested,
    EmailChanged,
    UserDeleted,
    EventsTransferred,
    DataExported,
    InvitationCreated,
    InvitationUsed,
    InvitationWithdrawn,
    OrganizationDeleted
} or Unspecified);
enum_conversions!(AuditTargetType, AuditTargetTypeMessage { User, Organization, Invitation } or Unspecified);
enum_conversions!(DecisionMails, DecisionMailsMessage { Immediate, Off } or Unspecified);
enum_conversions!(EventStatus, EventStatusMessage { Draft, Submitted, Approved, Rejected } or Unspecified);
enum_conversions!(HistoryAction, HistoryActionMessage { Create, Submit, Approve, Reject, Delete } or Unspecified);
enum_conversions!(SortBy, SortByMessage { StartDate, CreatedAt, Title, Status });

/// Converts the conditions of a write.
pub fn preconditions(
    if_match: Option<EntityTagsMessage>,
    if_none_match: Option<EntityTagsMessage>,
) -> Preconditions {
    let tags = |EntityTagsMessage { any, versions }| {
        if any { EntityTags::Any } else { EntityTags::Versions(versions) }
    };
    Preconditions { if_match: if_match.map(tags), if_none_match: if_none_match.map(tags) }
}

/// Converts an instant into a protobuf timestamp.
pub fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    // Nanoseconds of one second (less than 2 * 10^9 in a leap second) fit into `i32`.
    let nanos = i32::try_from(instant.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: instant.timestamp(), nanos }
}

/// Converts a protobuf timestamp into an instant; `None` when it is out of range.
pub fn instant(timestamp: &Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)
}

/// Converts a timestamp of a request into an instant in whole milliseconds, if there is one.
///
/// # Errors
/// The message for the client when the instant is out of range.
pub fn checked_instant(timestamp: Option<Timestamp>) -> Result<Option<DateTime<Utc>>, String> {
    let Some(Timestamp { seconds, nanos }) = timestamp else { return Ok(None) };
    let millis = seconds.saturating_mul(1000).saturating_add(i64::from(nanos) / 1_000_000);
    rules::instant(millis).map(Some)
}

#[cfg(test)]
mod tests {
    use eventboard_domain::StringEnum;

    use super::*;

    fn assert_round_trips<D, P>()
    where
        D: StringEnum + std::fmt::Debug + TryFrom<P, Error = Unspecified>,
        P: From<D>,
    {
        for value in D::ALL {
            assert_eq!(D::try_from(P::from(*value)), Ok(*value));
        }
    }

    #[test]
    fn every_enum_round_trips() {
        assert_round_trips::<Role, RoleMessage>();
        assert_round_trips::<AuditAction, AuditActionMessage>();
        assert_round_trips::<AuditTargetType, AuditTargetTypeMessage>();
        assert_round_trips::<DecisionMails, DecisionMailsMessage>();
        assert_round_trips::<EventStatus, EventStatusMessage>();
        assert_round_trips::<HistoryAction, HistoryActionMessage>();
        assert_round_trips::<SortBy, SortByMessage>();
        assert_eq!(Role::try_from(RoleMessage::Unspecified), Err(Unspecified));
    }

    #[test]
    fn the_nanoseconds_of_an_instant_before_1970_are_positive() {
        let before = DateTime::from_timestamp_millis(-1).expect("an instant");
        assert_eq!(timestamp(before), Timestamp { seconds: -1, nanos: 999_000_000 });
        assert_eq!(instant(&timestamp(before)), Some(before));
    }

    #[test]
    fn an_out_of_range_timestamp_is_rejected() {
        assert_eq!(instant(&Timestamp { seconds: 0, nanos: -1 }), None);
        assert_eq!(instant(&Timestamp { seconds: i64::MAX, nanos: 0 }), None);
    }
}
