//! The authorization matrix: every kind of caller requests every operation in the OpenAPI document.
//!
//! `eventboard-domain` defines the rules and tests all their cases. These tests check that every operation follows
//! the rules across all three services, and that the matrix covers all operations.

use std::collections::BTreeSet;

use eventboard_e2e::database::execute;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Anonymous, Stack, event_body, send};

/// The expected statuses, in the order of [`Fixture::callers`].
type Row = [u16; 6];

/// Operations that do not act on a single event.
#[rustfmt::skip]
const GENERAL: &[(&str, Row)] = &[
    //                         anonymous owner colleague moderator admin outsider
    ("getIndex",             [200, 200, 200, 200, 200, 200]),
    ("getOpenApiDocument",   [200, 200, 200, 200, 200, 200]),
    ("getDocumentationPage", [200, 200, 200, 200, 200, 200]),
    ("getHealth",            [200, 200, 200, 200, 200, 200]),
    ("getLiveness",          [200, 200, 200, 200, 200, 200]),
    ("getReadiness",         [200, 200, 200, 200, 200, 200]),
    ("signup",               [201, 201, 201, 201, 201, 201]),
    ("login",                [200, 200, 200, 200, 200, 200]),
    ("getCurrentUser",       [401, 200, 200, 200, 200, 200]),
    ("updateCurrentUser",    [401, 200, 200, 200, 200, 200]),
    // With a wrong password.
    ("deleteCurrentUser",    [401, 400, 400, 400, 400, 400]),
    ("exportCurrentUser",    [401, 200, 200, 200, 200, 200]),
    ("getOrganization",      [401, 200, 200, 200, 200, 200]),
    ("updateOrganization",   [401, 403, 403, 403, 200, 200]),
    ("listMembers",          [401, 403, 403, 200, 200, 200]),
    ("getMember",            [401, 403, 403, 200, 200, 404]),
    ("updateMember",         [401, 403, 403, 403, 200, 404]),
    ("removeMember",         [401, 403, 403, 403, 204, 404]),
    ("transferEvents",       [401, 403, 403, 403, 200, 404]),
    ("listPeople",           [401, 200, 200, 200, 200, 200]),
    ("createInvitation",     [401, 403, 403, 403, 201, 201]),
    ("listInvitations",      [401, 403, 403, 403, 200, 200]),
    ("withdrawInvitation",   [401, 403, 403, 403, 204, 404]),
    // Without a genuine token of a link.
    ("lookUpInvitation",     [400, 400, 400, 400, 400, 400]),
    ("listAudit",            [401, 403, 403, 403, 200, 200]),
    ("getNotifications",     [401, 200, 200, 200, 200, 200]),
    ("setNotifications",     [401, 200, 200, 200, 200, 200]),
    // Without the token of a link.
    ("unsubscribe",          [400, 400, 400, 400, 400, 400]),
    // With a token that is not genuine.
    ("refresh",              [401, 401, 401, 401, 401, 401]),
    ("listSessions",         [401, 200, 200, 200, 200, 200]),
    // Of another session of the owner.
    ("revokeSession",        [401, 204, 404, 404, 404, 404]),
    ("revokeOtherSessions",  [401, 204, 204, 204, 204, 204]),
    // With a wrong current password.
    ("changePassword",       [401, 400, 400, 400, 400, 400]),
    // With a wrong password.
    ("changeEmail",          [401, 400, 400, 400, 400, 400]),
    ("withdrawEmailChange",  [401, 204, 204, 204, 204, 204]),
    ("resendVerification",   [401, 202, 202, 202, 202, 202]),
    // Without a genuine token of a link.
    ("verifyEmail",          [400, 400, 400, 400, 400, 400]),
    ("forgetPassword",       [202, 202, 202, 202, 202, 202]),
    // Without a genuine token of a link.
    ("resetPassword",        [400, 400, 400, 400, 400, 400]),
    ("createEvent",          [401, 201, 201, 201, 201, 201]),
    ("listEvents",           [401, 200, 200, 200, 200, 200]),
];

