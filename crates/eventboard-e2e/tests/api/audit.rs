//! The audit through the whole system: what clients and operators do is recorded, and nothing secret.

use reqwest::{Method, header::USER_AGENT};
use serde_json::{Value, json};

use crate::support::{Actor, Response, Stack, send};

#[tokio::test]
async fn a_login_is_recorded_with_the_address_the_client_and_the_correlation_id() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let credentials = json!({ "email": admin.user["email"], "password": "Password123!" });
    let login = stack.anonymous().request(Method::POST, "/auth/login").json(&credentials);
    let login = login.header(USER_AGENT, "Firefox é/1").header("x-correlation-id", "monday-login");
    send(login).await.expect(200);

    let page = audit(&admin, "").await.expect(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let entry = &page.body["data"][0];
    assert_eq!(entry["action"], "LOGIN_SUCCEEDED");
    assert_eq!(entry["actor"], json!({ "id": admin.user["id"] }));
    assert_eq!(entry["target"], json!({ "type": "USER", "id": admin.user["id"] }));
    assert_eq!(entry["address"], "127.0.0.0/24");
    assert_eq!(entry["client"], "Firefox ??/1");
    assert_eq!(entry["correlationId"], "monday-login");
    assert_eq!(entry["details"], json!({}));
}

#[tokio::test]
async fn the_audit_is_read_page_by_page() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let admin = admin.log_in_again().await.log_in_again().await;
    let first = audit(&admin, "?limit=2").await.expect(200).body;
    assert_eq!(actions(&first), ["LOGIN_SUCCEEDED", "LOGIN_SUCCEEDED"]);
    assert_eq!((&first["meta"]["limit"], &first["meta"]["hasNext"]), (&json!(2), &json!(true)));
    let cursor = first["meta"]["nextCursor"].as_str().unwrap();
    let last = audit(&admin, &format!("?limit=2&cursor={cursor}")).await.expect(200).body;
    assert_eq!(actions(&last), ["SIGNED_UP"]);
    assert_eq!(last["meta"], json!({ "limit": 2, "hasNext": false, "nextCursor": null }));
    let filtered = audit(&admin, "?action=SIGNED_UP&from=2020-01-01T00:00:00Z").await.expect(200).body;
    assert_eq!(actions(&filtered), ["SIGNED_UP"]);
}

#[tokio::test]
async fn invalid_parameters_are_reported_together() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let refused = audit(&admin, "?limit=0&actor=ada&action=login&from=monday&x=1").await.expect(400);
    let fields: Vec<_> =
        refused.body["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["limit", "actor", "action", "from", "x"]);
    let refused = audit(&admin, "?cursor=made-up").await.expect(400);
    assert_eq!(refused.body["errors"][0]["field"], "cursor");
}

#[tokio::test]
async fn no_entry_contains_a_secret_or_a_name() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let colleague = admin.add_colleague(&stack, "MODERATOR").await;
    let admin = admin.log_in_again().await;
    stack.anonymous().login(&admin.user["email"], "Wrong-Password-1").await.expect(401);
    stack.anonymous().login(&json!("typed-by-mistake"), "Password123!").await.expect(401);
    let id = colleague.create_submitted_event("Audited").await;
    admin.post_without_body(&format!("/events/{id}/approve")).await.expect(200);

    let entries = everything(&stack).await;
    assert!(entries.contains("LOGIN_FAILED") && entries.contains("SIGNED_UP"), "{entries}");
    let mut secrets = vec![
        "Password123!".to_owned(),
        "Wrong-Password-1".to_owned(),
        "typed-by-mistake".to_owned(),
        "$argon2id$".to_owned(),
        "Body".to_owned(),
    ];
    for actor in [&admin, &colleague] {
        secrets.extend(actor.token.split('.').map(str::to_owned));
        secrets.push(actor.user["email"].as_str().unwrap().to_owned());
    }
    for secret in secrets {
        assert!(!entries.contains(&secret), "{secret} is in the audit");
    }
}

async fn audit(actor: &Actor, query: &str) -> Response {
    actor.get(&format!("/organization/audit{query}")).await
}

fn actions(page: &Value) -> Vec<Value> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect()
}

/// All entries as text.
async fn everything(stack: &Stack) -> String {
    let entries = r#"select coalesce(json_agg(entry)::text, '') from "AuditEntry" entry"#;
    sqlx::query_scalar(entries).fetch_one(&mut stack.database.connect().await).await.unwrap()
}
