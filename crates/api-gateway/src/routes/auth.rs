//! `/auth`: signup, login and the current user.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::{Role, rules};
use eventboard_proto::auth::{
    self as proto, GetMeRequest, LoginRequest, RefreshReply, SignupRequest, signup_request,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{KnownFormat, ObjectBuilder},
};
use utoipa_axum::router::OpenApiRouter;

use super::{notifications::LinkToken, operation, responses::NO_STORE, sessions::Tokens, time};
use crate::{
    extract::{
        AnonymousCaller, Caller, EnumValue, Input, Parameters, Preconditions, WithBody, fields, request_body,
        shared_fields::Id,
    },
    openapi::{
        problems::{AlreadyExists, Forbidden, NotFound, Unauthenticated},
        schemas::{string_with_format, text},
    },
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "auth";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.signup, signup))
        .routes(operation!(policies.login, login))
        .routes(operation!(policies.read, me))
}

fields! {
    /// The e-mail address of a new user.
    EmailAddress(String) = rules::email,
        string_with_format(KnownFormat::Email).max_length(Some(rules::EMAIL_MAX_LENGTH));
    /// The password of a new user.
    NewPassword(String) = rules::new_password, password_schema();
    /// A person's first or last name.
    PersonName(String) = rules::person_name, text(rules::PERSON_NAME_LENGTH);
    /// An organization's name.
    OrganizationName(String) = rules::organization_name, text(rules::ORGANIZATION_NAME_LENGTH);
    /// An e-mail address at login.
    LoginEmail(String) = rules::login_email, text(1..=rules::EMAIL_MAX_LENGTH);
    /// A password at login.
    LoginPassword(String) = rules::login_password, password_schema();
}

request_body! {
    /// A new user.
    struct Signup {
        /// Required unless `invitationToken` is given. With an invitation, it must be the address that was invited.
        email: Option<EmailAddress>,
        /// Must contain an upper-case letter, a lower-case letter, and a digit or symbol. Not trimmed.
        password: NewPassword,
        first_name: PersonName,
        last_name: PersonName,
        /// Creates an organization with this name. The user becomes its ADMIN.
        organization_name: Option<OrganizationName>,
        /// Joins this organization as USER. It must allow open signup.
        organization_id: Option<Id>,
        /// The token in the link of an invitation. Joins its organization with the role of the invitation, and verifies the
        /// address.
        invitation_token: Option<LinkToken>,
    }
    check check_organization_and_email(email, organization_name, organization_id, invitation_token);
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
/// Creates a user and opens a session. Exactly one of three fields is required: `organizationName` creates an organization
/// and makes the user its ADMIN; `organizationId` joins an organization that allows open signup, as USER;
/// `invitationToken` joins the organization of an invitation. If its link is unknown, used or expired, `errors` names the
/// field `token`.
#[utoipa::path(
    post, path = "/auth/signup", tag = TAG, operation_id = "signup",
    responses(
        (
            status = 201, description = "The new user and tokens.", body = Session,
            headers(("Cache-Control")),
        ),
        Forbidden, NotFound, AlreadyExists,
    ),
    extensions(("x-access" = json!("anyone"))),
)]
async fn signup(
    State(state): State<AppState>,
    AnonymousCaller(call): AnonymousCaller,
    WithBody((user, preconditions)): WithBody<(Signup, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let reply = state.clients().auth().signup(call.request(user.into())).await;
    let session = Session::try_from(Backend::Auth.reply(reply)?)?;
    Ok((StatusCode::CREATED, [NO_STORE], Json(session)).into_response())
}

request_body! {
    /// The credentials of a user.
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
        (
            status = 200, description = "The user and tokens.", body = Session,
            headers(("Cache-Control")),
        ),
        Unauthenticated,
    ),
    extensions(("x-access" = json!("anyone"))),
)]
async fn login(
    State(state): State<AppState>,
    AnonymousCaller(call): AnonymousCaller,
    WithBody((login, preconditions)): WithBody<(Login, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let Login { email, password } = login;
    let message = LoginRequest { email: email.0, password: password.0, browser: false };
    let reply = state.clients().auth().login(call.request(message)).await;
    let session = Session::try_from(Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(session)).into_response())
}

/// Get the current user
#[utoipa::path(
    get, path = "/auth/me", tag = TAG, operation_id = "getCurrentUser",
    responses(
        (status = 200, description = "The user and the organization.", body = CurrentUser, headers(("Cache-Control"))),
    ),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn me(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters(()): Parameters<()>,
) -> Result<Response, Problem> {
    let reply = state.clients().auth().get_me(call.request(GetMeRequest {})).await;
    let user = CurrentUser::try_from(Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(user)).into_response())
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    /// The ID of the user (UUIDv7).
    #[schema(format = Uuid)]
    id: String,
    /// Unique. Letter case and the encoding of accents do not count, and an internationalized domain is its ASCII form.
    #[schema(format = Email, example = "admin@acme.com")]
    email: String,
    #[schema(example = "Ada")]
    first_name: String,
    #[schema(example = "Lovelace")]
    last_name: String,
    role: RoleValue,
    /// The organization that the user belongs to.
    #[schema(format = Uuid)]
    organization_id: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When the user proved that the address is theirs. Null: not yet.
    #[schema(required = true, format = DateTime)]
    email_verified_at: Option<String>,
    /// The address that the user wants instead, and has not confirmed yet.
    #[schema(required = true, format = Email)]
    pending_email: Option<String>,
    /// A language tag (BCP 47). Null: the user has not chosen one.
    #[schema(required = true, example = "de-AT")]
    language: Option<String>,
    /// A time zone of the IANA database. Null: that of the organization.
    #[schema(required = true, example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// An alias is needed, because the derived schema cannot refer to a generic type.