/// Operations on one event, by event status.
#[rustfmt::skip]
const ON_AN_EVENT: &[(&str, &str, Row)] = &[
    //                        anonymous owner colleague moderator admin outsider
    ("getEvent",     "DRAFT",     [401, 200, 404, 200, 200, 404]),
    ("getEvent",     "SUBMITTED", [401, 200, 404, 200, 200, 404]),
    ("getEvent",     "APPROVED",  [401, 200, 200, 200, 200, 404]),
    ("getEvent",     "REJECTED",  [401, 200, 404, 200, 200, 404]),
    ("updateEvent",  "DRAFT",     [401, 200, 404, 200, 200, 404]),
    ("updateEvent",  "SUBMITTED", [401, 403, 404, 200, 200, 404]),
    ("updateEvent",  "APPROVED",  [401, 403, 403, 200, 200, 404]),
    ("updateEvent",  "REJECTED",  [401, 200, 404, 200, 200, 404]),
    ("deleteEvent",  "DRAFT",     [401, 204, 404, 403, 204, 404]),
    ("deleteEvent",  "SUBMITTED", [401, 403, 404, 403, 204, 404]),
    ("deleteEvent",  "APPROVED",  [401, 403, 403, 403, 204, 404]),
    ("deleteEvent",  "REJECTED",  [401, 204, 404, 403, 204, 404]),
    ("submitEvent",  "DRAFT",     [401, 200, 404, 403, 403, 404]),
    ("submitEvent",  "SUBMITTED", [401, 409, 404, 403, 403, 404]),
    ("submitEvent",  "APPROVED",  [401, 409, 403, 403, 403, 404]),
    ("submitEvent",  "REJECTED",  [401, 200, 404, 403, 403, 404]),
    ("approveEvent", "DRAFT",     [401, 403, 404, 409, 409, 404]),
    ("approveEvent", "SUBMITTED", [401, 403, 404, 200, 200, 404]),
    ("approveEvent", "APPROVED",  [401, 403, 403, 409, 409, 404]),
    ("approveEvent", "REJECTED",  [401, 403, 404, 409, 409, 404]),
    ("rejectEvent",  "DRAFT",     [401, 403, 404, 409, 409, 404]),
    ("rejectEvent",  "SUBMITTED", [401, 403, 404, 200, 200, 404]),
    ("rejectEvent",  "APPROVED",  [401, 403, 403, 409, 409, 404]),
    ("rejectEvent",  "REJECTED",  [401, 403, 404, 409, 409, 404]),
];

/// The operation that comes last, because it ends the sessions of the callers.
const LOGOUT: (&str, Row) = ("logout", [400, 204, 204, 204, 204, 204]);

const STATUSES: [&str; 4] = ["DRAFT", "SUBMITTED", "APPROVED", "REJECTED"];

