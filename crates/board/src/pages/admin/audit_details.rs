//! The details of an entry of the audit as sentences.

use eventboard_domain::{AuditAction, InvitationEnd, LoginFailure, Role, SessionEnd, ThrottleLimit};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::people::People;
use crate::texts::Texts;

/// The members of the JSON object that no sentence has told yet.
#[derive(Debug, Default)]
pub(super) struct Details(Map<String, Value>);

/// A value before and afterwards.
#[derive(Deserialize)]
struct Change<T> {
    from: T,
    to: T,
}

impl Details {
    /// Reads the details. Whatever is no object has none.
    pub(super) fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// Whom the details name, if anybody.
    pub(super) fn person(&self, action: AuditAction) -> Option<String> {
        let is_person = action == AuditAction::EventsTransferred;
        self.0.get("to").and_then(Value::as_str).filter(|_| is_person).map(str::to_owned)
    }

    /// Takes what a sentence tells. It stays if it is not what was expected: a newer service may have written it.
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = T::deserialize(self.0.get(name)?).ok()?;
        self.0.remove(name);
        Some(value)
    }

    /// The others as they are.
    pub(super) fn rest(self, texts: &Texts) -> Vec<(String, String)> {
        let label = |name: String| match &*name {
            "sessionId" => texts.admin.audit.session.to_owned(),
            _ => name,
        };
        let values = self.0.into_iter().map(|(name, value)| match value {
            Value::String(text) => (label(name), text),
            value => (label(name), value.to_string()),
        });
        values.collect()
    }

    /// Sentences about what matters.
    pub(super) fn sentences(&mut self, action: AuditAction, texts: &Texts, people: &People) -> Vec<String> {
        let words = &texts.admin.audit;
        let role = |role: Role| texts.common.role(role);
        let count = |details: &mut Self, name| details.take::<u64>(name).map(words.number);
        match action {
            AuditAction::SettingsChanged => return self.settings(texts),
            AuditAction::SignedUp => {
                let has_founded = self.take("createdOrganization").unwrap_or(false);
                self.take("role").map(|of| (words.signed_up)(role(of), has_founded))
            }
            AuditAction::LoginFailed => self.take::<LoginFailure>("reason").map(words.login_failure),
            AuditAction::LoginThrottled => self.take::<ThrottleLimit>("limit").map(words.throttle_limit),
            AuditAction::SessionRevoked => self.take::<SessionEnd>("reason").map(words.session_end),
            AuditAction::RoleChanged => {
                let roles = (self.take("from"), self.take("to"));
                let (Some(from), Some(to)) = roles else { return Vec::new() };
                Some((words.changed)(role(from), role(to)))
            }
            AuditAction::EventsTransferred => {
                let to: Option<Uuid> = self.take("to");
                let events: Option<u64> = self.take("events");
                let (Some(to), Some(events)) = (to, events) else { return Vec::new() };
                Some((words.transferred)(events, &people.link(&texts.common, &to.to_string()).name))
            }
            AuditAction::InvitationCreated | AuditAction::InvitationUsed => {
                self.take("role").map(|of| (words.invited)(role(of)))
            }
            AuditAction::InvitationWithdrawn => {
                self.take::<InvitationEnd>("reason").map(words.invitation_end)
            }
            AuditAction::IdempotencyKeysCleared => count(self, "keys"),
            AuditAction::MailsRetried | AuditAction::MailsDiscarded => count(self, "mails"),
            AuditAction::DataSeeded => count(self, "events"),
            AuditAction::LoginSucceeded
            | AuditAction::SessionRefreshedElsewhere
            | AuditAction::PasswordChanged
            | AuditAction::PasswordResetRequested
            | AuditAction::PasswordReset
            | AuditAction::EmailVerified
            | AuditAction::EmailChangeRequested
            | AuditAction::EmailChanged
            | AuditAction::UserDisabled
            | AuditAction::UserEnabled
            | AuditAction::UserDeleted
            | AuditAction::DataExported
            | AuditAction::OrganizationDeleted
            | AuditAction::SchemaMigrated => None,
        }
        .into_iter()
        .collect()
    }

    fn settings(&mut self, texts: &Texts) -> Vec<String> {
        let (words, settings) = (&texts.admin.audit, &texts.admin.organization);
        let changed =
            |setting, Change { from, to }: Change<String>| (words.setting_changed)(setting, &from, &to);
        let name = self.take("name").map(|change| changed(settings.name, change));
        let time_zone = self.take("timeZone").map(|change| changed(settings.time_zone, change));
        let is_open =
            self.take("openSignup").map(|Change { from: _, to }: Change<bool>| (words.open_signup)(to));
        [name, is_open, time_zone].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use eventboard_domain::{AuditEvent, SettingsChange};
    use eventboard_proto::events::Person;

    use super::*;
    use crate::texts::ENGLISH;

    const ADA: Uuid = Uuid::from_u128(7);

    fn told(event: &AuditEvent) -> (Vec<String>, Vec<(String, String)>) {
        let people = People::of(vec![Person { id: ADA.to_string(), display_name: Some("Ada".into()) }]);
        let mut details = Details::parse(&serde_json::to_string(event).expect("JSON"));
        let sentences = details.sentences(event.action(), &ENGLISH, &people);
        (sentences, details.rest(&ENGLISH))
    }

    #[test]
    fn what_matters_is_told_in_words() {
        for (event, sentence) in [
            (AuditEvent::RoleChanged { from: Role::User, to: Role::Admin }, "Member → Admin"),
            (AuditEvent::EventsTransferred { to: ADA, events: 1 }, "1 event to Ada"),
            (AuditEvent::InvitationCreated { role: Role::Moderator }, "As Moderator"),
            (AuditEvent::DataSeeded { events: 1_200 }, "1,200"),
        ] {
            assert_eq!(told(&event), (vec![sentence.to_owned()], Vec::new()));
        }
        let rename = eventboard_domain::Changed { from: "A".to_owned(), to: "B".to_owned() };
        let settings = SettingsChange {
            name: Some(rename),
            open_signup: Some(eventboard_domain::Changed { from: false, to: true }),
            time_zone: None,
        };
        let (sentences, rest) = told(&AuditEvent::SettingsChanged(settings));
        assert_eq!((sentences.len(), rest.len()), (2, 0));
        assert_eq!(sentences[0], "Name: A → B");
    }

    #[test]
    fn what_is_not_known_stays_as_it_is() {
        let event = AuditEvent::SessionRevoked { session_id: ADA, reason: SessionEnd::LoggedOut };
        assert_eq!(told(&event).1, [("Session".to_owned(), ADA.to_string())]);
        let mut newer = Details::parse(r#"{"reason": "NEW", "at": {"x": 1}}"#);
        let people = People::default();
        assert!(newer.sentences(AuditAction::LoginFailed, &ENGLISH, &people).is_empty());
        let rest = newer.rest(&ENGLISH);
        assert_eq!(rest[0], ("at".to_owned(), r#"{"x":1}"#.to_owned()));
        assert_eq!(rest[1], ("reason".to_owned(), "NEW".to_owned()));
        assert!(Details::parse("[1]").rest(&ENGLISH).is_empty());
    }

    #[test]
    fn nothing_that_is_known_stays_unsaid() {
        for (event, rest) in [
            (AuditEvent::SignedUp { role: Role::Admin, created_organization: true }, 0),
            (AuditEvent::LoginFailed { reason: LoginFailure::DisabledUser }, 0),
            (AuditEvent::LoginThrottled { limit: ThrottleLimit::Account }, 0),
            (AuditEvent::InvitationWithdrawn { reason: InvitationEnd::InviterNoAdmin }, 0),
            (AuditEvent::MailsRetried { mails: 2 }, 0),
            // For the operator, who knows the numbers.
            (AuditEvent::SchemaMigrated { from: None, to: 7 }, 2),
        ] {
            assert_eq!(told(&event).1.len(), rest, "{event:?}");
        }
    }
}