pub(super) type RoleValue = EnumValue<Role>;

/// A user and the tokens of a new session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Session {
    user: User,
    #[serde(flatten)]
    tokens: Tokens,
}

/// An organization (tenant).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organization {
    #[schema(format = Uuid)]
    id: String,
    #[schema(example = "Acme Corporation")]
    name: String,
    /// A unique identifier derived from the name.
    #[schema(example = "acme-corp")]
    slug: String,
}

/// A user and the organization that the user belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CurrentUser {
    #[serde(flatten)]
    user: User,
    organization: Organization,
}

fn password_schema() -> ObjectBuilder {
    string_with_format(KnownFormat::Password)
        .min_length(Some(*rules::PASSWORD_LENGTH.start()))
        .max_length(Some(*rules::PASSWORD_LENGTH.end()))
}

fn check_organization_and_email(
    input: &mut Input,
    email: Option<&Option<EmailAddress>>,
    name: Option<&Option<OrganizationName>>,
    id: Option<&Option<Id>>,
    invitation: Option<&Option<LinkToken>>,
) {
    // An invalid value (the outer `None`) counts as present.
    let has_invitation = !matches!(invitation, Some(None));
    if matches!(email, Some(None)) && !has_invitation {
        input.add_violation("email", rules::REQUIRED);
    }
    let fields = [
        ("organizationName", !matches!(name, Some(None))),
        ("organizationId", !matches!(id, Some(None))),
        ("invitationToken", has_invitation),
    ];
    let given: Vec<_> =
        fields.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field).collect();
    if given.is_empty() {
        let message = "is required unless organizationId or invitationToken is given";
        input.add_violation("organizationName", message);
    }
    for pair in given.windows(2) {
        input.add_violation(pair[0], format!("must not be given together with {}", pair[1]));
    }
}

impl From<Signup> for SignupRequest {
    fn from(user: Signup) -> Self {
        let Signup {
            email,
            password,
            first_name,
            last_name,
            organization_name,
            organization_id,
            invitation_token,
        } = user;
        let name = organization_name.map(|name| signup_request::Organization::OrganizationName(name.0));
        let id = organization_id.map(|id| signup_request::Organization::OrganizationId(id.0));
        let token = invitation_token.map(|token| signup_request::Organization::InvitationToken(token.0));
        Self {
            email: email.map(|email| email.0).unwrap_or_default(),
            password: password.0,
            first_name: first_name.0,
            last_name: last_name.0,
            organization: name.or(id).or(token),
            browser: false,
        }
    }
}

impl TryFrom<proto::User> for User {
    type Error = ServiceError;

    fn try_from(user: proto::User) -> Result<Self, ServiceError> {
        let role = Role::try_from(user.role()).map_err(|_| Backend::Auth.invalid_reply("role"))?;
        let proto::User {
            id,
            email,
            first_name,
            last_name,
            role: _,
            organization_id,
            created_at,
            email_verified_at,
            pending_email,
            language,
            time_zone,
        } = user;
        let created_at = time::to_rfc3339(created_at);
        Ok(Self {
            id,
            email,
            first_name,
            last_name,
            role: EnumValue(role),
            organization_id,
            created_at: created_at.ok_or_else(|| Backend::Auth.invalid_reply("created_at"))?,
            email_verified_at: time::to_rfc3339(email_verified_at),
            pending_email,
            language,
            time_zone,
        })
    }
}

impl TryFrom<proto::SessionReply> for Session {
    type Error = ServiceError;

    fn try_from(reply: proto::SessionReply) -> Result<Self, ServiceError> {
        let proto::SessionReply {
            user,
            access_token,
            refresh_token,
            expires_in,
            refresh_expires_in,
            // Only the board asks for one.
            browser_secret: _,
        } = reply;
        let user = user.ok_or_else(|| Backend::Auth.invalid_reply("user"))?;
        let tokens = RefreshReply { access_token, refresh_token, expires_in, refresh_expires_in };
        Ok(Self { user: user.try_into()?, tokens: tokens.into() })
    }
}

impl TryFrom<proto::GetMeReply> for CurrentUser {
    type Error = ServiceError;

    fn try_from(reply: proto::GetMeReply) -> Result<Self, ServiceError> {
        let proto::GetMeReply { user, organization } = reply;
        let user = user.ok_or_else(|| Backend::Auth.invalid_reply("user"))?;
        let organization = organization.ok_or_else(|| Backend::Auth.invalid_reply("organization"))?;
        Ok(Self { user: user.try_into()?, organization: organization.into() })
    }
}

impl From<proto::Organization> for Organization {
    fn from(organization: proto::Organization) -> Self {
        let proto::Organization { id, name, slug } = organization;
        Self { id, name, slug }
    }
}

#[cfg(test)]
mod tests;
