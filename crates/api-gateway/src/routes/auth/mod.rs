//! `/auth`: who is calling.

pub(crate) mod documents;
mod requests;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use eventboard_proto::auth::GetMeRequest;
use http::{HeaderValue, StatusCode, header};

use self::documents::{Me, Session};
use super::under;
use crate::{
    app::Gateway,
    clients::Backend,
    extract::{Caller, Parameters, Visitor, WithBody},
    policy::Policies,
    problem::Problem,
};

/// Tokens and what is known of a person are kept nowhere on their way.
const NO_STORE: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

pub(super) fn routes(policies: &Policies) -> Router<Gateway> {
    Router::new()
        .route("/auth/signup", under(policies.signup, post(signup)))
        .route("/auth/login", under(policies.login, post(login)))
        .route("/auth/me", under(policies.read, get(me)))
}

async fn signup(
    State(gateway): State<Gateway>,
    Visitor(call): Visitor,
    input: WithBody,
) -> Result<Response, Problem> {
    let message = input.read(requests::signup)?;
    let reply = gateway.clients().auth().signup(call.request(message)).await;
    let reply = reply.map_err(|status| Backend::Auth.failure(status))?.into_inner();
    Ok((StatusCode::CREATED, [NO_STORE], Json(Session::try_from(reply)?)).into_response())
}

async fn login(
    State(gateway): State<Gateway>,
    Visitor(call): Visitor,
    input: WithBody,
) -> Result<Response, Problem> {
    let message = input.read(requests::login)?;
    let reply = gateway.clients().auth().login(call.request(message)).await;
    let reply = reply.map_err(|status| Backend::Auth.failure(status))?.into_inner();
    Ok(([NO_STORE], Json(Session::try_from(reply)?)).into_response())
}

async fn me(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.read(|_| ())?;
    let reply = gateway.clients().auth().get_me(call.request(GetMeRequest {})).await;
    let reply = reply.map_err(|status| Backend::Auth.failure(status))?.into_inner();
    Ok(([NO_STORE], Json(Me::try_from(reply)?)).into_response())
}
