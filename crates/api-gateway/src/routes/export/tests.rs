//! Tests of the document, and of its beginning and its end with a fake auth-service and without an events-service.

use std::sync::{Arc, atomic::Ordering};

use axum::Router;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use prost_types::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::testing::{bearer, fake_auth::FakeAuth, gateway, send};

const EPOCH: Option<Timestamp> = Some(Timestamp { seconds: 0, nanos: 0 });

const MIDNIGHT: &str = "1970-01-01T00:00:00.000Z";

fn first_page(audit: usize, next_cursor: Option<&str>) -> ExportMeReply {
    let user = auth_proto::User {
        id: "u".into(),
        role: auth_proto::Role::User.into(),
        created_at: EPOCH,
        ..Default::default()
    };
    let session = auth_proto::UserSession { created_at: EPOCH, last_used_at: EPOCH, ..Default::default() };
    let account = auth_proto::ExportedAccount {
        user: Some(user),
        organization: Some(auth_proto::Organization::default()),
        decisions: auth_proto::DecisionMails::Off.into(),
        sessions: vec![session],
        invitations: Vec::new(),
        known_addresses: Vec::new(),
    };
    ExportMeReply { account: Some(account), ..audit_page(audit, next_cursor) }
}

fn audit_page(audit: usize, next_cursor: Option<&str>) -> ExportMeReply {
    let entry = auth_proto::AuditEntry {
        at: EPOCH,
        action: auth_proto::AuditAction::LoginSucceeded.into(),
        details: "{}".into(),
        ..Default::default()
    };
    ExportMeReply { account: None, audit: vec![entry; audit], next_cursor: next_cursor.map(str::to_owned) }
}

fn events_page(events: usize, history: usize, next_cursor: Option<&str>) -> ExportReply {
    let event = events_proto::Event {
        id: "e".into(),
        status: events_proto::EventStatus::Draft.into(),
        start_date: EPOCH,
        end_date: EPOCH,
        created_at: EPOCH,
        updated_at: EPOCH,
        ..Default::default()
    };
    let entry = events_proto::HistoryEntry {
        event_id: "e".into(),
        action: events_proto::HistoryAction::Reject.into(),
        reason: Some("a reason".into()),
        at: EPOCH,
    };
    ExportReply {
        events: vec![event; events],
        history: vec![entry; history],
        next_cursor: next_cursor.map(str::to_owned),
    }
}

/// The document of these pages, of which only the last one has no cursor.
fn document(first: ExportMeReply, audit: Vec<ExportMeReply>, events: Vec<ExportReply>) -> Value {
    let (mut document, piece, _) = Document::begin(MIDNIGHT, first).expect("a complete reply");
    let mut text = piece.to_vec();
    for page in audit {
        text.extend(document.add_audit(page).expect("a complete reply").0);
    }
    for page in events {
        text.extend(document.add_events(page).expect("a complete reply").0);
    }
    serde_json::from_slice(&text).expect("JSON")
}

fn lengths(document: &Value) -> [usize; 3] {
    ["audit", "events", "history"].map(|list| document[list].as_array().expect("a list").len())
}

#[test]
fn every_division_into_pages_is_a_json_document() {
    let empty = document(first_page(0, None), vec![], vec![events_page(0, 0, None)]);
    assert_eq!(lengths(&empty), [0, 0, 0]);
    let more = Some("c");
    for (audit_pages, event_pages, expected) in [
        (vec![], vec![(1, 0)], [1, 1, 0]),
        (vec![], vec![(0, 1)], [1, 0, 1]),
        (vec![2, 0, 1], vec![(2, 0), (1, 0), (0, 2), (0, 1)], [4, 3, 3]),
        (vec![0], vec![(2, 0), (0, 0)], [1, 2, 0]),
        (vec![], vec![(0, 0), (0, 2)], [1, 0, 2]),
    ] {
        let audit = audit_pages.into_iter().map(|entries| audit_page(entries, None)).collect();
        let last = event_pages.len() - 1;
        let pages = event_pages.into_iter().enumerate();
        let events = pages
            .map(|(number, (events, history))| events_page(events, history, more.filter(|_| number < last)));
        let document = document(first_page(1, None), audit, events.collect());
        assert_eq!(lengths(&document), expected);
    }
}