#[tokio::test]
async fn the_matrix_covers_every_operation_and_status() {
    let stack = Stack::start().await;
    let operations = operations(&stack.anonymous()).await;
    let expected: BTreeSet<_> = operations
        .iter()
        .flat_map(|operation| {
            let statuses = if operation.path.starts_with("/events/{id}") { &STATUSES[..] } else { &["-"] };
            statuses.iter().map(|status| (operation.id.as_str(), *status))
        })
        .collect();
    let general = GENERAL.iter().chain([&LOGOUT]).map(|(id, _)| (*id, "-"));
    let rows: Vec<_> = general.chain(ON_AN_EVENT.iter().map(|(id, status, _)| (*id, *status))).collect();
    assert_eq!(rows.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(rows.len(), expected.len(), "the matrix has a duplicate row");
}

#[tokio::test]
async fn every_operation_returns_the_status_in_the_matrix_for_every_caller() {
    let fixture = Fixture::create().await;
    let operations = operations(&fixture.stack.anonymous()).await;
    let operation = |id: &str| operations.iter().find(|operation| operation.id == id).expect("an operation");
    for (id, row) in GENERAL {
        for (caller, expected) in fixture.callers().into_iter().zip(row) {
            let status = fixture.request(caller, operation(id), None).await;
            assert_eq!(status, *expected, "{id} by {}", name(caller));
        }
    }
    for (id, status, row) in ON_AN_EVENT {
        for (caller, expected) in fixture.callers().into_iter().zip(row) {
            let event = fixture.create_event(status).await;
            let actual = fixture.request(caller, operation(id), Some(&event)).await;
            assert_eq!(actual, *expected, "{id} of a {status} event by {}", name(caller));
        }
    }
    let (id, row) = LOGOUT;
    for (caller, expected) in fixture.callers().into_iter().zip(row) {
        assert_eq!(fixture.request(caller, operation(id), None).await, expected, "{id} by {}", name(caller));
    }
}

/// The token of each caller has not been used before, so no gateway has cached that it is valid.
#[tokio::test]
async fn a_caller_whose_session_was_revoked_or_who_is_disabled_gets_401_from_every_operation() {
    let fixture = Fixture::create().await;
    let operations = operations(&fixture.stack.anonymous()).await;
    for statement in [
        r#"update "Session" set "revokedAt" = now() where "userId" = $1"#,
        r#"update "User" set disabled = true where id = $1"#,
    ] {
        for operation in operations.iter().filter(|operation| operation.needs_token) {
            let caller = fixture.admin.add_colleague(&fixture.stack, "ADMIN").await;
            execute(fixture.stack.as_ref(), statement, caller.id()).await;
            let event = fixture.create_event("SUBMITTED").await;
            let status = fixture.request(Some(&caller), operation, Some(&event)).await;
            let expected = if operation.id == "logout" { 204 } else { 401 };
            assert_eq!(status, expected, "{} after {statement}", operation.id);
        }
    }
}

/// What somebody without a verified address may not do, where addresses have to be verified.
const NEEDS_VERIFIED_EMAIL: [&str; 11] = [
    "updateEvent",
    "deleteEvent",
    "submitEvent",
    "approveEvent",
    "rejectEvent",
    "updateOrganization",
    "updateMember",
    "removeMember",
    "transferEvents",
    "createInvitation",
    "withdrawInvitation",
];

#[tokio::test]
async fn the_unverified_do_everything_but_submit_decide_administer_and_change_events_of_others_where_addresses_have_to_be_verified()
 {
    let fixture = Fixture::create_with(&[("REQUIRE_VERIFIED_EMAIL", "true")]).await;
    let verify = r#"update "User" set "emailVerifiedAt" = now() where id = $1"#;
    for helper in [&fixture.owner, &fixture.admin] {
        execute(fixture.stack.as_ref(), verify, helper.id()).await;
    }
    let operations = operations(&fixture.stack.anonymous()).await;
    for operation in operations.iter().filter(|operation| operation.needs_token) {
        let caller = fixture.admin.add_colleague(&fixture.stack, "ADMIN").await;
        let event = match operation.id.as_str() {
            "submitEvent" => caller.create_event("In the matrix").await,
            _ => fixture.create_event("SUBMITTED").await,
        };
        let unverified = fixture.request(Some(&caller), operation, Some(&event)).await;
        let is_refused = NEEDS_VERIFIED_EMAIL.contains(&&*operation.id);
        assert_eq!(unverified == 403, is_refused, "{}: {unverified}", operation.id);
        if is_refused {
            execute(fixture.stack.as_ref(), verify, caller.id()).await;
            let expected = match operation.id.as_str() {
                "deleteEvent" | "removeMember" | "withdrawInvitation" => 204,
                "createInvitation" => 201,
                _ => 200,
            };
            let verified = fixture.request(Some(&caller), operation, Some(&event)).await;
            assert_eq!(verified, expected, "{}", operation.id);
        }
    }
}

/// An operation in the OpenAPI document.
struct Operation {
    id: String,
    method: Method,
    path: String,
    needs_token: bool,
}

async fn operations(anonymous: &Anonymous) -> Vec<Operation> {
    let document = anonymous.get("/api/openapi.json").await.expect(200).body;
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| Operation {
            id: operation["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase().parse().unwrap(),
            path: path.clone(),
            needs_token: operation.get("security").is_some(),
        })
    });
    operations.collect()
}

/// All kinds of callers, in relation to the events that `owner` created.
struct Fixture {
    stack: Stack,
    owner: Actor,
    /// The id of another session of the owner.
    owners_session: String,
    colleague: Actor,
    moderator: Actor,
    admin: Actor,
    /// The ADMIN of another organization.
    outsider: Actor,
}

impl Fixture {
    async fn create() -> Self {
        Self::create_with(&[]).await
    }

    async fn create_with(variables: &'static [(&str, &str)]) -> Self {
        let stack = Stack::start_with(variables).await;
        let admin = stack.anonymous().sign_up_admin().await;
        let owner = admin.add_colleague(&stack, "USER").await;
        let sessions = owner.log_in_again().await.get("/auth/sessions").await.expect(200).body;
        Self {
            owners_session: sessions["data"][0]["id"].as_str().unwrap().to_owned(),
            owner,
            colleague: admin.add_colleague(&stack, "USER").await,
            moderator: admin.add_colleague(&stack, "MODERATOR").await,
            outsider: stack.anonymous().sign_up_admin().await,
            admin,
            stack,
        }
    }

