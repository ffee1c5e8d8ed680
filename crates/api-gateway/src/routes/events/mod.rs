//! `/events`: the events and their life.

pub(crate) mod documents;
mod listing;
mod requests;
mod responses;

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, patch, post},
};

pub(crate) use self::listing::{SORT_BY, SORT_ORDER};
use super::under;
use crate::{
    app::Gateway,
    clients::Backend,
    extract::{Caller, Parameters, WithBody},
    policy::Policies,
    problem::Problem,
};

pub(super) fn routes(policies: &Policies) -> Router<Gateway> {
    let collection = under(policies.list, get(list)).merge(under(policies.write, post(create)));
    let one = under(policies.read, get(find)).merge(under(policies.write, patch(update).delete(remove)));
    Router::new()
        .route("/events", collection)
        .route("/events/{id}", one)
        .route("/events/{id}/submit", under(policies.write, post(submit)))
        .route("/events/{id}/approve", under(policies.write, post(approve)))
        .route("/events/{id}/reject", under(policies.write, post(reject)))
}

async fn create(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    input: WithBody,
) -> Result<Response, Problem> {
    let message = input.read(|input| requests::create(input, call.request_id()))?;
    let reply = gateway.clients().events().create(call.request(message)).await;
    responses::created(reply.map_err(|status| Backend::Events.failure(status))?.into_inner())
}

async fn list(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let message = parameters.read(listing::request)?;
    let place = listing::Place::of(&message);
    let reply = gateway.clients().events().find_all(call.request(message)).await;
    responses::page(place, reply.map_err(|status| Backend::Events.failure(status))?.into_inner())
}

async fn find(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (message, known) = parameters.read(requests::find)?;
    let reply = gateway.clients().events().find_one(call.request(message)).await;
    let event = reply.map_err(|status| Backend::Events.failure(status))?.into_inner();
    responses::found(event, known.as_ref())
}

async fn update(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    input: WithBody,
) -> Result<Response, Problem> {
    let message = input.read(|input| requests::update(input, call.request_id()))?;
    let reply = gateway.clients().events().update(call.request(message)).await;
    responses::changed(reply.map_err(|status| Backend::Events.failure(status))?.into_inner())
}

async fn remove(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let message = parameters.read(|input| requests::delete(input, call.request_id()))?;
    let reply = gateway.clients().events().delete(call.request(message)).await;
    let reply = reply.map_err(|status| Backend::Events.failure(status))?.into_inner();
    Ok(responses::deleted(reply))
}

async fn submit(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let message = parameters.read(|input| requests::submit(input, call.request_id()))?;
    let reply = gateway.clients().events().submit(call.request(message)).await;
    responses::changed(reply.map_err(|status| Backend::Events.failure(status))?.into_inner())
}

async fn approve(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let message = parameters.read(|input| requests::approve(input, call.request_id()))?;
    let reply = gateway.clients().events().approve(call.request(message)).await;
    responses::changed(reply.map_err(|status| Backend::Events.failure(status))?.into_inner())
}

async fn reject(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    input: WithBody,
) -> Result<Response, Problem> {
    let message = input.read(|input| requests::reject(input, call.request_id()))?;
    let reply = gateway.clients().events().reject(call.request(message)).await;
    responses::changed(reply.map_err(|status| Backend::Events.failure(status))?.into_inner())
}
