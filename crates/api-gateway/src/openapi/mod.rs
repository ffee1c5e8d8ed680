//! The OpenAPI 3.1 document: the operations that the routes declare, and the components that the operations share.

mod headers;
mod operation;
mod parameters;
pub(crate) mod problems;
mod public_operations;
pub(crate) mod schemas;
#[cfg(test)]
mod tests;

use eventboard_domain::{
    AuditAction, AuditTargetType, DecisionMails, EventStatus, Role, SortBy, SortOrder, StringEnum,
};
use utoipa::openapi::{
    Components, ComponentsBuilder, Info, InfoBuilder, OpenApi, Server, Tag,
    info::{ContactBuilder, LicenseBuilder},
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::TagBuilder,
};

pub(crate) use self::{
    operation::{DescribedHandler, OperationDescription, OperationPart},
    parameters::optional_parameter,
    public_operations::PublicOperations,
};
use crate::problem::{ProblemDocument, ViolationDocument};

/// The name of the security scheme.
const BEARER: &str = "bearer";

const INTRODUCTION: &str = "Manage the events of an organization: create, submit, approve, reject.\n\n\
    **Try it.** Send `POST /auth/login` with `admin@acme.com` and `Password123!` (demo data), select \
    *Authorize*, and paste the `accessToken`.\n\n\
    **Errors** are `application/problem+json` (RFC 9457). `type` is `urn:eventboard:problem:NAME` and \
    identifies the kind of error. `correlationId` identifies the request in the logs.\n\n\
    **Texts** are trimmed. A text that shows nothing is blank, and invisible characters do not count for a \
    minimum length. Titles, locations, names and e-mail addresses are one line, without control characters and \
    without characters that change the direction of text. Descriptions and reasons may have tabs and line \
    breaks; directional formatting that is left open is closed at the end of its paragraph.\n\n\
    **Concurrent changes.** Every event, every member and the organization have an `ETag`. Send it in `If-Match` to \
    change the resource only if it has not changed since you read it. Send it in `If-None-Match` to read the resource \
    only if it has changed.\n\n\
    **Retries.** Send an `Idempotency-Key` with a write to make it safe to retry.";

/// The complete document with these operations.
pub(crate) fn document(operations: OpenApi) -> OpenApi {
    let OpenApi { paths, components, .. } = operations;
    let mut document = OpenApi::new(info(), paths);
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(tags().into());
    let mut shared = shared_components();
    shared.schemas.extend(components.unwrap_or_default().schemas);
    document.components = Some(shared);
    document
}

fn info() -> Info {
    InfoBuilder::new()
        .title("EventBoard")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION))
        .contact(Some(ContactBuilder::new().name(Some("The EventBoard authors")).build()))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build()
}

fn tags() -> [Tag; 4] {
    let tag =
        |name: &str, description: &str| TagBuilder::new().name(name).description(Some(description)).build();
    [
        tag("auth", "Signup, login, the current user and their account."),
        tag("events", "Events and their approval workflow."),
        tag("infrastructure", "Health checks and API documentation."),
        tag("organization", "The organization, its members, invitations and audit."),
    ]
}

fn shared_components() -> Components {
    let builder = ComponentsBuilder::new()
        .schema_from::<ViolationDocument>()
        .schema_from::<ProblemDocument>()
        .schema(AuditAction::NAME, schemas::enum_component::<AuditAction>())
        .schema(AuditTargetType::NAME, schemas::enum_component::<AuditTargetType>())
        .schema(Role::NAME, schemas::enum_component::<Role>())
        .schema(EventStatus::NAME, schemas::enum_component::<EventStatus>())
        .schema(SortBy::NAME, schemas::enum_component::<SortBy>())
        .schema(SortOrder::NAME, schemas::enum_component::<SortOrder>())
        .schema(DecisionMails::NAME, schemas::enum_component::<DecisionMails>())
        .security_scheme(BEARER, bearer());
    let builder = headers::all().into_iter().fold(builder, |to, (name, header)| to.header(name, header));
    problems::all().into_iter().fold(builder, |to, (name, response)| to.response(name, response)).build()
}

fn bearer() -> SecurityScheme {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The `accessToken` from `POST /auth/login` or `POST /auth/signup`."));
    SecurityScheme::Http(bearer.build())
}
