//! The texts of events: what is refused, what is changed, and what earlier versions stored.

use serde_json::json;

use crate::support::{Stack, database, event_body};

#[tokio::test]
async fn texts_that_show_nothing_are_blank_and_lines_have_no_controls() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let nothing = "\u{200b}\u{3164}\u{2800}\u{ad}\u{fe0f}\u{e0041} \u{2060}\u{feff}\u{301}";
    let mut body = event_body(nothing);
    body["description"] = json!(nothing);
    let response = admin.post("/events", &body).await;
    assert_eq!(response.invalid_fields(), ["description", "title"]);
    assert!(response.text.contains("is required"), "{}", response.text);

    for control in ["\n", "\t", "\u{1b}", "\u{85}", "\u{2028}", "\u{202e}", "\u{2067}", "\u{200f}"] {
        let mut body = event_body(&format!("A{control}title"));
        body["location"] = json!(format!("Room{control}7"));
        assert_eq!(admin.post("/events", &body).await.invalid_fields(), ["location", "title"], "{control:?}");
    }
    assert_eq!(admin.post("/events", &event_body("a\u{200b}\u{200c}b")).await.invalid_fields(), ["title"]);
    assert_eq!(database::count_rows(&stack.database, r#""Event""#).await, 0);

    body = event_body("\u{feff} ❤\u{fe0f} for می\u{200c}خواهم \u{200b}");
    body["location"] = json!(nothing);
    let created = admin.post("/events", &body).await.expect(201).body;
    assert_eq!(
        (&created["title"], &created["location"]),
        (&json!("❤\u{fe0f} for می\u{200c}خواهم"), &json!(null))
    );
}

#[tokio::test]
async fn directions_in_a_description_and_a_reason_end_with_their_paragraph() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let (text, isolated) = (
        "\u{202e}first\n\tsecond\u{2067} line\u{202c}",
        "\u{202e}first\u{202c}\n\tsecond\u{2067} line\u{2069}",
    );
    let mut body = event_body("A title");
    body["description"] = json!(text);
    let created = admin.post("/events", &body).await.expect(201);
    assert_eq!(created.body["description"], isolated);
    let path = format!("/events/{}", created.id());
    admin.post_without_body(&format!("{path}/submit")).await.expect(200);
    let rejected = admin.post(&format!("{path}/reject"), &json!({ "reason": text })).await.expect(200);
    assert_eq!(rejected.body["rejectionReason"], isolated);
    let bell = json!({ "description": "a description with \u{7}" });
    assert_eq!(admin.patch(&path, &bell).await.invalid_fields(), ["description"]);
}

#[tokio::test]
async fn an_event_with_texts_that_are_no_longer_allowed_can_be_read_changed_and_submitted() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("A title").await;
    let statement = r#"update "Event" set title = E'\u200b\u202e\n', description = E'\u0007 unclosed \u2066',
        location = E'\u2800' where id = $1"#;
    database::execute(&stack.database, statement, id.parse().unwrap()).await;

    let path = format!("/events/{id}");
    let event = admin.get(&path).await.expect(200).body;
    assert_eq!(event["title"], "\u{200b}\u{202e}\n");
    assert_eq!(admin.get("/events").await.expect(200).body["data"][0], event);
    let changed = admin.patch(&path, &json!({ "endDate": "2026-06-16T09:00:00Z" })).await.expect(200).body;
    assert_eq!(
        (&changed["title"], &changed["endDate"]),
        (&event["title"], &json!("2026-06-16T09:00:00.000Z"))
    );
    // A text that is sent again is checked again.
    assert_eq!(admin.patch(&path, &json!({ "title": event["title"] })).await.invalid_fields(), ["title"]);
    admin.post_without_body(&format!("{path}/submit")).await.expect(200);
    admin.post_without_body(&format!("{path}/approve")).await.expect(200);
    admin.delete(&path).await.expect(204);
}