#[test]
fn the_document_has_the_account_and_the_history() {
    let document = document(first_page(0, None), vec![], vec![events_page(0, 1, None)]);
    assert_eq!(document["exportedAt"], MIDNIGHT);
    let account = document["account"].as_object().expect("an object");
    let members: Vec<_> = account.keys().map(String::as_str).collect();
    assert_eq!(
        members,
        ["invitations", "knownAddresses", "notifications", "organization", "sessions", "user"]
    );
    assert_eq!(account["notifications"], json!({"decisions": "off"}));
    assert_eq!(
        document["history"],
        json!([{"eventId": "e", "action": "REJECT", "reason": "a reason", "at": MIDNIGHT}])
    );
}

#[test]
fn the_pages_of_events_follow_those_of_the_audit() {
    let next = |reply| Document::begin(MIDNIGHT, reply).expect("a complete reply").2;
    assert_eq!(next(first_page(0, Some("c"))), Page::Audit("c".into()));
    assert_eq!(next(first_page(0, None)), Page::Events(String::new()));
    assert!(Document::begin(MIDNIGHT, audit_page(0, None)).is_err(), "the account is missing");
}

/// A gateway whose auth-service has these pages. Nothing listens on the port of its events-service.
async fn gateway_with(pages: Vec<(&str, ExportMeReply)>) -> (Arc<FakeAuth>, Router) {
    let fake = Arc::new(FakeAuth::default());
    let pages = pages.into_iter().map(|(cursor, page)| (cursor.to_owned(), page));
    *fake.export.lock().expect("not poisoned") = pages.collect();
    let port = fake.serve().await;
    let gateway = gateway([("AUTH_SERVICE_HOST", "127.0.0.1"), ("AUTH_SERVICE_PORT", &port)]);
    (fake, gateway)
}

async fn request_export(gateway: &Router, token: &str) -> Response {
    send(gateway, Request::get("/auth/me/export").header("authorization", token), "").await
}

#[tokio::test]
async fn a_page_is_read_when_the_client_has_taken_the_last_one() {
    let pages =
        vec![("", first_page(1, Some("2"))), ("2", audit_page(2, Some("3"))), ("3", audit_page(1, None))];
    let (fake, gateway) = gateway_with(pages).await;
    let response = request_export(&gateway, &bearer(Uuid::now_v7())).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["content-disposition"], "attachment; filename=\"eventboard-export.json\"");
    assert_eq!(headers["cache-control"], "no-store");
    let mut body = response.into_body();
    for calls in 1..=3 {
        let frame = body.frame().await.expect("a piece").expect("no error");
        assert!(frame.is_data());
        assert_eq!(fake.exports.load(Ordering::Relaxed), calls);
    }
}

#[tokio::test]
async fn an_error_before_the_response_is_a_problem_and_a_later_one_ends_the_connection() {
    let token = bearer(Uuid::now_v7());
    let (_, gateway) = gateway_with(vec![]).await;
    let refused = request_export(&gateway, &token).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");

    let (_, gateway) = gateway_with(vec![("", first_page(1, None))]).await;
    let response = request_export(&gateway, &token).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    assert!(body.frame().await.expect("a piece").is_ok());
    let error = body.frame().await.expect("an error").expect_err("events-service is unavailable");
    assert!(error.to_string().contains("UNAVAILABLE"), "{error}");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_user_has_a_share_of_the_exports_that_are_not_read_to_their_end() {
    let (_, gateway) = gateway_with(vec![("", first_page(1, None))]).await;
    let token = bearer(Uuid::now_v7());
    let mut unread = Vec::new();
    let refused = loop {
        let response = request_export(&gateway, &token).await;
        match response.status() {
            StatusCode::OK => unread.push(response),
            _ => break response,
        }
    };
    assert_eq!((unread.len(), refused.status()), (8, StatusCode::SERVICE_UNAVAILABLE));
    let other = request_export(&gateway, &bearer(Uuid::now_v7())).await;
    assert_eq!(other.status(), StatusCode::OK);
    unread.pop();
    assert_eq!(request_export(&gateway, &token).await.status(), StatusCode::OK);
}