    fn callers(&self) -> [Option<&Actor>; 6] {
        let Self { stack: _, owner, owners_session: _, colleague, moderator, admin, outsider } = self;
        [None, Some(owner), Some(colleague), Some(moderator), Some(admin), Some(outsider)]
    }

    /// Creates an event with this status for the owner and returns the event's id.
    async fn create_event(&self, status: &str) -> String {
        match status {
            "DRAFT" => self.owner.create_event("In the matrix").await,
            "SUBMITTED" => self.owner.create_submitted_event("In the matrix").await,
            "APPROVED" => self.create_decided_event("approve").await,
            "REJECTED" => self.create_decided_event("reject").await,
            other => panic!("unknown status {other}"),
        }
    }

    async fn create_decided_event(&self, decision: &str) -> String {
        let id = self.owner.create_submitted_event("In the matrix").await;
        self.moderator.post(&format!("/events/{id}/{decision}"), &body(decision)).await.expect(200);
        id
    }

    /// The id in the path of an operation: that of the event, unless the operation is about something else. What is removed
    /// is created first.
    async fn id_for(&self, operation: &str, event: Option<&str>) -> String {
        match operation {
            "revokeSession" => self.owners_session.clone(),
            "getMember" | "updateMember" => self.owner.id().to_string(),
            "removeMember" | "transferEvents" => {
                self.admin.add_colleague(&self.stack, "USER").await.id().to_string()
            }
            "withdrawInvitation" => {
                let invitation = body("createInvitation");
                self.admin.post("/organization/invitations", &invitation).await.expect(201).id()
            }
            _ => event.unwrap_or_default().to_owned(),
        }
    }

    /// Sends a request as this caller and returns the status.
    async fn request(&self, caller: Option<&Actor>, operation: &Operation, event: Option<&str>) -> u16 {
        let mut path = operation.path.replace("{id}", &self.id_for(&operation.id, event).await);
        if operation.id == "listPeople" {
            path = format!("{path}?ids={}", self.owner.id());
        }
        let request = match caller {
            Some(actor) => actor.request(operation.method.clone(), &path),
            None => self.stack.anonymous().request(operation.method.clone(), &path),
        };
        let body = match operation.id.as_str() {
            "login" => json!({ "email": self.owner.user["email"], "password": "Password123!" }),
            // To the caller, so that a caller of another organization cannot find the member.
            "transferEvents" => json!({ "to": caller.unwrap_or(&self.admin).id() }),
            id => body(id),
        };
        send(if body.is_null() { request } else { request.json(&body) }).await.status
    }
}

/// A valid body for an operation, or null if the operation has none.
fn body(operation: &str) -> Value {
    match operation {
        "signup" => json!({
            "email": format!("{}@example.org", Uuid::now_v7()),
            "password": "Password123!",
            "firstName": "Some",
            "lastName": "Body",
            "organizationName": Uuid::now_v7(),
        }),
        "createEvent" => event_body("In the matrix"),
        "updateEvent" => json!({ "title": "Changed in the matrix" }),
        "refresh" => json!({ "refreshToken": "a token" }),
        "forgetPassword" => json!({ "email": "nobody@example.org" }),
        "resetPassword" => json!({ "token": "a token", "newPassword": "Seven-blue-kettles-9" }),
        "verifyEmail" => json!({ "token": "a token" }),
        "changeEmail" => json!({ "newEmail": "new@example.org", "password": "Password124!" }),
        "changePassword" => json!({ "currentPassword": "Password124!", "newPassword": "Password125!" }),
        "updateCurrentUser" => json!({ "language": "en" }),
        "deleteCurrentUser" => json!({ "password": "Password124!" }),
        "updateOrganization" => json!({ "timeZone": "Europe/Berlin" }),
        "updateMember" => json!({ "disabled": false }),
        "createInvitation" => json!({ "email": format!("{}@example.org", Uuid::now_v7()), "role": "USER" }),
        "lookUpInvitation" => json!({ "invitationToken": "a token" }),
        "logout" => json!({}),
        "setNotifications" => json!({ "decisions": "off" }),
        "rejectEvent" | "reject" => json!({ "reason": "Not good enough" }),
        _ => Value::Null,
    }
}

fn name(caller: Option<&Actor>) -> String {
    caller.map_or_else(|| "an anonymous caller".to_owned(), |actor| actor.user.to_string())
}
