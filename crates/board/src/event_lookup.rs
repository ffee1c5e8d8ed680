//! Finds an event, and who has posted it.

use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_proto::events::{FindOneRequest, ListPeopleRequest};
use uuid::Uuid;

use crate::{
    Board,
    calls::{Calls, events_reply},
    event::Event,
    texts::Texts,
};

/// The event with the ID in a path.
///
/// # Errors
/// The failed call. `NotFound` also for what is no ID.
pub(crate) async fn find_event(board: &Board, calls: &Calls, id: &str) -> Result<Event, ServiceError> {
    let id = Uuid::try_parse(id).map_err(|_| ServiceError::new(ErrorCode::NotFound, ""))?;
    let message = FindOneRequest { id: id.to_string() };
    Event::try_from(events_reply(board.clients().events().find_one(calls.request(message)).await)?)
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
