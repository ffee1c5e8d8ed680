//! The authorization matrix: each operation of the API's document, asked for by everybody there can be.
//!
//! The rules themselves and all their cases are `eventboard-domain`'s; this shows that every operation, through all three
//! processes, obeys them, and that none was forgotten.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Anonymous, Stack, draft, send};

/// The statuses of the answers, in the order of [`Cast::callers`].
type Row = [u16; 6];

/// Operations on no event in particular.
#[rustfmt::skip]
const GENERAL: &[(&str, Row)] = &[
    //                 nobody owner colleague moderator admin stranger
    ("openapi",       [200, 200, 200, 200, 200, 200]),
    ("ui",            [200, 200, 200, 200, 200, 200]),
    ("health",        [200, 200, 200, 200, 200, 200]),
    ("live",          [200, 200, 200, 200, 200, 200]),
    ("ready",         [200, 200, 200, 200, 200, 200]),
    ("signup",        [201, 201, 201, 201, 201, 201]),
    ("login",         [200, 200, 200, 200, 200, 200]),
    ("me",            [401, 200, 200, 200, 200, 200]),
    ("createEvent",   [401, 201, 201, 201, 201, 201]),
    ("listEvents",    [401, 200, 200, 200, 200, 200]),
];

/// Operations on one event, by its status.
#[rustfmt::skip]
const ON_AN_EVENT: &[(&str, &str, Row)] = &[
    //                              nobody owner colleague moderator admin stranger
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

const STATUSES: [&str; 4] = ["DRAFT", "SUBMITTED", "APPROVED", "REJECTED"];

#[tokio::test]
async fn every_operation_has_its_rows_in_the_matrix() {
    let stack = Stack::start().await;
    let operations = operations(&stack.anonymous()).await;
    let expected: BTreeSet<_> = operations
        .iter()
        .flat_map(|operation| {
            let statuses = if operation.path.contains("{id}") { &STATUSES[..] } else { &["-"] };
            statuses.iter().map(|status| (operation.id.as_str(), *status))
        })
        .collect();
    let general = GENERAL.iter().map(|(id, _)| (*id, "-"));
    let rows: Vec<_> = general.chain(ON_AN_EVENT.iter().map(|(id, status, _)| (*id, *status))).collect();
    assert_eq!(rows.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(rows.len(), expected.len(), "a row stands twice");
}

#[tokio::test]
async fn every_operation_answers_every_caller_as_the_matrix_says() {
    let cast = Cast::assemble().await;
    let operations = operations(&cast.stack.anonymous()).await;
    let operation = |id: &str| operations.iter().find(|operation| operation.id == id).expect("an operation");
    for (id, row) in GENERAL {
        for (caller, expected) in cast.callers().into_iter().zip(row) {
            let answer = cast.ask(caller, operation(id), None).await;
            assert_eq!(answer, *expected, "{id} by {}", name(caller));
        }
    }
    for (id, status, row) in ON_AN_EVENT {
        for (caller, expected) in cast.callers().into_iter().zip(row) {
            let event = cast.event(status).await;
            let answer = cast.ask(caller, operation(id), Some(&event)).await;
            assert_eq!(answer, *expected, "{id} of a {status} event by {}", name(caller));
        }
    }
}

/// An operation of the API's document.
struct Operation {
    id: String,
    method: Method,
    path: String,
}

async fn operations(anonymous: &Anonymous) -> Vec<Operation> {
    let document = anonymous.get("/api/openapi.json").await.expect(200).body;
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| Operation {
            id: operation["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase().parse().unwrap(),
            path: path.clone(),
        })
    });
    operations.collect()
}

/// Everybody who may come, to events of `owner`.
struct Cast {
    stack: Stack,
    owner: Actor,
    colleague: Actor,
    moderator: Actor,
    admin: Actor,
    /// The ADMIN of another organization.
    stranger: Actor,
}

impl Cast {
    async fn assemble() -> Self {
        let stack = Stack::start().await;
        let admin = stack.anonymous().found_organization().await;
        Self {
            owner: admin.colleague(&stack, "USER").await,
            colleague: admin.colleague(&stack, "USER").await,
            moderator: admin.colleague(&stack, "MODERATOR").await,
            stranger: stack.anonymous().found_organization().await,
            admin,
            stack,
        }
    }

    fn callers(&self) -> [Option<&Actor>; 6] {
        let Self { stack: _, owner, colleague, moderator, admin, stranger } = self;
        [None, Some(owner), Some(colleague), Some(moderator), Some(admin), Some(stranger)]
    }

    /// The id of a new event of the owner in this status.
    async fn event(&self, status: &str) -> String {
        match status {
            "DRAFT" => self.owner.created("In the matrix").await,
            "SUBMITTED" => self.owner.submitted("In the matrix").await,
            "APPROVED" => self.decided("approve").await,
            "REJECTED" => self.decided("reject").await,
            other => panic!("{other} is no status"),
        }
    }

    async fn decided(&self, decision: &str) -> String {
        let id = self.owner.submitted("In the matrix").await;
        self.moderator.post(&format!("/events/{id}/{decision}"), &body(decision)).await.expect(200);
        id
    }

    /// The status that the caller gets.
    async fn ask(&self, caller: Option<&Actor>, operation: &Operation, event: Option<&str>) -> u16 {
        let path = operation.path.replace("{id}", event.unwrap_or_default());
        let request = match caller {
            Some(actor) => actor.request(operation.method.clone(), &path),
            None => self.stack.anonymous().request(operation.method.clone(), &path),
        };
        let body = match operation.id.as_str() {
            "login" => json!({ "email": self.owner.user["email"], "password": "Password123!" }),
            id => body(id),
        };
        send(if body.is_null() { request } else { request.json(&body) }).await.status
    }
}

/// A good body for an operation; null where it takes none.
fn body(operation: &str) -> Value {
    match operation {
        "signup" => json!({
            "email": format!("{}@example.org", Uuid::now_v7()),
            "password": "Password123!",
            "firstName": "Some",
            "lastName": "Body",
            "organizationName": Uuid::now_v7(),
        }),
        "createEvent" => draft("In the matrix"),
        "updateEvent" => json!({ "title": "Changed in the matrix" }),
        "rejectEvent" | "reject" => json!({ "reason": "Not good enough" }),
        _ => Value::Null,
    }
}

fn name(caller: Option<&Actor>) -> String {
    caller.map_or_else(|| "nobody".to_owned(), |actor| actor.user.to_string())
}
