//! When an event is, where, and who has posted it, as pages tell it.

use eventboard_chassis::error::ServiceError;
use eventboard_proto::events::ListPeopleRequest;

use crate::{
    Board,
    calls::{Calls, events_reply},
    dates::Clock,
    event::Event,
    texts::Texts,
};

/// A time as text, and for the attribute `datetime`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) iso: String,
    pub(crate) text: String,
}

/// What `event_facts.html` shows.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// `None` while it is not known.
    pub(crate) when: Option<Moment>,
    pub(crate) location: Option<String>,
    /// The name of the owner. `None` where it is not told.
    pub(crate) owner: Option<String>,
}

impl Facts {
    /// The facts of an event.
    pub(crate) fn of(clock: &Clock, event: &Event, owner: Option<String>) -> Self {
        let when = Moment { iso: clock.iso(event.start), text: clock.when(event) };
        Self { when: Some(when), location: event.location.clone(), owner }
    }
}

/// How the owners of events are called, in the order of the events.
///
/// # Errors
/// The failed call.
pub(crate) async fn owner_names(
    board: &Board,
    calls: &Calls,
    texts: &Texts,
    events: &[&Event],
) -> Result<Vec<String>, ServiceError> {
    let mut ids: Vec<_> = events.iter().map(|event| event.owner_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let reply = board.clients().events().list_people(calls.request(ListPeopleRequest { ids })).await;
    let people = events_reply(reply)?.people;
    let name = |id: &str| people.iter().find(|person| person.id == id)?.display_name.clone();
    let former = || texts.common.former_member.to_owned();
    Ok(events.iter().map(|event| name(&event.owner_id).unwrap_or_else(former)).collect())
}
