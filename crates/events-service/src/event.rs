//! The rules: who may do what to an event in which status. Pure functions, no I/O.

use chrono::{DateTime, Utc};
use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    token::Identity,
};
use eventboard_domain::EventStatus::{self, Approved, Draft, Rejected, Submitted};
use uuid::Uuid;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub created_by_id: Uuid,
    pub title: String,
    pub description: String,
    pub location: Option<String>,
    pub start_date: DateTime<Utc>,
    pub end_date: DateTime<Utc>,
    pub status: EventStatus,
    pub rejection_reason: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

/// What is done to an event that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Update,
    Delete,
    Submit,
    Approve,
    Reject,
}

/// The condition of `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    Any,
    Versions(Vec<i64>),
}

impl IfMatch {
    fn holds(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// Decides whether the operation may happen now, in the order in which the API answers: 404, 403,
/// 412, 409.
///
/// # Errors
/// The first refusal of that order.
pub(crate) fn decide(
    caller: &Identity,
    operation: Operation,
    event: &Event,
    if_match: Option<&IfMatch>,
) -> Result<(), ServiceError> {
    if !is_visible(caller, event) {
        return Err(not_found());
    }
    check_permission(caller, operation, event)?;
    if if_match.is_some_and(|condition| !condition.holds(event.version)) {
        return Err(ServiceError::new(
            ErrorCode::StaleVersion,
            "The event has changed since; read it again and repeat the request with its new ETag.",
        ));
    }
    check_status(operation, event.status)
}

/// Existence does not leak: what the caller may not see does not exist.
pub(crate) fn not_found() -> ServiceError {
    ServiceError::new(ErrorCode::NotFound, "There is no such event.")
}

fn is_visible(caller: &Identity, event: &Event) -> bool {
    event.organization_id == caller.organization_id
        && (caller.role.moderates() || owns(caller, event) || event.status == Approved)
}

fn owns(caller: &Identity, event: &Event) -> bool {
    event.created_by_id == caller.user_id
}

fn check_permission(caller: &Identity, operation: Operation, event: &Event) -> Result<(), ServiceError> {
    use eventboard_domain::Role::Admin;
    let owns = owns(caller, event);
    let owner_may_edit = owns && matches!(event.status, Draft | Rejected);
    let (allowed, refusal) = match operation {
        Operation::Update => (
            owner_may_edit || caller.role.moderates(),
            "Only its owner, while it is DRAFT or REJECTED, or a moderator may change this event.",
        ),
        Operation::Delete => (
            owner_may_edit || caller.role == Admin,
            "Only its owner, while it is DRAFT or REJECTED, or an admin may delete this event.",
        ),
        Operation::Submit => (owns, "Only its owner may submit this event."),
        Operation::Approve => (caller.role.moderates(), "Only a moderator may approve an event."),
        Operation::Reject => (caller.role.moderates(), "Only a moderator may reject an event."),
    };
    if allowed { Ok(()) } else { Err(ServiceError::new(ErrorCode::Forbidden, refusal)) }
}

fn check_status(operation: Operation, status: EventStatus) -> Result<(), ServiceError> {
    let (from, verb): (&[EventStatus], _) = match operation {
        Operation::Update | Operation::Delete => return Ok(()),
        Operation::Submit => (&[Draft, Rejected], "submitted"),
        Operation::Approve => (&[Submitted], "approved"),
        Operation::Reject => (&[Submitted], "rejected"),
    };
    if from.contains(&status) {
        return Ok(());
    }
    let allowed = from.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or ");
    let message = format!("The event is {status}; only a {allowed} event can be {verb}.");
    Err(ServiceError::new(ErrorCode::WrongStatus, message))
}

#[cfg(test)]
mod tests {
    use eventboard_domain::Role::{self, Admin, Moderator, User};

    use super::*;

    const OWN: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const ORGANIZATION: Uuid = Uuid::from_u128(3);

    fn event(status: EventStatus, owner: Uuid) -> Event {
        let instant = DateTime::from_timestamp_millis(1_800_000_000_000).unwrap();
        Event {
            id: Uuid::from_u128(9),
            organization_id: ORGANIZATION,
            created_by_id: owner,
            title: "A title".into(),
            description: "A description".into(),
            location: None,
            start_date: instant,
            end_date: instant + chrono::TimeDelta::hours(1),
            status,
            rejection_reason: None,
            created_at: instant,
            updated_at: instant,
            version: 7,
        }
    }

    fn caller(role: Role) -> Identity {
        Identity { user_id: OWN, organization_id: ORGANIZATION, role }
    }

    fn answer(role: Role, operation: Operation, status: EventStatus, owner: Uuid) -> u16 {
        match decide(&caller(role), operation, &event(status, owner), None) {
            Ok(()) => 200,
            Err(error) => error.code().http().as_u16(),
        }
    }

    /// One row for each role, ownership and operation; one column for each status.
    #[test]
    fn the_table_of_role_ownership_operation_and_status() {
        use Operation::{Approve, Delete, Reject, Submit, Update};
        let statuses = [Draft, Submitted, Approved, Rejected];
        #[rustfmt::skip]
        let table = [
            //                          DRAFT SUBM. APPR. REJ.
            (User,      OWN,   Update,  [200, 403, 403, 200]),
            (User,      OWN,   Delete,  [200, 403, 403, 200]),
            (User,      OWN,   Submit,  [200, 409, 409, 200]),
            (User,      OWN,   Approve, [403, 403, 403, 403]),
            (User,      OWN,   Reject,  [403, 403, 403, 403]),
            (User,      OTHER, Update,  [404, 404, 403, 404]),
            (User,      OTHER, Delete,  [404, 404, 403, 404]),
            (User,      OTHER, Submit,  [404, 404, 403, 404]),
            (User,      OTHER, Approve, [404, 404, 403, 404]),
            (User,      OTHER, Reject,  [404, 404, 403, 404]),
            (Moderator, OWN,   Update,  [200, 200, 200, 200]),
            (Moderator, OWN,   Delete,  [200, 403, 403, 200]),
            (Moderator, OWN,   Submit,  [200, 409, 409, 200]),
            (Moderator, OWN,   Approve, [409, 200, 409, 409]),
            (Moderator, OWN,   Reject,  [409, 200, 409, 409]),
            (Moderator, OTHER, Update,  [200, 200, 200, 200]),
            (Moderator, OTHER, Delete,  [403, 403, 403, 403]),
            (Moderator, OTHER, Submit,  [403, 403, 403, 403]),
            (Moderator, OTHER, Approve, [409, 200, 409, 409]),
            (Moderator, OTHER, Reject,  [409, 200, 409, 409]),
            (Admin,     OWN,   Update,  [200, 200, 200, 200]),
            (Admin,     OWN,   Delete,  [200, 200, 200, 200]),
            (Admin,     OWN,   Submit,  [200, 409, 409, 200]),
            (Admin,     OWN,   Approve, [409, 200, 409, 409]),
            (Admin,     OWN,   Reject,  [409, 200, 409, 409]),
            (Admin,     OTHER, Update,  [200, 200, 200, 200]),
            (Admin,     OTHER, Delete,  [200, 200, 200, 200]),
            (Admin,     OTHER, Submit,  [403, 403, 403, 403]),
            (Admin,     OTHER, Approve, [409, 200, 409, 409]),
            (Admin,     OTHER, Reject,  [409, 200, 409, 409]),
        ];
        for (role, owner, operation, expected) in table {
            let found = statuses.map(|status| answer(role, operation, status, owner));
            assert_eq!(found, expected, "{role} {operation:?}, own: {}", owner == OWN);
        }
    }

    #[test]
    fn another_organizations_event_does_not_exist_for_anybody() {
        let foreign = Event { organization_id: OTHER, ..event(Approved, OWN) };
        for role in Role::ALL {
            let error = decide(&caller(*role), Operation::Update, &foreign, None).unwrap_err();
            assert_eq!(error.code(), ErrorCode::NotFound);
        }
    }

    #[test]
    fn a_stale_version_is_told_after_403_and_before_409() {
        let stale = Some(&IfMatch::Versions(vec![6]));
        let code = |role, operation, status| {
            decide(&caller(role), operation, &event(status, OWN), stale).unwrap_err().code()
        };
        assert_eq!(code(User, Operation::Approve, Submitted), ErrorCode::Forbidden);
        assert_eq!(code(Moderator, Operation::Approve, Approved), ErrorCode::StaleVersion);
    }

    #[test]
    fn if_match_holds_for_any_and_for_the_present_version() {
        for condition in [IfMatch::Any, IfMatch::Versions(vec![1, 7])] {
            assert!(decide(&caller(User), Operation::Update, &event(Draft, OWN), Some(&condition)).is_ok());
        }
        assert!(!IfMatch::Versions(vec![]).holds(7));
    }

    #[test]
    fn a_wrong_status_is_named() {
        let error = decide(&caller(Admin), Operation::Approve, &event(Draft, OWN), None).unwrap_err();
        assert_eq!(error.message(), "The event is DRAFT; only a SUBMITTED event can be approved.");
    }
}
