//! Who gets a mail.

use crate::{Event, HistoryAction, Identity, MailKind};

impl MailKind {
    /// Returns the mail that the owner gets about a change of their event's status. `None` if there is nothing to tell,
    /// because the owner made the change.
    pub fn about_status_change(action: HistoryAction, event: &Event, actor: &Identity) -> Option<Self> {
        let kind = match action {
            HistoryAction::Approve => Self::EventApproved,
            HistoryAction::Reject => Self::EventRejected,
            HistoryAction::Create | HistoryAction::Submit | HistoryAction::Delete => return None,
        };
        (event.created_by_id != actor.user_id).then_some(kind)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::{EventStatus, Role};

    fn event(created_by_id: Uuid) -> Event {
        Event {
            id: Uuid::from_u128(1),
            organization_id: Uuid::from_u128(2),
            created_by_id,
            title: "A title".to_owned(),
            description: "A description".to_owned(),
            location: None,
            start_date: DateTime::UNIX_EPOCH,
            end_date: DateTime::UNIX_EPOCH,
            status: EventStatus::Approved,
            rejection_reason: None,
            submitted_at: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    #[test]
    fn the_owner_gets_a_mail_about_a_decision_of_somebody_else() {
        let moderator = Identity {
            user_id: Uuid::from_u128(3),
            organization_id: Uuid::from_u128(2),
            role: Role::Moderator,
            session: crate::TokenSession::UNDATED,
        };
        let mail = |action, owner| MailKind::about_status_change(action, &event(owner), &moderator);
        let other = Uuid::from_u128(4);
        assert_eq!(mail(HistoryAction::Approve, other), Some(MailKind::EventApproved));
        assert_eq!(mail(HistoryAction::Reject, other), Some(MailKind::EventRejected));
        for action in [HistoryAction::Create, HistoryAction::Submit, HistoryAction::Delete] {
            assert_eq!(mail(action, other), None, "{action}");
        }
        assert_eq!(mail(HistoryAction::Approve, moderator.user_id), None);
        assert_eq!(mail(HistoryAction::Reject, moderator.user_id), None);
    }
}
