//! `/auth`: who is calling.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use eventboard_domain::{Role, rules};
use eventboard_proto::auth::{self as proto, GetMeRequest, LoginRequest, SignupRequest, signup_request};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{KnownFormat, ObjectBuilder},
};
use utoipa_axum::router::OpenApiRouter;

use super::{operation, time};
use crate::{
    clients::Backend,
    extract::{Caller, Input, Parameters, Visitor, WithBody, Word, fields, request_body, values::Id},
    gateway::Gateway,
    openapi::{
        problems::{AlreadyExists, Forbidden, NotFound, Unauthenticated},
        schemas::{formatted, text},
    },
    policy::Policies,
    problem::Problem,
};

/// The tag of these operations in the document.
const TAG: &str = "auth";

/// Tokens and what is known of a person are kept nowhere on their way.
const NO_STORE: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(operation!(policies.signup, signup))
        .routes(operation!(policies.login, login))
        .routes(operation!(policies.read, me))
}

fields! {
    /// The e-mail address of a new user.
    EmailAddress(String) = rules::email, formatted(KnownFormat::Email).max_length(Some(rules::EMAIL_MAX));
    /// A password that is set.
    NewPassword(String) = unchanged(rules::new_password), password();
    /// A person's first or last name.
    PersonName(String) = rules::person_name, text(rules::PERSON_NAME);
    /// An organization's name.
    OrganizationName(String) = rules::organization_name, text(rules::ORGANIZATION_NAME);
    /// An e-mail address at login.
    LoginEmail(String) = rules::login_email, text(1..=rules::EMAIL_MAX);
    /// A password at login.
    LoginPassword(String) = unchanged(rules::login_password), password();
}

request_body! {
    /// A user to be.
    struct Signup {
        email: EmailAddress,
        /// With an upper-case letter, a lower-case letter and a digit or symbol. Not trimmed.
        password: NewPassword,
        first_name: PersonName,
        last_name: PersonName,
        /// Founds an organization, with the caller as ADMIN. Instead of organizationId.
        organization_name: Option<OrganizationName>,
        /// Joins an organization that is open, as USER. Instead of organizationName.
        organization_id: Option<Id>,
    }
    check exactly_one_organization(organization_name, organization_id);
    example {
        "email": "grace@example.org",
        "password": "Password123!",
        "firstName": "Grace",
        "lastName": "Hopper",
        "organizationName": "Compilers United",
    }
}

/// Sign up
///
/// With organizationName, founds an organization and makes the caller its ADMIN; with organizationId, joins one that is
/// open, as USER. Exactly one of the two is given.
#[utoipa::path(
    post, path = "/auth/signup", tag = TAG, operation_id = "signup",
    responses(
        (status = 201, description = "A new user with a token.", body = Session, headers(("Cache-Control"))),
        Forbidden, NotFound, AlreadyExists,
    ),
    extensions(("x-who" = json!("anybody"))),
)]
async fn signup(
    State(gateway): State<Gateway>,
    Visitor(call): Visitor,
    WithBody(user): WithBody<Signup>,
) -> Result<Response, Problem> {
    let reply = gateway.clients().auth().signup(call.request(user.into())).await;
    let session = Session::try_from(Backend::Auth.reply(reply)?)?;
    Ok((StatusCode::CREATED, [NO_STORE], Json(session)).into_response())
}

request_body! {
    /// What a user signs in with.
    struct Login {
        email: LoginEmail,
        password: LoginPassword,
    }
    example { "email": "admin@acme.com", "password": "Password123!" }
}

/// Log in
#[utoipa::path(
    post, path = "/auth/login", tag = TAG, operation_id = "login",
    responses(
        (status = 200, description = "The user with a token.", body = Session, headers(("Cache-Control"))),
        Unauthenticated,
    ),
    extensions(("x-who" = json!("anybody"))),
)]
async fn login(
    State(gateway): State<Gateway>,
    Visitor(call): Visitor,
    WithBody(Login { email, password }): WithBody<Login>,
) -> Result<Response, Problem> {
    let message = LoginRequest { email: email.0, password: password.0 };
    let reply = gateway.clients().auth().login(call.request(message)).await;
    let session = Session::try_from(Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(session)).into_response())
}

