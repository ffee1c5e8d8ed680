//! `/organization/people`: how people are called whose IDs are in events.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_client::Backend;
use eventboard_domain::FORMER_MEMBER;
use eventboard_proto::events::{self as proto, ListPeopleReply, ListPeopleRequest};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{operation, responses::NO_STORE};
use crate::{
    extract::{Caller, Parameters, fields, query_parameters, uuid},
    openapi::schemas::text,
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "organization";

/// The maximum number of IDs in a request.
const MAX_IDS: usize = 100;

/// The length of a UUID with hyphens.
const ID_LENGTH: usize = 36;

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(operation!(policies.read, list_people))
}

fields! {
    /// IDs of users.
    Ids(Vec<String>) = parse_ids, text(ID_LENGTH..=MAX_IDS * (ID_LENGTH + 1) - 1);
}

query_parameters! {
    /// Selects people.
    struct PeopleQuery {
        /// 1 to 100 IDs of users (UUIDs), comma-separated.
        ids: Ids,
    }
}

/// List people
///
/// The names of the owners of events. IDs of others are left out: USER gets those whose events the caller sees, MODERATOR
/// and ADMIN also all members.
#[utoipa::path(
    get, path = "/organization/people", tag = TAG, operation_id = "listPeople",
    responses((
        status = 200, description = "The people, in the order of the IDs.", body = PersonList,
        headers(("Cache-Control")),
    )),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn list_people(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters(query): Parameters<PeopleQuery>,
) -> Result<Response, Problem> {
    let PeopleQuery { ids: Ids(ids) } = query;
    let reply = state.clients().events().list_people(call.request(ListPeopleRequest { ids })).await;
    let people = PersonList::from(Backend::Events.reply(reply)?);
    Ok(([NO_STORE], Json(people)).into_response())
}

/// People.
#[derive(Debug, Serialize, ToSchema)]
struct PersonList {
    data: Vec<Person>,
}

/// Somebody who owns an event, or is a member of the organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Person {
    #[schema(format = Uuid)]
    id: String,
    /// The first and the last name, or `Former member` if the user was deleted.
    #[schema(example = "Ada Lovelace")]
    display_name: String,
}

impl From<ListPeopleReply> for PersonList {
    fn from(reply: ListPeopleReply) -> Self {
        Self { data: reply.people.into_iter().map(Person::from).collect() }
    }
}

impl From<proto::Person> for Person {
    fn from(person: proto::Person) -> Self {
        let proto::Person { id, display_name } = person;
        Self { id, display_name: display_name.unwrap_or_else(|| FORMER_MEMBER.to_owned()) }
    }
}

fn parse_ids(text: &str) -> Result<Vec<String>, String> {
    let ids = text.split(',').take(MAX_IDS + 1).map(uuid).collect::<Result<Vec<_>, _>>();
    let ids = ids.ok().filter(|ids| ids.len() <= MAX_IDS);
    ids.ok_or_else(|| format!("must be 1 to {MAX_IDS} UUIDs, separated by commas"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::extract::testing::{query, violations};

    #[test]
    fn ids_are_up_to_a_hundred_uuids() {
        let id = "01890000-0000-7000-8000-00000000000a";
        let two = format!("{},{id}", id.to_uppercase());
        let read = query(&[("ids", &two)]).read::<PeopleQuery>().expect("no violation");
        assert_eq!(read.ids.0, [id, id]);
        assert!(violations::<PeopleQuery>(query(&[("ids", &[id; 100].join(","))])).is_empty());
        let too_many = [id; 101].join(",");
        for bad in ["", ",", "1", &format!("{id},"), &format!("{id} ,{id}"), &too_many] {
            let found = violations::<PeopleQuery>(query(&[("ids", bad)]));
            assert_eq!(found, ["ids must be 1 to 100 UUIDs, separated by commas"], "{bad:?}");
        }
        assert_eq!(violations::<PeopleQuery>(query(&[])), ["ids is required"]);
    }

    #[test]
    fn a_deleted_user_has_no_name() {
        let person = |display_name: Option<&str>| proto::Person {
            id: "u".into(),
            display_name: display_name.map(str::to_owned),
        };
        let reply = ListPeopleReply { people: vec![person(Some("Ada Lovelace")), person(None)] };
        assert_eq!(
            serde_json::to_value(PersonList::from(reply)).expect("JSON"),
            json!({"data": [
                {"id": "u", "displayName": "Ada Lovelace"},
                {"id": "u", "displayName": "Former member"},
            ]})
        );
    }
}
