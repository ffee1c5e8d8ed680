//! The operations of `/auth`.

use utoipa::openapi::{
    HttpMethod, PathItem,
    path::{Operation, OperationBuilder},
    security::SecurityRequirement,
};

use super::{
    BEARER, bodies, parameters,
    responses::{self, CONFLICT, FORBIDDEN, INVALID, NOT_FOUND, NOT_JSON, TOO_LARGE, UNAUTHENTICATED, json},
};

const TAG: &str = "auth";

pub(super) fn paths() -> [(&'static str, PathItem); 3] {
    [
        ("/auth/signup", PathItem::new(HttpMethod::Post, signup())),
        ("/auth/login", PathItem::new(HttpMethod::Post, login())),
        ("/auth/me", PathItem::new(HttpMethod::Get, me())),
    ]
}

fn signup() -> Operation {
    let good = [("201", json("A new user with a token.", "Session", &["Cache-Control"]))];
    let problems = [INVALID, FORBIDDEN, NOT_FOUND, CONFLICT, TOO_LARGE, NOT_JSON];
    OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some("signup"))
        .summary(Some("Sign up"))
        .description(Some(
            "With organizationName, founds an organization and makes the caller its ADMIN; with \
             organizationId, joins one that is open, as USER. Exactly one of the two is given.",
        ))
        .parameter(parameters::correlation_id())
        .request_body(Some(bodies::of("Signup")))
        .responses(responses::of(good, &problems))
        .build()
}

fn login() -> Operation {
    let good = [("200", json("The user with a token.", "Session", &["Cache-Control"]))];
    let problems = [INVALID, UNAUTHENTICATED, TOO_LARGE, NOT_JSON];
    OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some("login"))
        .summary(Some("Log in"))
        .parameter(parameters::correlation_id())
        .request_body(Some(bodies::of("Login")))
        .responses(responses::of(good, &problems))
        .build()
}

fn me() -> Operation {
    let good = [("200", json("The caller with the organization.", "Me", &["Cache-Control"]))];
    OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some("me"))
        .summary(Some("Who am I?"))
        .security(SecurityRequirement::new(BEARER, [] as [&str; 0]))
        .parameter(parameters::correlation_id())
        .responses(responses::of(good, &[INVALID, UNAUTHENTICATED, TOO_LARGE]))
        .build()
}