/// Who am I?
#[utoipa::path(
    get, path = "/auth/me", tag = TAG, operation_id = "me",
    responses(
        (status = 200, description = "The caller with the organization.", body = Me, headers(("Cache-Control"))),
    ),
    extensions(("x-who" = json!("any member"))),
)]
async fn me(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    Parameters(()): Parameters<()>,
) -> Result<Response, Problem> {
    let reply = gateway.clients().auth().get_me(call.request(GetMeRequest {})).await;
    let me = Me::try_from(Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(me)).into_response())
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct User {
    /// UUIDv7.
    #[schema(format = Uuid)]
    id: String,
    /// Unique without regard to case.
    #[schema(format = Email, example = "admin@acme.com")]
    email: String,
    #[schema(example = "Ada")]
    first_name: String,
    #[schema(example = "Lovelace")]
    last_name: String,
    role: RoleWord,
    /// The organization that the user belongs to.
    #[schema(format = Uuid)]
    organization_id: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// Named for the document, which cannot refer to a generic type.
type RoleWord = Word<Role>;

/// A user with a token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Session {
    user: User,
    /// A JWT, to be sent as `Authorization: Bearer …`.
    access_token: String,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Organization {
    #[schema(format = Uuid)]
    id: String,
    #[schema(example = "Acme Corporation")]
    name: String,
    /// Unique; made from the name.
    #[schema(example = "acme-corp")]
    slug: String,
}

/// A user with the organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Me {
    #[serde(flatten)]
    user: User,
    organization: Organization,
}

/// A rule for a text that is taken as it is.
fn unchanged(rule: fn(&str) -> Result<(), String>) -> impl Fn(&str) -> Result<String, String> {
    move |text| rule(text).map(|()| text.to_owned())
}

fn password() -> ObjectBuilder {
    formatted(KnownFormat::Password)
        .min_length(Some(*rules::PASSWORD.start()))
        .max_length(Some(*rules::PASSWORD.end()))
}

fn exactly_one_organization(
    input: &mut Input,
    name: Option<&Option<OrganizationName>>,
    id: Option<&Option<Id>>,
) {
    // What is faulty was given.
    match (!matches!(name, Some(None)), !matches!(id, Some(None))) {
        (false, false) => input.fault("organizationName", "is required unless organizationId is given"),
        (true, true) => input.fault("organizationName", "must not be given together with organizationId"),
        (true, false) | (false, true) => {}
    }
}

impl From<Signup> for SignupRequest {
    fn from(user: Signup) -> Self {
        let Signup { email, password, first_name, last_name, organization_name, organization_id } = user;
        let name = organization_name.map(|name| signup_request::Organization::OrganizationName(name.0));
        let id = organization_id.map(|id| signup_request::Organization::OrganizationId(id.0));
        Self {
            email: email.0,
            password: password.0,
            first_name: first_name.0,
            last_name: last_name.0,
            organization: name.or(id),
        }
    }
}

impl TryFrom<proto::User> for User {
    type Error = ServiceError;

    fn try_from(user: proto::User) -> Result<Self, ServiceError> {
        let role = Role::try_from(user.role()).map_err(|_| Backend::Auth.broken_reply("role"))?;
        let proto::User { id, email, first_name, last_name, role: _, organization_id, created_at } = user;
        let created_at = time::to_json(created_at).ok_or_else(|| Backend::Auth.broken_reply("created_at"))?;
        Ok(Self { id, email, first_name, last_name, role: Word(role), organization_id, created_at })
    }
}

impl TryFrom<proto::SessionReply> for Session {
    type Error = ServiceError;

    fn try_from(reply: proto::SessionReply) -> Result<Self, ServiceError> {
        let proto::SessionReply { user, access_token } = reply;
        let user = user.ok_or_else(|| Backend::Auth.broken_reply("user"))?;
        Ok(Self { user: user.try_into()?, access_token })
    }
}

impl TryFrom<proto::GetMeReply> for Me {
    type Error = ServiceError;

    fn try_from(reply: proto::GetMeReply) -> Result<Self, ServiceError> {
        let proto::GetMeReply { user, organization } = reply;
        let user = user.ok_or_else(|| Backend::Auth.broken_reply("user"))?;
        let organization = organization.ok_or_else(|| Backend::Auth.broken_reply("organization"))?;
        let proto::Organization { id, name, slug } = organization;
        Ok(Self { user: user.try_into()?, organization: Organization { id, name, slug } })
    }
}

#[cfg(test)]
mod tests;
