//! An entry of the audit as the page shows it.

use chrono::{DateTime, Utc};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::{AuditAction, AuditTargetType};
use eventboard_proto::auth as proto;

use super::{
    audit_details::Details,
    people::{People, PersonLink},
};
use crate::{dates, pages::account::client, texts::Texts};

/// An entry of the audit, without the names of people.
#[derive(Debug)]
pub(super) struct AuditEntry {
    at: DateTime<Utc>,
    actor_id: Option<String>,
    action: AuditAction,
    target: Option<(AuditTargetType, String)>,
    address: Option<String>,
    client: Option<String>,
    details: Details,
}

/// An entry in words.
#[derive(Debug)]
pub(super) struct AuditRow {
    pub(super) at: DateTime<Utc>,
    pub(super) who: PersonLink,
    pub(super) what: &'static str,
    /// What matters about it.
    pub(super) sentences: Vec<String>,
    /// What no sentence tells.
    pub(super) rest: Vec<(String, String)>,
    /// What it was done to, unless it is the actor.
    pub(super) target: Option<PersonLink>,
    pub(super) address: Option<String>,
    pub(super) client: Option<String>,
}

impl AuditEntry {
    /// The IDs of those whom the entry names.
    pub(super) fn people(&self) -> impl Iterator<Item = String> {
        let target = self.target.as_ref().filter(|(kind, _)| *kind == AuditTargetType::User);
        let target = target.map(|(_, id)| id.clone());
        [self.actor_id.clone(), target, self.details.person(self.action)].into_iter().flatten()
    }

    /// The entry in words.
    pub(super) fn into_row(self, texts: &'static Texts, people: &People) -> AuditRow {
        let who = self.who(texts, people);
        let target = self.target(texts, people);
        let Self { at, actor_id: _, action, target: _, address, client, mut details } = self;
        AuditRow {
            at,
            who,
            what: (texts.admin.audit.action)(action),
            sentences: details.sentences(action, texts, people),
            rest: details.rest(texts),
            target,
            address,
            client: client.map(|name| client::describe(&texts.account, Some(&name))),
        }
    }

    /// The operator's commands come from no address.
    fn who(&self, texts: &Texts, people: &People) -> PersonLink {
        let has_client = self.address.is_some() || self.client.is_some();
        match &self.actor_id {
            Some(id) => people.link(&texts.common, id),
            None if has_client => PersonLink { name: texts.admin.audit.not_signed_in.to_owned(), path: None },
            None => PersonLink { name: texts.admin.audit.operator.to_owned(), path: None },
        }
    }

    fn target(&self, texts: &Texts, people: &People) -> Option<PersonLink> {
        let (kind, id) = self.target.as_ref()?;
        match kind {
            AuditTargetType::User if self.actor_id.as_ref() == Some(id) => None,
            AuditTargetType::User => Some(people.link(&texts.common, id)),
            AuditTargetType::Organization => {
                Some(PersonLink { name: texts.common.organization.to_owned(), path: None })
            }
            AuditTargetType::Invitation => {
                Some(PersonLink { name: texts.admin.audit.invitation.to_owned(), path: None })
            }
        }
    }
}

impl TryFrom<proto::AuditEntry> for AuditEntry {
    type Error = ServiceError;

    fn try_from(entry: proto::AuditEntry) -> Result<Self, ServiceError> {
        let invalid = |field| Backend::Auth.invalid_reply(field);
        let action = AuditAction::try_from(entry.action()).map_err(|_| invalid("action"))?;
        let proto::AuditEntry {
            at,
            actor_id,
            action: _,
            target,
            address,
            client,
            correlation_id: _,
            details,
        } = entry;
        let target = target.map(|target| match AuditTargetType::try_from(target.r#type()) {
            Ok(kind) => Ok((kind, target.id)),
            Err(_) => Err(invalid("target type")),
        });
        Ok(Self {
            at: dates::required(at, Backend::Auth, "at")?,
            actor_id,
            action,
            target: target.transpose()?,
            address,
            client,
            details: Details::parse(&details),
        })
    }
}

#[cfg(test)]
mod tests {
    use eventboard_domain::AuditAction;
    use eventboard_proto::events::Person;
    use prost_types::Timestamp;

    use super::*;
    use crate::texts::ENGLISH;

    fn entry(actor_id: Option<&str>, target: Option<(proto::AuditTargetType, &str)>) -> AuditEntry {
        let target = target.map(|(kind, id)| proto::AuditTarget { r#type: kind.into(), id: id.into() });
        let entry = proto::AuditEntry {
            at: Some(Timestamp::default()),
            actor_id: actor_id.map(str::to_owned),
            action: proto::AuditAction::UserDisabled.into(),
            target,
            address: None,
            client: None,
            correlation_id: None,
            details: "{}".into(),
        };
        entry.try_into().expect("an entry")
    }

    fn people() -> People {
        let ada = Person { id: "a".into(), display_name: Some("Ada".into()) };
        People::of(vec![ada, Person { id: "b".into(), display_name: None }])
    }

    #[test]
    fn members_are_linked_and_those_who_have_left_are_not() {
        let disabled = entry(Some("b"), Some((proto::AuditTargetType::User, "a")));
        assert_eq!(disabled.people().collect::<Vec<_>>(), ["b", "a"]);
        let row = disabled.into_row(&ENGLISH, &people());
        assert_eq!((&*row.who.name, row.who.path), ("Former member", None));
        let target = row.target.expect("a target");
        assert_eq!((&*target.name, target.path.as_deref()), ("Ada", Some("/board/members/a")));
        // What somebody does to their own account needs no target.
        let own = entry(Some("a"), Some((proto::AuditTargetType::User, "a")));
        assert_eq!(own.into_row(&ENGLISH, &people()).target, None);
    }

    #[test]
    fn nobody_is_the_operator_or_somebody_who_is_not_signed_in() {
        let texts = &ENGLISH.admin.audit;
        let by_operator = entry(None, None);
        assert_eq!(by_operator.into_row(&ENGLISH, &people()).who.name, texts.operator);
        let by_stranger = AuditEntry { address: Some("203.0.113.0/24".into()), ..entry(None, None) };
        assert_eq!(by_stranger.into_row(&ENGLISH, &people()).who.name, texts.not_signed_in);
    }

    #[test]
    fn every_action_has_words_of_its_own() {
        let mut words: Vec<_> =
            AuditAction::ALL.iter().map(|action| (ENGLISH.admin.audit.action)(*action)).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), AuditAction::ALL.len());
    }
}
