//! How people are called whom the audit names by their IDs.

use std::collections::HashMap;

use eventboard_chassis::error::ServiceError;
use eventboard_proto::events::{ListPeopleRequest, Person};

use crate::{calls::events_reply, page::SignedIn, texts::CommonTexts};

/// The most IDs of a request.
pub(super) const MAX_IDS: usize = 100;

/// How people are called, by their IDs.
#[derive(Debug, Default)]
pub(super) struct People(HashMap<String, Option<String>>);

/// Somebody, with a page or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PersonLink {
    pub(super) name: String,
    /// The path of the member's page. `None` for somebody who has left.
    pub(super) path: Option<String>,
}

impl People {
    /// Asks how people are called.
    ///
    /// # Errors
    /// The failed call.
    pub(super) async fn find(
        visit: &SignedIn,
        ids: impl IntoIterator<Item = String>,
    ) -> Result<Self, ServiceError> {
        let mut ids: Vec<_> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(MAX_IDS);
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let message = ListPeopleRequest { ids };
        let reply = visit.board.clients().events().list_people(visit.calls.request(message)).await;
        Ok(Self::of(events_reply(reply)?.people))
    }

    /// The people of a reply.
    pub(super) fn of(people: Vec<Person>) -> Self {
        Self(people.into_iter().map(|Person { id, display_name }| (id, display_name)).collect())
    }

    /// How somebody is called. Nobody knows the names of those who have left.
    pub(super) fn link(&self, texts: &CommonTexts, id: &str) -> PersonLink {
        match self.0.get(id) {
            Some(Some(name)) => {
                PersonLink { name: name.clone(), path: Some(format!("{}/{id}", super::MEMBERS_PATH)) }
            }
            Some(None) | None => PersonLink { name: texts.former_member.to_owned(), path: None },
        }
    }
}
